"""darkroom review: what waits for a decision, and decisions recorded."""

import argparse
import getpass
from collections import Counter
from datetime import UTC, datetime

from pipeline import params
from pipeline.cli.places import DEDUPED, RAW, REVIEW, SHEETS, Commands
from pipeline.errors import UserError

__all__ = ["add"]

SHEET_IMAGES = 120


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("review", help="show the images that wait for a decision, or record decisions")
    parser.add_argument("class_name", nargs="?", metavar="CLASS", help="only this class")
    parser.add_argument("--keep", nargs="+", default=[], metavar="ID", help="these images are good (the first digits will do)")
    parser.add_argument("--reject", nargs="+", default=[], metavar="ID", help="these images are not")
    parser.add_argument("--reason", default="", help="why: offtopic, watermark, blurry, text, drawing, people, duplicate, other, …")
    parser.add_argument("--keep-rest", action="store_true", help="everything in CLASS that waits still is good")
    parser.add_argument("--reviewer", default="", help="your name; the login name where absent")
    parser.add_argument("--tidy", action="store_true", help="sort and normalise the review files")
    parser.set_defaults(run=_review)


def _review(given: argparse.Namespace) -> None:
    from pipeline.curate.pending import tidy

    if given.class_name is not None and given.class_name not in params.load().classes:
        raise UserError(f"params.yaml has no class {given.class_name!r}; it has {', '.join(params.load().classes)}")
    if given.tidy:
        print(f"{tidy(REVIEW)} files sorted")
    elif given.keep or given.reject or given.keep_rest:
        _record(given)
    else:
        _show_pending(given.class_name)


def _record(given: argparse.Namespace) -> None:
    from pipeline.curate import pending
    from pipeline.item import read_index

    if given.keep_rest and not given.class_name:
        raise UserError("--keep-rest needs the class: darkroom review CLASS --keep-rest")
    items = [i for i in read_index(DEDUPED / "index.csv") if given.class_name in (None, i.class_)]
    rejected, kept = pending.matching(items, given.reject), pending.matching(items, given.keep)
    both = {i.id for i in rejected} & {i.id for i in kept}
    if both:
        raise UserError(f"{', '.join(sorted(both))} cannot be kept and rejected at once")
    reviewer, now = given.reviewer or getpass.getuser(), datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    pending.decide(REVIEW, rejected, "reject", given.reason, reviewer, now)
    if given.keep_rest:
        kept = kept + pending.waiting(DEDUPED, REVIEW, given.class_name)
    pending.decide(REVIEW, kept, "keep", "", reviewer, now)
    print(f"kept {len(kept)}, rejected {len(rejected)}; written to {REVIEW}/, which belongs in git; `dvc repro` applies it")


def _show_pending(class_name: str | None) -> None:
    from pipeline.curate import pending

    waiting = pending.waiting(DEDUPED, REVIEW, class_name)
    if not waiting:
        print("every image has been decided")
    for name, count in sorted(Counter(item.class_ for item in waiting).items()):
        of_class = [item for item in waiting if item.class_ == name]
        SHEETS.mkdir(parents=True, exist_ok=True)
        pages = range(0, count, SHEET_IMAGES)
        for page, start in enumerate(pages, start=1):
            path = SHEETS / (f"{name}-{page}.png" if len(pages) > 1 else f"{name}.png")
            pending.pending_sheet(of_class[start : start + SHEET_IMAGES], RAW, start + 1).save(path)
            print(f"{count} of {name} await a decision: {path}" if page == 1 else f"    … {path}")
    if waiting:
        print("look at them, then for example: darkroom review CLASS --reject ID ID … --reason offtopic --keep-rest")
