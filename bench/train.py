"""The demo's generator beside what it must beat: itself before training, and a disc of the images' mean colour.

Run it after `make repro`; it reads data/dataset and data/model.
"""

from pathlib import Path

import numpy as np
import torch

from bench.frame import Bench, Goal, Result
from pipeline.evaluate import features
from pipeline.evaluate.inception import Inception
from pipeline.evaluate.kernel import kernel_distance
from pipeline.evaluate.weights import layers
from pipeline.train.dataset import load
from pipeline.train.recipes import RECIPES
from pipeline.train.sample import generate, load_generator

SAMPLES = 300
CACHE = Path("data/.cache")


def run(peers: Path) -> Result:
    dataset = load(Path("data/dataset"), "train")
    places = [place for place, key in enumerate(dataset.keys) if "__" not in key]
    real = np.ascontiguousarray(dataset.images[places].permute(0, 2, 3, 1).numpy())
    network = Inception(layers("auto", CACHE))
    real_features = features.cached(network, real, CACHE / "features")
    trained, latent = load_generator(Path("data/model"))
    torch.manual_seed(0)
    untrained = RECIPES["dcgan"].generator(real.shape[1:3], RECIPES["dcgan"].channels, real.shape[3])

    def kid(images: np.ndarray) -> float:
        return kernel_distance(real_features, features.extract(network, images)).mean * 1000

    def of(generator: torch.nn.Module) -> float:
        return kid(np.concatenate(list(generate(generator, latent, SAMPLES, seed=0))))

    ours, noise = of(trained), of(untrained.train())
    flat, disc = of(untrained.eval()), kid(np.repeat(_disc(real)[None], SAMPLES, 0))
    rows = [("trained generator", f"{ours:.1f}"), ("untrained, batch statistics", f"{noise:.1f}"),
            ("untrained, running statistics", f"{flat:.1f}"), ("disc of the mean colour", f"{disc:.1f}")]
    goals = [Goal("kid_against_untrained", ours / min(noise, flat), 0.25), Goal("kid_against_disc", ours / disc, 1.0)]
    return Result(("images", "KID x 1000 to the training images"), rows, goals)


def _disc(real: np.ndarray) -> np.ndarray:
    side = real.shape[1]
    rows, columns = np.mgrid[:side, :side] - (side - 1) / 2
    inside = rows**2 + columns**2 <= (side / 2) ** 2
    disc = np.full(real.shape[1:], 255, np.uint8)
    disc[inside] = real[:, inside].reshape(-1, real.shape[3]).mean(0).round()
    return disc


BENCH = Bench((), run)
