"""A translator or an upscaler against the targets of held-out pairs, beside what anyone could do without it."""

from dataclasses import dataclass

import cv2
import numpy as np
import torch

from pipeline.evaluate.likeness import l1, psnr, ssim
from pipeline.train.dataset import Dataset
from pipeline.train.model.folder import Model
from pipeline.train.model.sample import to_uint8

__all__ = ["Likeness", "PairsMeasured", "measure_pairs", "pixels"]


@dataclass(frozen=True)
class Likeness:
    """Means over the images: L1 in levels of 255, PSNR in dB, SSIM."""

    l1: float
    psnr: float
    ssim: float


@dataclass(frozen=True)
class PairsMeasured:
    """`baselines` by name: the mean training target, and the input itself, enlarged where it is smaller. `held_out` is whether training
    has not seen these pairs."""

    made: Likeness
    baselines: dict[str, Likeness]
    count: int
    held_out: bool

    def as_json(self, dataset: str) -> dict[str, object]:
        """The content of metrics.json."""
        found: dict[str, object] = {f"{name}": round(value, 6) for name, value in vars(self.made).items()}
        for baseline, likeness in self.baselines.items():
            found |= {f"{baseline}_{name}": round(value, 6) for name, value in vars(likeness).items()}
        return {**found, "n_pairs": self.count, "held_out": self.held_out, "dataset": dataset}


def measure_pairs(model: Model, train: Dataset, pairs: Dataset, held_out: bool) -> tuple[PairsMeasured, np.ndarray]:
    """The numbers, and what the generator made: uint8 (N, H, W, C)."""
    given, target = pixels(pairs.given), pixels(pairs.images)
    made = np.concatenate([_made(model, one) for one in given])
    total = np.zeros(target.shape[1:])
    for start in range(0, len(train), 256):
        total += train.images[start : start + 256].permute(0, 2, 3, 1).double().sum(0).numpy()
    mean = np.broadcast_to((total / len(train)).round().astype(np.uint8), target.shape)
    baselines = {"mean_image": _likeness(mean, target)}
    name = "bicubic" if model.scale > 1 else "input"
    baselines[name] = _likeness(np.stack([_as_target(one, target.shape[1:]) for one in given]), target)
    return PairsMeasured(_likeness(made, target), baselines, len(target), held_out), made


def pixels(images: object) -> np.ndarray:
    """Images of a dataset, in memory or streamed, as uint8 (N, H, W, C)."""
    return np.ascontiguousarray(images[:].permute(0, 2, 3, 1).numpy())  # type: ignore[index]


def _made(model: Model, given: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        images = torch.from_numpy(given).permute(2, 0, 1)[None].float() / 127.5 - 1
        return to_uint8(model.generator(images))


def _as_target(given: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The input, unchanged but for the target's size (bicubic) and number of channels."""
    height, width, colors = shape
    picture = given if given.shape[:2] == (height, width) else cv2.resize(given, (width, height), interpolation=cv2.INTER_CUBIC)
    picture = picture.reshape(height, width, -1)
    if picture.shape[2] == colors:
        return picture
    if colors == 1:
        return cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[:, :, None]
    return np.repeat(picture, colors, axis=2)


def _likeness(made: np.ndarray, target: np.ndarray) -> Likeness:
    return Likeness(float(l1(made, target).mean()), float(np.minimum(psnr(made, target), 100).mean()), float(ssim(made, target).mean()))
