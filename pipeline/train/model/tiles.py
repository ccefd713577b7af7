"""A large picture through a convolutional network in tiles, with the result of the whole.

A pixel of the result depends on the pixels within the network's reach. Each tile is cut with a margin of that reach, so that what
is kept of it is what the whole picture would have given; neighbours overlap by a few pixels and one fades into the other, so that there
is no seam even where the reach is too long for a margin. Borders of the picture stay borders: what the network does there, it does.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import nn

__all__ = ["Tiling", "reach_of", "tiled"]

FADE = 4  # pixels on either side of the line between two tiles

Network = Callable[[np.ndarray], np.ndarray]
"""Pixels (H, W, C) to float32 (H * scale, W * scale, C')."""


@dataclass(frozen=True)
class Tiling:
    """How a picture is cut: the network sees `tile` pixels across at a time, of which `margin` on each side where there is a neighbour
    are not kept (more than `tile` where that would leave less than half of it). The result is `scale` times as large."""

    tile: int
    margin: int
    scale: int

    @property
    def core(self) -> int:
        """Pixels from one cut to the next, at most."""
        return max(self.tile - 2 * (self.margin + FADE), self.tile // 2)


def reach_of(network: nn.Module, given: torch.Tensor) -> int:
    """How many pixels of the input away a convolutional network looks, at most; `given` is a small input (1, C, h, w).

    The sum over its convolutions of half a kernel, each in pixels of the input; beside branches of unlike length it is more than needed.
    """
    wide = given.shape[-1]
    reach = 0.0

    def add(module: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        nonlocal reach
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            finer = max(inputs[0].shape[-1], output.shape[-1]) if isinstance(module, nn.ConvTranspose2d) else inputs[0].shape[-1]
            reach += (module.kernel_size[0] - 1) / 2 * module.dilation[0] * wide / finer

    hooks = [module.register_forward_hook(add) for module in network.modules()]
    try:
        with torch.inference_mode():
            network(given)
    finally:
        for hook in hooks:
            hook.remove()
    return int(np.ceil(reach)) + 2  # and what is interpolated beside them: two pixels for cubic


def tiled(network: Network, pixels: np.ndarray, tiling: Tiling) -> Iterator[np.ndarray]:
    """The result as float32 bands (h, W * scale, C') from the top, which together are the whole.

    `pixels` (H, W, C). Not more than a row of tiles is held at a time.
    """
    height, width = pixels.shape[:2]
    rows, columns = _cuts(height, tiling.core), _cuts(width, tiling.core)
    scale = tiling.scale
    left_over: np.ndarray | None = None  # of the row before, what fades into this one
    for top, bottom in pairwise(rows):
        fade_above, fade_below = FADE * (top > 0), FADE * (bottom < height)
        row = _row(network, pixels, (top, bottom), columns, tiling)
        if left_over is not None:
            row[: len(left_over)] += left_over
        done = (bottom - top + fade_above - fade_below) * scale
        left_over = row[done:]
        yield row[:done]


def _row(network: Network, pixels: np.ndarray, rows: tuple[int, int], columns: list[int], tiling: Tiling) -> np.ndarray:
    """A row of tiles put together, from FADE above `rows` to FADE below, where it is the fainter the further out."""
    scale, (height, width) = tiling.scale, pixels.shape[:2]
    down, top, bottom = _weights(*rows, height, scale)
    row: np.ndarray | None = None
    for left, right in pairwise(columns):
        across, start, end = _weights(left, right, width, scale)
        y0, y1 = max(0, top - tiling.margin), min(height, bottom + tiling.margin)
        x0, x1 = max(0, start - tiling.margin), min(width, end + tiling.margin)
        made = network(pixels[y0:y1, x0:x1])
        kept = made[(top - y0) * scale : (bottom - y0) * scale, (start - x0) * scale : (end - x0) * scale]
        if row is None:
            row = np.zeros((len(kept), width * scale, made.shape[2]), np.float32)
        row[:, start * scale : end * scale] += kept * (down[:, None] * across)[:, :, None]
    assert row is not None  # there is at least one column
    return row


def _cuts(side: int, core: int) -> list[int]:
    """Where to cut a side into parts as equal as can be, none longer than `core`."""
    parts = -(-side // core)
    return [side * part // parts for part in range(parts + 1)]


def _weights(start: int, end: int, side: int, scale: int) -> tuple[np.ndarray, int, int]:
    """What a tile from `start` to `end` counts at each pixel of the result, and from where to where: 1, falling to 0 across each cut."""
    first, last = start - FADE * (start > 0), end + FADE * (end < side)
    weights = np.ones((last - first) * scale, np.float32)
    ramp = (np.arange(2 * FADE * scale, dtype=np.float32) + 0.5) / (2 * FADE * scale)
    if start > 0:
        weights[: len(ramp)] = ramp
    if end < side:
        weights[-len(ramp) :] = 1 - ramp
    return weights, first, last
