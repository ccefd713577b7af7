"""darkroom review: the page to judge images on, and everything about decisions that needs no page."""

import argparse
import getpass
import ipaddress
import sys
from collections import Counter
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import params
from pipeline.cli.places import DEDUPED, RAW, REVIEW, REVIEW_CACHE, Commands
from pipeline.errors import UserError

if TYPE_CHECKING:
    from pipeline.curate.decisions.store import Store
    from pipeline.curate.review.server import Project

__all__ = ["add"]

LOCK = REVIEW_CACHE / "lock"


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("review", help="judge images on a page in the browser, or record decisions from here")
    parser.add_argument("class_name", nargs="?", metavar="CLASS", help="only this class, where not the whole page is shown")
    parser.add_argument("--reviewer", default="", help="your name; the login name where absent")
    page = parser.add_argument_group("the page")
    page.add_argument("--port", type=_port, default=0, help="default: any that is free")
    page.add_argument("--host", default="127.0.0.1", help="the address to listen on; default: this machine only")
    page.add_argument("--no-browser", action="store_true", help="print the page's address and open nothing")
    page.add_argument("--sheet", type=Path, metavar="FILE.html", help="write a page to judge elsewhere, without this program, instead")
    page.add_argument("--all", action="store_true", help="with --sheet: also what has been decided")
    record = parser.add_argument_group("decisions")
    record.add_argument("--keep", nargs="+", default=[], metavar="ID", help="these images are good (the first digits will do)")
    record.add_argument("--reject", nargs="+", default=[], metavar="ID", help="these images are not")
    record.add_argument("--reason", default="", help="why: offtopic, watermark, blurry, text, drawing, people, duplicate, other, …")
    record.add_argument("--keep-rest", action="store_true", help="everything in CLASS that waits still is good")
    record.add_argument("--merge", type=Path, metavar="FILE.csv", help="take over the decisions of a sheet or another such file")
    look = parser.add_argument_group("the files")
    look.add_argument("--status", action="store_true", help="how many images wait, by class")
    look.add_argument("--agreement", action="store_true", help="how far people agree")
    look.add_argument("--check", action="store_true", help="tell everything that is wrong with the files; status 1 if anything is")
    look.add_argument("--tidy", action="store_true", help="sort and normalise the files")
    parser.set_defaults(run=_review)


def _review(given: argparse.Namespace) -> None:
    settings = params.load()
    if given.class_name is not None and given.class_name not in settings.classes:
        raise UserError(f"params.yaml has no class {given.class_name!r}; it has {', '.join(settings.classes)}")
    if given.check:
        _check(settings)
    elif given.tidy:
        _tidy()
    elif given.agreement:
        _show_agreement()
    elif given.merge:
        _merge(given)
    elif given.keep or given.reject or given.keep_rest:
        _record(given)
    elif given.status:
        _show_waiting(given.class_name)
    elif given.sheet:
        _write_sheet(given, settings)
    else:
        _serve(given, settings)


def _serve(given: argparse.Namespace, settings: params.Params) -> None:
    from pipeline.curate.review.server import serve

    if not _is_here(given.host):
        print(f"darkroom: whoever reaches {given.host} and has the address below can see the images and decide", file=sys.stderr)
    serve(_project(given, settings), given.host, given.port, partial(print, flush=True), not given.no_browser)


def _write_sheet(given: argparse.Namespace, settings: params.Params) -> None:
    from pipeline.curate.review.sheet import write_sheet

    count = write_sheet(given.sheet, _project(given, settings), given.class_name, not given.all)
    print(f"{count} images in {given.sheet}; what it saves is taken over by: darkroom review --merge FILE.csv")


def _project(given: argparse.Namespace, settings: params.Params) -> "Project":
    from pipeline.curate.review.server import Project

    titles = {name: settings.title(name) for name in settings.classes}
    return Project(RAW, DEDUPED, REVIEW, REVIEW_CACHE, LOCK, titles, _reviewer(given), settings.review.recheck)


def _record(given: argparse.Namespace) -> None:
    from pipeline.curate.decisions import pending
    from pipeline.curate.decisions.store import State, Word
    from pipeline.item import read_index

    if given.keep_rest and not given.class_name:
        raise UserError("--keep-rest needs the class: darkroom review CLASS --keep-rest")
    items = [i for i in read_index(DEDUPED / "index.csv") if given.class_name in (None, i.class_)]
    rejected, kept = pending.matching(items, given.reject), pending.matching(items, given.keep)
    both = {i.id for i in rejected} & {i.id for i in kept}
    if both:
        raise UserError(f"{', '.join(sorted(both))} cannot be kept and rejected at once")
    store, (_, looks, groups) = _store(), _known_images()
    before = store.states()
    if given.keep_rest:
        meant = {item.id for item in rejected + kept}
        kept = kept + [item for item in pending.waiting(items, before, groups) if item.id not in meant]
    words, reviewer = [], _reviewer(given)
    for item, decision in [*((item, "reject") for item in rejected), *((item, "keep") for item in kept)]:
        state = before.get(item.id) or State(item.id)
        own = next((word for word in state.words if word.reviewer == reviewer), state)
        reason = given.reason if decision == "reject" else ""
        words.append(Word(item.id, item.class_, decision, reason, own.crop, own.note, state.version, looks.get(item.id, "")))
    states = store.decide(words, reviewer)
    print(f"kept {len(kept)}, rejected {len(rejected)}; written to {REVIEW}/, which belongs in git; `dvc repro` applies it")
    _tell_conflicts([state.id for state in states if state.conflict])


def _merge(given: argparse.Namespace) -> None:
    from pipeline.curate.decisions.merge import merge

    classes, looks, _ = _known_images()
    found = merge(_store(), given.merge, classes, looks, _reviewer(given))
    print(f"{len(found.states)} decisions taken over from {given.merge}, {len(found.known)} were here already")
    if found.older:
        print(f"{len(found.older)} not taken: their reviewer has decided anew since ({_some(found.older)})")
    if found.strange:
        print(f"{len(found.strange)} not taken: no such image is here, and the file does not tell the class ({_some(found.strange)})")
    _tell_conflicts(found.conflicts)


def _show_waiting(class_name: str | None) -> None:
    from pipeline.curate.decisions import pending
    from pipeline.item import read_index

    states, (_, _, groups) = _store().states(), _known_images()
    items = [item for item in read_index(DEDUPED / "index.csv") if class_name in (None, item.class_)]
    left = Counter(item.class_ for item in pending.waiting(items, states, groups))
    for name, count in sorted(left.items()):
        print(f"{count} of {name} await a decision")
    conflicts = [item.id for item in items if item.id in states and states[item.id].conflict]
    if not left and not conflicts:
        print("every image has been decided")
    _tell_conflicts(conflicts)


def _show_agreement() -> None:
    from pipeline.curate.decisions.agreement import agreements
    from pipeline.curate.decisions.decision import decision_files, read_file

    rows = [row for path in decision_files(REVIEW) for row in read_file(path)]
    found = agreements(_store().entries(), rows)
    if not found:
        print("nobody has judged an image that was judged before; `darkroom review` asks again about some of them")
        return
    print(f"{'reviewers':<40} {'images':>7} {'agree':>7} {'kappa':>7}")
    for one in found:
        who = f"{one.reviewer}, {one.other}" if one.other else f"{one.reviewer}, asked again"
        agree, kappa = (f"{one.agree:.1%}" if one.agree is not None else "-"), (f"{one.kappa:.2f}" if one.kappa is not None else "-")
        print(f"{who:<40} {one.images:>7} {agree:>7} {kappa:>7}")


def _check(settings: params.Params) -> None:
    from pipeline.curate.decisions.check import check

    found = check(RAW, DEDUPED, REVIEW, settings.classes, settings.review)
    for line in found.problems:
        print(line)
    for line in found.warnings:
        print(f"warning: {line}")
    print(found)
    if found.problems:
        sys.exit(1)


def _tidy() -> None:
    from pipeline.curate.decisions.pending import tidy

    with _store().alone():
        print(f"{tidy(REVIEW)} files sorted")


def _known_images() -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """Class, PDQ hash and group of every image that was compared, by id; nothing where none was."""
    from pipeline.item import read_table

    path = DEDUPED / "groups.csv"
    rows = read_table(path, ("group", "id", "class")) if path.exists() else []
    rows.sort(key=lambda row: row.get("kept") == "yes")  # of one image in two classes, the class that keeps it
    return tuple({row["id"]: row.get(name, "") for row in rows} for name in ("class", "pdq", "group"))  # type: ignore[return-value]


def _store() -> "Store":
    from pipeline.curate.decisions.store import Store

    return Store(REVIEW, LOCK)


def _reviewer(given: argparse.Namespace) -> str:
    try:
        return given.reviewer.strip() or getpass.getuser()
    except (KeyError, ImportError, OSError):  # a container's user may have no name
        raise UserError("this machine knows no login name; say who decides with --reviewer NAME") from None


def _tell_conflicts(ids: list[str]) -> None:
    if ids:
        print(f"{len(ids)} in conflict with what others said ({_some(ids)}); settle them on the page of `darkroom review`")


def _some(ids: list[str]) -> str:
    return ", ".join(ids[:5]) + (", …" if len(ids) > 5 else "")


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"{number} is not allowed; 0 to 65535 are")
    return number
