"""A perceptual hash of a picture, turned and mirrored too: 256 bits that survive re-encoding and resizing.

It is PDQ (Facebook, "The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing Algorithm", 2019) in all but the
sampling: luma at 64 x 64, the 16 x 16 lowest frequencies of its cosine transform without the constant one, each bit telling
whether a coefficient is above the median. PDQ samples at the upper left of each of 64 x 64 cells, so a mirror image's hash is
off by 24 to 44 bits; the mean of each cell is the same from either side.
"""

from functools import lru_cache

import cv2
import numpy as np

__all__ = ["BITS", "ORIENTATIONS", "averaged", "hamming", "perceptual_hashes", "turned"]

BITS = 256
ORIENTATIONS = 8  # four quarter turns, and the same mirrored
GRID = 64
FREQUENCIES = 16
NOTHING = 0.01  # of a coefficient, in 8-bit levels


def perceptual_hashes(luma: np.ndarray) -> tuple[np.ndarray, int]:
    """The hashes of a luma picture (H, W), 0..255, in each orientation, uint8 (8, 32), and PDQ's quality 0 (flat) to 100.

    Hash `o` is the hash of `turned(luma, o)`; the first is the picture's own.
    """
    small = averaged(luma.astype(np.float32), GRID, GRID)
    waves = _cosines()
    spectrum = waves @ small @ waves.T
    spectrum[np.abs(spectrum) < NOTHING] = 0  # a symmetric picture has none of these: the sign of what is left would be chance
    spectra = _orientations(spectrum).reshape(ORIENTATIONS, BITS)
    middle = np.partition(spectra, (BITS // 2 - 1, BITS // 2), axis=1)[:, BITS // 2 - 1 : BITS // 2 + 1]
    bits = spectra > middle.mean(1, keepdims=True)
    return np.packbits(bits, axis=1), _quality(small)


def averaged(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    """A picture (H, W, …) brought to a size, each pixel the mean of what lies under it: the same from whichever side one looks.

    OpenCV does so only where both sides shrink, so a shorter one is repeated first.
    """
    tall, wide = (-(-wanted // side) for wanted, side in zip((height, width), pixels.shape, strict=False))
    if tall > 1 or wide > 1:
        pixels = pixels.repeat(tall, 0).repeat(wide, 1)
    return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)


def turned(picture: np.ndarray, orientation: int) -> np.ndarray:
    """A picture (H, W, …) in one of eight orientations: `orientation` % 4 quarter turns to the left, mirrored from 4 on."""
    upright = np.rot90(picture, orientation % 4)
    return upright[:, ::-1] if orientation >= 4 else upright


def hamming(one: np.ndarray, many: np.ndarray) -> np.ndarray:
    """Differing bits between one hash, uint8 (B,), and many, uint8 (N, B): int (N,)."""
    return np.bitwise_count(one ^ many).sum(1)


@lru_cache(maxsize=1)
def _cosines() -> np.ndarray:
    frequency = np.arange(1, FREQUENCIES + 1)[:, None]
    place = np.arange(GRID)[None, :]
    return np.sqrt(2 / GRID) * np.cos(np.pi / (2 * GRID) * frequency * (2 * place + 1))


def _orientations(spectrum: np.ndarray) -> np.ndarray:
    """What `turned` does to the pixels, done to their cosine transform: mirroring negates the odd frequencies."""
    odd = (-1.0) ** np.arange(1, FREQUENCIES + 1)
    quarters = [spectrum]
    for _ in range(3):
        quarters.append(quarters[-1].T * odd[:, None])
    return np.stack([*quarters, *(each * odd for each in quarters)])


def _quality(small: np.ndarray) -> int:
    steps = [np.trunc(np.diff(small, axis=axis) * (100 / 255)) for axis in (0, 1)]
    return min(100, int(sum(np.abs(step).sum() for step in steps) / 90))
