"""One image and what is known of it, and the index.csv that lists many of them.

An index is UTF-8 with LF line ends, sorted by (class, id, path), with a fixed column order, and holds
nothing volatile: the same images with the same history give the same bytes on every machine.
"""

import csv
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from itertools import chain
from pathlib import Path

from pipeline.errors import UserError
from pipeline.files import written
from pipeline.spreadsheet import bare, lines

__all__ = ["COLUMNS", "NUMBERS", "Item", "Rejection", "image_id", "read_index", "read_rejections", "read_table", "write_index",
           "write_rejections", "write_table"]


def image_id(data: bytes) -> str:
    """The id of an image file: "i" (so that a spreadsheet reads text) and 16 hex digits of its SHA-256."""
    return "i" + hashlib.sha256(data).hexdigest()[:16]


@dataclass(frozen=True)
class Item:
    """One row of an index.csv.

    `path` is relative to the folder that holds the pixels the row speaks of: data/raw up to `crop`, the
    stage's own folder from `resize` on. `width` and `height` are the pixels of the collected file, after
    its EXIF orientation. `fetched_at` is a day, or empty where nothing was fetched. `group` and `split`
    are empty until curation. `more` holds the columns that later stages add.
    """

    id: str
    class_: str
    path: str
    width: int
    height: int
    bytes: int
    format: str
    term: str = ""
    source: str = ""
    image_url: str = ""
    page_url: str = ""
    title: str = ""
    creator: str = ""
    license: str = "unknown"
    license_url: str = ""
    fetched_at: str = ""
    group: str = ""
    split: str = ""
    more: Mapping[str, str] = field(default_factory=dict)

    def with_more(self, **columns: str) -> "Item":
        """The same item with further columns."""
        return replace(self, more={**self.more, **columns})


COLUMNS = tuple(f.name.rstrip("_") for f in fields(Item) if f.name != "more")
NUMBERS = ("width", "height", "bytes")


@dataclass(frozen=True)
class Rejection:
    """One row of a rejected.csv: which image (id, or what is known of it), by which rule, and the detail."""

    id: str
    class_: str
    rule: str
    detail: str


def write_index(path: Path, items: Iterable[Item]) -> None:
    """Write items as an index.csv; columns beyond the fixed ones are appended in alphabetical order."""
    ordered = sorted(items, key=lambda item: (item.class_, item.id, item.path))
    extra = sorted({name for item in ordered for name in item.more})
    rows = ([*_fixed(item), *(item.more.get(name, "") for name in extra)] for item in ordered)
    write_table(path, (*COLUMNS, *extra), rows)


def read_index(path: Path) -> list[Item]:
    """Read an index.csv. Raises UserError where the file is missing or is not an index."""
    rows = read_table(path, COLUMNS[:7])
    return [_item(row, path, number) for number, row in enumerate(rows, start=2)]


def write_rejections(path: Path, rejections: Iterable[Rejection]) -> None:
    """Write a rejected.csv, sorted by class, id, rule and detail."""
    rows = sorted((r.class_, r.id, r.rule, r.detail) for r in rejections)
    write_table(path, ("id", "class", "rule", "detail"), ([i, c, rule, d] for c, i, rule, d in rows))


def read_rejections(path: Path) -> list[Rejection]:
    """Read a rejected.csv."""
    rows = read_table(path, ("id", "class", "rule", "detail"))
    return [Rejection(r["id"], r["class"], r["rule"], r["detail"]) for r in rows]


def write_table(path: Path, columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Write a CSV table (UTF-8, LF), creating its folder; text that a spreadsheet would calculate is shielded.

    A file that holds the same already is left alone.
    """
    with written(path) as file:
        for line in chain(lines([columns]), lines(rows)):
            file.write(line.encode(errors="backslashreplace"))  # a file's name may be no text


def read_table(path: Path, required: Iterable[str] = ()) -> list[dict[str, str]]:
    """Read a CSV table as strings. Raises UserError where it is missing or lacks a required column."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restval="")
            rows = [{name: bare(cell) if isinstance(cell, str) else cell for name, cell in row.items()} for row in reader]
            names = reader.fieldnames or []
    except FileNotFoundError:
        raise UserError(f"{path} is missing; run `dvc repro` to make it") from None
    except UnicodeDecodeError:
        raise UserError(f"{path} is not UTF-8 text; run `dvc repro` to make it again") from None
    except csv.Error as error:  # such as half the file in one cell, after a stray quote
        raise UserError(f"{path} is damaged ({error}); run `dvc repro` to make it again") from None
    missing = [name for name in required if name not in names]
    if missing:
        raise UserError(f"{path}: no column {', '.join(missing)}; run `dvc repro` to make the file again")
    return rows


def _fixed(item: Item) -> list[object]:
    return [getattr(item, "class_" if name == "class" else name) for name in COLUMNS]


def _item(row: dict[str, str], path: Path, number: int) -> Item:
    known = {"class_" if name == "class" else name: row.get(name, "") for name in COLUMNS}
    try:
        numbers = {name: int(known.pop(name)) for name in NUMBERS}
    except ValueError:
        raise UserError(f"{path}, line {number}: width, height and bytes are whole numbers") from None
    more = {name: value for name, value in row.items() if name not in COLUMNS}
    return Item(**known, **numbers, more=more)  # type: ignore[arg-type]
