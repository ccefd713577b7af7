"""Images a second of the plain loop and of ours: the same networks, batch and data, in windows that take turns, in one run.

Two windows next to each other meet the same machine, so their ratio holds on a busy one too; the median of the ratios counts. The
losses of both are kept window by window: the loops do the same thing only if their curves lie in one another's scatter.
"""

import io
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from statistics import median

import numpy as np
import torch

from bench.recipes.noise import networks
from bench.recipes.plain import Step, plain
from bench.recipes.sets import emoji
from pipeline.train.device import precision
from pipeline.train.loop.settings import Settings
from pipeline.train.loop.tick import Panel, Tick
from pipeline.train.loop.trainer import train
from pipeline.train.recipes.chosen import chosen
from pipeline.train_params import Train

__all__ = ["Case", "Measured", "beside"]


@dataclass(frozen=True)
class Case:
    """One size: `steps` in a window, `windows` of each loop after one to warm up. `precision` is ours: fp32, or auto, a project's."""

    side: int
    batch: int
    channels: int
    steps: int
    windows: int
    device: str = "cpu"
    precision: str = "auto"


@dataclass(frozen=True)
class Measured:
    """Images a second, medians; the median ratio; losses (windows, 2) of D and G."""

    plain: float
    ours: float
    ratio: float
    plain_losses: np.ndarray
    ours_losses: np.ndarray

    @property
    def apart(self) -> float:
        """The distance of the mean losses over the later half, in standard deviations of a window's mean; the larger of D's and G's."""
        half = len(self.ours_losses) // 2
        theirs, ours = self.plain_losses[half:], self.ours_losses[half:]
        spread = np.sqrt((theirs.var(0, ddof=1) + ours.var(0, ddof=1)) / 2)
        return float((np.abs(theirs.mean(0) - ours.mean(0)) / spread).max())


def beside(case: Case, seed: int = 0) -> Measured:
    """Train both, in turns. No smoothing and no augmentation: the plain loop has neither."""
    dataset, _ = emoji(case.side)
    device = torch.device(case.device)
    settings = Train(recipe="dcgan", seed=seed, kimg=1, channels=case.channels, batch=case.batch, label_smoothing=1.0, augment=[])
    generator, discriminator = (network.to(device) for network in networks(dataset, settings, seed))
    recipe = chosen(settings)
    workers = 2
    steps = plain(dataset, generator, discriminator, case.batch, recipe.latent, device, workers, io.StringIO())
    watch = _Turns(case, steps)
    whole = (case.windows + 1) * case.steps * case.batch / 1000
    exact, fast = precision(case.precision, device), device.type == "cuda"
    train(dataset, recipe, Settings(seed, whole, torch.get_num_threads(), case.windows + 1, precision=exact, fast=fast), device, watch)
    images = case.steps * case.batch
    return Measured(
        images / median(watch.theirs[1:]), images / median(watch.ours[1:]),
        median(theirs / ours for theirs, ours in zip(watch.theirs[1:], watch.ours[1:], strict=True)),
        np.array(watch.their_losses[1:]), np.array(watch.our_losses[1:]),
    )


class _Turns:
    """A watcher that, at each tick, lets the plain loop do as many steps as ours did since the tick before."""

    def __init__(self, case: Case, steps: Iterator[Step]) -> None:
        self.case, self.steps = case, steps
        self.ours: list[float] = []
        self.theirs: list[float] = []
        self.our_losses: list[tuple[float, float]] = []
        self.their_losses: list[tuple[float, float]] = []
        self.begun = 0.0

    def begin(self, panel: Panel, past: int) -> None:
        pass

    def __call__(self, tick: Tick) -> None:
        now = time.perf_counter()
        if tick.kimg:
            self.ours.append(now - self.begun)
            self.our_losses.append((tick.scalars["d_loss"], tick.scalars["g_loss"]))
            exact = torch.are_deterministic_algorithms_enabled()
            torch.use_deterministic_algorithms(False)  # the plain loop asks for none, and they cost time
            done = list(islice(self.steps, self.case.steps))
            self.theirs.append(time.perf_counter() - now)
            torch.use_deterministic_algorithms(exact)
            self.their_losses.append((float(np.mean([step.d_loss for step in done])), float(np.mean([step.g_loss for step in done]))))
        self.begun = time.perf_counter()
