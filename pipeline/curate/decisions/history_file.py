"""A file of the history: entries as lines of CSV, and lines as entries, however a merge, a kill or an editor left them."""

import csv
import hashlib
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import orjson

from pipeline.curate.decisions.decision import CHOICES, ID, Decision
from pipeline.errors import UserError
from pipeline.spreadsheet import bare, lines

__all__ = ["ACTIONS", "HEAD", "Entry", "Placed", "encoded", "file_name", "packed", "read_end", "read_entries", "unpacked"]

ACTIONS = ("decide", "undo", "redo", "settle", "merge")
RESERVED = re.compile(r"con|prn|aux|nul|com\d|lpt\d")  # no file may be called so on Windows

Placed = tuple[str, Decision]
"""A row and the class whose file it stands in."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One image in one action. `batch` is the same for all rows of an action; `undoes` is the batch that an undo or redo is about.

    `before` is what of the rows about the image this replaced, see `packed`. `look` is the image's PDQ hash, 64 hex digits, or "":
    what is still known of it when it has gone.
    """

    at: str
    action: str
    batch: str
    undoes: str
    reviewer: str
    id: str
    class_: str
    decision: str
    reason: str = ""
    crop: str = ""
    note: str = ""
    blind: bool = False
    session: str = ""
    before: str = ""
    look: str = ""


FIELDS = tuple(field.name for field in fields(Entry))
NAMES = tuple(name.rstrip("_") for name in FIELDS)
HEAD = ",".join(NAMES) + "\n"


def file_name(reviewer: str) -> str:
    """The name of the reviewer's file: the name in small ASCII letters, with a hash behind it where that is not the name itself."""
    plain = unicodedata.normalize("NFKD", reviewer).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9_-]+", "-", plain).strip("-")[:40]
    if slug != reviewer or RESERVED.fullmatch(slug):
        slug = f"{slug or 'reviewer'}-{hashlib.sha256(reviewer.encode()).hexdigest()[:8]}"
    return f"{slug}.csv"


def packed(rows: Sequence[Placed]) -> str:
    """Rows as one cell of compact JSON; nothing for none."""
    values = [[name, r.decision, r.reason, r.reviewer, r.reviewed_at, r.crop, r.note] for name, r in rows]
    return orjson.dumps(values).decode() if values else ""


def unpacked(id_: str, text: str) -> list[Placed]:
    """The rows about the image `id_` from such a cell."""
    found = []
    for name, decision, reason, reviewer, at, crop, note in orjson.loads(text or "[]"):
        found.append((name, Decision(id_, decision, reason, reviewer, at, crop, note)))
    return found


def encoded(entries: Iterable[Entry]) -> bytes:
    """The entries as lines of a history file."""
    values = ([getattr(entry, name) for name in FIELDS] for entry in entries)
    return "".join(lines(["yes" if v is True else "" if v is False else v for v in row] for row in values)).encode()


def parsed(path: Path, start: int = 0) -> Iterator[tuple[int, Entry | str]]:
    """(line, entry or the sentence that tells what is wrong with it) for each row from byte `start` on.

    A last line without its end is what a kill leaves: it was never answered for, and is passed over. Header lines that a merge
    repeats are too.
    """
    data = path.read_bytes()
    line = data.count(b"\n", 0, start)
    for piece in data[start:].split(b"\n")[:-1]:
        line += 1
        text = piece.decode("utf-8-sig", "replace").rstrip("\r")
        if text and text + "\n" != HEAD:
            yield line, _entry(text, f"{path}, line {line}")


def read_entries(folder: Path) -> tuple[list[Entry], list[str]]:
    """The entries of all files, in order of time, and a sentence for each row that is none."""
    found = [entry for path in sorted(folder.glob("*.csv")) for _, entry in parsed(path)]
    entries = [entry for entry in found if isinstance(entry, Entry)]
    return sorted(entries, key=lambda entry: entry.at), [entry for entry in found if isinstance(entry, str)]


def read_end(path: Path, start: int) -> tuple[list[Entry], int]:
    """The entries from byte `start` on, and the byte at which the last whole line ends. Raises UserError for a row that is none."""
    data = path.read_bytes()
    end = data.rfind(b"\n") + 1
    quick = _all_entries(data[start:end].removeprefix(HEAD.encode()))
    if quick is not None:
        return quick, max(start, end)
    entries = []
    for _, entry in parsed(path, start):
        if isinstance(entry, str):
            raise UserError(f"{entry}; put the line right or delete it, then run again")
        entries.append(entry)
    return entries, max(start, end)


def _all_entries(data: bytes) -> list[Entry] | None:
    """Every line as an entry, all at once; None where anything is out of the ordinary, for `parsed` to look at line by line."""
    try:
        rows = list(csv.reader(io.StringIO(data.decode(), newline=""), strict=True))
    except (csv.Error, UnicodeDecodeError):
        return None
    if len(rows) != data.count(b"\n") or any(len(row) != len(NAMES) for row in rows) or b"\r" in data or b"'" in data:
        return None
    entries = [_made(row) for row in rows]
    return entries if all(_is_sound(entry) for entry in entries) else None


def _made(cells: list[str]) -> Entry:
    at, action, batch, undoes, reviewer, id_, class_, decision, reason, crop, note, blind, session, before, look = cells
    return Entry(at, action, batch, undoes, reviewer, id_, class_, decision, reason, crop, note, blind == "yes", session, before, look)


def _is_sound(entry: Entry) -> bool:
    if entry.action not in ACTIONS or not ID.fullmatch(entry.id) or entry.decision not in CHOICES or not entry.reviewer:
        return False
    try:
        return not entry.before or bool(unpacked(entry.id, entry.before))
    except (ValueError, TypeError):
        return False


def _entry(text: str, where: str) -> Entry | str:
    try:
        [cells] = csv.reader([text], strict=True)
    except (csv.Error, ValueError) as error:
        return f"{where}: {error or 'no row'}"
    if len(cells) != len(NAMES):
        return f"{where}: {len(cells)} cells where a row of a history has {len(NAMES)}"
    entry = _made([bare(cell) for cell in cells])
    return entry if _is_sound(entry) else f"{where}: this is no row of a history"
