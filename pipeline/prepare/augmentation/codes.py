"""The augmentation codes, each a function of pixels; they are what codebox/image_augmentor calls operations.

fliph                   left and right change places
flipv                   top and bottom change places
noise_V                 Gaussian noise of variance V, on levels from 0 to 1
rot_A                   A degrees clockwise about the middle, on the same canvas
trans_X_Y               X pixels to the right and Y down
zoom_X1_Y1_X2_Y2        that box, in pixels, stretched to the canvas
blur_S                  Gaussian blur of S pixels (standard deviation)

Pixels are uint8: (H, W) grey, (H, W, 2) grey and alpha, (H, W, 3) RGB or (H, W, 4) RGBA. What moves or is mixed is weighted by its
alpha, so colours hidden under transparency do not bleed. All sums are of whole numbers, or of floats that hold them
exactly: the same pixels come out on any CPU.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from pipeline.image import MAX_PIXELS

__all__ = ["Code", "Fill", "apply", "parsed", "problem"]

Fill = str | tuple[int, int, int]
"""What is seen from beyond the picture: reflect, edge, or 8-bit RGB, which is see-through in a picture that has alpha."""

BAND = 1 << 18  # pixels worked on at a time, so that a large picture needs no more memory than a few copies of itself
WEIGHT_BITS = 10  # of a pixel's distance: at most 1/2048 of a pixel, 1/8 of a level, off
TURN_BITS = 30
BLUR_BITS = 18  # 2 x 18 bits of weights and 16 of level times alpha are 52: a double holds every sum exactly
WIDEST_BLUR = 250.0
LARGEST = 1_000_000  # of any number in a code: what is larger is a slip of the hand, and whole numbers stay exact


@dataclass(frozen=True)
class Code:
    """One step, such as name "rot" and numbers (90.0,)."""

    name: str
    numbers: tuple[float, ...] = ()

    @property
    def spatial(self) -> bool:
        """Whether it moves pixels; the others change them where they are."""
        return self.name not in ("noise", "blur")

    @property
    def random(self) -> bool:
        """Whether it gives another picture each time."""
        return self.name == "noise"

    @property
    def filling(self) -> bool:
        """Whether it can show what is beyond the picture."""
        return self.name in ("rot", "trans", "zoom")


def parsed(text: str) -> Code:
    """One code as people write it, such as "zoom_0_0_20_20", already checked."""
    name, *numbers = text.strip().split("_")
    return Code(name, tuple(float(number) for number in numbers))


def problem(code: Code) -> str:
    """Why the code cannot be used though it is well formed, or ""."""
    if max(map(abs, code.numbers), default=0) > LARGEST:
        return f"{code.name} with a number over {LARGEST:,} is not allowed"
    if code.name == "blur" and code.numbers[0] > WIDEST_BLUR:
        return f"blur_{code.numbers[0]:g} is not allowed; up to {WIDEST_BLUR:g} pixels are"
    if code.name == "zoom" and _area(code.numbers) <= 0:
        return f"{_written(code)}: the box has no area; X2 must be over X1 and Y2 over Y1"
    if code.name == "zoom" and _area(code.numbers) > MAX_PIXELS:
        return f"{_written(code)}: the box has more than {MAX_PIXELS:,} pixels"
    return ""


def apply(pixels: np.ndarray, code: Code, fill: Fill, random: np.random.Generator) -> np.ndarray:
    """The pixels after one step, uint8 of the same shape; `random` is used by noise alone."""
    return np.ascontiguousarray(STEPS[code.name](pixels, code.numbers, fill, random))


def _fliph(pixels: np.ndarray, _: tuple[float, ...], fill: Fill, random: np.random.Generator) -> np.ndarray:
    return pixels[:, ::-1]


def _flipv(pixels: np.ndarray, _: tuple[float, ...], fill: Fill, random: np.random.Generator) -> np.ndarray:
    return pixels[::-1]


def _noise(pixels: np.ndarray, numbers: tuple[float, ...], fill: Fill, random: np.random.Generator) -> np.ndarray:
    result = pixels.copy()
    colors = result[:, :, :-1] if _has_alpha(result) else result
    for rows in _bands(pixels):
        noisy = colors[rows] / 255 + random.normal(0, math.sqrt(numbers[0]), colors[rows].shape)
        colors[rows] = np.rint(noisy.clip(0, 1) * 255)
    return result


def _blur(pixels: np.ndarray, numbers: tuple[float, ...], fill: Fill, random: np.random.Generator) -> np.ndarray:
    """A Gaussian cut off at four standard deviations; beyond the picture its edge goes on."""
    reach = round(4 * numbers[0])
    if reach == 0:
        return pixels
    bell = np.exp(-0.5 * (np.arange(-reach, reach + 1) / numbers[0]) ** 2)
    weights = np.rint(bell / bell.sum() * 2**BLUR_BITS)
    weights[reach] += 2**BLUR_BITS - weights.sum()
    result = np.empty_like(pixels)
    for rows in _bands(pixels, at_least=2 * reach):
        around = np.arange(rows.start - reach, rows.stop + reach).clip(0, len(pixels) - 1)
        result[rows] = _unweighted(_filtered(_weighted(pixels[around]), weights)[reach:-reach], 2 * BLUR_BITS)
    return result


def _filtered(levels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    shape = levels.shape
    filtered = cv2.sepFilter2D(levels.astype(np.float64), -1, weights, weights, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(filtered).astype(np.int64).reshape(shape)


def _rot(pixels: np.ndarray, numbers: tuple[float, ...], fill: Fill, random: np.random.Generator) -> np.ndarray:
    height, width = pixels.shape[:2]
    angle = math.radians(numbers[0] % 360)
    cosine, sine = round(math.cos(angle) * 2**TURN_BITS), round(math.sin(angle) * 2**TURN_BITS)
    across = 2 * np.arange(width) + 1 - width  # from the middle, in half pixels
    result = np.empty_like(pixels)
    for rows in _bands(pixels):
        down = (2 * np.arange(rows.start, rows.stop) + 1 - height)[:, None]
        x = cosine * across + sine * down + ((width - 1) << TURN_BITS)
        y = cosine * down - sine * across + ((height - 1) << TURN_BITS)
        result[rows] = _between(pixels, _fine(y), _fine(x), fill)
    return result


def _fine(halves: np.ndarray) -> np.ndarray:
    """From 2^-TURN_BITS of half a pixel to 2^-WEIGHT_BITS of a pixel, rounded."""
    shift = TURN_BITS + 1 - WEIGHT_BITS
    return ((halves + (1 << (shift - 1))) >> shift).astype(np.int32)


def _between(pixels: np.ndarray, y: np.ndarray, x: np.ndarray, fill: Fill) -> np.ndarray:
    """Bilinear, at places (y, x) given in 2^-WEIGHT_BITS of a pixel."""
    one = 1 << WEIGHT_BITS
    top, left, below, beside = y >> WEIGHT_BITS, x >> WEIGHT_BITS, y & (one - 1), x & (one - 1)
    if not below.any() and not beside.any():
        return _at(pixels, top, left, fill)
    rows = [_inside(top + more, pixels.shape[0], fill) for more in (0, 1)]
    columns = [_inside(left + more, pixels.shape[1], fill) for more in (0, 1)]
    flat = pixels.reshape(-1, *pixels.shape[2:])
    total: np.ndarray | int = 0
    for (row, above), down in zip(rows, (one - below, below), strict=True):
        for (column, before), across in zip(columns, (one - beside, beside), strict=True):
            found = flat.take(row * pixels.shape[1] + column, axis=0)
            if not isinstance(fill, str):
                found[above | before] = _filling(fill, pixels)
            weight = down * across
            total = total + _weighted(found) * (weight if found.ndim == 2 else weight[:, :, None])
    return _unweighted(np.asarray(total), 2 * WEIGHT_BITS)


def _trans(pixels: np.ndarray, numbers: tuple[float, ...], fill: Fill, random: np.random.Generator) -> np.ndarray:
    height, width = pixels.shape[:2]
    right, down = (int(number) for number in numbers)
    return _at(pixels, (np.arange(height) - down)[:, None], np.arange(width) - right, fill)


def _zoom(pixels: np.ndarray, numbers: tuple[float, ...], fill: Fill, random: np.random.Generator) -> np.ndarray:
    """What lies in the box alone, so nothing bleeds in from beside it; antialiased where the box is larger than the canvas."""
    x1, y1, x2, y2 = (int(number) for number in numbers)
    part = _at(pixels, np.arange(y1, y2)[:, None], np.arange(x1, x2), fill)
    if part.shape == pixels.shape:
        return part
    return np.asarray(Image.fromarray(part).resize((pixels.shape[1], pixels.shape[0]), Image.Resampling.BILINEAR))


def _at(pixels: np.ndarray, rows: np.ndarray, columns: np.ndarray, fill: Fill) -> np.ndarray:
    """The pixels at whole (rows, columns), two arrays that broadcast together and may lie outside."""
    (row, above), (column, before) = _inside(rows, pixels.shape[0], fill), _inside(columns, pixels.shape[1], fill)
    found = pixels[row, column]
    if not isinstance(fill, str):
        found[above | before] = _filling(fill, pixels)
    return found


def _inside(places: np.ndarray, length: int, fill: Fill) -> tuple[np.ndarray, np.ndarray]:
    """(places along one side brought inside, which were outside): edge stays at its end, reflect turns round, as …cba|abc|cba…"""
    outside = (places < 0) | (places >= length)
    if fill == "reflect" and outside.any():
        turned = places % (2 * length)
        return np.minimum(turned, 2 * length - 1 - turned), outside
    return places.clip(0, length - 1), outside


def _filling(color: tuple[int, int, int], pixels: np.ndarray) -> tuple[int, ...] | int:
    red, green, blue = color
    grey = (19595 * red + 38470 * green + 7471 * blue + 32768) >> 16  # ITU-R 601 luma in 1/65536, as Pillow has it
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    filling: dict[int, tuple[int, ...] | int] = {1: grey, 2: (grey, 0), 3: color, 4: (*color, 0)}
    return filling[channels]


def _has_alpha(pixels: np.ndarray) -> bool:
    return pixels.ndim == 3 and pixels.shape[2] in (2, 4)


def _weighted(pixels: np.ndarray) -> np.ndarray:
    """Levels as int32; where there is alpha as int64, those of colours times alpha."""
    if not _has_alpha(pixels):
        return pixels.astype(np.int32)
    levels = pixels.astype(np.int64)
    levels[:, :, :-1] *= levels[:, :, -1:]
    return levels


def _unweighted(sums: np.ndarray, bits: int) -> np.ndarray:
    """uint8 pixels from sums of `_weighted` levels whose weights add up to 2^bits, rounded once."""
    half = 1 << (bits - 1)
    if not _has_alpha(sums):
        return ((sums + half) >> bits).astype(np.uint8)
    alpha = sums[:, :, -1:]
    colors = (2 * sums[:, :, :-1] + alpha) // np.maximum(2 * alpha, 1)
    return np.concatenate([colors, (alpha + half) >> bits], axis=2).astype(np.uint8)


def _bands(pixels: np.ndarray, at_least: int = 1) -> Iterator[slice]:
    """The rows, some at a time."""
    height, width = pixels.shape[:2]
    step = max(at_least, BAND // width, 1)
    yield from (slice(start, min(start + step, height)) for start in range(0, height, step))


def _area(box: tuple[float, ...]) -> float:
    x1, y1, x2, y2 = box
    return max(x2 - x1, 0) * max(y2 - y1, 0)


def _written(code: Code) -> str:
    return "_".join([code.name, *(f"{number:.0f}" for number in code.numbers)])


Step = Callable[[np.ndarray, tuple[float, ...], Fill, np.random.Generator], np.ndarray]
STEPS: dict[str, Step] = {
    "fliph": _fliph, "flipv": _flipv, "noise": _noise, "rot": _rot, "trans": _trans, "zoom": _zoom, "blur": _blur,
}
