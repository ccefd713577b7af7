"""Fifty steps of training by however many processes torchrun started; the first writes each recipe's scalars, step by step, to a file.

    torchrun --standalone --nproc-per-node 2 -m tests.parallel_training FILE RECIPE...
"""

import json
import sys
from dataclasses import replace
from pathlib import Path

import torch
from torch.nn.functional import avg_pool2d

from pipeline.train import processes
from pipeline.train.dataset import Dataset
from pipeline.train.loop.settings import Aids, Settings
from pipeline.train.loop.tick import Panel, Tick
from pipeline.train.loop.trainer import train
from pipeline.train.processes import Ranks
from pipeline.train.recipes import RECIPES
from pipeline.train.recipes.recipe import Network, Recipe

STEPS, BATCH, SIZE = 50, 8, 16
SMALLER: dict[str, dict[str, int]] = {"srresnet": {"blocks": 1}, "rrdb": {"blocks": 1}, "patch": {"layers": 1}}


class Notes:
    """Keeps the scalars of every tick."""

    def __init__(self) -> None:
        self.scalars: list[dict[str, float]] = []

    def begin(self, panel: Panel, past: int) -> None: ...

    def __call__(self, tick: Tick) -> None:
        self.scalars.append(tick.scalars)


def images(kind: str) -> Dataset:
    """Thirty random ones of three classes, a third without; a translator is given another, an upscaler the same, smaller."""
    random = torch.Generator().manual_seed(0)
    drawn = torch.randint(0, 256, (30, 1, SIZE, SIZE), dtype=torch.uint8, generator=random)
    given = {"noise": None, "translation": drawn.flip(0), "upscaling": avg_pool2d(drawn.float(), 4).to(torch.uint8)}[kind]
    labels = torch.where(torch.arange(30) % 10 < 3, -1, torch.arange(30) % 3)
    return Dataset(drawn, labels, ["a", "b", "c"], [f"i{number}" for number in range(30)], given)


def small(own: Recipe) -> Recipe:
    """Narrow, at a small batch, without warm-up."""
    return replace(own, batch=BATCH, warmup_kimg=0.0, generator=_narrow(own.generator), discriminator=_narrow(own.discriminator))


def _narrow(network: Network) -> Network:
    options = {**dict(network.options), **SMALLER.get(network.name, {})}
    return replace(network, channels=32 if network.name == "r3gan" else 8, options=tuple(options.items()))


def trained(recipe: Recipe, ranks: Ranks) -> list[dict[str, float]]:
    """The scalars of each step, in double precision."""
    steps = sum(step.discriminator for step in recipe.steps[:1])
    settings = Settings(0, STEPS * BATCH * steps / 1000, threads=1, ticks=STEPS, precision="fp64")
    notes = Notes()
    looks = Aids(features=lambda pictures: avg_pool2d(pictures, 2))
    train(images(recipe.kind), recipe, settings, ranks.device, notes, aids=looks, ranks=ranks)
    return notes.scalars[1:]


if __name__ == "__main__":
    with processes.ranks(torch.device("cpu")) as here:
        found = {name: trained(small(RECIPES[name]), here) for name in sys.argv[2:]}
        if here.rank == 0:
            Path(sys.argv[1]).write_text(json.dumps(found))
