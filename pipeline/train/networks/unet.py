"""pix2pix's U-Net: an image from an image of the same size (Isola et al., arXiv:1611.07004, appendix 6.1.1 and its errata).

The paper normalises by the statistics of the batch, at test too, with one image in it: each image by itself, which is instance
normalisation. `norm: instance` does that for a batch of any size, so a picture's translation never hangs on its neighbours.
`norm: batch` is there too, and uses running statistics at test. The paper's dropout at test is off in eval mode, for the same reason.
"""

from itertools import pairwise

import torch
from torch import nn

from pipeline.errors import UserError
from pipeline.train.networks.layers import Dropout, normalisation, small_normal

__all__ = ["Generator", "depth_for"]

WIDEST = 8  # the deepest layers have at most 8 times the channels of the first: 64 to 512 in the paper
LEAST = 3  # steps; a U-Net of fewer sees too little of the image to be one


def depth_for(size: tuple[int, int], depth: int) -> int:
    """How many times `size` (height, width) is halved: as often as goes evenly, at most `depth`.

    Raises UserError where that is fewer than 3 times.
    """
    height, width = size
    fits = next(steps for steps in range(depth + 1) if steps == depth or height % 2 ** (steps + 1) or width % 2 ** (steps + 1))
    if fits < LEAST:
        raise UserError(
            f"params.yaml: resize.size: the pix2pix recipe halves the sides at least {LEAST} times (depth, now {depth}), so they are "
            f"multiples of {2**LEAST} such as 64, 128 or [96, 64]; {width}x{height} is not"
        )
    return fits


class Generator(nn.Module):
    """Images (N, given_colors, h, w) in -1..1 to images (N, colors, h, w) in -1..1.

    `depth` steps down and as many up (fewer where the size does not halve so often), `channels` after the first. `dropout` is the
    rate in the first up steps, three at depth 7 or more. Sides at use may be any multiple of 2^depth; others raise UserError.
    """

    def __init__(
        self, *, size: tuple[int, int], colors: int, given_size: tuple[int, int], given_colors: int, channels: int = 64,
        depth: int = 7, dropout: float = 0.5, norm: str = "instance",
    ) -> None:  # fmt: skip
        super().__init__()
        if tuple(size) != tuple(given_size):
            raise UserError(
                f"params.yaml: resize.size: the pix2pix recipe makes images as large as those it is given; "
                f"{size[1]}x{size[0]} from {given_size[1]}x{given_size[0]} is the work of the srgan recipe"
            )
        self.depth = depth_for((size[0], size[1]), depth)
        widths = [channels * min(2**i, WIDEST) for i in range(self.depth)]
        self.down = nn.ModuleList(
            _down(before, after, "none" if step in (0, self.depth - 1) else norm)
            for step, (before, after) in enumerate(pairwise([given_colors, *widths]))
        )
        dropped = min(3, self.depth - 4)  # the paper's three at depth 8; a shallow net keeps what little is left of the middle
        narrowing = list(reversed(widths))
        self.up = nn.ModuleList(
            _up(before if step == 0 else 2 * before, after, norm, dropout if step < dropped else 0.0)
            for step, (before, after) in enumerate(pairwise(narrowing))
        )
        self.last = nn.Sequential(nn.ConvTranspose2d(2 * widths[0], colors, 4, 2, 1), nn.Tanh())
        self.apply(small_normal)

    def forward(self, given: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        """`labels` make no difference: the given image says what is to be seen."""
        height, width = given.shape[2:]
        if height % 2**self.depth or width % 2**self.depth:
            raise UserError(
                f"a picture of {width}x{height} pixels: this generator takes sides that are multiples of {2**self.depth}; "
                f"resize or crop it first"
            )
        x, skipped = given, []
        for down in self.down:
            x = down(x)
            skipped.append(x)
        for step, up in enumerate(self.up):
            x = torch.cat([up(x), skipped[-2 - step]], 1)
        return self.last(x)


def _down(before: int, after: int, norm: str) -> nn.Module:
    """Convolution, normalisation, LeakyReLU. The first has no normalisation (appendix 6.1.1), nor the innermost (errata)."""
    return nn.Sequential(nn.Conv2d(before, after, 4, 2, 1, bias=norm == "none"), *normalisation(norm, after), nn.LeakyReLU(0.2))


def _up(before: int, after: int, norm: str, dropout: float) -> nn.Module:
    convolution = nn.ConvTranspose2d(before, after, 4, 2, 1, bias=norm == "none")
    return nn.Sequential(convolution, *normalisation(norm, after), Dropout(dropout) if dropout else nn.Identity(), nn.ReLU())
