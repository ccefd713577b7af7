"""What is remembered of one file for finding its copies: a picture over light and over dark, with and without its border.

One decode gives everything, and nothing of it depends on any other file, so it is kept from run to run.
"""

import hashlib
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from PIL import Image

from pipeline import image
from pipeline.curate.copies.hashes import averaged, perceptual_hashes

__all__ = ["COLOURS", "LOOK", "Fingerprint", "View", "digest_of", "fingerprint"]

LOOK = 128  # pixels of the shorter side at which pictures are looked at
THUMB_AREA = 48 * 48  # pixels of a thumbnail
GROUNDS = {"light": 255, "dark": 0}
COLOUR_BINS = (32, 28, 28)  # luma, red difference, blue difference
COLOUR_STEPS = (8, 7, 7)  # to which the bins are shared out, so that a small change of colour moves little
COLOURS = 8 * 7 * 7  # their number
CHROMA = (72, 184)  # of the differences, 8-bit; what lies beyond counts as the last bin
SAME_COLOUR = 14  # 8-bit levels within which the lines of a border are one colour
BLEND = 1  # pixels beside a border in which it runs into the picture
LEAST_BORDER = 0.02  # share of a side that must be border to count
LEAST_CORE = 0.25  # share of each side that must be left within a border


@dataclass(frozen=True)
class View:
    """One way to see a picture.

    `ground`: "" (opaque), "light" or "dark", what lies under its transparency; `core`: without its uniform border;
    `share`: of the picture's area that is seen; `hashes`: uint8 (8, 32), see `perceptual_hashes`; `quality`: 0 (flat) to 100;
    `thumb`: uint8 (H, W, 3), its aspect kept; `colours`: float16 (392,), about unit length,
    the square root of a soft colour histogram, so that distances are Hellinger's.
    """

    ground: str
    core: bool
    share: float
    hashes: np.ndarray
    quality: int
    thumb: np.ndarray
    colours: np.ndarray


@dataclass(frozen=True)
class Fingerprint:
    """`width`, `height` of the upright file in pixels; `lossless` if its format keeps every pixel; `digest` of its exact pixels, ""
    where it was looked at smaller than it is; its views, the whole first."""

    width: int
    height: int
    lossless: bool
    digest: str
    views: tuple[View, ...]


def fingerprint(look: image.Reduced) -> Fingerprint:
    """What is remembered of a picture, from `image.reduced(data, LOOK)`."""
    views = [
        _view(pixels, ground, bool(core), pixels.size / whole.size)
        for ground, whole in _composed(look.picture)
        for core, pixels in enumerate(_with_core(whole))
    ]
    lossless = look.header.format in ("PNG", "BMP", "TIFF", "GIF")
    whole = look.picture.size == (look.header.width, look.header.height)
    digest = digest_of(look.picture) if whole else ""
    return Fingerprint(look.header.width, look.header.height, lossless, digest, tuple(sorted(views, key=lambda view: view.core)))


def digest_of(picture: Image.Image) -> str:
    """The SHA-256 of size and pixels, as hexadecimal digits; without transparency, RGBA and grey are the same as RGB."""
    if picture.mode in ("RGBA", "LA") and picture.getchannel("A").getextrema() != (255, 255):
        same = picture.convert("RGBA")
    else:
        same = picture.convert("RGB")
    return hashlib.sha256(f"{same.mode} {same.size}".encode() + same.tobytes()).hexdigest()


def _composed(picture: Image.Image) -> list[tuple[str, np.ndarray]]:
    """(ground, RGB) of the picture: one if it is opaque, else over light and over dark."""
    if picture.mode in ("RGBA", "LA") and picture.getchannel("A").getextrema() != (255, 255):
        return [(name, np.asarray(image.flatten(picture, (level, level, level)))) for name, level in GROUNDS.items()]
    return [("", np.asarray(picture.convert("RGB")))]


def _with_core(whole: np.ndarray) -> list[np.ndarray]:
    """The picture, and where it has a border of one colour, what is within."""
    height, width = whole.shape[:2]
    top, bottom = _uniform(whole), _uniform(whole[::-1])
    sides = whole.swapaxes(0, 1)
    left, right = _uniform(sides), _uniform(sides[::-1])
    top, bottom, left, right = (side and side + BLEND for side in (top, bottom, left, right))
    core = whole[top : height - bottom, left : width - right]
    taken = max((top + bottom) / height, (left + right) / width)
    if taken < LEAST_BORDER or core.shape[0] < LEAST_CORE * height or core.shape[1] < LEAST_CORE * width:
        return [whole]
    return [whole, np.ascontiguousarray(core)]


def _uniform(rows: np.ndarray) -> int:
    """How many rows, from the first on, have one colour, that of the first."""
    first = rows[0].astype(np.int16)
    colour = (first.min(0) + first.max(0)) // 2
    for number in range(len(rows)):
        if np.abs(rows[number] - colour).max() > SAME_COLOUR:
            return number
    return 0


def _view(pixels: np.ndarray, ground: str, core: bool, share: float) -> View:
    luma = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    hashes, quality = perceptual_hashes(luma)
    height, width = pixels.shape[:2]
    scale = (THUMB_AREA / (height * width)) ** 0.5
    size = max(8, min(192, round(width * scale))), max(8, min(192, round(height * scale)))
    thumb = averaged(pixels, *size)
    return View(ground, core, share, hashes, quality, thumb, _colours(thumb))


def _colours(thumb: np.ndarray) -> np.ndarray:
    """A colour histogram in which a pixel counts for neighbouring bins by its nearness."""
    shades = cv2.cvtColor(thumb, cv2.COLOR_RGB2YCrCb)
    ranges = [0, 256, *CHROMA, *CHROMA]
    shades[:, :, 1:] = np.clip(shades[:, :, 1:], CHROMA[0], CHROMA[1] - 1)
    fine = cv2.calcHist([shades], [0, 1, 2], None, list(COLOUR_BINS), ranges)
    luma, red, blue = (_sharing(bins, steps) for bins, steps in zip(COLOUR_BINS, COLOUR_STEPS, strict=True))
    shares = luma @ fine.reshape(COLOUR_BINS[0], -1)
    shares = (shares.reshape(-1, COLOUR_BINS[2]) @ blue.T).reshape(COLOUR_STEPS[0], COLOUR_BINS[1], COLOUR_STEPS[2])
    shares = red @ shares
    return np.sqrt(shares / shares.sum()).astype(np.float16).ravel()


@cache
def _sharing(bins: int, steps: int) -> np.ndarray:
    """The share (steps, bins) that each fine bin gives to each step: a tent around the step's centre."""
    place = (np.arange(bins) + 0.5) / bins * (steps - 1)
    return np.maximum(0, 1 - np.abs(place - np.arange(steps)[:, None])).astype(np.float32)
