"""numgen's digits: how far from real ones in the judge's features, beside noise with the very mean and covariance of the digits' pixels."""

import numpy as np
import torch

from bench.frame import Goal
from bench.recipes import judge as judges
from bench.recipes.outcome import Outcome
from bench.recipes.runs import made, run, sheet
from bench.recipes.sets import digits
from pipeline.evaluate.frechet import frechet_distance
from pipeline.train_params import Train

__all__ = ["SETTINGS", "outcome"]

SAMPLES = 2000
SETTINGS = Train(recipe="numgen", seed=1, kimg=150, ticks=1)


def outcome() -> Outcome:
    train, test = digits()
    judge = judges.judge()
    trained = run(train, SETTINGS)
    ours = made(trained.generator, trained.recipe.latent, SAMPLES)
    sheet("numgen", ours[:64], columns=16)
    pixels = train.images[:20000].flatten(1).double().numpy()
    drawn = np.random.default_rng(0).multivariate_normal(pixels.mean(0), np.cov(pixels.T), SAMPLES, method="eigh")
    gaussian = torch.from_numpy((drawn.clip(0, 255) / 127.5 - 1).astype(np.float32)).reshape(-1, 1, 28, 28)
    real = judges.features(judge, test.images[:]).numpy()
    found = {
        name: frechet_distance(real, judges.features(judge, images).numpy())
        for name, images in {"ours": ours, "gaussian": gaussian, "real": train.images[:SAMPLES]}.items()
    }
    told = judges.told(judge, ours)
    rarest = float(torch.bincount(told, minlength=10).min()) / SAMPLES
    rows = [
        ("numgen", "MNIST", "Fréchet distance to the test digits in the judge's features", f"{found['ours']:.1f}",
         f"{found['gaussian']:.1f} pixels' mean and covariance, {found['real']:.1f} real", f"{trained.cpu:.0f}"),
        ("numgen", "MNIST", "share of the digit that it makes least often", f"{rarest:.1%}", "10.0% if all were alike", ""),
    ]
    return Outcome(rows, [Goal("numgen_distance_against_the_pixels_gaussian", found["ours"] / found["gaussian"], 1.0),
                          Goal("numgen_share_of_the_rarest_digit", rarest, 0.01, at_least=True)])
