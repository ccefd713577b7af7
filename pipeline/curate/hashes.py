"""What identifies a picture beyond its file: its exact pixels, and a hash that survives re-encoding."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline import image

__all__ = ["Features", "Fingerprint", "hamming", "pdq"]

HASH_SIDE = 512  # pictures are brought to this at most before hashing, as the reference program does
GRID = 64  # PDQ looks at a picture of 64 x 64
FREQUENCIES = 16
WHITE = (255, 255, 255)


@dataclass(frozen=True)
class Fingerprint:
    """`pixels`: SHA-256 of mode, size and upright pixels; `pdq`: 32 bytes; `quality`: 0 (flat) to 100;
    `thumb`: 16 x 16 x 3 uint8 over white, as bytes."""

    pixels: str
    pdq: bytes
    quality: int
    thumb: bytes


@dataclass(frozen=True)
class Features:
    """The work of fingerprinting one file; an unreadable one gives its reason instead."""

    def __call__(self, path: Path) -> Fingerprint | str:
        try:
            picture = image.decode(path.read_bytes())
        except image.ImageError as error:
            return str(error)
        opaque = _without_idle_alpha(picture)
        digest = hashlib.sha256(f"{opaque.mode} {opaque.size}".encode() + opaque.tobytes()).hexdigest()
        flat = image.flatten(picture, WHITE)
        bits, quality = pdq(flat)
        thumb = flat.resize((16, 16), Image.Resampling.BOX).tobytes()
        return Fingerprint(digest, bits, quality, thumb)


def pdq(picture: Image.Image) -> tuple[bytes, int]:
    """The 256-bit PDQ hash of an RGB picture as 32 bytes, and its quality 0..100.

    Source: Facebook, "The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing Algorithm", 2019: luma,
    two passes of a box filter each way, 64 x 64 samples, the 16 x 16 lowest frequencies of their cosine
    transform without the constant one, each bit telling whether a coefficient is above the median.
    """
    if max(picture.size) > HASH_SIDE:
        picture = picture.copy()
        picture.thumbnail((HASH_SIDE, HASH_SIDE), Image.Resampling.BOX)
    luma = np.asarray(picture, dtype=np.float64) @ (0.299, 0.587, 0.114)
    for _ in range(2):
        luma = _box(_box(luma, 1), 0)
    rows = ((np.arange(GRID) + 0.5) * luma.shape[0] / GRID).astype(int)
    columns = ((np.arange(GRID) + 0.5) * luma.shape[1] / GRID).astype(int)
    small = luma[np.ix_(rows, columns)]
    waves = _cosines()
    spectrum = waves @ small @ waves.T
    bits = (spectrum > np.median(spectrum)).flatten()
    return np.packbits(bits).tobytes(), _quality(small)


def hamming(one: np.ndarray, many: np.ndarray) -> np.ndarray:
    """Differing bits between one hash, uint8 (B,), and many, uint8 (N, B): int (N,)."""
    return np.bitwise_count(one ^ many).sum(1)


def _box(values: np.ndarray, axis: int) -> np.ndarray:
    """Mean over a window of 1/128 of the side along one axis; at the ends over the part that is inside."""
    length = values.shape[axis]
    window = (length + 2 * GRID - 1) // (2 * GRID)
    half = (window + 2) // 2
    place = np.arange(length)
    low, high = np.maximum(place + half - window, 0), np.minimum(place + half - 1, length - 1)
    sums = np.concatenate([np.zeros_like(values.take([0], axis)), values.cumsum(axis)], axis)
    totals = sums.take(high + 1, axis) - sums.take(low, axis)
    counts = (high - low + 1).reshape((-1, 1) if axis == 0 else (1, -1))
    return np.asarray(totals / counts)


@lru_cache(maxsize=1)
def _cosines() -> np.ndarray:
    frequency = np.arange(1, FREQUENCIES + 1)[:, None]
    place = np.arange(GRID)[None, :]
    return np.sqrt(2 / GRID) * np.cos(np.pi / (2 * GRID) * frequency * (2 * place + 1))


def _quality(small: np.ndarray) -> int:
    steps = [np.trunc(np.diff(small, axis=axis) * 100 / 255) for axis in (0, 1)]
    return min(100, int(sum(np.abs(step).sum() for step in steps) / 90))


def _without_idle_alpha(picture: Image.Image) -> Image.Image:
    """RGBA with nothing see-through is the same picture as RGB."""
    if picture.mode in ("RGBA", "LA") and picture.getchannel("A").getextrema() == (255, 255):
        return picture.convert("RGB")
    return picture.convert("RGB") if picture.mode == "L" else picture
