"""A CSV with one image a row: a label and its pixels, as Kaggle's digit-recognizer has them."""

import asyncio
import re
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from math import isqrt
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.collect.answer import FetchError
from pipeline.collect.sources.source import About, Candidate, Context, Found, Page, Source
from pipeline.errors import UserError
from pipeline.image import encode_png
from pipeline.source_params import Pixels

__all__ = ["ABOUT", "Layout", "PixelsSource", "opened"]

ABOUT = About(
    needs="A CSV file on this machine with one image a row, such as train.csv of Kaggle's digit-recognizer.",
    allows="Any number of rows; each becomes a lossless PNG, its licence recorded as unknown.",
    public_web=False,
)
PAGE = 500
BOM = b"\xef\xbb\xbf"
NUMBERS = re.compile(rb"[\s\d.,+\"-]*")
SHOWN = 10


@dataclass(frozen=True)
class Layout:
    """How a row becomes an image: `cells` in a row, of which number `label` is none of the pixels (None: all are)."""

    cells: int
    label: int | None
    width: int
    height: int
    channels: int

    def label_of(self, line: bytes) -> str:
        """The row's label; "" where rows have none, or this one is too short to have it."""
        if self.label is None:
            return ""
        from_end = self.cells - self.label
        if from_end < self.label:  # from the nearer end: a row has hundreds of cells
            return _text(line.rsplit(b",", from_end)[-from_end:][:1])
        return _text(line.split(b",", self.label + 1)[self.label :][:1])

    def image_of(self, line: bytes) -> Image.Image:
        """The row's pixels as mode L or RGB. Raises ValueError."""
        cells = line.replace(b'"', b"").split(b",")
        if len(cells) != self.cells:
            raise ValueError(f"it has {len(cells)} cells where the first line has {self.cells}")
        values = [_level(cell) for number, cell in enumerate(cells) if number != self.label]
        shape = (self.height, self.width) if self.channels == 1 else (self.height, self.width, self.channels)
        return Image.fromarray(np.array(values, np.uint8).reshape(shape))


@dataclass(frozen=True)
class PixelsSource:
    """Rows by number, counted from 1 without the header. Only where each begins is held in memory."""

    path: Path
    layout: Layout
    starts: "array[int]"  # the byte at which row 1, 2, ... begins
    wanted: "array[int]"  # the numbers of the rows to list
    name: str = "pixels"
    takes_terms: bool = False
    local: bool = True

    async def search(self, term: str, cursor: str | None) -> Page:
        """The wanted rows after the first `cursor` of them."""
        start = int(cursor or 0)
        rows = [f"row {number}" for number in islice(self.wanted, start, start + PAGE)]
        width, height = self.layout.width, self.layout.height
        candidates = [Candidate(row, title=row, width=width, height=height) for row in rows]
        return Page(candidates, str(start + PAGE) if start + PAGE < len(self.wanted) else None)

    async def fetch(self, candidate: Candidate) -> Found:
        """The row as a PNG. Raises FetchError for a row that has other pixels than it should."""
        return Found(await asyncio.to_thread(self._png, candidate.address), candidate)

    def _png(self, address: str) -> bytes:
        try:
            start = self.starts[int(address.removeprefix("row ")) - 1]
            with self.path.open("rb") as file:
                file.seek(start)
                return encode_png(self.layout.image_of(file.readline()))
        except (ValueError, IndexError) as error:
            raise FetchError("bad_row", f"{self.path}, {address}: {error}") from None
        except OSError as error:
            raise FetchError("read_error", f"{self.path}, {address}: {error}") from None


@contextmanager
def opened(options: Pixels, context: Context) -> Iterator[Source]:
    """The table as a source, its rows counted. Raises UserError where it is missing, or its width or label cannot be."""
    path = context.base / Path(options.path).expanduser()
    if not path.is_file():
        raise UserError(f"params.yaml: sources: pixels: path {options.path!r} is no file (looked for {path.resolve()})")
    with path.open("rb") as file:
        first = file.readline().removeprefix(BOM)
    if not first.strip():
        raise UserError(f"params.yaml: sources: pixels: {options.path} is empty")
    layout = _layout(first, options)
    starts, wanted, labels = _rows(path, layout, options.label, skip=not NUMBERS.fullmatch(first))
    if options.label and labels and not wanted:
        raise UserError(
            f"params.yaml: sources: pixels: {options.path} has no row with the label {options.label!r}; "
            f"there are {', '.join(sorted(labels)[:SHOWN])}{' and others' if len(labels) > SHOWN else ''}"
        )
    yield PixelsSource(path, layout, starts, wanted)


def _rows(path: Path, layout: Layout, label: str, skip: bool) -> tuple["array[int]", "array[int]", set[str]]:
    """Where every row begins, the numbers of those with the label (all where it is ""), and the labels that there are."""
    starts, wanted, labels, at = array("q"), array("q"), set(), 0
    with path.open("rb") as file:
        for number, line in enumerate(file):
            if line.strip() and not (skip and number == 0):
                starts.append(at if number else len(BOM) * line.startswith(BOM))
                found = layout.label_of(line) if label else ""
                labels.add(found)
                if found == label:
                    wanted.append(len(starts))
            at += len(line)
    return starts, wanted, labels


def _layout(first: bytes, options: Pixels) -> Layout:
    names = [_text([cell]) for cell in first.split(b",")]
    if NUMBERS.fullmatch(first):  # no header: the label, if any, comes first
        label = None if _size(len(names), options) or not _size(len(names) - 1, options) else 0
    else:
        label = names.index(options.column) if options.column in names else None
    if options.label and label is None:
        shown = f"{', '.join(names[:SHOWN])}{', …' if len(names) > SHOWN else ''}"
        raise UserError(
            f"params.yaml: sources: pixels: label is {options.label!r}, but {options.path} has no column "
            f"{options.column!r}; its columns are {shown}"
        )
    count = len(names) - (label is not None)
    size = _size(count, options)
    if size is None:
        how = f"rows of {options.width}" if options.width else "a square"
        raise UserError(
            f"params.yaml: sources: pixels: the {count} pixel columns of {options.path} with channels: {options.channels} "
            f"do not make {how}; give another width, channels or column"
        )
    return Layout(len(names), label, *size, options.channels)


def _size(count: int, options: Pixels) -> tuple[int, int] | None:
    """Width and height of that many numbers; None where they make no whole rows."""
    pixels, rest = divmod(count, options.channels)
    width = options.width or isqrt(pixels)
    if rest or width == 0 or pixels == 0 or pixels % width or (not options.width and width * width != pixels):
        return None
    return width, pixels // width


def _level(cell: bytes) -> int:
    text = cell.strip()
    if not text.isdigit() or int(text) > 255:
        raise ValueError(f"it has a pixel of {text.decode('utf-8', 'replace')[:20]!r}; pixels are whole numbers from 0 to 255")
    return int(text)


def _text(cells: list[bytes]) -> str:
    return b"".join(cells).strip().strip(b'"').decode("utf-8", "replace")
