"""Generated images against real ones: FID and KID, to the training images and to the held-out ones."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from pipeline.evaluate import features
from pipeline.evaluate.frechet import frechet_distance
from pipeline.evaluate.inception import Inception
from pipeline.evaluate.kernel import kernel_distance
from pipeline.evaluate.weights import SHA256, layers

__all__ = ["FEW", "Against", "Measured", "measure"]

FEW = 500  # real images below which FID says more about their number than about the generator


@dataclass(frozen=True)
class Against:
    """Distances between two sets of images, and how many there were of each."""

    fid: float
    kid_mean: float
    kid_sd: float
    n_real: int
    n_other: int


@dataclass(frozen=True)
class Measured:
    """`floor` is how far the held-out images are from the training images: what a perfect generator would get."""

    train: Against
    holdout: Against | None
    floor: Against | None

    def as_json(self, dataset: str) -> dict[str, object]:
        """The content of metrics.json."""
        holdout = {f"holdout_{name}": value for name, value in asdict(self.holdout).items()} if self.holdout else {}
        floor = {f"floor_{name}": value for name, value in asdict(self.floor).items()} if self.floor else {}
        first = {name: value for name, value in asdict(self.train).items() if name != "n_other"}
        together = {**first, "n_fake": self.train.n_other, **holdout, **floor}
        dropped = ("holdout_n_other", "floor_n_real", "floor_n_other")
        rounded = {n: round(v, 6) if isinstance(v, float) else v for n, v in together.items() if n not in dropped}
        return {**rounded, "weights_sha256": SHA256, "dataset": dataset}


def measure(
    train: np.ndarray, holdout: np.ndarray, fake: np.ndarray, seed: int, weights: str, cache: Path,
    on_images: Callable[[float], object] = lambda count: None,
) -> Measured:
    """All arrays are uint8 (N, H, W, C). The holdout may have fewer than two images; then nothing is said of it."""
    network = Inception(layers(weights, cache))
    if torch.cuda.is_available():
        network.cuda()
    real = features.cached(network, train, cache / "features", on_images)
    made = features.extract(network, fake, on_images)
    if len(holdout) < 2:
        on_images(len(holdout))
        return Measured(_against(real, made, seed), None, None)
    held = features.cached(network, holdout, cache / "features", on_images)
    return Measured(_against(real, made, seed), _against(held, made, seed), _against(real, held, seed))


def _against(real: np.ndarray, other: np.ndarray, seed: int) -> Against:
    kid = kernel_distance(real, other, seed)
    return Against(frechet_distance(real, other), kid.mean, kid.sd, len(real), len(other))
