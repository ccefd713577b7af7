"""Samples on one picture: a grid; a row for each class; or given, made and target side by side."""

from itertools import pairwise
from math import sqrt

import numpy as np
from PIL import Image

from pipeline.sheet import table
from pipeline.train.loop.tick import Panel
from pipeline.train.model.sample import to_uint8

__all__ = ["page"]

GAP, MARGIN = 4, 12  # as sheet.table has them
ACROSS = 8  # samples in a row at most


def page(panel: Panel, samples: np.ndarray, side: int = 96, limit: int = 1100, small: bool = False) -> Image.Image:
    """Samples uint8 (n, H, W, C) of a panel as one picture.

    Each is enlarged by the whole factor that brings it near `side` pixels, without smoothing. As many are shown as fit into a square of
    `limit` pixels, but at least one of each class. With `small` even classes are left out where they do not fit, and large
    images are shrunk.
    """
    height, width = samples.shape[1:3]
    longer = side * (2 if panel.given is not None else 1)  # of pairs one looks at details
    scale = max(1, round(side / sqrt(height * width)))
    less = max(1, round(sqrt(height * width) / longer)) if small else 1
    size = (width * scale // less, height * scale // less)
    if panel.given is not None:
        return _pairs(panel, samples, size, limit)
    if panel.labels is not None:
        return _classes(panel, samples, size, limit, small)
    tiles = [_tile(sample, size) for sample in samples]
    across = min(len(tiles), ACROSS, _fitting(limit, size[0]))
    down = min(max(1, len(tiles) // across), ACROSS, _fitting(limit, size[1]))
    return table([tiles[row * across : (row + 1) * across] for row in range(down)])


def _classes(panel: Panel, samples: np.ndarray, size: tuple[int, int], limit: int, small: bool) -> Image.Image:
    """A row for each class with its name, in as many blocks as make the page about square."""
    assert panel.labels is not None
    labels = panel.labels.tolist()
    found = sorted(set(labels))
    down = _fitting(limit, size[1])
    if small:
        found = [found[round(place)] for place in np.linspace(0, len(found) - 1, min(2 * down, len(found)))]
    places = {label: [place for place, own in enumerate(labels) if own == label] for label in found}
    longest = min(ACROSS, max(map(len, places.values())))
    blocks = min(2, -(-len(found) // down)) if small else _blocks(len(found), (longest, size))
    across = max(1, min(longest, _fitting((limit - 80 * blocks) // blocks, size[0])))
    rows = [[_tile(samples[place], size) for place in places[label][:across]] for label in found]
    return table(rows, [panel.classes[label] if 0 <= label < len(panel.classes) else "" for label in found], blocks=blocks)


def _pairs(panel: Panel, samples: np.ndarray, size: tuple[int, int], limit: int) -> Image.Image:
    """What was given, what was made of it and what it should be. What was given small is enlarged, so that its pixels are seen."""
    assert panel.given is not None
    columns = {"given": to_uint8(panel.given), "made": samples}
    if panel.target is not None:
        columns["target"] = to_uint8(panel.target)
    if any(one.shape[1:3] != other.shape[1:3] for one, other in pairwise(columns.values())):
        columns = {f"{name} {pixels.shape[2]}x{pixels.shape[1]}": pixels for name, pixels in columns.items()}
    rows = [[_tile(pixels, size) for pixels in row] for row in zip(*columns.values(), strict=True)]
    down = _fitting(limit - 22, size[1])
    blocks = max(1, min(_blocks(len(rows), (len(columns), size)), _fitting(limit, len(columns) * (size[0] + GAP) + MARGIN)))
    shown = rows[: blocks * max(1, down)]
    if len(shown) >= blocks:  # whole blocks only
        shown = shown[: len(shown) // blocks * blocks]
    return table(shown, headings=list(columns), blocks=min(blocks, len(shown)))


def _tile(pixels: np.ndarray, size: tuple[int, int]) -> Image.Image:
    tile = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    return tile.resize(size, Image.Resampling.BOX if size[0] < tile.width else Image.Resampling.NEAREST)


def _fitting(limit: int, length: int) -> int:
    """How many tiles of a length fit, at least one."""
    return max(1, (limit - 2 * MARGIN + GAP) // (length + GAP))


def _blocks(rows: int, row: tuple[int, tuple[int, int]]) -> int:
    """Into how many blocks to break rows of (tiles, their size) so that the page is nearest to a square."""
    tiles, (width, height) = row
    return min(range(1, max(1, min(rows, 4)) + 1), key=lambda n: max(
        (wide := n * tiles * (width + GAP)) / (high := -(-rows // n) * (height + GAP)), high / wide))
