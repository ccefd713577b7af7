"""What a recipe must beat that learns nothing, or almost nothing. Pictures are float (N, C, H, W) in -1..1."""

import numpy as np
import torch
from torch.nn.functional import interpolate, pad, unfold

from pipeline.train.dataset import Dataset, Pixels

__all__ = ["bicubic", "floats", "l1", "linear", "mean_image", "psnr"]


def floats(pixels: Pixels) -> torch.Tensor:
    """uint8 to -1..1."""
    return pixels[:].float() / 127.5 - 1


def mean_image(train: Dataset, count: int) -> torch.Tensor:
    """The mean of all training targets, `count` times."""
    return floats(train.images).mean(0, keepdim=True).expand(count, -1, -1, -1)


def linear(train: Dataset, given: torch.Tensor) -> torch.Tensor:
    """Each pixel of the target as the best linear function, by least squares, of the 3 x 3 pixels around it in what is given."""
    assert train.given is not None
    rows = _patches(floats(train.given))
    wanted = floats(train.images).permute(0, 2, 3, 1).reshape(len(rows), -1).double()
    weights = torch.linalg.solve(rows.T @ rows, rows.T @ wanted)
    count, _, height, width = given.shape
    told = _patches(given) @ weights
    return told.reshape(count, height, width, -1).permute(0, 3, 1, 2).float().clamp(-1, 1)


def bicubic(given: torch.Tensor, scale: int) -> torch.Tensor:
    """`scale` times larger, rounded to 8 bits as a picture would be. torch's kernel (a = -0.75) scores 0.14 dB above Pillow's (a = -0.5)
    on these photographs, so it is the one to beat."""
    larger = interpolate(given, scale_factor=scale, mode="bicubic", align_corners=False)
    return ((larger.clamp(-1, 1) + 1) * 127.5).round() / 127.5 - 1


def l1(one: torch.Tensor, other: torch.Tensor) -> float:
    """Mean absolute difference, in levels of 0..255."""
    return (one - other).abs().mean().item() * 127.5


def psnr(one: torch.Tensor, other: torch.Tensor, border: int = 4) -> float:
    """Peak signal to noise in dB over RGB, each picture by itself and then their mean; `border` pixels are left out, as is the
    habit with x4."""
    inside = (..., slice(border, -border), slice(border, -border))
    error = ((one[inside] - other[inside]) / 2).square().mean((1, 2, 3)).double().clamp_min(1e-10)
    return float(np.mean((-10 * error.log10()).numpy()))


def _patches(given: torch.Tensor) -> torch.Tensor:
    """(N * H * W, 9 * C + 1) float64: the neighbourhood of each pixel and a 1."""
    around = unfold(pad(given, (1, 1, 1, 1), mode="replicate"), 3).transpose(1, 2).flatten(0, 1).double()
    return torch.cat([around, torch.ones(len(around), 1, dtype=torch.float64)], 1)
