"""The normalisation layers that the image-to-image networks choose between, and the weights they start from."""

from collections.abc import Callable

import torch
from torch import nn

from pipeline.errors import UserError

__all__ = ["NORMS", "icnr", "normalization", "small_normal"]

NORMS: dict[str, Callable[[int], nn.Module]] = {
    "batch": nn.BatchNorm2d,
    "instance": lambda channels: nn.InstanceNorm2d(channels, affine=True),
    "none": lambda channels: nn.Identity(),
}


def normalization(norm: str, channels: int) -> nn.Module:
    """The layer called `norm` for `channels` maps. Raises UserError for a name that is none of NORMS."""
    if norm not in NORMS:
        raise UserError(f"params.yaml: train: norm: there is no normalisation {norm!r}; choose one of {', '.join(NORMS)}")
    return NORMS[norm](channels)


def small_normal(module: nn.Module) -> None:
    """N(0, 0.02) for weights, N(1, 0.02) for normalisation: DCGAN's start (arXiv:1511.06434 section 4), which pix2pix keeps."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d | nn.InstanceNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)


def icnr(weight: torch.Tensor, factor: int) -> None:
    """Start a convolution that a pixel shuffle follows as a nearest-neighbour enlargement, which has no checkerboard.

    `weight` is (channels * factor², inputs, kh, kw), filled already: the factor² filters of one output channel are made
    equal (Aitken et al., arXiv:1707.02937).
    """
    with torch.no_grad():
        weight.copy_(weight[:: factor * factor].repeat_interleave(factor * factor, dim=0))
