"""The classifier that AC-GANs and semi-supervised GANs leave: their discriminator, which tells an image's class."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from pipeline import bounded
from pipeline.errors import UserError
from pipeline.train.model.folder import class_names
from pipeline.train.model.stored import damage_told, read_config, read_network
from pipeline.train.networks import DISCRIMINATORS
from pipeline.train.networks.seen import Seen
from pipeline.train.recipes import RECIPES
from pipeline.train.sized import Sized

__all__ = ["Classified", "Classifier", "classify", "load_classifier"]

BATCH = 64


@dataclass(frozen=True)
class Classifier:
    """A discriminator on the CPU, ready to tell classes.

    `classes` are their names in the order of their numbers, `size` (height, width) and `colors` those of the images it learned from.
    """

    network: torch.nn.Module
    classes: list[str]
    size: tuple[int, int]
    colors: int

    def __call__(self, images: torch.Tensor) -> np.ndarray:
        """uint8 (N, C, H, W) to float32 (N, K): the share of each class, which of an image add up to 1.

        That is the softmax over the K classes; what a semi-supervised GAN says of "generated" has no part in it.
        Raises UserError for images of another size or other colours than it learned from.
        """
        if images.shape[1:] != (self.colors, *self.size):
            colors, height, width = images.shape[1:]
            raise UserError(f"the classifier learned from images of {self.size[1]}x{self.size[0]} in {self.colors} channels, and these are "
                            f"{width}x{height} in {colors}; run `dvc repro`, so that the model is that of the dataset")
        with torch.inference_mode():
            told = [_logits(self.network, part.float() / 127.5 - 1).softmax(1) for part in images.split(BATCH)]
        return torch.cat(told).numpy() if told else np.empty((0, len(self.classes)), np.float32)

    def of_file(self, path: Path) -> dict[str, float]:
        """The share of each class in the picture of a file, the largest first. Raises ImageError."""
        shares = self(_together([Sized(self.size, self.colors).pixels(path.read_bytes())]))[0]
        return {self.classes[number]: float(shares[number]) for number in np.argsort(-shares, kind="stable")}


@dataclass(frozen=True)
class Classified:
    """What was told of a file: float32 (K,), the share of each class; or None, and the reason why."""

    path: Path
    shares: np.ndarray | None
    reason: str = ""


def load_classifier(folder: Path | str) -> Classifier:
    """The classifier in a model's folder.

    Raises UserError where there is none, where it is of a newer form or damaged, and for files that could run code.
    """
    folder = Path(folder)
    config = read_config(folder)
    if "classifier" not in config:
        with_one = " and ".join(name for name, recipe in RECIPES.items() if recipe.objective.asks_classes)
        raise UserError(f"the model in {folder} has no classifier; those of the recipes {with_one} have one, so set train.recipe in "
                        "params.yaml, or give another folder with --model")
    with damage_told(folder, "classifier"):
        arguments = config["classifier"]
        network = read_network(folder, "classifier", DISCRIMINATORS, config, arguments)
        classes, colors = class_names(config, arguments), int(arguments["colors"])
        height, width = (int(side) for side in arguments["size"])
        with torch.inference_mode():
            told = _logits(network, torch.zeros(1, colors, height, width))
        if not classes or told.shape != (1, len(classes)):
            raise ValueError("its network tells no classes")
        return Classifier(network, classes, (height, width), colors)


def classify(classifier: Classifier, paths: Sequence[Path], told: Callable[[float], object] = lambda count: None) -> Iterator[Classified]:
    """What is told of each file, in their order; one that cannot be read has the reason, and the rest goes on.

    They are decoded in processes of their own, within limits of time and memory (`bounded`). `told` is called after each.
    """
    opened = zip(paths, bounded.each(Sized(classifier.size, classifier.colors), paths), strict=True)
    while part := list(islice(opened, BATCH)):
        read = [found for _, found in part if isinstance(found, np.ndarray)]
        shares = iter(classifier(_together(read)) if read else ())
        for path, found in part:
            if isinstance(found, np.ndarray):
                yield Classified(path, next(shares))
            else:
                yield Classified(path, None, found if isinstance(found, str) else f"it {found.reason}")
            told(1)


def _logits(network: torch.nn.Module, images: torch.Tensor) -> torch.Tensor:
    """float (N, K) of float (N, C, H, W) in -1..1. Raises ValueError for a network that tells no classes."""
    seen: Seen = network(images)
    if seen.classes is None:
        raise ValueError("its network tells no classes")
    return seen.classes


def _together(pixels: Sequence[np.ndarray]) -> torch.Tensor:
    """uint8 (H, W, C) each, as (N, C, H, W)."""
    return torch.from_numpy(np.stack(pixels).transpose(0, 3, 1, 2))
