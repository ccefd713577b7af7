"""What waits for a person, which images the person means, and the review files put in order."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.curate.decisions.decision import Decision, decision_files, disagree, read_decisions, read_file, write_decisions
from pipeline.curate.decisions.word import State
from pipeline.errors import UserError
from pipeline.item import Item

__all__ = ["matching", "tidy", "waiting"]


def waiting(items: Sequence[Item], said: Mapping[str, State], group_of: Mapping[str, str]) -> list[Item]:
    """The images that nobody has decided; not those that give way to a copy which a person chose, nor those in dispute."""
    chosen = {group_of[id_] for id_, found in said.items() if found.decision == "keep" and id_ in group_of}
    undecided = [item for item in items if item.id not in said or not (said[item.id].decision or said[item.id].conflict)]
    return [item for item in undecided if item.group not in chosen]


def matching(items: Sequence[Item], ids: Sequence[str]) -> list[Item]:
    """The items whose ids begin with each of `ids`. Raises UserError where one fits none or several."""
    found = []
    for start in ids:
        fitting = [item for item in items if item.id.startswith(start)]
        if len(fitting) != 1:
            what = "no image" if not fitting else f"{len(fitting)} images"
            raise UserError(f"{what} here has an id that begins with {start!r}; the page of `darkroom review` shows the ids")
        found += fitting
    return found


def tidy(folder: Path) -> int:
    """Sort and normalise every decisions file; returns how many. Raises UserError where two rows disagree.

    Rows of one reviewer about one image that agree become the latest of them; rows that say nothing go where another one does.
    """
    read_decisions(folder)
    paths = decision_files(folder)
    for path in paths:
        rows: dict[tuple[str, str], Decision] = {}
        read = read_file(path)
        speaking = {row.id for row in read if row.says_something}
        for row in sorted(read, key=lambda row: row.order):
            before = rows.get((row.id, row.reviewer))
            if (row.says_something or row.id not in speaking) and (before is None or not disagree(before, row)):
                rows[row.id, row.reviewer] = row
        write_decisions(path, rows.values())
    return len(paths)
