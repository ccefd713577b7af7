"""The filters of a resize, and their weights as integers that add up to a power of two.

- lanczos: sinc(x) sinc(x / 3) for |x| < 3 (Duchon, Lanczos Filtering in One and Two Dimensions, 1979).
- bicubic: Keys' cubic convolution with a = -1/2 (Keys, Cubic Convolution Interpolation for Digital Image Processing, 1981).
- area: each result is the mean of what it covers.

Where the result is smaller the first two are stretched by the ratio, so nothing aliases; at the edges the weights that fall
outside are left out and the rest made up to one. Both as Pillow does it.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

__all__ = ["BLOCK", "FILTERS", "FIRST_BITS", "KEPT_BITS", "SECOND_BITS", "Axis", "Bands"]

BLOCK = 8  # results that share one matrix product: fewer waste time on calls, more on weights that are zero
CACHED_WEIGHTS = 1 << 19  # a larger table is not worth keeping

FIRST_BITS, KEPT_BITS, SECOND_BITS = 14, 3, 11
"""Of the first pass' weights, of its results behind the point, of the second pass' weights. As long as the magnitudes of a result's
weights add up to less than 2, the first pass stays below 255 * 2 * 2**14 < 2**23, the second below 2 * 255 * 2**3 * 2 * 2**11 < 2**24."""

CLEAN = 2.0**20  # cumulated weights are rounded to 1 / CLEAN before they become integers: sines differ in their last digits by CPU

HALVED_FROM = 3.75  # pixels for each result; from there on, pairs are averaged first
UNBLUR = (1 / 2, 5 / 16, 7 / 32)
"""Blurring by (1, 2, 1) / 4, averaging pairs and giving both of a pair one weight keep c**4 of a frequency f, c = cos(pi f). With
y = 1 - cos(2 pi f)**2, which (-1, 2, -1) / 4 gives at twice the distance, c**-4 = C(y / 4)**2 = 1 + y / 2 + 5 y**2 / 16 + ...,
C being the generating function of the Catalan numbers."""


def _lanczos(x: np.ndarray) -> np.ndarray:
    inside: np.ndarray = np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0.0)
    return inside


def _bicubic(x: np.ndarray) -> np.ndarray:
    x = np.abs(x)
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    inside: np.ndarray = np.where(x < 1, near, np.where(x < 2, far, 0.0))
    return inside


FILTERS: dict[str, tuple[Callable[[np.ndarray], np.ndarray] | None, float]] = {
    "lanczos": (_lanczos, 3.0),
    "bicubic": (_bicubic, 2.0),
    "area": (None, 0.5),
}
"""Name to (kernel, how far it reaches to each side)."""


@dataclass(frozen=True)
class Axis:
    """`size` results from the pixels between `low` and `high`, by the filter `name`; with `pairs` of pixels averaged already."""

    low: float
    high: float
    size: int
    name: str
    pairs: bool = False

    @property
    def count(self) -> int:
        """Of the numbers that are given, pixels or pairs of pixels, whole or in part."""
        return math.ceil(self.high) // 2 if self.pairs else math.ceil(self.high)

    @property
    def ratio(self) -> float:
        return (self.high - self.low) / self.size

    @property
    def halves(self) -> bool:
        """Whether pairs may be averaged first: there are enough, and they pair up alike from either end."""
        return self.name != "area" and self.count % 2 == 0 and self.ratio >= HALVED_FROM

    def bands(self, bits: int, block: int = BLOCK, multiple: int = 1) -> "Bands":
        """For `block` results at a time, as many numbers as needed, or zeros behind, for a multiple."""
        small = self.size * min(self.count, 8 * max(self.ratio, 1)) < CACHED_WEIGHTS
        return (_cached_bands if small else _bands)(self, bits, block, multiple)


@dataclass(frozen=True, eq=False)
class Bands:
    """For each block of results the first number they need, int32 (blocks,), and their integer weights, float32 (blocks, results,
    length)."""

    size: int
    starts: np.ndarray
    weights: np.ndarray

    @property
    def block(self) -> int:
        return int(self.weights.shape[1])

    @property
    def length(self) -> int:
        return int(self.weights.shape[2])

    def blocks(self, begin: int, end: int, kind: type) -> Iterator[tuple[slice, slice, np.ndarray]]:
        """Of the results from `begin` (a multiple of the block) to `end`: (which results, which numbers, weights of the dtype `kind`)."""
        weights: np.ndarray = self.weights.astype(kind, copy=False)
        for at in range(begin, end, self.block):
            some, start = min(self.block, end - at), int(self.starts[at // self.block])
            yield slice(at - begin, at - begin + some), slice(start, start + self.length), weights[at // self.block, :some]


def _bands(axis: Axis, bits: int, block: int, multiple: int) -> Bands:
    first, weights = _weights(axis)
    sums = np.rint(np.rint(np.cumsum(weights, axis=1) * (2.0**bits * CLEAN)) / CLEAN)
    whole = np.diff(sums, axis=1, prepend=0.0)  # of rounded sums, so that they add up, and alike from either end
    used = whole != 0
    begin = np.clip(first + used.argmax(axis=1), 0, axis.count - 1)
    end = np.clip(first + whole.shape[1] - used[:, ::-1].argmax(axis=1), 1, axis.count)
    heads = np.arange(0, axis.size, block)
    lowest = np.minimum.reduceat(begin, heads)
    length = int((np.maximum.reduceat(end, heads) - lowest).max())
    starts = np.minimum(lowest, axis.count - length)
    dense = np.zeros((len(heads), block, length + -length % multiple), np.float32)
    rows, columns = np.nonzero(used)
    place = np.clip(first[rows] + columns, 0, axis.count - 1)  # beyond the edge lies what is at the edge
    np.add.at(dense, (rows // block, rows % block, place - starts[rows // block]), whole[rows, columns])
    return Bands(axis.size, starts.astype(np.int32), dense)


_cached_bands = lru_cache(maxsize=64)(_bands)


def _weights(axis: Axis) -> tuple[np.ndarray, np.ndarray]:
    """(first, weights): for each result the first number that it needs and (size, taps) weights that add up to 1."""
    kernel, support = FILTERS[axis.name]
    stretch = axis.ratio if kernel is None else max(axis.ratio, 1.0)
    center = axis.low + (np.arange(axis.size)[:, None] + 0.5) * axis.ratio
    first = np.floor(center - support * stretch).astype(np.int64)
    taps = math.ceil(2 * support * stretch) + 1
    if axis.pairs:
        first -= first % 2
        taps += 2 - taps % 2
    place = first + np.arange(taps)
    begin, end = np.maximum(place, axis.low), np.minimum(place + 1, axis.high)
    if kernel is None:
        begin, end = np.maximum(begin, center - stretch / 2), np.minimum(end, center + stretch / 2)
        weights = np.maximum(end - begin, 0)
    else:
        weights = kernel((place + 0.5 - center) / stretch) * np.maximum(end - begin, 0)
    if axis.pairs:
        first, weights = first // 2 - len(UNBLUR), _unblurring(weights.reshape(axis.size, -1, 2).sum(axis=2))
    return first[:, 0], weights / weights.sum(axis=1, keepdims=True)


def _unblurring(weights: np.ndarray) -> np.ndarray:
    """The weights of pairs that make up for how pairs came about, len(UNBLUR) longer to each side."""
    power = np.pad(weights, ((0, 0), (len(UNBLUR), len(UNBLUR))))
    sharp = power
    for share in UNBLUR:
        around = np.pad(power, ((0, 0), (1, 1)))
        power = power / 2 - (around[:, :-2] + around[:, 2:]) / 4
        sharp = sharp + share * power
    return sharp
