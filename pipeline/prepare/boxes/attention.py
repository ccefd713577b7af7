"""What stands out in a picture, and where a box too small for the whole is put to keep it.

Saliency is the image signature of Hou, Harel and Koch (2012, "Image signature: highlighting sparse salient regions"): of the
cosine transform of the picture only the signs are kept and transformed back, which leaves energy where something is unlike
its surroundings. Done on CIE Lab with whole numbers throughout, so every machine finds the same place.
"""

from functools import cache

import cv2
import numpy as np
from PIL import Image

from pipeline import image
from pipeline.prepare.boxes.geometry import Box

__all__ = ["CELLS", "attended", "saliency"]

CELLS = 64  # the picture is looked at as CELLS x CELLS cells, whatever its shape
PREFERENCE = 12  # per cent of all that stands out, to be gained by going from the middle to the edge; a quarter of it half the way
UNITS = 1 << 15  # of the whole numbers that stand for cosines


def saliency(picture: Image.Image) -> np.ndarray:
    """int64 (CELLS, CELLS), 0 or more: how much each cell stands out; all 0 for a picture of one colour."""
    cells = image.flatten(picture, (128, 128, 128)).resize((CELLS, CELLS), Image.Resampling.BOX)
    lab = cv2.cvtColor(np.asarray(cells), cv2.COLOR_RGB2LAB).astype(np.int64)
    cosines, total = _cosines(), np.zeros((CELLS, CELLS), np.int64)
    for channel in range(3):
        level = lab[:, :, channel]
        signs = np.sign(cosines @ (level - level.sum() // level.size) @ cosines.T)
        signs[0, 0] = 0  # the mean
        energy = (cosines.T @ signs @ cosines >> 20) ** 2
        total += _blurred(energy) >> 10
    return total


def attended(box: Box, content: Box, picture: Image.Image) -> Box:
    """The box moved within the content, along the side on which it is smaller, to where it keeps most of what stands out.

    `picture` shows the content alone, at any size. Where nothing is gained the box stays near the middle of the content.
    """
    left, top, width, height = box
    if width >= content[2] and height >= content[3]:
        return box
    cells = saliency(picture)
    if width < content[2]:
        left = content[0] + _start(cells.sum(axis=0), width, content[2])
    if height < content[3]:
        top = content[1] + _start(cells.sum(axis=1), height, content[3])
    return left, top, width, height


def _start(profile: np.ndarray, length: int, whole: int) -> int:
    """Where a part of `length` pixels of `whole` begins so that it holds most of the profile, with a preference for the middle."""
    size = max(1, round(CELLS * length / whole))
    room = CELLS - size
    if room == 0:
        return (whole - length) // 2
    sums = [0, *np.cumsum(profile).tolist()]
    kept = [sums[start + size] - sums[start] for start in range(room + 1)]
    scores = [100 * room**2 * k - PREFERENCE * sums[-1] * (2 * start - room) ** 2 for start, k in enumerate(kept)]
    best = max(scores)
    start = min((abs(2 * place - room), place) for place, score in enumerate(scores) if score == best)[1]
    return (whole - length) // 2 if abs(2 * start - room) <= 1 else round(start * (whole - length) / room)


@cache
def _cosines() -> np.ndarray:
    """The matrix of the discrete cosine transform (type II) as whole numbers, int64 (CELLS, CELLS)."""
    frequency, place = np.arange(CELLS)[:, None], np.arange(CELLS)[None]
    return np.rint(UNITS * np.cos(np.pi * (2 * place + 1) * frequency / (2 * CELLS))).astype(np.int64)


def _blurred(energy: np.ndarray, radius: int = 2, times: int = 3) -> np.ndarray:
    """Sums over squares of cells, three times: near enough a Gaussian; the borders are mirrored."""
    for _ in range(times):
        for axis in (0, 1):
            wide = np.pad(energy, [(radius, radius) if a == axis else (0, 0) for a in (0, 1)], mode="symmetric")
            energy = np.lib.stride_tricks.sliding_window_view(wide, 2 * radius + 1, axis).sum(axis=-1) // (2 * radius + 1)
    return energy
