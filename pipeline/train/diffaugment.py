"""Differentiable augmentation of what the discriminator sees, real and generated alike (Zhao et al.,
"Differentiable Augmentation for Data-Efficient GAN Training", arXiv:2006.10738, section 4 and appendix),
each policy with a probability (Karras et al., "Training Generative Adversarial Networks with Limited Data",
arXiv:2006.06676, section 2.2), which may follow how much the discriminator overfits (section 3).

Drawing and applying are two steps. Draws are numbers on the CPU, one row for each image of the whole batch: a process that has
a part of the batch takes its rows, and a captured CUDA graph gets new ones by a copy. Applying is a function of images and
draws alone, with shapes that depend on nothing drawn and no synchronisation; it can be differentiated any number of times.
Draws are fractions and not pixels, so they may be applied to both halves of a pair, of whatever sizes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

from pipeline.errors import UserError

__all__ = ["POLICIES", "Adaptive", "apply", "draw", "overfitting"]

Number = TypeVar("Number", float, torch.Tensor)


def draw(policies: Sequence[str], count: int, size: tuple[int, int], random: torch.Generator, p: float = 1.0) -> torch.Tensor:
    """What is done to `count` images of `size` (height, width): float32 (count, M), where M depends on the policies alone.

    Each policy happens to each image with probability `p`; which other numbers are drawn does not depend on it.
    Raises UserError for a policy that there is not, or that images of this size do not allow.
    """
    for name in policies:
        if name not in POLICIES:
            raise UserError(f"train.augment in params.yaml: there is no policy {name!r}; there are {', '.join(POLICIES)}")
        if name == "rotate" and size[0] != size[1]:
            raise UserError("train.augment in params.yaml: rotate turns by right angles, which needs squares, and the images are "
                            f"{size[1]}x{size[0]} pixels; leave it out")
    draws = torch.rand(count, sum(1 + POLICIES[name].numbers for name in policies), generator=random)
    place = 0
    for name in policies:
        draws[:, place] += 1 - p  # it happens where this is under 1
        place += 1 + POLICIES[name].numbers
    return draws


def apply(images: torch.Tensor, policies: Sequence[str], draws: torch.Tensor, p: torch.Tensor | float = 1.0) -> torch.Tensor:
    """Do to `images`, float (N, C, H, W) in -1..1, what `draws` (N, M) on the same device say, in the order of `policies`. Draws keep
    float32 or wider on their way here: in bfloat16 many would round to 1, where nothing happens.

    Returns the same shape and dtype. `p` is for a probability that lives on the device, as a tensor without dimensions; the draws
    were then made without one.
    """
    place, draws = 0, draws.float()  # the same pixels in a float64 run
    for name in policies:
        policy = POLICIES[name]
        happens, numbers = draws[:, place] < p, draws[:, place + 1 : place + 1 + policy.numbers]
        images = policy.change(images, happens[:, None, None, None], numbers[:, :, None, None, None].unbind(1))
        place += 1 + policy.numbers
    return images


@dataclass(frozen=True)
class Adaptive:
    """The probability that follows overfitting (arXiv:2006.06676, section 3 and figure 5).

    Every `every` batches p moves up where the discriminator is surer of training images than `target` and down where it is less
    sure, as fast as takes it from 0 to 1 in `kimg`.
    """

    target: float = 0.6
    every: int = 4
    kimg: float = 500.0

    def update(self, p: Number, r: Number, images: int) -> Number:
        """The next p, in 0..1, after `images` were shown since the last; `r` is their mean `overfitting`.

        Two floats or two tensors on one device, where it happens without synchronisation.
        """
        now, sign = torch.as_tensor(p, dtype=torch.float64), torch.sign(torch.as_tensor(r, dtype=torch.float64) - self.target)
        moved = (now + sign * (images / (self.kimg * 1000))).clamp(0, 1)
        return moved.to(p) if isinstance(p, torch.Tensor) else moved.item()


def overfitting(realness: torch.Tensor) -> torch.Tensor:
    """r_t of arXiv:2006.06676, equation 1: the mean sign of the discriminator's logits of training images, float32 without dimensions.

    Meaningless for a loss that only compares real with generated, as its logits have no zero.
    """
    return realness.detach().float().sign().mean()


def _color(images: torch.Tensor, happens: torch.Tensor, numbers: Sequence[torch.Tensor]) -> torch.Tensor:
    """Brightness by -0.5..0.5, then saturation by 0..2, then contrast by 0.5..1.5."""
    brightness, saturation, contrast = (number.to(images.dtype) for number in numbers)
    changed = images + (brightness - 0.5)
    grey = changed.mean(1, keepdim=True)
    changed = (changed - grey) * (saturation * 2) + grey
    mean = changed.mean((1, 2, 3), keepdim=True)
    changed = (changed - mean) * (contrast + 0.5) + mean
    return torch.where(happens, changed, images)


def _translation(images: torch.Tensor, happens: torch.Tensor, numbers: Sequence[torch.Tensor]) -> torch.Tensor:
    """Shift by up to an eighth of each side, whole pixels; what comes in from outside is 0."""
    down, right = (_step(number, 2 * round(side / 8) + 1) - round(side / 8) for number, side in zip(numbers, images.shape[2:], strict=True))
    return _Shift.apply(images, (down * happens).flatten(), (right * happens).flatten())


def _cutout(images: torch.Tensor, happens: torch.Tensor, numbers: Sequence[torch.Tensor]) -> torch.Tensor:
    """Put a box of half of each side, its centre anywhere, to 0."""
    height, width = images.shape[2:]
    rows = torch.arange(height, device=images.device)[:, None] - _step(numbers[0], height + 1)
    columns = torch.arange(width, device=images.device) - _step(numbers[1], width + 1)
    inside = (rows.abs() * 4 < height) & (columns.abs() * 4 < width)
    return images * ~(inside & happens)


def _flip(images: torch.Tensor, happens: torch.Tensor, numbers: Sequence[torch.Tensor]) -> torch.Tensor:
    """Mirror left and right every other time: always would be another kind of image, and the generator would learn that one."""
    return torch.where(happens & (numbers[0] < 0.5), images.flip(3), images)


def _rotate(images: torch.Tensor, happens: torch.Tensor, numbers: Sequence[torch.Tensor]) -> torch.Tensor:
    """Turn by 0, 1, 2 or 3 right angles."""
    turns, turned = _step(numbers[0], 4) * happens, images
    for count in (1, 2, 3):
        turned = torch.where(turns == count, torch.rot90(images, count, (2, 3)), turned)
    return turned


def _step(number: torch.Tensor, steps: int) -> torch.Tensor:
    """A number in 0..1 to one of 0 to steps - 1, int64. In float32 on every device, where 0.99999994 may round up to `steps`."""
    return (number * steps).long().clamp(max=steps - 1)


class _Shift(torch.autograd.Function):
    """Images moved by (down, right) pixels, int64 (N,). Its gradient is the same movement back: torch's own, of an index, adds
    up where indices meet, which takes more than twice as long and on a GPU another order each time."""

    @staticmethod
    def forward(ctx: Any, images: torch.Tensor, down: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(down, right)
        count, colors, height, width = images.shape
        rows = torch.arange(height, device=images.device) - down[:, None]
        columns = torch.arange(width, device=images.device) - right[:, None]
        known = ((rows >= 0) & (rows < height))[:, :, None] & ((columns >= 0) & (columns < width))[:, None]
        index = rows.clamp(0, height - 1)[:, :, None] * width + columns.clamp(0, width - 1)[:, None]
        moved = images.flatten(2).gather(2, index.flatten(1)[:, None].expand(count, colors, height * width))
        return torch.where(known[:, None], moved.view(images.shape), 0)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        down, right = ctx.saved_tensors
        return _Shift.apply(gradient, -down, -right), None, None


@dataclass(frozen=True)
class _Policy:
    """`numbers` are drawn for each image beside the one that says whether it happens. `change` takes images, whether as (N, 1, 1, 1) and
    each number as (N, 1, 1, 1)."""

    numbers: int
    change: Callable[[torch.Tensor, torch.Tensor, Sequence[torch.Tensor]], torch.Tensor]


POLICIES = {
    "color": _Policy(3, _color),
    "translation": _Policy(2, _translation),
    "cutout": _Policy(2, _cutout),
    "flip": _Policy(1, _flip),
    "rotate": _Policy(1, _rotate),
}
