"""Takedowns: data/review/forgotten.csv, in git, so that they hold for everyone who builds the dataset."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pipeline.item import write_table
from pipeline.spreadsheet import read_rows

__all__ = ["FILE", "Forgotten", "add_forgotten", "read_forgotten"]

FILE = "forgotten.csv"
COLUMNS = ("id", "url", "forgotten_at", "reason")


@dataclass(frozen=True)
class Forgotten:
    """Ids and addresses (of an image's file or of its page) that no build may hold again."""

    ids: frozenset[str] = frozenset()
    urls: frozenset[str] = frozenset()

    def has(self, *names: str) -> bool:
        """Whether any of these ids or addresses was taken down."""
        return any(name in self.ids or name in self.urls for name in names if name)


def read_forgotten(folder: Path) -> Forgotten:
    """The takedowns in the folder's forgotten.csv; none where the file is missing."""
    path = folder / FILE
    if not path.exists():
        return Forgotten()
    rows = [row for _, row in read_rows(path, ("id", "url"), COLUMNS)]
    return Forgotten(frozenset(r["id"] for r in rows if r["id"]), frozenset(r["url"] for r in rows if r["url"]))


def add_forgotten(folder: Path, rows: Iterable[tuple[str, str]], day: str, reason: str) -> None:
    """Add (id, url) rows, either of which may be "", and keep the file sorted."""
    path = folder / FILE
    known = {(r["id"], r["url"]): r for _, r in read_rows(path, ("id", "url"), COLUMNS)} if path.exists() else {}
    for id_, url in rows:
        known.setdefault((id_, url), {"id": id_, "url": url, "forgotten_at": day, "reason": reason})
    write_table(path, COLUMNS, ([known[key].get(column, "") for column in COLUMNS] for key in sorted(known)))
