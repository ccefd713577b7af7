"""The game itself, as losses on how real the discriminator takes images to be.

`real` and `fake` are its logits, float (N,) or (N, 1, h, w), larger for "real". Both losses are scalars, means over all of them.
"""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch.nn.functional import binary_cross_entropy_with_logits, softplus

from pipeline.train.processes import batch_mean

__all__ = ["Adversarial", "BinaryCrossEntropy", "Hinge", "LeastSquares", "Relativistic", "RelativisticAverage", "Wasserstein"]


class Adversarial(Protocol):
    """`compares`: the generator's loss needs what the discriminator says of real images, too. `probabilities`: the sigmoid of its
    logits is the probability of "real"; else they are scores."""

    @property
    def compares(self) -> bool: ...

    @property
    def probabilities(self) -> bool: ...

    def d_loss(self, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor: ...

    def g_loss(self, real: torch.Tensor | None, fake: torch.Tensor) -> torch.Tensor: ...


@dataclass(frozen=True)
class BinaryCrossEntropy:
    """The non-saturating loss (Goodfellow et al., arXiv:1406.2661, section 3), with one-sided label
    smoothing: real images have the target `real_label` (Salimans et al., arXiv:1606.03498, section 3.4)."""

    real_label: float = 1.0
    compares: bool = False
    probabilities: bool = True

    def d_loss(self, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
        told_real = binary_cross_entropy_with_logits(real, torch.full_like(real, self.real_label))
        return told_real + softplus(fake).mean()

    def g_loss(self, real: torch.Tensor | None, fake: torch.Tensor) -> torch.Tensor:
        return softplus(-fake).mean()


@dataclass(frozen=True)
class Hinge:
    """Lim and Ye, arXiv:1705.02894; Miyato et al., arXiv:1802.05957, equations 16 and 17."""

    compares: bool = False
    probabilities: bool = False

    def d_loss(self, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
        return (1 - real).relu().mean() + (1 + fake).relu().mean()

    def g_loss(self, real: torch.Tensor | None, fake: torch.Tensor) -> torch.Tensor:
        return -fake.mean()


@dataclass(frozen=True)
class LeastSquares:
    """Mao et al., arXiv:1611.04076, equation 9: targets 1 (or `real_label`) and 0, each half the squared distance."""

    real_label: float = 1.0
    compares: bool = False
    probabilities: bool = False

    def d_loss(self, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
        return 0.5 * (real - self.real_label).square().mean() + 0.5 * fake.square().mean()

    def g_loss(self, real: torch.Tensor | None, fake: torch.Tensor) -> torch.Tensor:
        return 0.5 * (fake - 1).square().mean()


@dataclass(frozen=True)
class Wasserstein:
    """Arjovsky et al., arXiv:1701.07875; wants a term that keeps the critic smooth, such as a gradient penalty."""

    compares: bool = False
    probabilities: bool = False

    def d_loss(self, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
        return fake.mean() - real.mean()

    def g_loss(self, real: torch.Tensor | None, fake: torch.Tensor) -> torch.Tensor:
        return -fake.mean()


@dataclass(frozen=True)
class Relativistic:
    """Each generated image against a real one (Jolicoeur-Martineau, arXiv:1807.00734; Huang et al., arXiv:2501.05441, equation 2)."""

    compares: bool = True
    probabilities: bool = False

    def d_loss(self, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
        return softplus(fake - real).mean()

    def g_loss(self, real: torch.Tensor | None, fake: torch.Tensor) -> torch.Tensor:
        assert real is not None  # compares
        return softplus(real - fake).mean()


@dataclass(frozen=True)
class RelativisticAverage:
    """Each image against the mean of the other kind (arXiv:1807.00734, section 4.3; ESRGAN, arXiv:1809.00219, equations 1 and 2)."""

    compares: bool = True
    probabilities: bool = False

    def d_loss(self, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
        return softplus(batch_mean(fake.flatten()) - real).mean() + softplus(fake - batch_mean(real.flatten())).mean()

    def g_loss(self, real: torch.Tensor | None, fake: torch.Tensor) -> torch.Tensor:
        assert real is not None  # compares
        return softplus(real - batch_mean(fake.flatten())).mean() + softplus(batch_mean(real.flatten()) - fake).mean()
