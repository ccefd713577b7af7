"""The two phases of a step: what the discriminator learns from a batch, and what the generator does.

Each makes the gradients and gives the parts of the loss; the optimiser's step is the trainer's.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

import torch
from torch import nn

from pipeline.train import diffaugment, processes
from pipeline.train.loop.shown import Shown
from pipeline.train.networks.seen import Seen
from pipeline.train.objectives.scene import Features, Scene
from pipeline.train.recipes.recipe import Recipe

__all__ = ["Phases", "Said"]

Weights = Mapping[str, float]


@dataclass(frozen=True)
class Said:
    """A loss, its parts by name before they were weighed, means of what the discriminator said, and how far it overfits (see
    diffaugment): scalars without gradient."""

    loss: torch.Tensor
    parts: dict[str, torch.Tensor]
    beliefs: dict[str, torch.Tensor]
    overfit: torch.Tensor | None = None


@dataclass(frozen=True)
class Phases:
    """The networks and how they are asked. `amp` is the precision that they run in, None for that of their weights."""

    recipe: Recipe
    generator: nn.Module
    discriminator: nn.Module
    labeled_share: float
    features: Features | None
    amp: torch.dtype | None

    def made(self, shown: Shown) -> torch.Tensor:
        """What the generator makes of the batch's noise or of its given halves."""
        given = shown.z if self.recipe.kind == "noise" else shown.given
        with self._precision(shown.real):
            images: torch.Tensor = self.generator(given, shown.fake_labels) if self.recipe.conditional else self.generator(given)
        return images

    def discriminate(self, shown: Shown, fake: torch.Tensor, weights: Weights) -> Said:
        """Leave the discriminator's gradients behind. `fake` is cut off from the generator."""
        objective = self.recipe.objective
        differentiated = objective.image_gradients
        real = shown.real.detach().requires_grad_(differentiated)
        fake = fake.detach().to(shown.real.dtype).requires_grad_(differentiated)
        real_seen = self._look(shown, shown.real_draws, real, shown.labels)
        fake_seen = self._look(shown, shown.fake_draws, fake, shown.fake_labels)
        told = self._look(shown, shown.real_draws, shown.told, None) if shown.told is not None else None
        scene = Scene(
            lambda images, labels, given: self._look(shown, shown.real_draws, images, labels), real, fake, shown.labels, shown.fake_labels,
            shown.given, real_seen, fake_seen, told, shown.told_labels, shown.mix, self.labeled_share, self.features,
        )
        said = _learned(objective.d_losses(scene), {**weights, "adversarial": 1.0}, self._beliefs(shown, real_seen, fake_seen, told))
        return replace(said, overfit=diffaugment.overfitting(real_seen.realness.detach()))

    def generate(self, shown: Shown, fake: torch.Tensor, weights: Weights, judged: bool) -> Said:
        """Leave the generator's gradients behind. Not `judged`: the discriminator is not asked."""
        objective = self.recipe.objective
        fake = fake.to(shown.real.dtype)
        self.discriminator.requires_grad_(False)
        real_seen = fake_seen = None
        if judged:
            if objective.g_sees_real:
                real_seen = self._look(shown, shown.real_draws, shown.real, shown.labels)
            fake_seen = self._look(shown, shown.g_draws, fake, shown.fake_labels)
        scene = Scene(
            lambda images, labels, given: self._look(shown, shown.g_draws, images, labels), shown.real, fake, shown.labels,
            shown.fake_labels, shown.given, real_seen, fake_seen, features=self.features,
        )
        said = _learned(objective.g_losses(scene), weights, {})
        self.discriminator.requires_grad_(True)
        return said

    def _look(self, shown: Shown, draws: torch.Tensor, images: torch.Tensor, labels: torch.Tensor | None) -> Seen:
        """Ask the discriminator, through the augmentation; a pair's other half is moved alike."""
        augment = self.recipe.augment
        images = diffaugment.apply(images, augment, draws)
        given = diffaugment.apply(shown.given, augment, draws) if self.recipe.kind == "translation" and shown.given is not None else None
        conditions = labels if self.recipe.conditional else None
        with self._precision(shown.real):
            seen: Seen = self.discriminator(images, conditions, given)
        return _wide(seen)

    def _precision(self, images: torch.Tensor) -> AbstractContextManager[object]:
        return torch.autocast(images.device.type, self.amp) if self.amp else nullcontext()

    def _beliefs(self, shown: Shown, real: Seen, fake: Seen, told: Seen | None) -> dict[str, torch.Tensor]:
        """D(x), D(G(z)), and of those with a class the share that is told right."""
        with torch.no_grad():
            scores = {"d_real": real.realness, "d_fake": fake.realness}
            if self.recipe.objective.adversarial.probabilities:
                scores = {name: score.sigmoid() for name, score in scores.items()}
            beliefs = {name: score.mean() for name, score in scores.items()}
            asked, labels = (told, shown.told_labels) if told is not None else (real, shown.labels)
            if asked.classes is not None and labels is not None:
                known = labels >= 0
                right = (asked.classes.argmax(1) == labels) & known
                share = processes.mean(torch.stack([right.sum(), known.sum()]).float())  # each process knows other ones
                beliefs["class_accuracy"] = share[0] / share[1].clamp(min=1 / processes.world())
        return beliefs


def _wide(seen: Seen) -> Seen:
    """In single precision or better: near its optimum a loss in bf16 has a gradient of the wrong size, and no more than rounding."""
    return Seen(_single(seen.realness), *(None if said is None else _single(said) for said in (seen.classes, seen.features)))


def _single(values: torch.Tensor) -> torch.Tensor:
    return values.float() if values.dtype.itemsize < 4 else values


def _learned(parts: Mapping[str, torch.Tensor], weights: Weights, beliefs: dict[str, torch.Tensor]) -> Said:
    """Differentiate the weighed sum."""
    loss = torch.stack([weights[name] * part for name, part in parts.items()]).sum()
    loss.backward()
    return Said(loss.detach(), {name: part.detach() for name, part in parts.items()}, beliefs)
