"""Images made of noise: so many of a seed, or a walk from one seed to another."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import torch

from pipeline.errors import UserError
from pipeline.train.model.folder import Model
from pipeline.train.noise import latents, normal

__all__ = ["class_number", "generate", "interpolate", "slerp", "to_uint8", "truncated"]

BATCH = 16  # always this many at once: in a batch of another size the last bits differ, and with them now and then a level


def generate(
    model: Model, count: int, seed: int, label: str | None = None, truncation: float = 1.0
) -> Iterator[np.ndarray]:
    """`count` images in batches of uint8 (n, H, W, C).

    Image k depends on (model, seed, k, label, truncation) alone, and not on `count`. A conditional model makes `label`, or without one
    its classes in turn: image k is of class k modulo their number. `truncation` in (0, 1]: see `truncated`.
    Raises UserError for a class that the model does not know, and for a model of another kind.
    """
    model.demand("noise")
    if not 0 < truncation <= 1:
        raise UserError(f"a truncation of {truncation:g} is not allowed; above 0 (all alike) up to 1 (as it was trained) is")
    chosen = class_number(model, label)
    for start in range(0, count, BATCH):
        numbers = range(start, min(start + BATCH, count))
        z = truncated(torch.stack([normal(seed, "latent", number, model.latent) for number in numbers]), truncation)
        labels = [number % len(model.classes) if chosen is None else chosen for number in numbers] if model.classes else None
        yield _made(model, z, labels)


def interpolate(model: Model, seeds: Sequence[int], steps: int, label: str | None = None) -> np.ndarray:
    """The walk from each seed's first image to the next seed's: uint8 ((len(seeds) - 1) * (steps - 1) + 1, H, W, C).

    `steps` >= 2 images lead from one seed to the next, both included. Between two latent vectors the walk is on an arc (`slerp`), since
    noise of many dimensions lies near a sphere and the straight line leaves it. A conditional model makes `label`, or its first class.
    Raises UserError as `generate` does, and for fewer than two seeds or steps.
    """
    model.demand("noise")
    if len(seeds) < 2 or steps < 2:
        raise UserError("a walk needs at least two seeds and two steps, such as --from 1 --to 2 --steps 8")
    stations = [latents(seed, 1, model.latent)[0] for seed in seeds]
    path = [stations[0]]
    for before, after in pairwise(stations):
        path += [slerp(before, after, step / (steps - 1)) for step in range(1, steps)]
    chosen = class_number(model, label) or 0
    parts = [path[start : start + BATCH] for start in range(0, len(path), BATCH)]
    return np.concatenate([_made(model, torch.stack(part), [chosen] * len(part) if model.classes else None) for part in parts])


def class_number(model: Model, label: str | None) -> int | None:
    """The number of a class; None for None. Raises UserError for a name that is none of the model's."""
    if label is None:
        return None
    if not model.classes:
        raise UserError(f"this model's generator was told no classes and cannot be asked for {label!r}; leave --class out, or train with "
                        "train.conditional: true in params.yaml")
    if label not in model.classes:
        raise UserError(f"this model knows no class {label!r}; it knows {', '.join(model.classes)}")
    return model.classes.index(label)


def truncated(z: torch.Tensor, truncation: float) -> torch.Tensor:
    """Noise nearer to the middle, for images that are more typical and less varied: the truncation trick (arXiv:1809.11096, 3.1).

    There a number of `z` beyond a threshold is drawn again until it is within. Here `truncation` is the share of a normal
    distribution's numbers that are within (1: no threshold, 0.95: about 2, 0.68: about 1, 0.38: about 0.5), and each number is moved to
    where it has the same rank among those. The distribution is that of drawing again, but it needs no further numbers, and
    an image changes little by little with the truncation instead of becoming another one.
    """
    if truncation == 1:
        return z
    rank = (1 - truncation) / 2 + truncation * torch.special.ndtr(z.double())
    return torch.special.ndtri(rank).to(z.dtype)


def slerp(a: torch.Tensor, b: torch.Tensor, share: float) -> torch.Tensor:
    """The point at `share` of the arc from vector `a` to `b` (arXiv:1609.04468, section 2.1); of the line where there is no one arc."""
    cosine = torch.dot(a, b).double() / (a.norm() * b.norm()).double()
    angle = torch.arccos(cosine.clamp(-1, 1))
    if angle.sin() < 1e-6:
        return torch.lerp(a, b, share)
    return ((((1 - share) * angle).sin() * a + (share * angle).sin() * b) / angle.sin()).to(a.dtype)


def to_uint8(images: torch.Tensor) -> np.ndarray:
    """float (N, C, H, W) in -1..1 to uint8 (N, H, W, C)."""
    levels = ((images.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return levels.permute(0, 2, 3, 1).contiguous().cpu().numpy()


def _made(model: Model, z: torch.Tensor, labels: Sequence[int] | None) -> np.ndarray:
    """The images of up to BATCH vectors, made in a whole batch and so the same in whichever company."""
    count = len(z)
    device = next(model.generator.parameters()).device
    full = torch.cat([z, z[:1].expand(BATCH - count, -1)]).to(device)
    with torch.inference_mode():
        if labels is None:
            images = model.generator(full)
        else:
            images = model.generator(full, torch.tensor([*labels, *[labels[0]] * (BATCH - count)], device=device))
    return to_uint8(images[:count])
