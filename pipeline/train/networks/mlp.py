"""A GAN of fully connected layers, the first there was (Goodfellow et al., arXiv:1406.2661, section 5), in the form that is usual
for digits: three hidden layers with LeakyReLU 0.2, Tanh at the pixels, dropout in the discriminator.

With classes it is conditional in both networks, as in arXiv:1411.1784, section 4.1.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import prod

import torch
from torch import nn

from pipeline.errors import UserError
from pipeline.train.networks.layers import Dropout, Latent, beside, one_hot
from pipeline.train.networks.seen import Seen

__all__ = ["Discriminator", "Generator"]

MOST_VALUES = 64 * 64 * 4  # of an image: every one costs 4 * channels weights in each network


class Generator(nn.Module):
    """Latent (N, latent) and, with classes, labels (N,) to images (N, colors, height, width) in -1..1.

    Hidden layers of 1, 2 and 4 times `channels` (256). norm: none, or batch after all but the first layer. Weights begin as torch's
    own (uniform, of variance 1/(3 fan-in)). Raises UserError for images of more than 16,384 values.
    """

    def __init__(self, *, size: Sequence[int], colors: int, latent: int, channels: int, classes: int = 0, norm: str = "none") -> None:
        super().__init__()
        _check(size, colors)
        if norm not in ("none", "batch"):
            raise UserError(f"params.yaml: train: the norm of the numgen recipe is none or batch, not {norm!r}")
        self.latent = Latent(latent, classes)
        layers: list[nn.Module] = []
        for before, after in pairwise([self.latent.width, channels, 2 * channels, 4 * channels]):
            normed = [nn.BatchNorm1d(after)] if norm == "batch" and layers else []
            layers += [nn.Linear(before, after), *normed, nn.LeakyReLU(0.2)]
        shape = (colors, *size)
        self.layers = nn.Sequential(*layers, nn.Linear(4 * channels, prod(shape)), nn.Tanh(), nn.Unflatten(1, shape))

    def forward(self, z: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        return self.layers(self.latent(z, labels))


class Discriminator(nn.Module):
    """Images (N, colors, height, width) in -1..1, with classes beside their label, to one logit each; no label counts as -1.

    Hidden layers of 4, 2 and 1 times `channels`, each with dropout. features are the last of them (N, channels).
    """

    def __init__(
        self, *, size: Sequence[int], colors: int, channels: int, classes: int = 0, given_colors: int = 0, dropout: float = 0.3
    ) -> None:
        super().__init__()
        _check(size, colors + given_colors)
        self.classes = classes
        values = (colors + given_colors) * prod(size) + classes
        layers: list[nn.Module] = []
        for before, after in pairwise([values, 4 * channels, 2 * channels, channels]):
            layers += [nn.Linear(before, after), nn.LeakyReLU(0.2), Dropout(dropout)]
        self.layers = nn.Sequential(*layers)
        self.realness = nn.Linear(channels, 1)

    def forward(self, images: torch.Tensor, labels: torch.Tensor | None = None, given: torch.Tensor | None = None) -> Seen:
        values = beside(images, given).flatten(1)
        if self.classes:
            known = values.new_zeros(len(values), self.classes) if labels is None else one_hot(labels, self.classes, values.dtype)
            values = torch.cat([values, known], 1)
        features = self.layers(values)
        return Seen(self.realness(features)[:, 0], features=features)


def _check(size: Sequence[int], colors: int) -> None:
    height, width = size
    if height * width * colors > MOST_VALUES:
        raise UserError(
            f"params.yaml: resize.size: the numgen recipe makes images of up to {MOST_VALUES} values, such as 28 in grey or 64 in colour; "
            f"{width}x{height} in {colors} channels has {height * width * colors}: choose a smaller size or another recipe, such as dcgan"
        )
