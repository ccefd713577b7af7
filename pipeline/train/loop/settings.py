"""What a run is asked for, what it is lent, and what comes out of it."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from pipeline.train.objectives.scene import Features

__all__ = ["Aids", "Score", "Settings", "Trained", "length_in_kimg"]

Score = Callable[[nn.Module, dict[str, object]], float]
"""A generator and what it was built of to a number, smaller is better."""


@dataclass(frozen=True)
class Settings:
    """One run, beside the dataset and the recipe. `ticks` is how often it is looked at and kept, `keep` how many checkpoints
    stay, `best_kimg` how often the generator is scored (0: never). `precision` is fp64, fp32 or bf16; `fast` compiles the networks."""

    seed: int
    kimg: float
    threads: int = 2
    ticks: int = 20
    keep: int = 2
    precision: str = "fp32"
    best_kimg: float = 0.0
    fast: bool = False


@dataclass(frozen=True)
class Aids:
    """What the loop is lent by those who know more: features for the perceptual term, and a score of a generator, smaller is better."""

    features: Features | None = None
    score: Score | None = None


@dataclass(frozen=True)
class Trained:
    """The averaged generator on the CPU, in eval mode, the arguments that build its network again, and after how many kimg it was
    taken: the end, or the best score, which is `score`. `classifier` is the discriminator, where that tells classes, as it was at the
    end, on the CPU, in eval mode, with its arguments."""

    generator: nn.Module
    network: dict[str, object]
    kimg: float
    score: float | None = None
    classifier: tuple[nn.Module, dict[str, object]] | None = None


def length_in_kimg(kimg: float | None, epochs: float | None, images: int) -> float:
    """The length of a run in kimg, whichever of the two it was given in."""
    return kimg if kimg is not None else (epochs or 0) * images / 1000
