"""Which pictures of many may be copies of one: exact searches by hash and by colour, in memory."""

from collections.abc import Sequence

import faiss
import numpy as np

from pipeline.curate.copies.hashes import BITS, ORIENTATIONS, averaged
from pipeline.curate.copies.match import LEAST_QUALITY, NEAR_COLOURS
from pipeline.curate.copies.views import COLOURS, Fingerprint, View

__all__ = ["BLOCK", "HashShelf", "Shelf", "perhaps_same_pixels"]

BLOCK = 64  # pictures asked for at a time
SAME_HASH, SAME_SIDE, SAME_LEVELS = 16, 8, 6  # bits, and levels at 8 x 8, in which reading a JPEG reduced differs from reducing its pixels
NEIGHBOURS = 16  # nearest in colour that are looked at


class HashShelf:
    """Hashes, uint8 (N, 32), of which all within a number of bits are found: faiss compares each with each."""

    def __init__(self, bits: int) -> None:
        faiss.omp_set_num_threads(1)
        self._bits, self._index = bits, faiss.IndexBinaryFlat(BITS)

    def add(self, hashes: np.ndarray) -> None:
        """Put hashes on the shelf; they are numbered in the order they come."""
        self._index.add(np.ascontiguousarray(hashes))

    def near(self, hashes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(asked, found, bits): for each pair the row of `hashes`, the number on the shelf, and in how many bits they differ."""
        starts, bits, found = self._index.range_search(np.ascontiguousarray(hashes), self._bits + 1)
        counts = (starts[1:] - starts[:-1]).astype(np.int64)
        return np.repeat(np.arange(len(hashes)), counts), found, bits


class Shelf:
    """The views of pictures, found by what they look like. A picture is a number, given by the caller."""

    def __init__(self, bits: int) -> None:
        """`bits`: how many of 256 may differ between the hashes of two pictures that are found."""
        self._bits, self._hashes, self._colours = bits, HashShelf(bits), faiss.IndexFlatL2(COLOURS)
        self._hashed, self._coloured = np.empty(0, np.int64), np.empty(0, np.int64)

    def add(self, numbers: Sequence[int], prints: Sequence[Fingerprint]) -> None:
        """Put pictures on the shelf."""
        owners, views = _views(numbers, prints)
        hashed = _hashable(views)
        if len(hashed):
            self._hashes.add(np.stack([views[place].hashes[0] for place in hashed]))
        if views:
            self._colours.add(_colours(views))
        self._hashed = np.concatenate([self._hashed, owners[hashed]])
        self._coloured = np.concatenate([self._coloured, owners])

    def near(self, prints: Sequence[Fingerprint]) -> list[dict[int, float]]:
        """For each picture those on the shelf that may be copies of it: {number: how far, less is nearer}.

        By hash, in any orientation, all within the bits; by colour the nearest few.
        """
        found: list[dict[int, float]] = [{} for _ in prints]
        owners, views = _views(range(len(prints)), prints)
        hashed = _hashable(views)
        if len(self._hashed) and len(hashed):
            asked, places, bits = self._hashes.near(np.concatenate([views[place].hashes for place in hashed]))
            for owner, place, differing in zip(owners[hashed[asked // ORIENTATIONS]], places, bits, strict=True):
                _nearer(found[owner], int(self._hashed[place]), float(differing) / BITS)
        if len(self._coloured) and views:
            count = min(NEIGHBOURS, len(self._coloured))
            squares, nearest = self._colours.search(_colours(views), count)
            for view, rank in zip(*np.nonzero(squares <= NEAR_COLOURS), strict=True):
                _nearer(found[owners[view]], int(self._coloured[nearest[view, rank]]), float(squares[view, rank]))
        return found

    def among(self, numbers: Sequence[int], prints: Sequence[Fingerprint]) -> list[dict[int, float]]:
        """The same for a few pictures among themselves, all of the near ones in colour too; the shelf is not looked at."""
        found: list[dict[int, float]] = [{} for _ in prints]
        owners, views = _views(range(len(prints)), prints)
        colours = _colours(views)
        squares = np.maximum(0, 2 - 2 * colours @ colours.T)  # they have unit length
        for one, other in zip(*np.nonzero(squares <= NEAR_COLOURS), strict=True):
            _nearer(found[owners[one]], numbers[owners[other]], float(squares[one, other]))
        hashed = _hashable(views)
        if len(hashed):
            shelf = HashShelf(self._bits)
            shelf.add(np.stack([views[place].hashes[0] for place in hashed]))
            asked, places, bits = shelf.near(np.concatenate([views[place].hashes for place in hashed]))
            for one, other, differing in zip(owners[hashed[asked // ORIENTATIONS]], owners[hashed[places]], bits, strict=True):
                _nearer(found[one], numbers[other], float(differing) / BITS)
        return found


def _views(numbers: Sequence[int], prints: Sequence[Fingerprint]) -> tuple[np.ndarray, list[View]]:
    views = [view for each in prints for view in each.views]
    return np.repeat(np.asarray(numbers, np.int64), [len(each.views) for each in prints]), views


def _colours(views: Sequence[View]) -> np.ndarray:
    return np.stack([view.colours for view in views]).astype(np.float32)


def _hashable(views: Sequence[View]) -> np.ndarray:
    """Places of the views whose hash means something."""
    return np.array([place for place, view in enumerate(views) if view.quality >= LEAST_QUALITY], np.int64)


def _nearer(found: dict[int, float], number: int, distance: float) -> None:
    found[number] = min(distance, found.get(number, distance))


def perhaps_same_pixels(prints: Sequence[Fingerprint]) -> list[tuple[int, int, int]]:
    """Pairs that may have the same pixels though their fingerprints do not tell: (first, later, bits), one for each later one.

    They have one size in pixels and about the same hash, or, where they are flat and it means nothing, the same colours in the same places.
    """
    by_size: dict[tuple[int, int], list[int]] = {}
    for number, each in enumerate(prints):
        if not each.digest:
            by_size.setdefault((each.width, each.height), []).append(number)
    pairs = []
    for numbers in by_size.values():
        hashes = np.stack([prints[number].views[0].hashes[0] for number in numbers])
        shelf = HashShelf(SAME_HASH)
        shelf.add(hashes)
        earliest: dict[int, tuple[int, int]] = {}
        for asked, found, bits in zip(*map(np.ndarray.tolist, shelf.near(hashes)), strict=True):
            if found < asked and _same_thumb(prints[numbers[asked]], prints[numbers[found]]):
                earliest[asked] = min(earliest.get(asked, (found, bits)), (found, bits))
        pairs += [(numbers[found], numbers[asked], bits) for asked, (found, bits) in earliest.items()]
    return pairs


def _same_thumb(one: Fingerprint, other: Fingerprint) -> bool:
    a, b = (averaged(each.views[0].thumb, SAME_SIDE, SAME_SIDE).astype(np.int16) for each in (one, other))
    return bool(np.abs(a - b).max() <= SAME_LEVELS)
