"""dcgan, r3gan and wgan-gp beside the plain loop: the same emoji, equally many images shown, several seeds.

The measure is KID to the held-out emoji in multiples of the floor: what as many real emoji, drawn anew again and again, typically
score against them, which is the noise of an estimate whose expectation is zero.
"""

import io
import time
from functools import cache
from itertools import islice

import numpy as np
import torch
from torch import nn

from bench.frame import Goal
from bench.recipes.outcome import Outcome
from bench.recipes.packages import CACHE
from bench.recipes.plain import plain
from bench.recipes.runs import CPU, made, run, sheet
from bench.recipes.sets import emoji
from pipeline.evaluate import features
from pipeline.evaluate.inception import Inception
from pipeline.evaluate.kernel import kernel_distance
from pipeline.evaluate.weights import layers
from pipeline.train.dataset import Dataset
from pipeline.train.recipes import RECIPES
from pipeline.train.recipes.chosen import chosen
from pipeline.train_params import Train

__all__ = ["RUNS", "outcome"]

SEEDS = (1, 2, 3)  # the settings were found with 0
SAMPLES = 300
DRAWS = 20  # of real images, for the floor
KIMG, BATCH = 40, 32
RUNS = {
    "dcgan": Train(recipe="dcgan", kimg=KIMG, ticks=1, channels=16, batch=BATCH, learning_rate=1e-3),
    "r3gan": Train(recipe="r3gan", kimg=KIMG, ticks=1, channels=64, batch=BATCH, learning_rate=1e-3),
    "wgan-gp": Train(recipe="wgan-gp", kimg=KIMG, ticks=1, channels=16, batch=BATCH, learning_rate=5e-4, steps=(2, 1)),
}


def outcome() -> Outcome:
    train, holdout = emoji()
    real, held = _features(train.images[:]), _features(holdout.images[:])
    floor = _floor(real, held)
    found: dict[str, list[float]] = {}
    spent: dict[str, float] = {}
    for name in ("plain loop", *RUNS):
        for seed in SEEDS:
            begun = time.process_time()
            images = _plain(train, seed) if name == "plain loop" else _ours(train, name, seed)
            spent[name] = spent.get(name, 0.0) + time.process_time() - begun
            sheet(f"{name.replace(' ', '-')}-{seed}", images[:64], columns=16)
            found.setdefault(name, []).append(_kid(held, _features(_bytes(images))) / floor)
    noise = _kid(held, _features(_bytes(torch.randn(SAMPLES, *train.images.shape[1:]).clamp(-1, 1)))) / floor
    rows = [(name, f"{len(train)} emoji of 32 px, {KIMG} kimg", f"KID to the holdout, in floors; seeds {', '.join(map(str, SEEDS))}",
             ", ".join(f"{value:.1f}" for value in values), f"{noise:.0f} noise, 1 real", f"{spent[name] / len(values):.0f} a seed")
            for name, values in found.items()]
    means = {name: float(np.mean(values)) for name, values in found.items()}
    return Outcome(rows, [Goal(f"{name}_KID_against_the_plain_loop", means[name] / means["plain loop"], 1.0) for name in RUNS])


def _ours(train: Dataset, name: str, seed: int) -> torch.Tensor:
    trained = run(train, RUNS[name].model_copy(update={"seed": seed}))
    return made(trained.generator, trained.recipe.latent, SAMPLES, seed)


def _plain(train: Dataset, seed: int) -> torch.Tensor:
    """The same networks by the plain loop, and images by its generator in evaluation mode."""
    generator, discriminator = networks(train, RUNS["dcgan"], seed)
    latent = RECIPES["dcgan"].latent
    steps = plain(train, generator, discriminator, BATCH, latent, CPU, output=io.StringIO())
    for _ in islice(steps, KIMG * 1000 // BATCH):
        pass
    return made(generator.eval(), latent, SAMPLES, seed)


def networks(train: Dataset, settings: Train, seed: int) -> tuple[nn.Module, nn.Module]:
    """The very networks that a run of `settings` begins with."""
    torch.manual_seed(seed)
    generator, discriminator, _ = chosen(settings).built(train.shape)
    return generator, discriminator


@cache
def _network() -> Inception:
    return Inception(layers("auto", CACHE))


def _features(pixels: torch.Tensor) -> np.ndarray:
    """uint8 (N, 3, H, W) to features (N, 2048), remembered by the pixels."""
    return features.cached(_network(), pixels.permute(0, 2, 3, 1).contiguous().numpy(), CACHE / "features")


def _kid(held: np.ndarray, other: np.ndarray) -> float:
    return kernel_distance(held, other).mean


def _floor(real: np.ndarray, held: np.ndarray) -> float:
    """The root mean square of KID between the holdout and as many training images as are generated."""
    random = np.random.default_rng(0)
    draws = [_kid(held, real[random.choice(len(real), SAMPLES, replace=False)]) for _ in range(DRAWS)]
    return float(np.sqrt(np.mean(np.square(draws))))


def _bytes(images: torch.Tensor) -> torch.Tensor:
    return ((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
