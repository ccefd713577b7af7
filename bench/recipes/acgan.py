"""acgan draws the digit that it is told: a judge that knows real digits alone says how often."""

import torch

from bench.frame import Goal
from bench.recipes import judge as judges
from bench.recipes.outcome import Outcome
from bench.recipes.runs import made, run, sheet
from bench.recipes.sets import digits
from pipeline.train_params import Train

__all__ = ["SETTINGS", "outcome"]

EACH = 100  # samples of every class
SETTINGS = Train(recipe="acgan", seed=1, kimg=120, ticks=4, channels=16, learning_rate=5e-4)  # found with seed 0


def outcome() -> Outcome:
    train, test = digits()
    judge = judges.judge()
    trained = run(train, SETTINGS)
    labels = torch.arange(10).repeat_interleave(EACH)
    images = made(trained.generator, trained.recipe.latent, len(labels), labels=labels)
    right = (judges.told(judge, images) == labels).float().reshape(10, EACH).mean(1)
    sheet("acgan", images.reshape(10, EACH, *images.shape[1:])[:, :16].flatten(0, 1), columns=16)
    trusted, spread = judges.accuracy(judge, test), diversity(images.reshape(10, EACH, -1), train.images[:], train.labels)
    rows = [
        ("acgan", "MNIST", "samples of the class asked for", f"{right.mean():.1%}", "10.0% by chance", f"{trained.cpu:.0f}"),
        ("acgan", "MNIST", "the same, of the worst class", f"{right.min():.1%}", f"class {int(right.argmin())}", ""),
        ("acgan", "MNIST", "spread within a class, of the real one's", f"{spread:.2f}", "1.00 real, 0 one picture", ""),
        ("judge", "MNIST", "test digits told right", f"{trusted:.2%}", "", ""),
    ]
    return Outcome(rows, [
        Goal("judge_on_test_digits", trusted, 0.99, at_least=True), Goal("acgan_class_accuracy", float(right.mean()), 0.95, at_least=True),
        Goal("acgan_worst_class", float(right.min()), 0.85, at_least=True), Goal("acgan_spread", spread, 0.7, at_least=True),
    ])


def diversity(images: torch.Tensor, real: torch.Tensor, labels: torch.Tensor) -> float:
    """Mean distance between two images of one class, as a share of that between two real ones. `images` is (classes, n, pixels)."""
    shares = []
    for number, ours in enumerate(images):
        theirs = real[(labels == number).nonzero().flatten()[: len(ours)]].flatten(1) / 127.5 - 1
        shares.append(torch.pdist(ours).mean() / torch.pdist(theirs).mean())
    return float(torch.stack(shares).mean())
