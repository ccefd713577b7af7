"""DCGAN: strided convolutions, batch normalisation, no fully connected layer (Radford et al., arXiv:1511.06434).

The image is (height, width); each network has as many strided steps as take its shorter side to 4..7.
"""

from itertools import pairwise
from math import log2

import torch
from torch import nn

from pipeline.errors import UserError

__all__ = ["Discriminator", "Generator", "steps_for"]

WIDEST = 8  # the deepest layers have at most 8 times the channels of the one next to the pixels


def steps_for(size: tuple[int, int]) -> int:
    """How many times `size` (height, width) is halved. Raises UserError for a size that cannot be."""
    steps = int(log2(min(size) / 4)) if min(size) >= 8 else 0
    if steps == 0 or any(side % 2**steps for side in size):
        raise UserError(
            f"params.yaml: resize.size: the dcgan recipe makes sides of 8 or more pixels that halve evenly, such as "
            f"32, 48, 64 or [96, 64]; {size[1]}x{size[0]} does not"
        )
    return steps


class Generator(nn.Module):
    """Latent (N, latent) to images (N, colors, height, width) in -1..1."""

    def __init__(self, size: tuple[int, int], latent: int, channels: int, colors: int) -> None:
        super().__init__()
        steps = steps_for(size)
        widths = [channels * min(2**i, WIDEST) for i in reversed(range(steps))]
        start = (size[0] // 2**steps, size[1] // 2**steps)
        layers: list[nn.Module] = [nn.ConvTranspose2d(latent, widths[0], start, bias=False), *_normed(widths[0])]
        for before, after in pairwise(widths):
            layers += [nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False), *_normed(after)]
        self.layers = nn.Sequential(*layers, nn.ConvTranspose2d(widths[-1], colors, 4, 2, 1), nn.Tanh())
        self.apply(_init)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return self.layers(z[:, :, None, None])


class Discriminator(nn.Module):
    """Images (N, colors, height, width) in -1..1 to logits (N,)."""

    def __init__(self, size: tuple[int, int], channels: int, colors: int) -> None:
        super().__init__()
        steps = steps_for(size)
        widths = [channels * min(2**i, WIDEST) for i in range(steps)]
        layers: list[nn.Module] = []
        for before, after in zip([colors, *widths], widths, strict=False):
            layers += [nn.Conv2d(before, after, 4, 2, 1, bias=False), nn.BatchNorm2d(after), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, (size[0] // 2**steps, size[1] // 2**steps)))
        self.apply(_init)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x).flatten()


def _normed(channels: int) -> list[nn.Module]:
    return [nn.BatchNorm2d(channels), nn.ReLU()]


def _init(module: nn.Module) -> None:
    """N(0, 0.02) for weights, N(1, 0.02) for normalisation: section 4 of the paper, and its published code."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
