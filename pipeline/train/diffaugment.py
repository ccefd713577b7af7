"""Differentiable augmentation of what the discriminator sees, real and generated alike (Zhao et al.,
"Differentiable Augmentation for Data-Efficient GAN Training", arXiv:2006.10738, section 4 and appendix).

All policies take images float (N, C, H, W) in -1..1 and a CPU generator, and return the same shape.
"""

from collections.abc import Callable, Sequence

import torch
from torch.nn.functional import pad

__all__ = ["POLICIES", "augment"]


def augment(images: torch.Tensor, policies: Sequence[str], random: torch.Generator) -> torch.Tensor:
    """Apply the named policies in order."""
    for name in policies:
        images = POLICIES[name](images, random)
    return images


def _color(images: torch.Tensor, random: torch.Generator) -> torch.Tensor:
    """Brightness by -0.5..0.5, then saturation by 0..2, then contrast by 0.5..1.5, per image."""
    brightness, saturation, contrast = _uniform(images, random, 3)
    images = images + (brightness - 0.5)
    grey = images.mean(1, keepdim=True)
    images = (images - grey) * (saturation * 2) + grey
    mean = images.mean((1, 2, 3), keepdim=True)
    return (images - mean) * (contrast + 0.5) + mean


def _translation(images: torch.Tensor, random: torch.Generator) -> torch.Tensor:
    """Shift by up to an eighth of each side; what comes in from outside is 0."""
    count, _, height, width = images.shape
    reach = (round(height / 8), round(width / 8))
    down = torch.randint(0, 2 * reach[0] + 1, (count, 1, 1), generator=random).to(images.device)
    right = torch.randint(0, 2 * reach[1] + 1, (count, 1, 1), generator=random).to(images.device)
    rows = torch.arange(height, device=images.device)[None, :, None] + down
    columns = torch.arange(width, device=images.device)[None, None, :] + right
    padded = pad(images, (reach[1], reach[1], reach[0], reach[0])).permute(0, 2, 3, 1)
    number = torch.arange(count, device=images.device)[:, None, None]
    return padded[number, rows, columns].permute(0, 3, 1, 2)


def _cutout(images: torch.Tensor, random: torch.Generator) -> torch.Tensor:
    """Put a box of half of each side, anywhere, to 0."""
    _, _, height, width = images.shape
    top, left = _uniform(images, random, 2)
    rows = torch.arange(height, device=images.device)[None, None, :, None] - (top * (height + 1)).floor()
    columns = torch.arange(width, device=images.device)[None, None, None, :] - (left * (width + 1)).floor()
    inside = (rows.abs() * 2 < height / 2) & (columns.abs() * 2 < width / 2)
    return images * ~inside


def _uniform(images: torch.Tensor, random: torch.Generator, count: int) -> torch.Tensor:
    """`count` numbers in 0..1 for each image, as (count, N, 1, 1, 1) on the images' device."""
    return torch.rand(count, len(images), 1, 1, 1, generator=random).to(images.device)


POLICIES: dict[str, Callable[[torch.Tensor, torch.Generator], torch.Tensor]] = {
    "color": _color,
    "translation": _translation,
    "cutout": _cutout,
}
