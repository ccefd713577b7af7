"""What one step shows the networks, and what they said of it."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from pipeline.train.networks.seen import Seen

__all__ = ["Features", "Look", "Scene"]

Look = Callable[[torch.Tensor, torch.Tensor | None, torch.Tensor | None], Seen]
"""The discriminator, with its augmentation: images, labels and given to what it says."""

Features = Callable[[torch.Tensor], torch.Tensor]
"""Images in -1..1 to features (N, C, h, w) that a difference in looks shows in: a frozen network, for the perceptual term."""


@dataclass(frozen=True)
class Scene:
    """`real` and `fake` are float (N, C, H, W) in -1..1; in the discriminator's phase `fake` carries no gradient to the generator.

    `labels` int64 (N,) belong to the real images (-1: nobody said), `fake_labels` are those the generator was told. `real_seen` is
    None in a generator's phase that does not need it. `told` is what the discriminator says of a batch of labelled images alone,
    and `told_labels` their classes, where the objective asks for such a batch. `mix` is (N, 1, 1, 1), uniform in 0..1.
    """

    look: Look
    real: torch.Tensor
    fake: torch.Tensor
    labels: torch.Tensor
    fake_labels: torch.Tensor | None
    given: torch.Tensor | None
    real_seen: Seen | None
    fake_seen: Seen | None
    told: Seen | None = None
    told_labels: torch.Tensor | None = None
    mix: torch.Tensor | None = None
    labeled_share: float = 1.0
    features: Features | None = None
