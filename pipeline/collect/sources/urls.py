"""A list of image addresses: a CSV, TSV or Parquet table, or a text file with one address a line."""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pipeline.collect.rights import license_of
from pipeline.collect.sources.folder import split_of
from pipeline.collect.sources.source import About, Candidate, Context, Found, Page, Source
from pipeline.collect.web import Web
from pipeline.errors import UserError
from pipeline.source_params import Urls

__all__ = ["ABOUT", "Row", "UrlsSource", "candidate_of", "opened"]

ABOUT = About(
    needs="A file with the images' addresses: .csv, .tsv, .parquet, or .txt with one address a line.",
    allows="Any number of addresses; who made the list answers for the right to use what is there.",
    direct=True,
)
PAGE = 100  # so few that reading them holds nothing up
COLUMNS = ("class", "title", "creator", "license", "license_url", "page_url", "width", "height", "split")
SHOWN = 10

Row = Mapping[str, str]


@dataclass(frozen=True)
class Table:
    """A file: its columns, and its rows from the first one, by column."""

    columns: Sequence[str]
    rows: Callable[[], Iterator[Row]]


@dataclass(frozen=True)
class UrlsSource:
    """Rows in the file's order, a few at a time."""

    web: Web
    path: Path
    table: Table
    url: str  # the column with the address
    label: str  # only rows of this class; "" for all
    name: str = "urls"
    takes_terms: bool = False
    local: bool = False
    readings: dict[int, Iterator[Row]] = field(default_factory=dict)  # where the last page ended: no new start for the next

    async def search(self, term: str, cursor: str | None) -> Page:
        """The next addresses after the first `cursor` rows. Raises UserError where a whole table has none of use."""
        return self._page(int(cursor or 0))

    async def fetch(self, candidate: Candidate) -> Found:
        """The image at the address. Raises FetchError."""
        return await self.web.image(candidate)

    def _page(self, start: int) -> Page:
        rows = self.readings.pop(start, None) or _read(self.path, self.table, start)
        candidates: list[Candidate] = []
        others: set[str] = set()
        bad: list[str] = []
        for number, row in enumerate(rows, start + 1):
            if self.label and row.get("class", "").strip() != self.label:
                if len(others) <= SHOWN:
                    others.add(row.get("class", "").strip())
            elif candidate := candidate_of(row, self.url):
                candidates.append(candidate)
            elif not bad:
                bad.append(row.get(self.url, ""))
            if len(candidates) == PAGE:
                self.readings.clear()
                self.readings[number] = rows
                return Page(candidates, str(number))
        if start == 0 and not candidates and (bad or others):
            raise UserError(self._why_none(bad, sorted(others)))
        return Page(candidates)

    def _why_none(self, bad: list[str], others: list[str]) -> str:
        if bad:
            return f"params.yaml: sources: urls: {self.path} has no address that starts with http:// or https://, only such as {bad[0]!r}"
        there = f"{', '.join(others[:SHOWN])}{' and others' if len(others) > SHOWN else ''}"
        return f"params.yaml: sources: urls: {self.path} has no row of the class {self.label!r}; there are {there}"


def candidate_of(row: Row, url: str) -> Candidate | None:
    """What a row says of the image at the address in its column `url`; None where that is none of http or https."""
    said = {name: row.get(name, "").strip() for name in (url, *COLUMNS)}
    if not _is_address(said[url]):
        return None
    return Candidate(
        said[url],
        image_url=said[url],
        page_url=said["page_url"] if _is_address(said["page_url"]) else "",
        title=said["title"],
        creator=said["creator"],
        license=license_of(said["license"] or said["license_url"]),
        license_url=said["license_url"] if _is_address(said["license_url"]) else "",
        width=_number(said["width"]),
        height=_number(said["height"]),
        split=split_of(f"{said['split']}/"),
    )


@contextmanager
def opened(options: Urls, context: Context) -> Iterator[Source]:
    """The list as a source. Raises UserError where it is missing, of an unknown kind, or lacks a column that is asked for."""
    path = context.base / Path(options.path).expanduser()
    kind = path.suffix.lower()
    if kind not in KINDS:
        raise UserError(f"params.yaml: sources: urls: path {options.path!r} is of no known kind; allowed are {', '.join(KINDS)}")
    if not path.is_file():
        raise UserError(f"params.yaml: sources: urls: path {options.path!r} is no file (looked for {path.resolve()})")
    with _told(path):
        table = KINDS[kind](path, options.url)
    has_classes = "class" in table.columns
    for column in (options.url, *(["class"] if options.label else [])):
        if column not in table.columns:
            raise UserError(
                f"params.yaml: sources: urls: {options.path} has no column {column!r}; its columns are {', '.join(table.columns)}"
            )
    label = (options.label or context.class_name) if has_classes else ""
    source = UrlsSource(context.web, path, table, options.url, label)
    yield source
    source.readings.clear()


def _text(path: Path, url: str) -> Table:
    def rows() -> Iterator[Row]:
        with path.open(encoding="utf-8-sig") as file:
            yield from ({url: line.strip()} for line in file if line.strip() and not line.lstrip().startswith("#"))

    return Table([url], rows)


def _separated(path: Path, url: str, delimiter: str, quoting: Literal[0, 3]) -> Table:
    def cells() -> Iterator[list[str]]:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from csv.reader(file, delimiter=delimiter, quoting=quoting)

    def rows() -> Iterator[Row]:
        return (dict(zip(names, row, strict=False)) for row in islice(cells(), 1, None) if row)

    names = [name.strip() for name in next(cells(), [])]
    return Table(names, rows)


def _parquet(path: Path, url: str) -> Table:
    from pyarrow import parquet  # here: it takes a while, and no other kind needs it

    names = parquet.read_schema(path).names

    def rows() -> Iterator[Row]:
        with parquet.ParquetFile(path) as file:  # only these columns: another one may hold whole images
            for batch in file.iter_batches(PAGE, columns=[name for name in names if name in (url, *COLUMNS)]):
                yield from ({name: "" if v is None else str(v) for name, v in row.items()} for row in batch.to_pylist())

    return Table(names, rows)


KINDS: dict[str, Callable[[Path, str], Table]] = {
    ".csv": partial(_separated, delimiter=",", quoting=csv.QUOTE_MINIMAL),
    # text/tab-separated-values knows no quotes: one at the start of a title must not swallow the rows up to the next.
    ".tsv": partial(_separated, delimiter="\t", quoting=csv.QUOTE_NONE),
    ".parquet": _parquet,
    ".txt": _text,
}


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Tell what goes wrong in reading this file as a UserError."""
    try:
        yield
    except (OSError, ValueError, csv.Error, NotImplementedError) as error:  # pyarrow's own are of these
        raise UserError(
            f"params.yaml: sources: urls: {path} cannot be read ({error}); text has to be UTF-8, a table as its name's ending says"
        ) from None


def _read(path: Path, table: Table, start: int) -> Iterator[Row]:
    with _told(path):
        yield from islice(table.rows(), start, None)


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:  # such as "Invalid IPv6 URL"
        return False


def _number(text: str) -> int:
    """A count of pixels, also as 640.0; 0 for anything else."""
    try:
        return max(0, int(float(text)))
    except (ValueError, OverflowError):
        return 0
