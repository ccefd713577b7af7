"""A part of a picture brought to a size: separable filters as banded matrix products, with the same bytes on every machine.

A filter's weights are rounded to integers that add up to a power of two, so every product and every partial sum is an integer
that float32 holds exactly (below 2**24; float64 and 2**53 with transparency): the order of the additions, the library that
does them and the CPU have no say. Nothing is cut to 8 bits between the two passes; the result is rounded once.
"""

import math
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import cv2
import numpy as np
import pyarrow as pa
from PIL import Image
from threadpoolctl import threadpool_limits

from pipeline.prepare.pixels import rows
from pipeline.prepare.pixels.filters import BLOCK, FIRST_BITS, KEPT_BITS, SECOND_BITS, Axis, Bands

__all__ = ["Part", "resample"]

cv2.setNumThreads(1)  # pictures are this small: the engine's processes are the parallelism

Part = tuple[float, float, float, float]
"""left, top, right, bottom in pixels of the picture; a pixel that is only partly inside counts in part."""

TILE_BYTES = 16 << 20  # of intermediate numbers at a time
STRIP = 100  # rows of averaged pairs made at a time


def resample(picture: Image.Image, part: Part, size: tuple[int, int], name: str) -> Image.Image:
    """The `part` of `picture`, mode L, LA, RGB or RGBA, at `size` (width, height) in the same mode, by the filter `name`.

    Colours weigh by their alpha, and what is fully transparent becomes black. Nothing outside `part` has any influence.
    """
    left, top = math.floor(part[0]), math.floor(part[1])
    pixels = _pixels(picture)[top : math.ceil(part[3]), left : math.ceil(part[2])]
    across = Axis(part[0] - left, part[2] - left, size[0], name)
    down = Axis(part[1] - top, part[3] - top, size[1], name)
    bands, alpha = len(picture.mode), picture.mode in ("LA", "RGBA")
    if pairs := across.halves and down.halves and not alpha:
        across, down = replace(across, pairs=True), replace(down, pairs=True)
    if bands == 3 and pixels.shape[2] == 4 and pixels.shape[1] <= rows.WIDEST and rows.available():
        return Image.frombytes("RGB", size, rows.resampled(pixels, across, down), "raw", "RGBX")
    _on_one_thread()
    if pairs:
        return Image.fromarray(_tiled(lambda low, high: _halved(pixels, bands, low, high), bands, across, down))
    return Image.fromarray(_tiled(lambda low, high: _planes(pixels[low:high], bands), bands, across, down, alpha))


@cache
def _on_one_thread() -> None:
    """From now on in this process: the products are small, so more threads would only wait for each other."""
    threadpool_limits(limits=1, user_api="blas")


def _pixels(picture: Image.Image) -> np.ndarray:
    """uint8 (H, W, C), without a copy where there are three or four bands; C is 4 for three bands, and the last unused."""
    if picture.mode in ("RGB", "RGBA"):
        try:
            levels = pa.array(picture).values.buffers()[1]  # its to_numpy would import pandas, for a second of each process
            return np.frombuffer(levels, np.uint8).reshape(picture.height, picture.width, 4)
        except ValueError:
            pass  # a large picture lies in several pieces
    return np.asarray(picture).reshape(picture.height, picture.width, -1)


def _planes(pixels: np.ndarray, bands: int) -> np.ndarray:
    """uint8 (H, bands, W) of interleaved pixels."""
    height, width, channels = pixels.shape
    planes = _space("planes", (height, channels, width), np.uint8)
    cv2.split(pixels, [planes[:, channel] for channel in range(channels)])
    return planes[:, :bands]


def _halved(pixels: np.ndarray, bands: int, low: int, high: int) -> np.ndarray:
    """The planes with half as many pixels across and down, rows `low` to `high` of these.

    Blurred by (1, 2, 1) / 4, then averaged two by two; both are exact in integers on every CPU, and rounded to 8 bits. A strip
    of the picture at a time, so that it stays near the CPU.
    """
    width = pixels.shape[1]
    halved = _space("halved", (high - low, bands, width // 2), np.uint8)
    for top in range(low, high, STRIP):
        bottom = min(top + STRIP, high)
        above = min(2 * top, 1)  # a row that the blur needs and the average does not
        strip = _planes(pixels[2 * top - above : 2 * bottom + 1], bands)
        blurred = _space("blurred", (len(strip), width), np.uint8)
        for band in range(bands):
            cv2.GaussianBlur(strip[:, band], (3, 3), 0, blurred, borderType=cv2.BORDER_REPLICATE)
            pairs = blurred[above : above + 2 * (bottom - top)]
            cv2.resize(pairs, (width // 2, bottom - top), halved[top - low : bottom - low, band], interpolation=cv2.INTER_AREA)
    return halved


_kept = threading.local()


def _space(use: str, shape: tuple[int, ...], kind: type) -> np.ndarray:
    """An array of anything, which the next call for the same use in this thread gets again: pages that the system has yet to give
    cost more time than what is computed in them."""
    size = math.prod(shape) * np.dtype(kind).itemsize
    if size > TILE_BYTES:
        return np.empty(shape, kind)
    spaces = _kept.__dict__
    if use not in spaces or len(spaces[use]) < size:
        spaces[use] = np.empty(size, np.uint8)
    space: np.ndarray = spaces[use][:size].view(kind).reshape(shape)
    return space


def _tiled(given: Callable[[int, int], np.ndarray], bands: int, across: Axis, down: Axis, alpha: bool = False) -> np.ndarray:
    """Both passes, for some rows of the result at a time; `given` has the uint8 (rows, bands, width) of rows low to high."""
    by_column, by_row = across.bands(SECOND_BITS, BLOCK), down.bands(FIRST_BITS, BLOCK)
    result = np.empty((down.size, across.size, bands) if bands > 1 else (down.size, across.size), np.uint8)
    row_bytes = bands * (8 if alpha else 4) * (across.count + across.size)
    step = BLOCK * max(1, TILE_BYTES // int(row_bytes * BLOCK * (1 + down.count / down.size)))
    for begin in range(0, down.size, step):
        end = min(begin + step, down.size)
        low, high = int(by_row.starts[begin // BLOCK]), int(by_row.starts[(end - 1) // BLOCK]) + by_row.length
        narrow = _both_passes(given(low, high), low, (begin, end), by_column, by_row, alpha)
        final = _straight(narrow) if alpha else _rounded(narrow)
        cv2.merge([final[:, band] for band in range(bands)], result[begin:end])
    return result


def _both_passes(planes: np.ndarray, low: int, rows: tuple[int, int], by_column: Bands, by_row: Bands, alpha: bool) -> np.ndarray:
    """(rows, bands, width of the result) from planes (rows, bands, width) whose first row is `low`."""
    kind = np.float64 if alpha else np.float32
    height, bands, width = planes.shape
    numbers = _space("numbers", planes.shape, kind)
    np.copyto(numbers, planes)
    if alpha:
        numbers[:, :-1] *= numbers[:, -1:]  # up to 65025
    lines = numbers.reshape(height, -1)
    middle = _space("middle", (rows[1] - rows[0], bands * width), kind)
    for made, needed, weights in by_row.blocks(*rows, kind):
        np.matmul(weights, lines[needed.start - low : needed.stop - low], out=middle[made])
    if not alpha:
        middle *= 2.0 ** (KEPT_BITS - FIRST_BITS)
        np.rint(middle, out=middle)
    lines = middle.reshape(-1, width)
    narrow = _space("narrow", (len(lines), by_column.size), kind)
    for made, needed, weights in by_column.blocks(0, by_column.size, kind):
        np.matmul(lines[:, needed], weights.T, out=narrow[:, made])
    return narrow.reshape(-1, bands, by_column.size)


def _rounded(numbers: np.ndarray, unit: float = 2.0 ** (KEPT_BITS + SECOND_BITS)) -> np.ndarray:
    """uint8 of numbers in which `unit` is one level."""
    numbers *= 1 / unit
    np.rint(numbers, out=numbers)
    np.clip(numbers, 0, 255, out=numbers)
    return numbers.astype(np.uint8)


def _straight(numbers: np.ndarray, unit: float = 2.0 ** (FIRST_BITS + SECOND_BITS)) -> np.ndarray:
    """uint8, colours divided by alpha before alpha is rounded: any mixture of one colour is that colour."""
    alpha = numbers[:, -1:]
    seen = alpha > unit / 2  # else alpha becomes 0
    numbers[:, :-1] = np.where(seen, numbers[:, :-1] / np.where(seen, alpha, 1.0), 0.0) * unit
    return _rounded(numbers, unit)
