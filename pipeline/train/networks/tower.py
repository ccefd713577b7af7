"""SRGAN's discriminator: a tower of convolutions that narrows four times (Ledig et al., arXiv:1609.04802, figure 4)."""

from itertools import pairwise

import torch
from torch import nn

from pipeline.train.networks.layers import normalisation
from pipeline.train.networks.seen import Seen

__all__ = ["Discriminator"]

WIDTHS = (1, 2, 4, 8)  # times `channels`; each width has a convolution that keeps the size and one that halves it
DENSE = 16  # times `channels`: 1024 in the paper


class Discriminator(nn.Module):
    """Images (N, colors, h, w), beside what they were made from if `given_colors`, to a realness (N,).

    The paper's dense layer looks at a 96x96 crop laid flat; here it looks at the mean over the image, so images may have any size.
    `norm` is "batch" (the paper), "instance" or "none" (for gradient penalties). `features` is the dense layer, (N, 16 * channels).
    `classes` make no difference.
    """

    def __init__(
        self, *, size: tuple[int, int], colors: int, channels: int = 64, classes: int = 0, given_colors: int = 0, norm: str = "batch",
    ) -> None:  # fmt: skip
        super().__init__()
        widths = [channels * times for times in WIDTHS for _ in (1, 2)]
        layers: list[nn.Module] = [nn.Conv2d(given_colors + colors, widths[0], 3, 1, 1), nn.LeakyReLU(0.2)]
        for step, (before, after) in enumerate(pairwise(widths), 1):
            stride = 2 if step % 2 else 1
            convolution = nn.Conv2d(before, after, 3, stride, 1, bias=norm == "none")
            layers += [convolution, *normalisation(norm, after), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers)
        self.dense = nn.Sequential(nn.Linear(widths[-1], channels * DENSE), nn.LeakyReLU(0.2))
        self.last = nn.Linear(channels * DENSE, 1)

    def forward(self, images: torch.Tensor, labels: torch.Tensor | None = None, given: torch.Tensor | None = None) -> Seen:
        deep = self.layers(images if given is None else torch.cat([given, images], 1))
        features = self.dense(deep.mean((2, 3)))
        return Seen(self.last(features)[:, 0], features=features)
