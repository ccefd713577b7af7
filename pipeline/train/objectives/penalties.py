"""Terms that keep the discriminator smooth, by the gradients of what it says to the images it was shown.

They are computed in single precision or better, whatever the networks run in.
"""

from dataclasses import dataclass

import torch

from pipeline.train.objectives.scene import Scene

__all__ = ["R1", "R2", "GradientPenalty"]


@dataclass(frozen=True)
class GradientPenalty:
    """(‖∇D‖ - 1)² at points between real and generated images (Gulrajani et al., arXiv:1704.00028, equation 3)."""

    apart: bool = False
    image_gradients: bool = False

    def d_loss(self, scene: Scene) -> torch.Tensor:
        assert scene.mix is not None
        between = (scene.mix * scene.real.detach() + (1 - scene.mix) * scene.fake.detach()).requires_grad_()
        labels = scene.labels if scene.fake_labels is not None else None
        seen = scene.look(between, labels, scene.given)
        length = _gradient(seen.realness, between).square().sum((1, 2, 3)).add(1e-12).sqrt()
        return (length - 1).square().mean()

    def g_loss(self, scene: Scene) -> torch.Tensor | None:
        return None


@dataclass(frozen=True)
class R1:
    """Half of ‖∇D‖² at real images (Mescheder et al., arXiv:1801.04406, equation 9); the weight is gamma."""

    apart: bool = False
    image_gradients: bool = True

    def d_loss(self, scene: Scene) -> torch.Tensor:
        assert scene.real_seen is not None
        return 0.5 * _gradient(scene.real_seen.realness, scene.real).square().sum((1, 2, 3)).mean()

    def g_loss(self, scene: Scene) -> torch.Tensor | None:
        return None


@dataclass(frozen=True)
class R2:
    """The same at generated images (arXiv:1801.04406, equation 10)."""

    apart: bool = False
    image_gradients: bool = True

    def d_loss(self, scene: Scene) -> torch.Tensor:
        assert scene.fake_seen is not None
        return 0.5 * _gradient(scene.fake_seen.realness, scene.fake).square().sum((1, 2, 3)).mean()

    def g_loss(self, scene: Scene) -> torch.Tensor | None:
        return None


def _gradient(realness: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    (gradient,) = torch.autograd.grad(realness.sum(), images, create_graph=True)
    return gradient.float() if gradient.dtype.itemsize < 4 else gradient
