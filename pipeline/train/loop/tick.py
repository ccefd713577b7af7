"""What a run looks like from outside."""

from dataclasses import dataclass
from typing import Protocol

import torch

__all__ = ["Panel", "Tick", "Watcher"]


@dataclass(frozen=True)
class Panel:
    """What the samples of every tick are made from, and what they should be.

    `labels` int64 (n,) names the class of each sample, `given` float (n, C', H', W') in -1..1 is what a translator was given and
    `target` (n, C, H, W) what it should make of that; None where there is no such thing. `probabilities`: d_real and d_fake of a
    tick are in 0..1, else they are scores without bounds. `real` float (n, C, H, W) are some training images, to compare with, and
    `real_labels` int64 (n,) their classes (-1: nobody said).
    """

    classes: list[str]
    labels: torch.Tensor | None
    given: torch.Tensor | None
    target: torch.Tensor | None
    real: torch.Tensor
    probabilities: bool
    real_labels: torch.Tensor | None = None


@dataclass(frozen=True)
class Tick:
    """What a run looks like at one moment.

    `scalars` are means since the tick before, by name: d_loss, g_loss, d_real and d_fake (D(x) and D(G(z)) of what the
    discriminator saw), and each term of the objective. `samples` is float (n, C, H, W) in -1..1 on the CPU, by the averaged generator.
    """

    kimg: float
    scalars: dict[str, float]
    samples: torch.Tensor


class Watcher(Protocol):
    """Who is told of a run: once at its beginning, then of each tick. `past` is how many images an earlier part of the run has seen."""

    def begin(self, panel: Panel, past: int) -> None: ...

    def __call__(self, tick: Tick) -> None: ...
