"""DCGAN: strided convolutions and batch normalisation (Radford et al., arXiv:1511.06434, section 3 and figure 1).

The image is (height, width); each network has as many strided steps as take its shorter side to 4..7. Channels double from the
pixels inwards. No normalisation next to the pixels (section 3), unless `norm_first` asks for it.
With classes it is conditional: the generator gets the class beside the noise (arXiv:1411.1784), the discriminator, where it is
told labels, adds a projection (arXiv:1802.05637).
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn

from pipeline.train.networks.layers import Latent, Projection, beside, initialise, normalisation, start_for, steps_for, widths_for
from pipeline.train.networks.seen import Seen

__all__ = ["Discriminator", "Generator"]


class Generator(nn.Module):
    """Latent (N, latent) and, with classes, labels (N,) to images (N, colors, height, width) in -1..1.

    leaky: LeakyReLU 0.2 in place of ReLU, the form that is often used for faces. norm: batch, group, layer, instance or none.
    steps: another number of strided steps than the size asks for. Raises UserError for a size that cannot be.
    """

    def __init__(
        self,
        *,
        size: Sequence[int],
        colors: int,
        latent: int,
        channels: int,
        classes: int = 0,
        leaky: bool = False,
        norm: str = "batch",
        steps: int | None = None,
    ) -> None:
        super().__init__()
        count = steps_for(size, "dcgan", steps)
        widths = widths_for(channels, count)[::-1]
        start = start_for(size, count)
        biased = norm == "none"
        self.latent = Latent(latent, classes)
        layers: list[nn.Module] = [
            nn.Linear(self.latent.width, widths[0] * start[0] * start[1], bias=biased), nn.Unflatten(1, (widths[0], *start)),
        ]
        for before, after in pairwise(widths):
            layers += [*normalisation(norm, before), _activation(leaky), nn.ConvTranspose2d(before, after, 4, 2, 1, bias=biased)]
        layers += [*normalisation(norm, widths[-1]), _activation(leaky), nn.ConvTranspose2d(widths[-1], colors, 4, 2, 1), nn.Tanh()]
        self.layers = nn.Sequential(*layers)
        initialise(self, norm)

    def forward(self, z: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        return self.layers(self.latent(z, labels))


class Discriminator(nn.Module):
    """Images (N, colors, height, width) in -1..1 to one logit each.

    features are the last hidden layer, flattened: it is all that realness is computed from, and where something is matters as much as
    what it is. The projection alone is of its sum over places, as in its paper. norm: as for the generator; a critic under a gradient
    penalty takes layer (arXiv:1704.00028, section 4). norm_first: normalise the first layer too.
    """

    def __init__(
        self,
        *,
        size: Sequence[int],
        colors: int,
        channels: int,
        classes: int = 0,
        given_colors: int = 0,
        norm: str = "batch",
        norm_first: bool = False,
        steps: int | None = None,
    ) -> None:
        super().__init__()
        count = steps_for(size, "dcgan", steps)
        widths = widths_for(channels, count)
        layers: list[nn.Module] = []
        for before, after in pairwise([colors + given_colors, *widths]):
            kind = norm if layers or norm_first else "none"
            layers += [nn.Conv2d(before, after, 4, 2, 1, bias=kind == "none"), *normalisation(kind, after), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers)
        height, width = start_for(size, count)
        self.realness = nn.Linear(widths[-1] * height * width, 1)
        initialise(self, norm)
        self.projection = Projection(classes, widths[-1]) if classes else None

    def forward(self, images: torch.Tensor, labels: torch.Tensor | None = None, given: torch.Tensor | None = None) -> Seen:
        hidden = self.layers(beside(images, given))
        features = hidden.flatten(1)
        realness = self.realness(features)[:, 0]
        if self.projection is not None and labels is not None:
            realness = realness + self.projection(hidden.sum((2, 3)), labels)
        return Seen(realness, features=features)


def _activation(leaky: bool) -> nn.Module:
    return nn.LeakyReLU(0.2) if leaky else nn.ReLU()
