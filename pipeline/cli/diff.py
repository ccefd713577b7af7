"""darkroom diff: why the dataset is not what it was."""

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.cli.places import Commands
from pipeline.errors import UserError

if TYPE_CHECKING:
    from pipeline.cli.revision import Version
    from pipeline.release.versions.compare import Change, Comparison, Count

__all__ = ["add"]

EXAMPLES = 5  # images of each cause
HEADS = {"described": "described otherwise {}, pixels and split as before"}
REASONS = 12  # of each kind; a search of many terms has one for each


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "diff", help="which images differ between two versions of the dataset, and why",
        description="Compare two versions of the dataset: tags, branches, commits, or the working tree. Nothing is checked out.",
    )
    parser.add_argument("old", nargs="?", default="HEAD", metavar="REV1", help="the version before (default HEAD)")
    parser.add_argument("new", nargs="?", metavar="REV2", help="the version after (default: the working tree)")
    parser.add_argument("--sheet", type=Path, metavar="FILE.png", help="also draw the images on a contact sheet")
    parser.add_argument("--csv", type=Path, metavar="FILE.csv", help="also write a row for each image: id, class, change, cause, detail")
    parser.add_argument("--json", action="store_true", help="print all of it as JSON")
    parser.set_defaults(run=_diff)


def _diff(given: argparse.Namespace) -> None:
    from pipeline.cli.revision import version_at, working_tree
    from pipeline.release.versions.compare import compare

    old = version_at(given.old)
    new = version_at(given.new) if given.new else working_tree()
    found = compare(old.snapshot, new.snapshot)
    if given.csv:
        _write_csv(given.csv, found)
    if given.sheet:
        _write_sheet(given.sheet, old, new, found)
    if given.json:
        print(json.dumps(_data(old, new, found), indent=1, ensure_ascii=False))
    else:
        print("\n".join(_lines(old, new, found)))
        if found.changes and not given.sheet:
            print("to see them: add --sheet diff.png; every image in a table: --csv diff.csv")


def _write_csv(path: Path, found: "Comparison") -> None:
    from pipeline.item import write_table

    rows = ([c.item.id, c.item.class_, c.kind, c.why.cause, _detail(c)] for c in found.changes)
    try:
        write_table(path, ("id", "class", "change", "cause", "detail"), rows)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; give a file that can be written") from None


def _write_sheet(path: Path, old: "Version", new: "Version", found: "Comparison") -> None:
    from pipeline.release.versions.sheet import sheet

    drawn = sheet(found, f"{old} → {new}", old.picture, new.picture)
    try:
        drawn.save(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: {error}; give a file that can be written, such as diff.png") from None


def _detail(change: "Change") -> str:
    return "; ".join(part for part in (change.why.reason, change.why.detail) if part)


def _data(old: "Version", new: "Version", found: "Comparison") -> dict[str, Any]:
    return {
        "from": {"name": old.name, "commit": old.sha, "date": old.day},
        "to": {"name": new.name, "commit": new.sha, "date": new.day},
        "classes": [vars(count) for count in found.counts],
        "splits": {split: {"before": before, "after": after} for split, (before, after) in found.splits.items()},
        "split_moves": [{"from": old_, "to": new_, "images": images} for (old_, new_), images in found.flows.items()],
        "copies": {name: value for name, value in vars(found.copies).items() if name not in ("name", "moved")},
        "changes": [
            {"id": c.item.id, "class": c.item.class_, "class_before": c.old.class_ if c.old else None, "change": c.kind,
             "cause": c.why.cause, "reason": c.why.reason, "detail": c.why.detail}
            for c in found.changes
        ],
        "params": [{"key": key, "old": before, "new": after} for key, (before, after) in found.params.items()],
        "code": found.code,
        "notes": [*old.notes, *new.notes],
    }


def _lines(old: "Version", new: "Version", found: "Comparison") -> Iterator[str]:
    """The report for people."""
    from pipeline.release.versions.compare import KINDS

    notes = [f"note: {note}" for note in (*old.notes, *new.notes)]
    if found.same:
        yield f"{old} and {new} have the same {found.total.after} images"
        yield from _differing(found)
        yield from notes
        return
    total = found.total
    kinds = Counter(change.kind for change in found.changes)
    told = ", ".join(f"{kinds[kind]} {kind}{' otherwise' * (kind == 'described')}" for kind in KINDS if kinds[kind])
    yield f"{old} → {new}"
    yield f"{total.before} images → {total.after}: {told or 'the same ones'}"
    yield ""
    yield from _table(found.counts, total)
    yield from _splits(found)
    for kind, changes in groupby(found.changes, key=lambda change: change.kind):
        yield ""
        yield HEADS.get(kind, f"{kind} {{}}").format(kinds[kind])
        yield from _causes(list(changes))
    if found.params or found.code:
        yield ""
        yield from _differing(found)
    yield ""
    yield from notes
    aside = "git stash -u && " if new.edited else ""
    yield f"to have {old.name} again: {aside}git checkout {old.name} && dvc checkout"


def _table(counts: "list[Count]", total: "Count") -> Iterator[str]:
    columns = ["before", "added", "removed", *["moved"] * any(count.moved for count in counts), "changed", "after"]
    width = max(len(count.name) for count in (*counts, total))
    yield "  ".join(["class".ljust(width), *(f"{column:>7}" for column in columns)])
    for count in [*counts, total] if len(counts) > 1 else counts:
        cells = (f"{getattr(count, name):+d}" if name == "moved" else str(getattr(count, name)) for name in columns)
        yield "  ".join([count.name.ljust(width), *(f"{cell if cell != '+0' else '0':>7}" for cell in cells)])


def _splits(found: "Comparison") -> Iterator[str]:
    """The splits and the augmented copies, each on a line where anything of it differs."""
    sides = ", ".join(f"{split or '(none)'} {before} → {after}" for split, (before, after) in found.splits.items() if before != after)
    moves = ", ".join(f"{images} from {before} to {after}" for (before, after), images in found.flows.items())
    if sides or moves:
        yield ""
        yield f"split: {sides or 'the same numbers'}" + (f"; changed sides: {moves}" if moves else "")
    copies = found.copies
    if copies.added or copies.removed or copies.changed:
        told = ", ".join(f"{getattr(copies, kind)} {kind}" for kind in ("added", "removed", "changed") if getattr(copies, kind))
        yield f"{'' if sides or moves else chr(10)}augmented copies: {copies.before} → {copies.after} ({told})"


def _causes(changes: "list[Change]") -> Iterator[str]:
    """Of one kind: each cause and reason with its number and some examples, the largest first."""
    groups = [list(group) for _, group in groupby(changes, key=lambda change: (change.why.cause, change.why.reason))]
    groups.sort(key=lambda group: -len(group))
    for group in groups[:REASONS]:
        yield f"  {len(group):>5}  {group[0].why.cause:<9}  {group[0].why.reason}"
        for change in group[:EXAMPLES]:
            item = change.item
            title = item.title if len(item.title) <= 40 else f"{item.title[:39]}…"
            parts = [part for part in (item.class_, title, change.why.detail) if part]
            yield f"{'':18}  {item.id}  {' · '.join(parts)}"
        if len(group) > EXAMPLES:
            yield f"{'':18}  and {len(group) - EXAMPLES} more"
    if len(groups) > REASONS:
        yield f"         and {sum(map(len, groups[REASONS:]))} for {len(groups) - REASONS} other reasons (--csv lists them)"


def _differing(found: "Comparison") -> Iterable[str]:
    if found.params:
        yield "params that differ"
        width = max(map(len, found.params))
        yield from (f"  {key.ljust(width)}  {before} → {after}" for key, (before, after) in found.params.items())
    if found.code:
        yield f"code that differs: {', '.join(found.code)}"
