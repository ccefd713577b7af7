"""What the two networks are asked to do, as losses on the discriminator's logits."""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch.nn.functional import binary_cross_entropy_with_logits

__all__ = ["BinaryCrossEntropy", "Objective"]


class Objective(Protocol):
    """Losses are scalars; logits are float (N,), larger for "real"."""

    def d_loss(self, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor: ...

    def g_loss(self, fake: torch.Tensor) -> torch.Tensor: ...


@dataclass(frozen=True)
class BinaryCrossEntropy:
    """The non-saturating loss (Goodfellow et al., arXiv:1406.2661, section 3), with one-sided label
    smoothing: real images have the target `real_label` (Salimans et al., arXiv:1606.03498, section 3.4)."""

    real_label: float = 1.0

    def d_loss(self, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
        told_real = binary_cross_entropy_with_logits(real, torch.full_like(real, self.real_label))
        return told_real + binary_cross_entropy_with_logits(fake, torch.zeros_like(fake))

    def g_loss(self, fake: torch.Tensor) -> torch.Tensor:
        return binary_cross_entropy_with_logits(fake, torch.ones_like(fake))
