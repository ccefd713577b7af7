"""The fixed noise, classes and inputs that the samples of every tick are made from."""

from dataclasses import dataclass

import torch
from torch import nn

from pipeline.train import noise
from pipeline.train.dataset import Batch, Dataset
from pipeline.train.loop.tick import Panel
from pipeline.train.recipes.recipe import Recipe

__all__ = ["Fixed"]

SAMPLES = 64
PAIRS = 8
MANY_CLASSES = 12


@dataclass(frozen=True)
class Fixed:
    """`inputs` is noise (n, latent), or the given halves of pairs."""

    inputs: torch.Tensor
    labels: torch.Tensor | None
    pairs: Batch | None
    real: Batch
    classes: list[str]

    @classmethod
    def of(cls, dataset: Dataset, holdout: Dataset | None, recipe: Recipe, seed: int) -> "Fixed":
        """Held-out pairs where there are some, else the first of the training images; no augmented copies."""
        real = _first(dataset, SAMPLES)
        if recipe.kind != "noise":
            pairs = _first(holdout if holdout is not None and len(holdout) >= PAIRS else dataset, PAIRS)
            assert pairs.given is not None
            return cls(pairs.given, None, pairs, real, dataset.classes)
        classes = len(dataset.classes) if recipe.conditional else 0
        columns = 8 if classes <= MANY_CLASSES else 4
        labels = torch.arange(classes).repeat_interleave(columns) if classes else None
        count = SAMPLES if labels is None else len(labels)
        return cls(noise.normal(seed, "grid", 0, count, recipe.latent), labels, None, real, dataset.classes)

    def panel(self, recipe: Recipe) -> Panel:
        """What a watcher is told at the beginning."""
        given, target = (self.pairs.given, self.pairs.real) if self.pairs else (None, None)
        return Panel(self.classes, self.labels, given, target, self.real.real, recipe.objective.adversarial.probabilities, self.real.labels)

    def samples(self, generator: nn.Module, device: torch.device, dtype: torch.dtype) -> torch.Tensor:
        """What the generator makes of it: float32 on the CPU."""
        with torch.no_grad():
            made = []
            for start in range(0, len(self.inputs), 16):
                inputs = self.inputs[start : start + 16].to(device, dtype)
                told = () if self.labels is None else (self.labels[start : start + 16].to(device),)
                made.append(generator(inputs, *told).float().cpu())
            return torch.cat(made)


def _first(dataset: Dataset, count: int) -> Batch:
    places = torch.tensor(dataset.originals[:count] or range(min(count, len(dataset))))
    real, given = (None if pixels is None else pixels[places].float() / 127.5 - 1 for pixels in (dataset.images, dataset.given))
    assert real is not None
    return Batch(real, dataset.labels[places], given)
