"""AC-GAN: a generator told the class, a discriminator that also says which class it sees (Odena et al., arXiv:1610.09585,
section 3; tables 1 and 2 of its appendix for the layers).

5x5 kernels, batch normalisation with epsilon 1e-5 and running decay 0.9, weights N(0, 0.02). Channels double from the pixels inwards, and
next to the pixels there is no normalisation.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn

from pipeline.errors import UserError
from pipeline.train.networks.layers import Dropout, Latent, beside, initialise, normalisation, start_for, steps_for, widths_for
from pipeline.train.networks.seen import Seen

__all__ = ["Discriminator", "Generator"]


class Generator(nn.Module):
    """Latent (N, latent) and labels (N,) to images (N, colors, height, width) in -1..1.

    joined: how a class meets the noise, "times" it or "beside" it as in the paper. Beside it, the class is told within minutes, but so
    short a run draws each class as one image; times it, no image can do without the noise. kernel: odd. norm: batch, group,
    layer, instance or none. Raises UserError for a size that cannot be and for a dataset without classes.
    """

    def __init__(
        self,
        *,
        size: Sequence[int],
        colors: int,
        latent: int,
        channels: int,
        classes: int = 0,
        joined: str = "times",
        kernel: int = 5,
        norm: str = "batch",
    ) -> None:
        super().__init__()
        _check(classes, kernel)
        steps = steps_for(size, "acgan")
        widths = widths_for(channels, steps)[::-1]
        start = start_for(size, steps)
        self.latent = Latent(latent, classes, joined)
        layers: list[nn.Module] = [
            nn.Linear(self.latent.width, widths[0] * start[0] * start[1]), nn.Unflatten(1, (widths[0], *start)),
        ]
        for before, after in pairwise([*widths, colors]):
            doubling = nn.ConvTranspose2d(before, after, kernel, 2, kernel // 2, output_padding=1)
            layers += [*normalisation(norm, before), nn.ReLU(), doubling]
        self.layers = nn.Sequential(*layers, nn.Tanh())
        initialise(self, norm)

    def forward(self, z: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        return self.layers(self.latent(z, labels))


class Discriminator(nn.Module):
    """Images (N, colors, height, width) in -1..1 to realness (N,) and classes (N, K), two heads on one body.

    dropout: after each layer (the paper: 0.5; 0.3 suits digits). between: a 3x3 layer without stride after each strided one, as the
    tables' strides 2, 1, 2, 1. features are the last hidden layer, flattened: what both heads read. Raises UserError like the generator.
    """

    def __init__(
        self,
        *,
        size: Sequence[int],
        colors: int,
        channels: int,
        classes: int = 0,
        given_colors: int = 0,
        kernel: int = 5,
        norm: str = "batch",
        dropout: float = 0.0,
        between: bool = False,
    ) -> None:
        super().__init__()
        _check(classes, kernel)
        steps = steps_for(size, "acgan")
        widths = widths_for(channels, steps)
        layers: list[nn.Module] = []
        for before, after in pairwise([colors + given_colors, *widths]):
            kind = norm if layers else "none"
            layers += [nn.Conv2d(before, after, kernel, 2, kernel // 2), *_activated(kind, after, dropout)]
            if between:
                layers += [nn.Conv2d(after, after, 3, 1, 1), *_activated(norm, after, dropout)]
        self.layers = nn.Sequential(*layers)
        height, width = start_for(size, steps)
        self.realness = nn.Linear(widths[-1] * height * width, 1)
        self.classes = nn.Linear(widths[-1] * height * width, classes)
        initialise(self, norm)

    def forward(self, images: torch.Tensor, labels: torch.Tensor | None = None, given: torch.Tensor | None = None) -> Seen:
        features = self.layers(beside(images, given)).flatten(1)
        return Seen(self.realness(features)[:, 0], self.classes(features), features)


def _activated(norm: str, channels: int, dropout: float) -> list[nn.Module]:
    return [*normalisation(norm, channels), nn.LeakyReLU(0.2), Dropout(dropout)]


def _check(classes: int, kernel: int) -> None:
    if classes < 1:
        raise UserError(
            "params.yaml: train.recipe: acgan learns to draw classes, and this dataset names none; "
            "name them under classes, or choose a recipe that needs none, such as dcgan"
        )
    if kernel % 2 == 0:
        raise UserError(f"params.yaml: train: the kernel of the acgan recipe is an odd number of pixels, such as 3 or 5, not {kernel}")
