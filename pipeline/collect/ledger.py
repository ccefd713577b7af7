"""What was searched and downloaded before: one SQLite file and a folder of the original bytes.

It lives outside DVC's outputs, so a killed scrape costs nothing and a raised count only tops up. A row is
written when its file is complete; whatever was under way at a kill is done again, and nothing else.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson

from pipeline.collect.candidate import Candidate, Page
from pipeline.collect.files import Files
from pipeline.errors import UserError

__all__ = ["Ledger", "Record"]

SCHEMA = """
CREATE TABLE IF NOT EXISTS run (class TEXT PRIMARY KEY, wanted TEXT NOT NULL, count INTEGER NOT NULL, finished INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS search (
    class TEXT, source TEXT, term TEXT, next TEXT, PRIMARY KEY (class, source, term)
);
CREATE TABLE IF NOT EXISTS candidate (
    class TEXT, source TEXT, term TEXT, rank INTEGER, candidate TEXT NOT NULL, PRIMARY KEY (class, source, term, rank)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS download (
    address TEXT PRIMARY KEY, id TEXT, candidate TEXT NOT NULL, day TEXT NOT NULL,
    reason TEXT NOT NULL, detail TEXT NOT NULL, may_pass INTEGER NOT NULL, attempts INTEGER NOT NULL
) WITHOUT ROWID;
"""
PUT = """
INSERT INTO download VALUES (?, ?, ?, ?, ?, ?, ?, 1) ON CONFLICT (address) DO UPDATE SET
    id = excluded.id, candidate = excluded.candidate, day = excluded.day, reason = excluded.reason, detail = excluded.detail,
    may_pass = excluded.may_pass, attempts = attempts + 1
"""
DAMAGED = "the file is damaged: delete it, and run again; what it knew is asked for anew"
ADVICE = {
    sqlite3.SQLITE_NOTADB: DAMAGED,
    sqlite3.SQLITE_CORRUPT: DAMAGED,
    sqlite3.SQLITE_BUSY: "another process holds it for over a minute; wait until that has ended, then run again",
}
WRITABLE = "its folder must be writable and its disk have room; see to that, then run again"
DONE = ""  # the cursor of a search that has no further page


@dataclass(frozen=True)
class Record:
    """What came of one address: an image's id, the candidate with all that is known of it, and the day; or a reason."""

    candidate: Candidate
    day: str
    id: str = ""
    reason: str = ""
    detail: str = ""
    may_pass: bool = False
    attempts: int = 1


class Ledger:
    """Searches by (class, source, term), downloads by address."""

    def __init__(self, database: sqlite3.Connection, folder: Path) -> None:
        self._database = database
        self.folder = folder
        self.files = Files(folder / "files")

    @classmethod
    @contextmanager
    def opened(cls, folder: Path) -> Iterator["Ledger"]:
        """The ledger in `folder`, which is made where it is missing. Raises UserError where SQLite cannot go on, also in the block."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "ledger.sqlite"
        try:
            with closing(sqlite3.connect(path, timeout=60, isolation_level=None)) as database:
                database.execute("PRAGMA journal_mode=WAL")
                database.execute("PRAGMA synchronous=NORMAL")  # a kill loses nothing; a power cut may lose the last rows
                database.executescript(SCHEMA)
                ledger = cls(database, folder)
                ledger.files.sweep()
                yield ledger
        except (sqlite3.ProgrammingError, sqlite3.IntegrityError):  # these are ours
            raise
        except sqlite3.DatabaseError as error:
            raise UserError(f"{path}: {error}; {ADVICE.get(error.sqlite_errorcode & 0xFF, WRITABLE)}") from error

    def begin(self, class_: str, wanted: str, count: int) -> None:
        """A scrape of `class_` starts. An unfinished one goes on, a raised count goes further; the same again asks anew."""
        row = self._database.execute("SELECT wanted, count, finished FROM run WHERE class = ?", (class_,)).fetchone()
        with self._transaction():
            if row and row[0] == wanted and row[2] and count <= row[1]:
                self._database.execute("DELETE FROM search WHERE class = ?", (class_,))
                self._database.execute("DELETE FROM candidate WHERE class = ?", (class_,))
            self._database.execute("INSERT OR REPLACE INTO run VALUES (?, ?, ?, 0)", (class_, wanted, count))

    def finish(self, class_: str) -> None:
        """The scrape of `class_` came to its end."""
        self._database.execute("UPDATE run SET finished = 1 WHERE class = ?", (class_,))

    def progress(self, class_: str, source: str, term: str) -> tuple[str | None, bool]:
        """The cursor of the search's next page, and whether it is at its end."""
        row = self._database.execute(
            "SELECT next FROM search WHERE class = ? AND source = ? AND term = ?", (class_, source, term)
        ).fetchone()
        return (None, False) if row is None else (row[0] or None, row[0] == DONE)

    def listed(self, class_: str, source: str, term: str, start: int) -> list[Candidate]:
        """The next few candidates of a search, from rank `start` on."""
        rows = self._database.execute(
            "SELECT candidate FROM candidate WHERE class = ? AND source = ? AND term = ? AND rank >= ? ORDER BY rank LIMIT 500",
            (class_, source, term, start),
        )
        return [Candidate(**orjson.loads(text)) for (text,) in rows]

    def note_page(self, class_: str, source: str, term: str, page: Page, rank: int) -> None:
        """Remember a page whose first candidate has `rank`, and its cursor, in one step."""
        with self._transaction():
            self._database.execute("INSERT OR REPLACE INTO search VALUES (?, ?, ?, ?)", (class_, source, term, page.next or DONE))
            self._database.executemany("INSERT OR REPLACE INTO candidate VALUES (?, ?, ?, ?, ?)", (
                (class_, source, term, rank + place, _text(candidate)) for place, candidate in enumerate(page.candidates)
            ))

    def get(self, address: str) -> Record | None:
        """What came of `address` before, or None; also None where its file has gone."""
        row = self._database.execute(
            "SELECT candidate, day, id, reason, detail, may_pass, attempts FROM download WHERE address = ?", (address,)
        ).fetchone()
        if row is None or (row[2] and not self.files.path(row[2]).is_file()):
            return None
        candidate, day, id_, reason, detail, may_pass, attempts = row
        return Record(Candidate(**orjson.loads(candidate)), day, id_, reason, detail, bool(may_pass), attempts)

    def put(self, address: str, record: Record) -> None:
        """Remember what came of `address`; its file was kept before."""
        row = (address, record.id, _text(record.candidate), record.day, record.reason, record.detail, record.may_pass)
        self._database.execute(PUT, row)

    def retry_failed(self) -> int:
        """Forget every failure, so that it is tried again; how many there were."""
        return self._database.execute("DELETE FROM download WHERE id = ''").rowcount

    def forget(self, ids: set[str], urls: set[str]) -> list[str]:
        """Delete the files and rows of these images; the ids of those rows, "" for a download that had failed."""
        gone = []
        for address, id_, text in self._database.execute("SELECT address, id, candidate FROM download").fetchall():
            candidate = Candidate(**orjson.loads(text))
            if id_ in ids or {address, candidate.image_url, candidate.page_url} & urls:
                self._database.execute("DELETE FROM download WHERE address = ?", (address,))
                if id_:
                    self.files.path(id_).unlink(missing_ok=True)
                gone.append(id_)
        return gone

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")


def _text(candidate: Candidate) -> str:
    return orjson.dumps({name: value for name, value in vars(candidate).items() if value}).decode()
