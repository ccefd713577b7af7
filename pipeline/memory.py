"""What was learned of a file, remembered by the id of its bytes, so that a top-up costs only what is new.

One SQLite file, which may be deleted at any time. What was learned is kept apart by the code that learned it
(see identity.code_of), so a change of the code starts anew.
"""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from pipeline.errors import UserError

__all__ = ["Memory", "forget"]

SCHEMA = "create table if not exists learned (id text, code text, data blob, primary key (id, code)) without rowid"


class Memory:
    """Use as a context: what was kept is on the disk once it ends."""

    def __init__(self, path: Path | None) -> None:
        """`path`: of the SQLite file; None remembers nothing. Raises UserError where it cannot be used."""
        self._path = path
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._file = sqlite3.connect(path or ":memory:", timeout=60)
            self._file.execute("pragma journal_mode = wal")
            self._file.execute("pragma synchronous = off")  # what is lost is learned again
            self._file.execute(SCHEMA)
        except sqlite3.DatabaseError as error:
            raise self._unusable(error) from None

    def __enter__(self) -> "Memory":
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        with closing(self._file):
            if isinstance(error, sqlite3.DatabaseError):
                raise self._unusable(error) from error
            self._file.commit()

    def recall(self, code: str, ids: Iterable[str]) -> dict[str, bytes]:
        """What `code` learned of those of `ids` that it has seen."""
        wanted = set(ids)
        rows = self._file.execute("select id, data from learned where code = ?", (code,))
        return {id_: data for id_, data in rows if id_ in wanted}

    def keep(self, code: str, rows: Iterable[tuple[str, bytes]]) -> None:
        """Remember (id, what was learned) under `code`; what it learned before of the same id is replaced."""
        self._file.executemany("insert or replace into learned values (?, ?, ?)", ((id_, code, data) for id_, data in rows))
        self._file.commit()

    def _unusable(self, error: sqlite3.DatabaseError) -> UserError:
        return UserError(f"{self._path} cannot keep what was seen ({error}); delete it, for it is made again")


def forget(path: Path, ids: Iterable[str]) -> None:
    """Forget all that was learned of files, for a takedown; `path` may be missing."""
    if not path.exists():
        return
    with closing(sqlite3.connect(path, timeout=60)) as file:
        file.execute(SCHEMA)
        file.executemany("delete from learned where id = ?", ((id_,) for id_ in ids))
        file.commit()
        file.execute("vacuum")  # so that nothing of it is left in the file
