"""What was downloaded before: one SQLite file and a folder of the original bytes.

It lives outside DVC's outputs, so a killed scrape costs nothing and a raised count only tops up.
"""

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path

from pipeline.collect.sources.source import Found
from pipeline.item import image_id

__all__ = ["Ledger"]

SCHEMA = "CREATE TABLE IF NOT EXISTS download (address TEXT PRIMARY KEY, id TEXT NOT NULL, provenance TEXT NOT NULL)"


class Ledger:
    """Found images by the address of their candidate."""

    def __init__(self, database: sqlite3.Connection, files: Path) -> None:
        self._database = database
        self._files = files

    @classmethod
    @contextmanager
    def opened(cls, folder: Path) -> Iterator["Ledger"]:
        """The ledger in `folder`, which is made where it is missing."""
        (folder / "files").mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(folder / "ledger.sqlite", timeout=30)) as database:
            database.execute("PRAGMA journal_mode=WAL")
            database.execute(SCHEMA)
            yield cls(database, folder / "files")

    def get(self, address: str) -> Found | None:
        """What was downloaded for `address`, or None; also None where its file has gone or changed."""
        row = self._database.execute("SELECT id, provenance FROM download WHERE address = ?", (address,)).fetchone()
        if row is None:
            return None
        path = self._files / row[0]
        data = path.read_bytes() if path.is_file() else b""
        return Found(data=data, **json.loads(row[1])) if image_id(data) == row[0] else None

    def put(self, address: str, found: Found) -> None:
        """Remember `found`; its bytes are on disk before the row is."""
        name = image_id(found.data)
        draft = self._files / f".{name}.{os.getpid()}.part"
        draft.write_bytes(found.data)
        draft.replace(self._files / name)
        provenance = {key: value for key, value in asdict(found).items() if key != "data"}
        with self._database:
            self._database.execute(
                "INSERT OR REPLACE INTO download VALUES (?, ?, ?)",
                (address, name, json.dumps(provenance, sort_keys=True)),
            )
