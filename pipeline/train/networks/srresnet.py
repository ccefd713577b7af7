"""SRResNet, the generator of SRGAN: an image 2, 3, 4 or 8 times as large (Ledig et al., arXiv:1609.04802, figure 4).

`norm: batch, residual: false` is the paper's network. Ours differs in two things by default. It has no normalisation, which raises
PSNR (EDSR, Lim et al., arXiv:1707.02921 section 3.1), and it learns what to add to the bicubic enlargement, so that it starts
there and is above it within minutes on a CPU.
"""

import torch
from torch import nn

from pipeline.train.networks.enlarge import bicubic, check_colors, enlarging, factor_for, silence
from pipeline.train.networks.layers import normalisation

__all__ = ["Generator"]


class Generator(nn.Module):
    """Images (N, given_colors, h, w) of any size in -1..1 to (N, colors, h * factor, w * factor) around -1..1, not clipped.

    `size` over `given_size` is the factor. 16 `blocks` of 64 `channels` in the paper. `residual` adds the bicubic enlargement.
    """

    def __init__(
        self, *, size: tuple[int, int], colors: int, given_size: tuple[int, int], given_colors: int, channels: int = 64,
        blocks: int = 16, norm: str = "none", residual: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        check_colors(colors, given_colors, residual)
        self.factor, self.residual = factor_for(size, given_size), residual
        self.first = nn.Sequential(nn.Conv2d(given_colors, channels, 9, 1, 4), nn.PReLU())
        closing = nn.Sequential(nn.Conv2d(channels, channels, 3, 1, 1), *normalisation(norm, channels))
        self.middle = nn.Sequential(*(Block(channels, norm) for _ in range(blocks)), closing)
        self.enlarge = enlarging(channels, self.factor, nn.PReLU)
        self.last = nn.Conv2d(channels, colors, 9, 1, 4)
        if residual:
            silence(self.last)

    def forward(self, given: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        """`labels` make no difference."""
        x = self.first(given)
        drawn = self.last(self.enlarge(x + self.middle(x)))
        return drawn + bicubic(given, self.factor) if self.residual else drawn


class Block(nn.Module):
    """Convolution, PReLU, convolution, added to what came in."""

    def __init__(self, channels: int, norm: str) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, channels, 3, 1, 1), *normalisation(norm, channels), nn.PReLU(),
            nn.Conv2d(channels, channels, 3, 1, 1), *normalisation(norm, channels),
        )  # fmt: skip

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.layers(x)
