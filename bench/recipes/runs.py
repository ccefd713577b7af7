"""One run of a recipe by the loop that `dvc repro` uses, on data in memory, and the pictures it leaves to be looked at."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn

from pipeline.sheet import grid
from pipeline.train.dataset import Dataset
from pipeline.train.device import precision
from pipeline.train.loop.settings import Aids, Settings, Trained
from pipeline.train.loop.tick import Panel, Tick
from pipeline.train.loop.trainer import train
from pipeline.train.noise import latents
from pipeline.train.recipes.chosen import chosen
from pipeline.train.recipes.recipe import Recipe
from pipeline.train_params import Train

__all__ = ["PICTURES", "Run", "made", "run", "sheet"]

PICTURES = Path("out/recipes")
CPU = torch.device("cpu")


@dataclass
class Run:
    """What came of it. `cpu` is in seconds, of training alone."""

    recipe: Recipe
    trained: Trained
    ticks: list[Tick]
    cpu: float = 0.0

    @property
    def generator(self) -> nn.Module:
        return self.trained.generator


@dataclass
class _Quiet:
    """A watcher that remembers."""

    ticks: list[Tick] = field(default_factory=list)
    also: Callable[[Tick], None] | None = None

    def begin(self, panel: Panel, past: int) -> None:
        pass

    def __call__(self, tick: Tick) -> None:
        self.ticks.append(tick)
        if self.also:
            self.also(tick)


def run(
    dataset: Dataset, settings: Train, *, holdout: Dataset | None = None, state: Path | None = None, aids: Aids | None = None,
    on_tick: Callable[[Tick], None] | None = None,
) -> Run:
    """Train as `settings` say, on the CPU with as many threads as torch has, in the precision that a project gets."""
    recipe = chosen(settings)
    assert settings.kimg is not None
    exact = precision(settings.precision, CPU)
    wanted = Settings(settings.seed, settings.kimg, torch.get_num_threads(), settings.ticks, precision=exact)
    watch = _Quiet(also=on_tick)
    begun = time.process_time()
    trained = train(dataset, recipe, wanted, CPU, watch, holdout=holdout, state=state, aids=aids or Aids())
    return Run(recipe, trained, watch.ticks, time.process_time() - begun)


@torch.no_grad()
def made(generator: nn.Module, latent: int, count: int, seed: int = 0, labels: torch.Tensor | None = None) -> torch.Tensor:
    """Images float (count, C, H, W) from fresh noise."""
    z = latents(seed + 1_000_000, count, latent)  # not the noise of the pictures that were watched
    parts = zip(z.split(100), labels.split(100) if labels is not None else [None] * len(z), strict=False)
    return torch.cat([generator(noise) if told is None else generator(noise, told) for noise, told in parts])


def sheet(name: str, *rows: torch.Tensor, scale: int = 2, columns: int | None = None) -> Path:
    """Save pictures (N, C, H, W) in -1..1: one set in `columns`, or several sets below one another, a column for each place."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    together = torch.cat([row.expand(-1, max(each.shape[1] for each in rows), -1, -1) for row in rows])
    pixels = ((together.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    path = PICTURES / f"{name}.png"
    grid(pixels, columns or len(rows[0]), scale).save(path)
    return path
