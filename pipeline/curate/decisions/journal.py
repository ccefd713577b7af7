"""What a commit is about to do, so that one which a kill cut short is brought to its end, or counts as never begun.

A commit writes the journal, then the history, then the class files, then deletes the journal. Who finds one there completes it: where
the history has all its rows, the class files get theirs; else the history is cut back to what it was.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

import orjson

from pipeline.curate.decisions import durable
from pipeline.curate.decisions.decision import COLUMNS, Decision
from pipeline.errors import UserError

__all__ = ["Journal", "Plan"]

Plan = dict[str, dict[str, tuple[Decision, ...]]]
"""The rows that images will have, by class and id."""


class Journal:
    """The file of the commit under way, if there is one."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def begin(self, ends: Mapping[str, tuple[int, int]], touched: Iterable[tuple[str, str, tuple[Decision, ...]]]) -> None:
        """Note the size of each history file now and then, and (class, id, rows) for what will change. Raises OSError."""
        rows: dict[str, dict[str, list[list[str]]]] = {}
        for name, id_, of_one in touched:
            rows.setdefault(name, {})[id_] = [[getattr(row, column) for column in COLUMNS] for row in of_one]
        durable.replace(self.path, [orjson.dumps({"history": ends, "rows": rows})])

    def end(self) -> None:
        """The commit is on disk, or was taken back."""
        self.path.unlink(missing_ok=True)

    def left(self) -> tuple[dict[str, tuple[int, int]], Plan] | None:
        """The commit that was cut short, as it was begun; None where there is none. Raises UserError where it cannot be read."""
        try:
            found = orjson.loads(self.path.read_bytes())
            plan = {
                name: {id_: tuple(Decision(**dict(zip(COLUMNS, row, strict=True))) for row in rows) for id_, rows in ids.items()}
                for name, ids in found["rows"].items()
            }
            return {name: (before, after) for name, (before, after) in found["history"].items()}, plan
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, AttributeError, TypeError):
            raise UserError(f"{self.path} is damaged: delete it, look at the last decisions, and run again") from None
