"""What people decided: data/review/<class>.csv, in which everything that is no decision is an error with its line."""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import UserError
from pipeline.item import write_table
from pipeline.spreadsheet import read_rows

__all__ = ["COLUMNS", "REASONS", "Box", "Decision", "read_decisions", "write_decisions"]

COLUMNS = ("id", "decision", "reason", "reviewer", "reviewed_at", "crop", "note")
REASONS = ("offtopic", "watermark", "blurry", "text", "drawing", "people", "duplicate", "other")
CHOICES = ("keep", "reject", "")
ID = re.compile(r"i[0-9a-f]{16}")

Box = tuple[float, float, float, float]
"""x, y, width, height as shares of the picture's width and height, 0..1, from the top left."""


@dataclass(frozen=True)
class Decision:
    """One person's word on one image. A blank decision with a time is an undo; without one, a row not filled in."""

    id: str
    decision: str
    reason: str = ""
    reviewer: str = ""
    reviewed_at: str = ""
    crop: str = ""
    note: str = ""
    where: str = ""

    @property
    def box(self) -> Box | None:
        """The crop box drawn by hand, if there is one."""
        if not self.crop:
            return None
        x, y, width, height = (float(part) for part in self.crop.split(","))
        return x, y, width, height

    @property
    def says_something(self) -> bool:
        return bool(self.decision or self.reviewed_at or self.crop)


def read_decisions(folder: Path) -> dict[str, Decision]:
    """Every image's decision, by id, from all files of the folder; a blank means not decided.

    Raises UserError for a malformed row, and for two rows about one image that disagree.
    """
    found: dict[str, Decision] = {}
    for path in sorted(folder.glob("*.csv")):
        if path.name == "forgotten.csv":
            continue
        for row in read_file(path):
            known = found.get(row.id)
            if known is None or not known.says_something:
                found[row.id] = row
            elif row.says_something and (row.decision, row.crop) != (known.decision, known.crop):
                raise UserError(
                    f"{known.where} and {row.where} disagree about {row.id} ({_words(known)} and {_words(row)}); "
                    "delete the line that is wrong, then run again"
                )
    return found


def read_file(path: Path) -> list[Decision]:
    """The rows of one decisions file, in its order."""
    return [_decision(row, path, line) for line, row in read_rows(path, ("id", "decision"), COLUMNS)]


def write_decisions(path: Path, decisions: Iterable[Decision]) -> None:
    """Write a decisions file, sorted by id, one row for an id."""
    rows = {row.id: row for row in decisions}
    write_table(path, COLUMNS, ([getattr(rows[i], column) for column in COLUMNS] for i in sorted(rows)))


def _decision(row: Mapping[str, str], path: Path, line: int) -> Decision:
    where = f"{path}, line {line}"
    choice = row["decision"].lower()
    if not ID.fullmatch(row["id"]):
        raise UserError(f"{where}: {row['id']!r} is no image id; an id is i and 16 hex digits, as in data/curated/index.csv")
    if choice not in CHOICES:
        close = difflib.get_close_matches(choice, CHOICES[:2], 1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise UserError(f"{where}: decision {row['decision']!r} is not allowed; allowed: keep, reject, or nothing (not yet){hint}")
    crop = row.get("crop", "")
    if crop and not _is_box(crop):
        raise UserError(f"{where}: crop {crop!r} is no box; a box is x,y,width,height as shares from 0 to 1, such as \"0.1,0,0.5,0.5\"")
    rest = {name: row.get(name, "") for name in ("reason", "reviewer", "reviewed_at", "note")}
    return Decision(row["id"], choice, crop=crop, where=where, **rest)


def _is_box(text: str) -> bool:
    try:
        x, y, width, height = (float(part) for part in text.split(","))
    except ValueError:
        return False
    return x >= 0 and y >= 0 and width > 0 and height > 0 and x + width <= 1.0001 and y + height <= 1.0001


def _words(decision: Decision) -> str:
    text = decision.decision or "undecided"
    return text + (f" with crop {decision.crop}" if decision.crop else "")
