"""Small residual networks for training under a gradient penalty (Gulrajani et al., arXiv:1704.00028, appendix: the ResNets).

Pre-activation blocks of two 3x3 convolutions, nearest neighbours up and means down, the same channels throughout. The critic has no batch
normalisation, because the penalty is of each image by itself (section 4). The plain critic of that paper is dcgan.Discriminator with
norm "layer", and dcgan.Generator goes with either.
"""

from collections.abc import Sequence

import torch
from torch import nn

from pipeline.errors import UserError
from pipeline.train.networks.layers import Latent, Projection, beside, keep_variance, normalisation, start_for, steps_for
from pipeline.train.networks.seen import Seen

__all__ = ["Discriminator", "Generator"]


class Generator(nn.Module):
    """Latent (N, latent) and, with classes, labels (N,) to images (N, colors, height, width) in -1..1.

    A block for each doubling from 4..7 pixels. norm: batch, group, layer, instance or none. Raises UserError for a size that cannot be.
    """

    def __init__(
        self, *, size: Sequence[int], colors: int, latent: int, channels: int, classes: int = 0, norm: str = "batch"
    ) -> None:
        super().__init__()
        steps = steps_for(size, "wgan-gp")
        start = start_for(size, steps)
        self.latent = Latent(latent, classes)
        self.layers = nn.Sequential(
            nn.Linear(self.latent.width, channels * start[0] * start[1]),
            nn.Unflatten(1, (channels, *start)),
            *(_Block(channels, channels, norm, before=nn.Upsample(scale_factor=2)) for _ in range(steps)),
            *normalisation(norm, channels),
            nn.ReLU(),
            nn.Conv2d(channels, colors, 3, 1, 1),
            nn.Tanh(),
        )
        self.apply(keep_variance)

    def forward(self, z: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        return self.layers(self.latent(z, labels))


class Discriminator(nn.Module):
    """Images (N, colors, height, width) in -1..1 to one score each, which is a difference of scores and no probability.

    A block for each halving to 4..7 pixels, and one more. features are the last hidden layer averaged over places, as the paper's linear
    layer reads it; labels, where told, add a projection (arXiv:1802.05637). norm: layer, instance, group or none; batch is refused.
    """

    def __init__(
        self, *, size: Sequence[int], colors: int, channels: int, classes: int = 0, given_colors: int = 0, norm: str = "layer"
    ) -> None:
        super().__init__()
        if norm == "batch":
            raise UserError(
                "params.yaml: train: the critic of the wgan-gp recipe is penalised for each image by itself, which batch normalisation "
                "would mix; its norm is layer, instance, group or none"
            )
        steps = steps_for(size, "wgan-gp")
        first = _Block(colors + given_colors, channels, norm, after=nn.AvgPool2d(2), pixels=True)
        halving = (_Block(channels, channels, norm, after=nn.AvgPool2d(2)) for _ in range(steps - 1))
        self.layers = nn.Sequential(first, *halving, _Block(channels, channels, norm), nn.ReLU())
        self.realness = nn.Linear(channels, 1)
        self.apply(keep_variance)
        self.projection = Projection(classes, channels) if classes else None

    def forward(self, images: torch.Tensor, labels: torch.Tensor | None = None, given: torch.Tensor | None = None) -> Seen:
        features = self.layers(beside(images, given)).mean((2, 3))
        realness = self.realness(features)[:, 0]
        if self.projection is not None and labels is not None:
            realness = realness + self.projection(features, labels)
        return Seen(realness, features=features)


class _Block(nn.Module):
    """x + two convolutions of it, both resampled: enlarged `before` the first, reduced `after` the second. A block that reads `pixels`
    has neither normalisation nor ReLU in front."""

    def __init__(
        self, inside: int, outside: int, norm: str, before: nn.Module | None = None, after: nn.Module | None = None, pixels: bool = False
    ) -> None:
        super().__init__()
        up, down = ([before] if before else []), ([after] if after else [])
        front = [] if pixels else [*normalisation(norm, inside), nn.ReLU()]
        middle = [*normalisation(norm, outside), nn.ReLU()]
        self.layers = nn.Sequential(
            *front, *up, nn.Conv2d(inside, outside, 3, 1, 1), *middle, nn.Conv2d(outside, outside, 3, 1, 1), *down
        )
        self.shortcut = nn.Sequential(*up, *down, *([nn.Conv2d(inside, outside, 1)] if inside != outside else []))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.shortcut(x) + self.layers(x)
