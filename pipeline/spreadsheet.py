"""A CSV file that people edit, read with patience for how it was made.

A spreadsheet's habits are accepted (byte-order mark, CRLF, semicolons, columns in another order), and so
are the traces of `merge=union` (repeated headers, repeated rows). Everything else is an error that
names file and line.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pipeline.errors import UserError

__all__ = ["read_rows"]


def read_rows(path: Path, required: tuple[str, ...], allowed: tuple[str, ...]) -> Iterable[tuple[int, Mapping[str, str]]]:
    """(line, row) for each data row, as stripped strings."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(f"{path}: this is not UTF-8 text; save it from the spreadsheet as CSV UTF-8") from None
    head = text.split("\n", 1)[0]
    delimiter = ";" if head.count(";") > head.count(",") else ","
    header: list[str] = []
    for line, cells in _parsed(path, text, delimiter):
        cells = [cell.strip() for cell in cells]
        if not any(cells):
            continue
        if not header:
            header = [cell.lower() for cell in cells]
            _check_header(path, header, required, allowed)
        elif [cell.lower() for cell in cells] != header:
            if len(cells) > len(header) and any(cells[len(header):]):
                raise UserError(f"{path}, line {line}: {len(cells)} cells under {len(header)} columns; "
                                "put quotes around a cell that has a comma in it")
            yield line, dict(zip(header, [*cells, *[""] * len(header)], strict=False))


def _parsed(path: Path, text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text), delimiter=delimiter)
    try:
        yield from ((reader.line_num, cells) for cells in reader)
    except csv.Error as error:  # such as half a file in one cell
        raise UserError(f"{path}, line {reader.line_num}: {error}; look for a quote that is not closed") from None


def _check_header(path: Path, header: list[str], required: tuple[str, ...], allowed: tuple[str, ...]) -> None:
    missing = [name for name in required if name not in header]
    if missing:
        raise UserError(f"{path}, line 1: no column {', '.join(missing)}; the first line names the columns: {','.join(allowed)}")
    unknown = [name for name in header if name and name not in allowed]
    if unknown:
        raise UserError(f"{path}, line 1: unknown column {unknown[0]!r}; allowed: {', '.join(allowed)}")
