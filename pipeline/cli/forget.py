"""darkroom forget: a takedown, recorded for everyone."""

import argparse
import re
from datetime import UTC, datetime

from pipeline.cli.places import CROPPED, DEDUPED, LEDGER, LOOKED, RAW, REVIEW, REVIEW_CACHE, Commands
from pipeline.errors import UserError
from pipeline.forgotten import FILE, add_forgotten
from pipeline.item import Item, read_index, read_table

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("forget", help="take an image out of every later build, and never fetch it again")
    parser.add_argument("what", nargs="+", metavar="URL|ID", help="an image's id (the first digits will do), its address, or its page's")
    parser.add_argument("--reason", default="", help="why, for those who come after")
    parser.set_defaults(run=_forget)


def _forget(given: argparse.Namespace) -> None:
    from pipeline.collect.ledger import Ledger
    from pipeline.curate.copies.fingerprints import forget_looks
    from pipeline.curate.review.thumbs import discard
    from pipeline.memory import forget

    items = [item for index in sorted(RAW.glob("*/index.csv")) for item in read_index(index)]
    rows: set[tuple[str, str]] = set()
    for what in given.what:
        rows |= _rows(what, items)
    day, reason = datetime.now(UTC).date().isoformat(), " ".join(given.reason.split())
    add_forgotten(REVIEW, sorted(rows), day, reason)
    gone: list[str] = []
    if LEDGER.exists():
        with Ledger.opened(LEDGER) as ledger:
            gone = ledger.forget({id_ for id_, _ in rows if id_}, {url for _, url in rows if url})
        rows |= {(id_, "") for id_ in gone if id_ and id_ not in {known for known, _ in rows}}
        add_forgotten(REVIEW, sorted(rows), day, reason)  # the ledger may know an image that no class holds
    ids = {id_ for id_, _ in rows if id_}
    forget_looks(LOOKED, ids)
    forget(CROPPED, ids)
    discard(REVIEW_CACHE, ids)
    images = len(ids)
    print(
        f"{images} images and their addresses are in {REVIEW / FILE}, which belongs in git; {len(gone)} downloads deleted here. "
        "`dvc repro` makes everything without them; older versions stay in caches and remotes until `dvc gc` (see README)"
    )


def _rows(what: str, items: list[Item]) -> set[tuple[str, str]]:
    """(id, address) of what is meant and of its copies; a takedown is of the picture, not of one file."""
    if what.startswith(("http://", "https://")):
        meant = [item for item in items if what in (item.image_url, item.page_url)]
        rows = {("", what)}
    else:
        meant = [item for item in items if what and item.id.startswith(what)]
        if len({item.id for item in meant}) > 1:
            raise UserError(f"{what!r} is the start of {len(meant)} ids; give more digits")
        if not meant and not re.fullmatch("i[0-9a-f]{16}", what):
            raise UserError(f"no image here has an id that starts with {what!r}; an id is i and 16 hex digits, as in an index.csv")
        rows = {(what, "")} if not meant else set()
    ids = {item.id for item in meant}
    for item in items:
        if item.id in ids or item.id in _copies(ids):
            rows |= {(item.id, url) for url in {item.image_url, item.page_url} - {""}} or {(item.id, "")}
    return rows


def _copies(ids: set[str]) -> set[str]:
    """The ids in the same groups, where the images were compared already."""
    path = DEDUPED / "groups.csv"
    if not ids or not path.exists():
        return set()
    table = read_table(path, ("group", "id"))
    groups = {row["group"] for row in table if row["id"] in ids}
    return {row["id"] for row in table if row["group"] in groups}
