"""Show what waits for a person, and write down what the person says."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from PIL import Image

from pipeline import image
from pipeline.curate.decisions import Decision, read_decisions, read_file, write_decisions
from pipeline.errors import UserError
from pipeline.item import Item, read_index
from pipeline.sheet import contact_sheet

__all__ = ["decide", "matching", "pending_sheet", "tidy", "waiting"]


def waiting(deduped: Path, decisions: Path, class_name: str | None = None) -> list[Item]:
    """The images that nobody has decided, of one class or of all."""
    said = read_decisions(decisions)
    items = read_index(deduped / "index.csv")
    undecided = [item for item in items if item.id not in said or not said[item.id].decision]
    return [item for item in undecided if class_name in (None, item.class_)]


def matching(items: Sequence[Item], ids: Sequence[str]) -> list[Item]:
    """The items whose ids begin with each of `ids`. Raises UserError where one fits none or several."""
    found = []
    for start in ids:
        fitting = [item for item in items if item.id.startswith(start)]
        if len(fitting) != 1:
            what = "no image" if not fitting else f"{len(fitting)} images"
            raise UserError(f"{what} here has an id that begins with {start!r}; the sheet of `darkroom review` shows the ids")
        found += fitting
    return found


def pending_sheet(items: Sequence[Item], raw: Path, first: int = 1) -> Image.Image:
    """A contact sheet of the items, numbered from `first`, each with the start of its id and its title."""
    tiles = [
        (image.open_image(raw / item.path), f"{item.id[:9]}  {number}\n{item.title}")
        for number, item in enumerate(items, start=first)
    ]
    return contact_sheet(tiles)


def decide(folder: Path, items: Sequence[Item], decision: str, reason: str, reviewer: str, reviewed_at: str) -> None:
    """Record one decision for each item in its class's file, keeping everything else in it.

    A row that is there is changed; its crop and note stay. Raises UserError for a reason with a line break.
    """
    if "\n" in reason or "\r" in reason:
        raise UserError("a reason is one line of text")
    for name in sorted({item.class_ for item in items}):
        path = folder / f"{name}.csv"
        rows = {row.id: row for row in (read_file(path) if path.exists() else [])}
        for item in (item for item in items if item.class_ == name):
            old = rows.get(item.id) or Decision(item.id, "")
            rows[item.id] = replace(old, decision=decision, reason=reason, reviewer=reviewer, reviewed_at=reviewed_at)
        write_decisions(path, rows.values())


def tidy(folder: Path) -> int:
    """Sort and normalise every decisions file; returns how many. Raises UserError where two rows disagree."""
    read_decisions(folder)
    paths = [path for path in sorted(folder.glob("*.csv")) if path.name != "forgotten.csv"]
    for path in paths:
        rows: dict[str, Decision] = {}
        for row in read_file(path):
            if row.id not in rows or row.says_something:
                rows[row.id] = row
        write_decisions(path, rows.values())
    return len(paths)
