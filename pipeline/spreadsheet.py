"""A CSV file that people edit, read with patience for how it was made.

A spreadsheet's habits are accepted (byte-order mark, CRLF, semicolons, columns in another order), and so
are the traces of `merge=union` (repeated headers, repeated rows). Everything else is an error that
names file and line.

A cell that begins with = + - @ is a formula to a spreadsheet. So in every table of ours such text has an apostrophe
before it in the file, which `bare` takes off again.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pipeline.errors import UserError

__all__ = ["bare", "lines", "read_rows", "shielded"]

SUSPECT = frozenset("'=+-@\t\r")
FORMULA = re.compile(r"'*[=+\-@\t\r]")  # the first characters that CSV injection uses (OWASP), apostrophes of our own before them
SHIELDED = re.compile(r"'+[=+\-@\t\r]")


def shielded(cell: object) -> object:
    """The cell as it is written: text that a spreadsheet would calculate gets an apostrophe; numbers stay."""
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in SUSPECT and FORMULA.match(cell) else cell


def bare(text: str) -> str:
    """The inverse of `shielded` for text: a formula that a spreadsheet saved without its apostrophe reads the same."""
    return text[1:] if text[:1] == "'" and SHIELDED.match(text) else text


def lines(rows: Iterable[Iterable[object]]) -> Iterator[str]:
    """Rows as lines of CSV, which end with LF; a cell with a line break of any kind is quoted, text that would be calculated shielded."""
    written: list[str] = []
    writer = csv.writer(_Lines(written), lineterminator="\r\n")  # it quotes only the line breaks that are in its own
    for row in rows:
        writer.writerow([shielded(cell) for cell in row])
        yield written.pop().removesuffix("\r\n") + "\n"


class _Lines:
    """What csv.writer takes for a file: a list of its lines."""

    def __init__(self, written: list[str]) -> None:
        self.write = written.append


def read_rows(path: Path, required: tuple[str, ...], allowed: tuple[str, ...]) -> Iterable[tuple[int, Mapping[str, str]]]:
    """(line, row) for each data row, as stripped strings. Raises UserError where the table cannot be read."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(f"{path}: this is not UTF-8 text; save it from the spreadsheet as CSV UTF-8") from None
    head = re.split(r"[\r\n]", text, maxsplit=1)[0]
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
            yield line, dict(zip(header, [*map(bare, cells), *[""] * len(header)], strict=False))


def _parsed(path: Path, text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
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
