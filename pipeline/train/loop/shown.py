"""What a step is shown: images, noise, labels and the chances of augmentation, all functions of (seed, images seen).

They are drawn for the global batch; each of several processes takes its rows of it, so together they see what one would.
"""

from dataclasses import dataclass

import torch

from pipeline.train import diffaugment, noise, processes
from pipeline.train.dataset import Dataset
from pipeline.train.recipes.recipe import Recipe

__all__ = ["Deck", "Shown"]


@dataclass(frozen=True)
class Shown:
    """One batch. `z` is None for translators and upscalers, `fake_labels` for a generator that is told no class, `told` where no
    batch of labelled images alone is wanted, `mix` where nothing between real and generated images is looked at. `real_draws`,
    `fake_draws` and `g_draws` are what augmentation does to real images, to generated ones, and to those of the generator's phase."""

    real: torch.Tensor
    labels: torch.Tensor
    given: torch.Tensor | None
    z: torch.Tensor | None
    fake_labels: torch.Tensor | None
    told: torch.Tensor | None
    told_labels: torch.Tensor | None
    mix: torch.Tensor | None
    real_draws: torch.Tensor
    fake_draws: torch.Tensor
    g_draws: torch.Tensor


@dataclass(frozen=True)
class Deck:
    """Deals what each step is shown. `rank` of `world` processes; `dtype` of images and noise."""

    dataset: Dataset
    labelled: Dataset | None
    recipe: Recipe
    seed: int
    device: torch.device
    dtype: torch.dtype
    rank: int = 0
    world: int = 1

    def deal(self, seen: int, augment_p: float) -> Shown:
        """The batch that begins at image number `seen` of the endless order."""
        recipe, seed, count = self.recipe, self.seed, self.recipe.batch
        part = (self.rank, self.world)
        batch = self.dataset.batch(seed, seen, count, device=self.device, dtype=self.dtype, part=part)
        told = None
        if self.labelled is not None:
            told = self.labelled.batch(seed, seen, count, device=self.device, dtype=self.dtype, part=part)
        return Shown(
            real=batch.real,
            labels=batch.labels,
            given=batch.given,
            z=self._mine(noise.normal(seed, "noise", seen, count, recipe.latent)) if recipe.latent else None,
            fake_labels=self._labels(seen, count),
            told=told.real if told else None,
            told_labels=told.labels if told else None,
            mix=self._mine(torch.rand(count, 1, 1, 1, generator=noise.generator(seed, "mix", seen))) if recipe.objective.mixes else None,
            real_draws=self._draws("real", seen, augment_p),
            fake_draws=self._draws("fake", seen, augment_p),
            g_draws=self._draws("generator", seen, augment_p),
        )

    def _labels(self, seen: int, count: int) -> torch.Tensor | None:
        if not self.recipe.conditional:
            return None
        return self._mine(noise.labels(self.seed, "labels", seen, count, len(self.dataset.classes)))

    def _draws(self, stream: str, seen: int, augment_p: float) -> torch.Tensor:
        size = self.dataset.shape.size
        random = noise.generator(self.seed, stream, seen)
        return self._mine(diffaugment.draw(self.recipe.augment, self.recipe.batch, size, random, augment_p))

    def _mine(self, rows: torch.Tensor) -> torch.Tensor:
        mine = processes.part(rows)
        if self.device.type == "cuda":
            mine = mine.pin_memory().to(self.device, non_blocking=True)
        return mine.to(self.dtype) if mine.is_floating_point() else mine
