"""An objective: the game and the terms added to it, by name, so that each can be weighed and told apart in the curves."""

from dataclasses import dataclass
from typing import Protocol

import torch

from pipeline.train.objectives.adversarial import Adversarial
from pipeline.train.objectives.classes import AuxiliaryClasses, KnownClasses
from pipeline.train.objectives.likeness import AbsoluteDifference, FeatureMatching, Perceptual, SquaredDifference
from pipeline.train.objectives.penalties import R1, R2, GradientPenalty
from pipeline.train.objectives.scene import Scene

__all__ = ["TERMS", "Objective", "Term"]

class Term(Protocol):
    """What is added to either loss; None where it says nothing to that network. `apart`: needs a batch of labelled images of its own.
    `image_gradients`: differentiates what the discriminator says by the images it was shown."""

    @property
    def apart(self) -> bool: ...

    @property
    def image_gradients(self) -> bool: ...

    def d_loss(self, scene: Scene) -> torch.Tensor | None: ...

    def g_loss(self, scene: Scene) -> torch.Tensor | None: ...


PIXELS = AbsoluteDifference | SquaredDifference

TERMS: dict[str, Term] = {
    "classes": AuxiliaryClasses(),
    "matching": FeatureMatching(),
    "gradient_penalty": GradientPenalty(),
    "r1": R1(),
    "r2": R2(),
    "l1": AbsoluteDifference(),
    "l2": SquaredDifference(),
    "perceptual": Perceptual(),
}
"""The terms that any recipe can be given by a weight in params.yaml."""


@dataclass(frozen=True)
class Objective:
    """The game and, by name, the terms that are added to it."""

    adversarial: Adversarial
    terms: tuple[tuple[str, Term], ...] = ()

    @property
    def apart(self) -> bool:
        """Whether a batch of labelled images of its own is wanted."""
        return any(term.apart for _, term in self.terms)

    @property
    def image_gradients(self) -> bool:
        """Whether the losses differentiate by the images."""
        return any(term.image_gradients for _, term in self.terms)

    @property
    def mixes(self) -> bool:
        """Whether points between real and generated images are looked at."""
        return any(isinstance(term, GradientPenalty) for _, term in self.terms)

    @property
    def asks_classes(self) -> bool:
        """Whether the discriminator has to tell classes."""
        return any(isinstance(term, AuxiliaryClasses | KnownClasses) for _, term in self.terms)

    @property
    def in_pixels(self) -> bool:
        """Whether there is something to learn without a discriminator."""
        return any(isinstance(term, PIXELS) for _, term in self.terms)

    @property
    def perceives(self) -> bool:
        """Whether a frozen network's features are needed."""
        return any(isinstance(term, Perceptual) for _, term in self.terms)

    @property
    def g_sees_real(self) -> bool:
        """Whether the generator's loss needs what the discriminator says of real images."""
        return self.adversarial.compares or any(isinstance(term, FeatureMatching) for _, term in self.terms)

    def d_losses(self, scene: Scene) -> dict[str, torch.Tensor]:
        """Each part of the discriminator's loss, not weighed yet; the game counts once in it, whatever its weight."""
        assert scene.real_seen is not None and scene.fake_seen is not None
        parts = {"adversarial": self.adversarial.d_loss(scene.real_seen.realness, scene.fake_seen.realness)}
        told = {name: term.d_loss(scene) for name, term in self.terms}
        return {**parts, **{name: value for name, value in told.items() if value is not None}}

    def g_losses(self, scene: Scene) -> dict[str, torch.Tensor]:
        """Each part of the generator's loss, not weighed yet. Without `fake_seen` there is no game, only likeness in pixels."""
        if scene.fake_seen is None:
            return {name: term.g_loss(scene) for name, term in self.terms if isinstance(term, PIXELS)}
        real = scene.real_seen.realness if scene.real_seen is not None else None
        told = {name: term.g_loss(scene) for name, term in self.terms}
        parts = {"adversarial": self.adversarial.g_loss(real, scene.fake_seen.realness)}
        return {**parts, **{name: value for name, value in told.items() if value is not None}}
