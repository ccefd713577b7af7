"""The generator of ESRGAN: residual-in-residual dense blocks, without normalisation (Wang et al., arXiv:1809.00219, section 3.1).

As in srresnet, and other than in the paper, it learns what to add to the bicubic enlargement unless `residual` is false.
"""

import torch
from torch import nn

from pipeline.train.networks.enlarge import bicubic, check_colors, enlarging, factor_for, silence

__all__ = ["Generator"]

SCALING = 0.2  # what a block finds is added at this strength
SMALLER = 0.1  # its weights start this much smaller than He's; both as section 3.1 has them, so that a deep network starts calmly
DENSE = 3  # dense blocks in each residual-in-residual block


class Generator(nn.Module):
    """Images (N, given_colors, h, w) of any size in -1..1 to (N, colors, h * factor, w * factor) around -1..1, not clipped.

    `size` over `given_size` is the factor. 23 `blocks` of 64 `channels`, each convolution of which adds `growth` maps, in the paper;
    half of `channels` where `growth` is not given.
    """

    def __init__(
        self, *, size: tuple[int, int], colors: int, given_size: tuple[int, int], given_colors: int, channels: int = 64,
        blocks: int = 23, growth: int | None = None, residual: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        check_colors(colors, given_colors, residual)
        self.factor, self.residual = factor_for(size, given_size), residual
        grown = growth or channels // 2
        self.first = nn.Conv2d(given_colors, channels, 3, 1, 1)
        self.middle = nn.Sequential(*(Block(channels, grown) for _ in range(blocks)), nn.Conv2d(channels, channels, 3, 1, 1))
        self.enlarge = enlarging(channels, self.factor, lambda: nn.LeakyReLU(0.2))
        self.fine = nn.Sequential(nn.Conv2d(channels, channels, 3, 1, 1), nn.LeakyReLU(0.2))
        self.last = nn.Conv2d(channels, colors, 3, 1, 1)
        if residual:
            silence(self.last)

    def forward(self, given: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        """`labels` make no difference."""
        x = self.first(given)
        drawn = self.last(self.fine(self.enlarge(x + self.middle(x))))
        return drawn + bicubic(given, self.factor) if self.residual else drawn


class Block(nn.Module):
    """Dense blocks in a row, added to what came in (figure 4, right)."""

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(*(Dense(channels, growth) for _ in range(DENSE)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + SCALING * self.layers(x)


class Dense(nn.Module):
    """Five convolutions, each of which sees what came in and all that was found before it (figure 4)."""

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.growing = nn.ModuleList(nn.Conv2d(channels + step * growth, growth, 3, 1, 1) for step in range(4))
        self.joining = nn.Conv2d(channels + 4 * growth, channels, 3, 1, 1)
        for name, parameter in self.named_parameters():
            if name.endswith("weight"):
                nn.init.kaiming_normal_(parameter, 0.2)
                parameter.data.mul_(SMALLER)
            else:
                nn.init.zeros_(parameter)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found = x
        for convolution in self.growing:
            found = torch.cat([found, nn.functional.leaky_relu(convolution(found), 0.2)], 1)
        return x + SCALING * self.joining(found)
