"""The tables of a dataset: index.csv, the same rows as index.parquet with numbers as numbers, and ATTRIBUTION.csv."""

import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow
import pyarrow.parquet

from pipeline.files import put
from pipeline.item import COLUMNS, NUMBERS, Item, write_index, write_table

__all__ = ["parquet", "write_attribution", "write_tables"]

NUMERIC = (*NUMBERS, "copy")
ATTRIBUTION = ("id", "class", "title", "creator", "license", "license_url", "page_url", "image_url")


def write_tables(out: Path, items: Sequence[Item]) -> None:
    """Write index.csv and index.parquet."""
    write_index(out / "index.csv", items)
    put(out / "index.parquet", parquet(_table(items)))


def write_attribution(path: Path, items: Iterable[Item]) -> None:
    """Write who made each image, and where it is from."""
    rows = [[i.id, i.class_, i.title, i.creator, i.license, i.license_url, i.page_url, i.image_url] for i in items]
    write_table(path, ATTRIBUTION, sorted(rows))


def parquet(table: pyarrow.Table) -> bytes:
    """A table as a Parquet file: the same table, the same bytes."""
    sink = io.BytesIO()
    pyarrow.parquet.write_table(table, sink, compression="zstd")
    return sink.getvalue()


def _table(items: Sequence[Item]) -> pyarrow.Table:
    ordered = sorted(items, key=lambda item: (item.class_, item.id, item.path))
    columns: dict[str, pyarrow.Array] = {}
    for name in (*COLUMNS, *sorted({name for item in ordered for name in item.more})):
        field = "class_" if name == "class" else name
        cells = [getattr(item, field) if name in COLUMNS else item.more.get(name, "") for item in ordered]
        numeric = name in NUMERIC
        columns[name] = pyarrow.array([_number(cell) for cell in cells] if numeric else cells,
                                      pyarrow.int64() if numeric else pyarrow.string())
    return pyarrow.table(columns)


def _number(cell: int | str) -> int | None:
    return None if cell == "" else int(cell)
