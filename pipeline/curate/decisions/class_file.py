"""One class's decisions in memory and on disk, so that a single new row in a hundred thousand is written in milliseconds.

Rows lie in blocks by the first digits of their id. A change encodes its block anew and nothing else; since ids are hashes, blocks are
of one size.
"""

import time
from collections.abc import Iterable
from pathlib import Path

from pipeline.curate.decisions import durable
from pipeline.curate.decisions.decision import COLUMNS, Decision, read_file
from pipeline.spreadsheet import lines

__all__ = ["ClassFile", "Rows"]

DIGITS = 4  # of the id, the letter among them: 4096 blocks
PATIENCE = 20  # looks, 10 ms apart, until a program that writes the file at this moment is done

Rows = tuple[Decision, ...]
"""The rows about one image, in the order of `Decision.order`, without where they stand."""


class ClassFile:
    """`rows` are what the file holds, or will once it is written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.stem
        self.rows: dict[str, Rows] = {}
        self._ids: dict[str, set[str]] = {}
        self._blocks: dict[str, bytes] = {}
        self._stale: set[str] = set()
        self._known: durable.Signature | None = None

    @property
    def unwritten(self) -> bool:
        """Whether `rows` are not what was last read or written."""
        return bool(self._stale)

    def changed(self) -> bool:
        """Whether somebody else wrote, made or deleted the file since it was last read or written here."""
        return durable.signature(self.path) != self._known

    def forget(self) -> None:
        """Read the file anew at the next look."""
        self._known = (0, 0, 0)

    def read(self) -> tuple[dict[str, Rows], durable.Signature | None]:
        """What the file holds now, for `take`. Raises UserError for a malformed row."""
        for _ in range(PATIENCE):
            before = durable.signature(self.path)
            found = read_file(self.path) if before else []
            if durable.signature(self.path) == before:
                break
            time.sleep(0.01)
        by_id: dict[str, list[Decision]] = {}
        for row in found:
            plain = Decision(row.id, row.decision, row.reason, row.reviewer, row.reviewed_at, row.crop, row.note)
            by_id.setdefault(row.id, []).append(plain)
        return {id_: _ordered(rows) for id_, rows in by_id.items()}, before

    def take(self, found: dict[str, Rows], known: durable.Signature | None) -> list[str]:
        """The file as it was read is what holds; the ids whose rows are others now."""
        differing = [id_ for id_ in self.rows.keys() | found.keys() if self.rows.get(id_) != found.get(id_)]
        for id_ in differing:
            self.put(id_, found.get(id_, ()))
        self._encode()
        self._known = known
        return differing

    def put(self, id_: str, rows: Rows) -> None:
        """These are the image's rows; none takes it out."""
        block = id_[:DIGITS]
        self._stale.add(block)
        if rows:
            self.rows[id_] = _ordered(rows)
            self._ids.setdefault(block, set()).add(id_)
        else:
            self.rows.pop(id_, None)
            self._ids.get(block, set()).discard(id_)

    def write(self) -> None:
        """Put the file in place, all or nothing. Raises OSError."""
        self._encode()
        head = (",".join(COLUMNS) + "\n").encode()
        self._known = durable.replace(self.path, [head, *(self._blocks[name] for name in sorted(self._blocks))])

    def _encode(self) -> None:
        for block in self._stale:
            rows = (row for id_ in sorted(self._ids.get(block, ())) for row in self.rows[id_])
            self._blocks[block] = "".join(lines([getattr(row, name) for name in COLUMNS] for row in rows)).encode()
        self._stale = set()


def _ordered(rows: Iterable[Decision]) -> Rows:
    different = tuple(dict.fromkeys(rows))
    return different if len(different) < 2 else tuple(sorted(different, key=lambda row: row.order))
