"""Terms that tell the generator what its images should be like: in pixels, in features, in the mean of features."""

from dataclasses import dataclass

import torch

from pipeline.train.objectives.scene import Scene
from pipeline.train.processes import batch_mean

__all__ = ["AbsoluteDifference", "FeatureMatching", "Perceptual", "SquaredDifference"]


@dataclass(frozen=True)
class FeatureMatching:
    """The mean of the discriminator's features over generated images against that over real ones, squared
    (Salimans et al., arXiv:1606.03498, section 3.1)."""

    apart: bool = False
    image_gradients: bool = False

    def d_loss(self, scene: Scene) -> torch.Tensor | None:
        return None

    def g_loss(self, scene: Scene) -> torch.Tensor:
        assert scene.real_seen and scene.real_seen.features is not None and scene.fake_seen and scene.fake_seen.features is not None
        return (batch_mean(scene.real_seen.features.detach()) - batch_mean(scene.fake_seen.features)).square().mean()


@dataclass(frozen=True)
class AbsoluteDifference:
    """Mean absolute difference to the target, in the pixels' units of -1..1 (pix2pix: Isola et al., arXiv:1611.07004, equation 3)."""

    apart: bool = False
    image_gradients: bool = False

    def d_loss(self, scene: Scene) -> torch.Tensor | None:
        return None

    def g_loss(self, scene: Scene) -> torch.Tensor:
        return (scene.fake - scene.real).abs().mean()


@dataclass(frozen=True)
class SquaredDifference:
    """Mean squared difference to the target, in the pixels' units of -1..1 (SRGAN: Ledig et al., arXiv:1609.04802, equation 4)."""

    apart: bool = False
    image_gradients: bool = False

    def d_loss(self, scene: Scene) -> torch.Tensor | None:
        return None

    def g_loss(self, scene: Scene) -> torch.Tensor:
        return (scene.fake - scene.real).square().mean()


@dataclass(frozen=True)
class Perceptual:
    """Mean absolute difference in the features of a frozen network (arXiv:1609.04802, equation 5, in the L1 form of arXiv:1809.00219)."""

    apart: bool = False
    image_gradients: bool = False

    def d_loss(self, scene: Scene) -> torch.Tensor | None:
        return None

    def g_loss(self, scene: Scene) -> torch.Tensor:
        assert scene.features is not None
        with torch.no_grad():
            wanted = scene.features(scene.real)
        return (scene.features(scene.fake) - wanted).abs().mean()
