"""What people decided: data/review/<class>.csv, in which everything that is no decision is an error with its line."""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

from pipeline.errors import UserError
from pipeline.forgotten import FILE as TAKEDOWNS
from pipeline.item import write_table
from pipeline.spreadsheet import read_rows

__all__ = ["COLUMNS", "REASONS", "Box", "Decision", "conflicts", "decision_files", "disagree", "is_box", "joined",
           "read_decisions", "write_decisions"]

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
    def judges(self) -> bool:
        """Whether it is about keeping or not: a blank does so only with a time, as an undo."""
        return bool(self.decision or self.reviewed_at)

    @property
    def says_something(self) -> bool:
        return bool(self.judges or self.crop)

    @property
    def order(self) -> tuple[str, ...]:
        """What the rows of one image are sorted by: the earlier word first."""
        return (self.reviewed_at, self.reviewer, self.decision, self.reason, self.crop, self.note)


def disagree(one: Decision, other: Decision) -> bool:
    """Whether two rows about one image cannot both hold: another judgement, or another crop where both draw one."""
    return (one.judges and other.judges and one.decision != other.decision) or bool(one.crop and other.crop and one.crop != other.crop)


def joined(rows: Sequence[Decision]) -> Decision:
    """The rows about one image, which agree, as one: the earliest that judges, with the first crop that was drawn."""
    judging = next((row for row in rows if row.judges), next((row for row in rows if row.says_something), rows[0]))
    crop = judging.crop or next((row.crop for row in rows if row.crop), "")
    return judging if crop == judging.crop else replace(judging, crop=crop)


def conflicts(rows: Iterable[Decision]) -> Iterator[tuple[Decision, Decision]]:
    """Two rows of each image about which people disagree, as read."""
    for of_one in _by_id(rows).values():
        if len(of_one) > 1:
            yield from [pair for pair in combinations(of_one, 2) if disagree(*pair)][:1]


def read_decisions(folder: Path) -> dict[str, Decision]:
    """Every image's decision, by id, from all files of the folder; a blank means not decided.

    Raises UserError for a malformed row, and for two rows about one image that disagree.
    """
    rows = [row for path in decision_files(folder) for row in read_file(path)]
    for one, other in conflicts(rows):
        raise UserError(told(one, other))
    return {id_: joined(of_one) for id_, of_one in _by_id(rows).items()}


def decision_files(folder: Path) -> list[Path]:
    """The decisions files of the folder, one a class; not what editors and file systems hide beside them, such as ._cats.csv."""
    return [path for path in sorted(folder.glob("*.csv")) if path.name != TAKEDOWNS and not path.name.startswith(".")]


def told(one: Decision, other: Decision) -> str:
    """The sentence about two rows that disagree."""
    return (
        f"{one.where} and {other.where} disagree about {one.id} ({_words(one)} and {_words(other)}); run `darkroom review` "
        "and settle what it lists as conflicts, or delete the line that is wrong, then run again"
    )


def read_file(path: Path, problems: list[str] | None = None, classes: dict[str, str] | None = None) -> list[Decision]:
    """The rows of one decisions file, in its order.

    Raises UserError at the first malformed row; with `problems`, adds the sentence of each to it instead and goes on. With `classes`,
    the file may have a column `class`, which is added to it by id.
    """
    rows = []
    try:
        for line, row in read_rows(path, ("id", "decision"), COLUMNS if classes is None else (*COLUMNS, "class")):
            try:
                rows.append(_decision(row, path, line))
                if classes is not None:
                    classes[row["id"]] = row.get("class", "")
            except UserError as error:
                if problems is None:
                    raise
                problems.append(str(error))
    except UserError as error:  # the table itself: nothing after it can be read
        if problems is None:
            raise
        problems.append(str(error))
    return rows


def write_decisions(path: Path, decisions: Iterable[Decision]) -> None:
    """Write a decisions file, sorted by id and time."""
    rows = sorted(decisions, key=lambda row: (row.id, row.order))
    write_table(path, COLUMNS, ([getattr(row, column) for column in COLUMNS] for row in rows))


def is_box(text: str) -> bool:
    """Whether the text is x,y,width,height in shares of a picture, such as 0.1,0,0.5,0.5."""
    try:
        x, y, width, height = (float(part) for part in text.split(","))
    except ValueError:
        return False
    return x >= 0 and y >= 0 and width > 0 and height > 0 and x + width <= 1.0001 and y + height <= 1.0001


def _by_id(rows: Iterable[Decision]) -> dict[str, list[Decision]]:
    found: dict[str, list[Decision]] = {}
    for row in rows:
        found.setdefault(row.id, []).append(row)
    return found


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
    if crop and not is_box(crop):
        raise UserError(f"{where}: crop {crop!r} is no box; a box is x,y,width,height as shares from 0 to 1, such as \"0.1,0,0.5,0.5\"")
    rest = {name: row.get(name, "") for name in ("reason", "reviewer", "reviewed_at", "note")}
    return Decision(row["id"], choice, crop=crop, where=where, **rest)


def _words(decision: Decision) -> str:
    text = decision.decision or "undecided"
    return text + (f" with crop {decision.crop}" if decision.crop else "")
