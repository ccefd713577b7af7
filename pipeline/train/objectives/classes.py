"""The classes of images, as a term of the loss."""

from dataclasses import dataclass

import torch
from torch.nn.functional import cross_entropy

from pipeline.train.objectives.scene import Scene

__all__ = ["AuxiliaryClasses", "KnownClasses"]


@dataclass(frozen=True)
class AuxiliaryClasses:
    """Both networks are to get the class right (AC-GAN: Odena et al., arXiv:1610.09585, equation 3, L_C).

    The discriminator of real images whose class is known, the generator of its own images. With `of_fakes` the discriminator learns
    from those too, as in the paper; then the two may agree on a code of their own, which is right in both losses and no likeness
    of the class. Where only a share of the images has a class, each of those counts for as many as it stands for.
    """

    of_fakes: bool = False
    apart: bool = False
    image_gradients: bool = False

    def d_loss(self, scene: Scene) -> torch.Tensor:
        assert scene.real_seen and scene.real_seen.classes is not None
        each = cross_entropy(scene.real_seen.classes, scene.labels.clamp(min=0), reduction="none")
        real = (each * (scene.labels >= 0)).mean() / max(scene.labeled_share, 1e-6)
        if scene.fake_labels is None or not self.of_fakes:
            return real
        assert scene.fake_seen and scene.fake_seen.classes is not None
        return real + cross_entropy(scene.fake_seen.classes, scene.fake_labels)

    def g_loss(self, scene: Scene) -> torch.Tensor | None:
        if scene.fake_labels is None:
            return None
        assert scene.fake_seen and scene.fake_seen.classes is not None
        return cross_entropy(scene.fake_seen.classes, scene.fake_labels)


@dataclass(frozen=True)
class KnownClasses:
    """The discriminator is a classifier too, and learns that from a batch of labelled images of its own (Salimans et al.,
    arXiv:1606.03498, section 5, L_supervised); the generator is not asked for classes."""

    apart: bool = True
    image_gradients: bool = False

    def d_loss(self, scene: Scene) -> torch.Tensor:
        assert scene.told is not None and scene.told.classes is not None and scene.told_labels is not None
        return cross_entropy(scene.told.classes, scene.told_labels)

    def g_loss(self, scene: Scene) -> torch.Tensor | None:
        return None
