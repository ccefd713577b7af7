"""What the upscalers share: the factor that a size asks for, the layers that enlarge, and the enlargement they start from."""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional

from pipeline.errors import UserError

__all__ = ["FACTORS", "bicubic", "check_colors", "enlarging", "factor_for", "icnr", "silence"]

FACTORS = {2: (2,), 3: (3,), 4: (2, 2), 8: (2, 2, 2)}
"""The factors an upscaler can have, and the pixel shuffles they are made of."""


def factor_for(size: tuple[int, int], given_size: tuple[int, int]) -> int:
    """How many times larger `size` is than `given_size`. Raises UserError where that is none of FACTORS, or not the same for both sides."""
    factor = size[0] // given_size[0]
    if factor not in FACTORS or tuple(size) != (given_size[0] * factor, given_size[1] * factor):
        raise UserError(
            f"params.yaml: resize.size: an upscaler makes images 2, 3, 4 or 8 times as large as those it is given; "
            f"{size[1]}x{size[0]} from {given_size[1]}x{given_size[0]} is not"
        )
    return factor


def check_colors(colors: int, given_colors: int, residual: bool) -> None:
    """Raises UserError where `colors` cannot be the enlargement of `given_colors` and something more."""
    if residual and given_colors not in (1, colors):
        raise UserError(
            f"params.yaml: train: residual: {colors}-colour images cannot start from the enlargement of {given_colors}-colour ones; "
            f"set it to false, or give images of as many colours"
        )


def enlarging(channels: int, factor: int, activation: Callable[[], nn.Module]) -> nn.Sequential:
    """Convolution, pixel shuffle and activation for each step of `factor`: `channels` maps to as many, `factor` times as large."""
    layers: list[nn.Module] = []
    for step in FACTORS[factor]:
        convolution = nn.Conv2d(channels, channels * step * step, 3, 1, 1, bias=False)
        icnr(convolution.weight, step)
        layers += [convolution, nn.PixelShuffle(step), activation()]
    return nn.Sequential(*layers)


def icnr(weight: torch.Tensor, factor: int) -> None:
    """Start a convolution that a pixel shuffle follows as a nearest-neighbour enlargement, which has no checkerboard.

    `weight` is (channels * factor², inputs, kh, kw), filled already: the factor² filters of one output channel are made
    equal (Aitken et al., arXiv:1707.02937).
    """
    with torch.no_grad():
        weight.copy_(weight[:: factor * factor].repeat_interleave(factor * factor, dim=0))


def silence(convolution: nn.Conv2d) -> None:
    """Let it draw nothing to begin with, so that a network that adds to an enlargement starts as that enlargement."""
    for parameter in convolution.parameters():
        nn.init.zeros_(parameter)


def bicubic(given: torch.Tensor, factor: int) -> torch.Tensor:
    """Images (N, C, h, w) enlarged as Pillow's BICUBIC does: Keys' kernel with a = -0.5, which torch takes where it antialiases."""
    return functional.interpolate(given, scale_factor=factor, mode="bicubic", align_corners=False, antialias=True)
