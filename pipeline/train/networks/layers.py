"""What the families share: halving a size, normalisation by name, the class of an image, initial weights."""

from collections.abc import Sequence
from math import gcd, log2, prod

import torch
from torch import nn

from pipeline.errors import UserError
from pipeline.train.processes import drawn

__all__ = [
    "Dropout", "Latent", "Noise", "Projection", "beside", "initialise", "keep_variance", "normalisation", "one_hot", "small_normal",
    "start_for", "steps_for", "widths_for",
]

WIDEST = 8  # the deepest layers have at most 8 times the channels of the one next to the pixels
NORMS = ("batch", "group", "layer", "instance", "none")


def steps_for(size: Sequence[int], recipe: str, steps: int | None = None) -> int:
    """How many times `size` (height, width) is halved: `steps`, or as often as brings its shorter side to 4..7.

    Raises UserError for a size that cannot be.
    """
    height, width = size
    least = 8 if steps is None else 2 ** (steps + 1)
    count = (int(log2(min(size) / 4)) if min(size) >= 8 else 0) if steps is None else steps
    if count < 1 or min(size) < least or height % 2**count or width % 2**count:
        fits = "halve evenly" if steps is None else f"can be halved {steps} times"
        raise UserError(
            f"params.yaml: resize.size: the {recipe} recipe makes sides of {least} or more pixels that {fits}, such as "
            f"32, 48, 64 or [96, 64]; {width}x{height} does not"
        )
    return count


def start_for(size: Sequence[int], steps: int) -> tuple[int, int]:
    """What is left of (height, width) after `steps` halvings."""
    height, width = size
    return height // 2**steps, width // 2**steps


def widths_for(channels: int, steps: int) -> list[int]:
    """Channels after each halving: twice as many each time, at most WIDEST times `channels`."""
    return [channels * min(2**step, WIDEST) for step in range(steps)]


def normalisation(kind: str, channels: int) -> list[nn.Module]:
    """The normalisation of that name for (N, channels, h, w), none as an empty list. Raises UserError for another name.

    batch: arXiv:1502.03167. layer: over all channels and places of one image, arXiv:1607.06450. instance: each channel by
    itself, arXiv:1607.08022. group: 16 channels together, arXiv:1803.08494. The last three treat an image alike in any batch.
    """
    groups = {"layer": 1, "instance": channels, "group": gcd(channels, max(1, channels // 16))}
    if kind not in NORMS:
        raise UserError(f"params.yaml: train: a network's norm is one of {', '.join(NORMS)}, not {kind!r}")
    if kind == "batch":
        return [nn.BatchNorm2d(channels, eps=1e-5, momentum=0.1)]
    return [nn.GroupNorm(groups[kind], channels)] if kind in groups else []


def beside(images: torch.Tensor, given: torch.Tensor | None) -> torch.Tensor:
    """(N, C, h, w) with the other half of its pair (N, C', h, w), where there is one, as further channels."""
    return images if given is None else torch.cat([images, given], 1)


def one_hot(labels: torch.Tensor, classes: int, dtype: torch.dtype) -> torch.Tensor:
    """int64 (N,) to (N, classes); a row of zeros for -1, a class that nobody told."""
    return (labels[:, None] == torch.arange(classes, device=labels.device)).to(dtype)


class Latent(nn.Module):
    """z (N, latent) and the class as one vector (N, width). A class has a learned vector of `latent` numbers.

    joined: "beside" puts the two next to each other, as conditional GANs do (arXiv:1411.1784, section 3); vectors are at first about
    of length 1, like the one-hot ones of that paper, because longer ones drown the noise and each class becomes one image. "times"
    multiplies them number by number, at first by N(0, 1). Without classes it is z. Raises ValueError where labels are missing.
    """

    def __init__(self, latent: int, classes: int, joined: str = "beside") -> None:
        super().__init__()
        if joined not in ("beside", "times"):
            raise UserError(f"params.yaml: train: a class is joined to the noise beside or times it, not {joined!r}")
        self.vectors = nn.Embedding(classes, latent) if classes else None
        if self.vectors is not None:
            nn.init.normal_(self.vectors.weight, 0.0, latent**-0.5 if joined == "beside" else 1.0)
        self.joined = joined
        self.width = 2 * latent if classes and joined == "beside" else latent

    def forward(self, z: torch.Tensor, labels: torch.Tensor | None) -> torch.Tensor:
        if self.vectors is None:
            return z
        if labels is None:
            raise ValueError("a class-conditional generator needs the labels (N,) of the images it shall make")
        vectors = self.vectors(labels)
        return z * vectors if self.joined == "times" else torch.cat([z, vectors], 1)


class Projection(nn.Module):
    """How well features (N, width) go with a label: their dot product with the class's learned vector, to be added to realness
    (Miyato and Koyama, arXiv:1802.05637, equation 4). (N,); 0 where the label is -1. The vectors are at first N(0, 0.02)."""

    def __init__(self, classes: int, width: int) -> None:
        super().__init__()
        self.classes = classes
        self.vectors = nn.Linear(classes, width, bias=False)
        nn.init.normal_(self.vectors.weight, 0.0, 0.02)

    def forward(self, features: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return (self.vectors(one_hot(labels, self.classes, features.dtype)) * features).sum(1)


class Dropout(nn.Module):
    """nn.Dropout (arXiv:1207.0580), drawn for the batch of all processes: each has its rows of what one would draw."""

    def __init__(self, p: float) -> None:
        super().__init__()
        if not 0 <= p < 1:
            raise UserError(f"params.yaml: train: dropout: {p:g} is not allowed; the share that is set to 0 is from 0 to below 1")
        self.p = p

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training or not self.p:
            return x
        stays = 1 - self.p
        return x * drawn(x.detach(), lambda empty: empty.bernoulli_(stays).div_(stays))

    def extra_repr(self) -> str:
        return str(self.p)


class Noise(nn.Module):
    """Adds N(0, deviation) in training, nothing after it."""

    def __init__(self, deviation: float) -> None:
        super().__init__()
        self.deviation = deviation

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.deviation * drawn(x, torch.Tensor.normal_) if self.training and self.deviation else x

    def extra_repr(self) -> str:
        return str(self.deviation)


def initialise(network: nn.Module, norm: str) -> None:
    """Fill `network`'s weights for networks normalised by `norm`; biases are 0, and learned vectors of a Latent stay as they are.

    With normalisation: N(0, 0.02) (arXiv:1511.06434, section 4; arXiv:1610.09585, appendix), and normalisation itself N(1, 0.02), as
    DCGAN's published code has it. With "none" that would fade to nothing within three layers, so `keep_variance`.
    """
    network.apply(keep_variance if norm == "none" else small_normal)


def keep_variance(module: nn.Module) -> None:
    """For Module.apply: N(0, 2 / fan-in) in convolutions, which follow a ReLU (arXiv:1502.01852, section 2.2), N(0, 1 / fan-in) in linear
    layers, which here are the first or the last; biases 0. Fan-in is how many inputs one output is the sum of."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        overlap = prod(module.stride) if isinstance(module, nn.ConvTranspose2d) else 1
        nn.init.normal_(module.weight, 0.0, (2 * overlap / (module.in_channels * prod(module.kernel_size))) ** 0.5)
    elif isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, 0.0, module.in_features**-0.5)
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)


def small_normal(module: nn.Module) -> None:
    """For Module.apply: N(0, 0.02) for weights, N(1, 0.02) for normalisation, biases 0."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm2d | nn.GroupNorm):
        nn.init.normal_(module.weight, 1.0, 0.02)
