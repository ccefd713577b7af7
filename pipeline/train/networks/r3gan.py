"""R3GAN: ResNeXt blocks without normalisation, for a relativistic loss with R1 and R2 (Huang et al., arXiv:2501.05441, config E).

Each size from 4 pixels up to the image's has two blocks: 1x1 convolution to twice the width, grouped 3x3, 1x1 back, added to what
came in. Between sizes, bilinear resampling and a 1x1 convolution where the width changes. The generator starts from a learned 4x4
map that the latent scales channel by channel; the discriminator ends in a 4x4 depthwise convolution and a linear layer.
The start follows Fixup (Zhang et al., arXiv:1901.09321) as the paper has it: the last convolution of a block is zero, the others
are He's times L^-0.25 for L blocks. All of it is made of operations whose second derivative is as quick as the first.
"""

from math import gcd, log2, sqrt
from typing import TypeVar

import torch
from torch import nn
from torch.nn import functional

from pipeline.errors import UserError
from pipeline.train.networks.seen import Seen

__all__ = ["Discriminator", "Generator", "stages_for", "widths_for"]

Layer = TypeVar("Layer", nn.Conv2d, nn.Linear)

SLOPE = 0.2
EXPANSION = 2  # the 3x3 convolution is twice as wide as what is carried from block to block: the inverted bottleneck of config E


def stages_for(size: tuple[int, int]) -> int:
    """How many sizes there are from 4..7 pixels (the shorter side) up to `size` (height, width).

    Raises UserError for a size that is not reached by doubling.
    """
    doublings = int(log2(min(size) / 4)) if min(size) >= 8 else 0
    if doublings == 0 or any(side % 2**doublings for side in size):
        raise UserError(
            f"params.yaml: resize.size: the r3gan recipe makes sides of 8 or more pixels that halve evenly, such as "
            f"32, 64, 128, 256 or [96, 64]; {size[1]}x{size[0]} does not"
        )
    return doublings + 1


def widths_for(size: tuple[int, int], channels: int, full_to: int, group: int) -> list[int]:
    """The width of each stage, smallest image first: `channels` up to `full_to` pixels, half as many with each doubling above that.

    Raises UserError where the 3x3 convolutions cannot be cut into groups of `group` channels (0: one group).
    """
    stages = stages_for(size)
    sides = [min(size) // 2**stage for stage in reversed(range(stages))]
    halved = [sum(full_to < smaller <= side for smaller in sides) for side in sides]
    least = 2 ** max(halved) * (group // gcd(group, EXPANSION) if group else 1)
    if channels < 1 or channels % least:
        raise UserError(
            f"params.yaml: train: channels: {channels} cannot be shared out over the {stages} sizes of an r3gan network for "
            f"{size[1]}x{size[0]} in groups of {group or 'any number'}; take a multiple of {least}"
        )
    return [channels // 2**times for times in halved]


class Generator(nn.Module):
    """Latents (N, latent), and labels (N,) where there are `classes`, to images (N, colors, h, w) in -1..1.

    `channels` wide up to `full_to` pixels: 768 up to 32 in the paper, which with `group` 16 has 20.7M weights at 32 pixels.
    `blocks` for each size. A class is an embedding of `embedding` numbers beside the latent; the label -1 is none of the classes.
    The paper's last layer is linear; `bounded` puts it through tanh.
    """

    def __init__(
        self, *, size: tuple[int, int], colors: int, latent: int = 64, channels: int, classes: int = 0,
        blocks: int = 2, group: int = 16, full_to: int = 32, embedding: int = 128, bounded: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        widths = widths_for(size, channels, full_to, group)
        count, halvings = blocks * len(widths), len(widths) - 1
        self.embed = nn.Embedding(classes, embedding) if classes else None
        self.basis = nn.Parameter(torch.randn(widths[0], size[0] // 2**halvings, size[1] // 2**halvings))
        self.scale = _started(nn.Linear(latent + (embedding if classes else 0), widths[0], bias=False), 1.0)
        stages: list[nn.Module] = []
        for stage, width in enumerate(widths):
            stages += [Up(widths[stage - 1], width)] if stage else []
            stages += [Block(width, group, count) for _ in range(blocks)]
        self.stages = nn.Sequential(*stages)
        self.last = _started(nn.Conv2d(widths[-1], colors, 1), 1.0)
        self.bounded = bounded

    def forward(self, z: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        if self.embed is not None:
            z = torch.cat([z, _embedded(self.embed, labels)], 1)
        drawn = self.last(self.stages(self.scale(z)[:, :, None, None] * self.basis))
        return drawn.tanh() if self.bounded else drawn


class Discriminator(nn.Module):
    """Images (N, colors, h, w), beside what they were made from if `given_colors`, to a realness (N,).

    The mirror of Generator; with `classes`, the label's embedding is projected on the features (Miyato and Koyama,
    arXiv:1802.05637), and the label -1 adds nothing. `features` are the outputs of the depthwise convolution, (N, channels).
    """

    def __init__(
        self, *, size: tuple[int, int], colors: int, channels: int, classes: int = 0, given_colors: int = 0,
        blocks: int = 2, group: int = 16, full_to: int = 32,
    ) -> None:  # fmt: skip
        super().__init__()
        widths = widths_for(size, channels, full_to, group)[::-1]
        count, halvings = blocks * len(widths), len(widths) - 1
        self.first = _started(nn.Conv2d(given_colors + colors, widths[0], 1, bias=False), 1.0)
        stages: list[nn.Module] = []
        for stage, width in enumerate(widths):
            stages += [Down(widths[stage - 1], width)] if stage else []
            stages += [Block(width, group, count) for _ in range(blocks)]
        self.stages = nn.Sequential(*stages)
        height, width = size[0] // 2**halvings, size[1] // 2**halvings
        self.basis = nn.Parameter(torch.randn(widths[-1], height, width) / sqrt(height * width))
        self.last = _started(nn.Linear(widths[-1], 1, bias=False), 1.0)
        self.embed = nn.Embedding(classes, widths[-1]) if classes else None
        if self.embed is not None:
            nn.init.normal_(self.embed.weight, 0.0, 1 / sqrt(widths[-1]))

    def forward(self, images: torch.Tensor, labels: torch.Tensor | None = None, given: torch.Tensor | None = None) -> Seen:
        deep = self.stages(self.first(images if given is None else torch.cat([given, images], 1)))
        features = (deep * self.basis).sum((2, 3))  # a depthwise convolution as large as the map
        realness = self.last(features)[:, 0]
        if self.embed is not None:
            realness = realness + (_embedded(self.embed, labels) * features).sum(1)
        return Seen(realness, features=features)


class Block(nn.Module):
    """1x1 convolution, LeakyReLU, grouped 3x3, LeakyReLU, 1x1, added to what came in; at the start it changes nothing."""

    def __init__(self, width: int, group: int, count: int) -> None:
        super().__init__()
        inner = width * EXPANSION
        gain = nn.init.calculate_gain("leaky_relu", SLOPE) * count**-0.25
        self.widen = _started(nn.Conv2d(width, inner, 1), gain)
        self.mix = _started(nn.Conv2d(inner, inner, 3, 1, 1, groups=inner // group if group else 1), gain)
        self.narrow = _started(nn.Conv2d(inner, width, 1, bias=False), 0.0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inner = functional.leaky_relu(self.widen(x), SLOPE)
        return x + self.narrow(functional.leaky_relu(self.mix(inner), SLOPE))


class Up(nn.Module):
    """Twice as large. The width changes first, where there are fewer pixels: the two are linear, so the order makes no difference."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.change = _change(before, after)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.interpolate(self.change(x), scale_factor=2, mode="bilinear", align_corners=False)


class Down(nn.Module):
    """Half as large, then the width changes. Halving bilinearly is the mean of 2x2 pixels."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.change = _change(before, after)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.change(functional.avg_pool2d(x, 2))


def _change(before: int, after: int) -> nn.Module:
    return nn.Identity() if before == after else _started(nn.Conv2d(before, after, 1, bias=False), 1.0)


def _started(layer: Layer, gain: float) -> Layer:
    """Weights that keep the variance of what comes in, times gain²; no bias to begin with."""
    nn.init.normal_(layer.weight, 0.0, gain / sqrt(layer.weight[0].numel()))
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def _embedded(embed: nn.Embedding, labels: torch.Tensor | None) -> torch.Tensor:
    """The embeddings of labels (N,) as (N, features): zeros for -1. Raises ValueError without labels."""
    if labels is None:
        raise ValueError(f"a network of {embed.num_embeddings} classes needs labels")
    return embed(labels.clamp(min=0)) * (labels >= 0)[:, None]
