"""What there is to look at: every image that was collected, as rows with numbers, and as columns to filter and sort by.

A row's number is its place in the order of (class, id) and stands as long as the catalogue does. What deduplication
may not have written (quality.csv, a margin, a hash) is a missing value here, never an error.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.curate.decisions.decision import ID
from pipeline.curate.review.tables import Table, read_columns
from pipeline.errors import UserError
from pipeline.forgotten import Forgotten

__all__ = ["Catalogue", "read_catalogue"]

Key = tuple[str, str]
"""(class, id): one file may have been collected for two classes."""

SIZES = ("width", "height", "bytes")
TEXTS = ("id", "class", "path", "format", "term", "source", "image_url", "page_url", "title", "creator", "license", "license_url")
SEARCHED = ("title", "creator", "term", "source", "license", "id")
NOT_SCORES = ("id", "class", "flags")
NO_HASH = "0" * 64
NONE_FORGOTTEN = Forgotten()


@dataclass(frozen=True)
class Catalogue:
    """N rows, in the order of (class, id).

    `texts` are an Item's columns by name, as Arrow strings; `sizes` int64 (N, 3) width, height, bytes; `kept` which rows are in the
    deduplicated index. `groups`, `kinds`, `copy_of`, `looks` (PDQ, 64 hex digits) and `ties` float32 (N, 3), that is
    distance in bits, correlation and margin 0..1, say how a row belongs to its group. `scores` is float32 (N, len(flags)),
    0..1; `flagged` each row's flags; `rules` why it was left out. NaN and "" are what nobody measured.
    """

    texts: Mapping[str, Any]
    ids: Sequence[str]
    sizes: NDArray[np.int64]
    kept: NDArray[np.bool_]
    groups: Sequence[str]
    kinds: Sequence[str]
    copy_of: Sequence[str]
    looks: Sequence[str]
    ties: NDArray[np.float32]
    flags: Sequence[str]
    scores: NDArray[np.float32]
    flagged: Sequence[Sequence[str]]
    rules: Sequence[str]

    def __len__(self) -> int:
        return len(self.kept)

    @cached_property
    def rows_of(self) -> Mapping[str, tuple[int, ...]]:
        """The rows of each id; where it was collected for several classes, the kept one first."""
        rows: dict[str, tuple[int, ...]] = {}
        for row, (id_, kept) in enumerate(zip(self.ids, self.kept.tolist(), strict=True)):
            others = rows.get(id_, ())
            rows[id_] = (row, *others) if kept else (*others, row)
        return rows

    @cached_property
    def members(self) -> Mapping[str, Sequence[int]]:
        """The rows of each group, the kept one first, then from the nearest copy to the farthest."""
        members: dict[str, list[int]] = {}
        for row, group in enumerate(self.groups):
            members.setdefault(group, []).append(row)
        distances, kept = np.nan_to_num(self.ties[:, 0], nan=999.0).tolist(), self.kept.tolist()
        for rows in members.values():
            if len(rows) > 1:
                rows.sort(key=lambda row: (not kept[row], self.kinds[row] != "", distances[row], row))
        return members

    @cached_property
    def classes(self) -> tuple[list[str], NDArray[np.int32]]:
        """The names of the classes, and (N,) places in them."""
        coded = self.texts["class"].dictionary_encode()
        return coded.dictionary.to_pylist(), coded.indices.to_numpy()

    @cached_property
    def by_group(self) -> NDArray[np.intp]:
        """(N,) row numbers: larger groups first, the members of one behind each other, its kept image first."""
        groups = sorted(self.members.values(), key=lambda rows: (-len(rows), rows[0]))
        return np.array([row for rows in groups for row in rows], dtype=np.intp)

    @cached_property
    def _words(self) -> Any:
        return pc.utf8_lower(pc.binary_join_element_wise(*(self.texts[name] for name in SEARCHED), "\n"))

    def mentions(self, word: str) -> NDArray[np.bool_]:
        """(N,) which rows have the word, in whatever case, in their title, creator, term, source, licence or id."""
        return pc.match_substring(self._words, word.lower()).to_numpy(zero_copy_only=False)

    @cached_property
    def doubt(self) -> NDArray[np.float32]:
        """(N,) 0..1: how near a row is to a line that dedupe drew, by the margin of its group's edges or by a flag's score."""
        doubt = np.nan_to_num(1 - self.ties[:, 2], nan=0.0)
        for row in np.flatnonzero(doubt > 0).tolist():  # an edge has two ends
            kept = self.members[self.groups[row]][0]
            doubt[kept] = max(doubt[kept], doubt[row])
        near = np.nan_to_num(1 - 2 * np.abs(self.scores - 0.5), nan=0.0)
        return np.maximum(doubt, near.max(axis=1, initial=0))

    @cached_property
    def hashes(self) -> NDArray[np.uint64]:
        """(N, 4) the perceptual hashes; zeros where there is none."""
        joined = "".join(look if look else NO_HASH for look in self.looks)
        return np.frombuffer(bytes.fromhex(joined), ">u8").astype(np.uint64).reshape(-1, 4)

    def distances(self, row: int) -> NDArray[np.int64]:
        """(N,) bits of 256 by which each row's hash differs from that of `row`; 257 where either has none."""
        known = np.array([bool(look) for look in self.looks], dtype=np.bool_)
        if not known[row]:
            return np.full(len(self), 257)
        bits = np.bitwise_count(self.hashes ^ self.hashes[row]).sum(axis=1, dtype=np.int64)
        return np.where(known, bits, 257)


def read_catalogue(raw: Path, deduped: Path, forgotten: Forgotten = NONE_FORGOTTEN) -> Catalogue:
    """Read what scrape and dedupe wrote, without what was taken down since, of which nothing is shown to anyone.

    Raises UserError where index.csv or groups.csv is missing or malformed.
    """
    index = read_columns(deduped / "index.csv", ("id", "class", "path"))
    groups = read_columns(deduped / "groups.csv", ("group", "id", "class"))
    quality = read_columns(deduped / "quality.csv", optional=True)
    rejected = read_columns(deduped / "rejected.csv", optional=True)
    kept, tied = _places(index), _places(groups)
    raws = [read_columns(raw / name / "index.csv", ("id", "class", "path"), optional=True) for name in sorted({name for name, _ in tied})]
    known = [{key: place for key, place in _places(table).items() if key in tied or key in kept} for table in raws]
    tables = [*zip(raws, known, strict=True), (index, kept)]
    keys = sorted({key for _, places in tables for key in places})
    _check_ids(keys, deduped)
    texts, sizes = _items(keys, tables)
    if gone := _gone(texts, forgotten):
        keys = [key for row, key in enumerate(keys) if row not in gone]
        texts, sizes = _items(keys, tables)
    flags, scores, flagged = _flags(keys, (index, kept), quality)
    rules = dict(zip(rejected.keys(), rejected.text("rule"), strict=True))
    lines = np.array([tied.get(key, -1) for key in keys], dtype=np.int64)
    ties = np.stack([_lined_up(groups.numbers(name), lines) for name in ("distance", "correlation", "margin")], axis=1)
    tie = {name: _arranged(keys, tied, groups.text(name)) for name in ("group", "kind", "copy_of", "pdq")}
    ties[[not kind for kind in tie["kind"]]] = np.nan  # the kept image is at no distance from anything
    return Catalogue(
        texts, [id_ for _, id_ in keys], sizes, np.array([key in kept for key in keys], dtype=np.bool_),
        [group or id_ for group, (_, id_) in zip(tie["group"], keys, strict=True)], tie["kind"], tie["copy_of"],
        [look if len(look) == 64 else "" for look in tie["pdq"]], ties,
        flags, scores, flagged, ["" if key in kept else rules.get(key, "") for key in keys],
    )


def _places(table: Table) -> dict[Key, int]:
    return {key: place for place, key in enumerate(table.keys())}


def _check_ids(keys: Sequence[Key], deduped: Path) -> None:
    """An id names a thumbnail's file, so it is nothing but an id."""
    wrong = [id_ for _, id_ in keys if not ID.fullmatch(id_)]
    if wrong:
        raise UserError(f"{deduped}: {wrong[0][:40]!r} is no image id; run `dvc repro` to make the tables again")


def _arranged(keys: Sequence[Key], places: Mapping[Key, int], column: Sequence[str]) -> list[str]:
    """A table's column in the order of the keys, blank where the table has no such row."""
    return [column[places[key]] if key in places else "" for key in keys]


def _items(keys: Sequence[Key], tables: Sequence[tuple[Table, Mapping[Key, int]]]) -> tuple[dict[str, Any], NDArray[np.int64]]:
    """The columns of Items, each row from the first table that has it."""
    place_of: dict[Key, int] = {}
    start = sum(len(table) for table, _ in tables)
    for table, places in reversed(tables):
        start -= len(table)
        place_of |= {key: start + place for key, place in places.items()}
    order = np.array([place_of[key] for key in keys], dtype=np.int64)
    columns = {name: pa.concat_arrays([table.strings(name) for table, _ in tables]) for name in TEXTS}
    sizes = np.stack([np.concatenate([table.numbers(name) for table, _ in tables]) for name in SIZES], axis=1)[order]
    return {name: column.take(pa.array(order)) for name, column in columns.items()}, np.nan_to_num(sizes).astype(np.int64)


def _gone(texts: Mapping[str, Any], forgotten: Forgotten) -> frozenset[int]:
    columns = (("id", forgotten.ids), ("image_url", forgotten.urls), ("page_url", forgotten.urls))
    found = [pc.is_in(texts[name], value_set=pa.array(sorted(names), pa.string())) for name, names in columns]
    return frozenset(np.flatnonzero(np.logical_or.reduce([mask.to_numpy(zero_copy_only=False) for mask in found])).tolist())


def _lined_up(column: NDArray[np.float64], places: NDArray[np.int64]) -> NDArray[np.float32]:
    """Numbers in the order of the keys; place -1 is NaN."""
    return np.append(column, np.nan)[places].astype(np.float32)


def _flags(
    keys: Sequence[Key], index: tuple[Table, Mapping[Key, int]], quality: Table
) -> tuple[list[str], NDArray[np.float32], list[list[str]]]:
    names = [name for name in quality.columns if name not in NOT_SCORES]
    places = _places(quality)
    told = _arranged(keys, places, quality.text("flags"))
    marked = _arranged(keys, index[1], index[0].text("flags"))
    flagged = [(one or other).split() if one or other else [] for one, other in zip(told, marked, strict=True)]
    lines = np.array([places.get(key, -1) for key in keys], dtype=np.int64)
    measured = [_lined_up(quality.numbers(name), lines) for name in names]
    unmeasured = sorted({flag for flags in flagged for flag in flags} - set(names))
    columns = [*measured, *[np.full(len(keys), np.nan, np.float32)] * len(unmeasured)]
    return [*names, *unmeasured], np.stack(columns, axis=1) if columns else np.empty((len(keys), 0), np.float32), flagged
