"""Fifty steps of training by however many processes torchrun started; the first writes each step's scalars to a file.

    torchrun --standalone --nproc-per-node 2 -m tests.parallel_training RECIPE FILE
"""

import json
import sys
from dataclasses import replace
from pathlib import Path

import torch

from pipeline.train.dataset import Dataset
from pipeline.train.loop import parallel
from pipeline.train.loop.settings import Settings
from pipeline.train.loop.tick import Panel, Tick
from pipeline.train.loop.trainer import train
from pipeline.train.recipes import RECIPES

STEPS, BATCH = 50, 8


class Notes:
    """Keeps the scalars of every tick."""

    def __init__(self) -> None:
        self.scalars: list[dict[str, float]] = []

    def begin(self, panel: Panel, past: int) -> None: ...

    def __call__(self, tick: Tick) -> None:
        self.scalars.append(tick.scalars)


def trained(name: str) -> list[dict[str, float]]:
    """The scalars of each step, in double precision."""
    random = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (30, 1, 16, 16), dtype=torch.uint8, generator=random)
    data = Dataset(images, torch.arange(30) % 3, ["a", "b", "c"], [f"i{number}" for number in range(30)])
    own = RECIPES[name]
    d = replace(own.discriminator, channels=8, options=())  # without dropout: each process draws its own
    recipe = replace(own, batch=BATCH, generator=replace(own.generator, channels=8), discriminator=d)
    settings = Settings(0, STEPS * BATCH / 1000, threads=1, ticks=STEPS, precision="fp64")
    notes = Notes()
    with parallel.ranks(torch.device("cpu")) as ranks:
        train(data, recipe, settings, ranks.device, notes, ranks=ranks)
        if ranks.rank == 0:
            return notes.scalars[1:]
        return []


if __name__ == "__main__":
    found = trained(sys.argv[1])
    if found:
        Path(sys.argv[2]).write_text(json.dumps(found))
