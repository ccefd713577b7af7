"""What training is lent by evaluation: features for the perceptual loss, and a score to choose the best generator by."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

from pipeline.errors import UserError
from pipeline.evaluate import features
from pipeline.evaluate.inception import Inception
from pipeline.evaluate.kernel import kernel_distance
from pipeline.evaluate.weights import layers
from pipeline.train.dataset import Dataset, load
from pipeline.train.loop.settings import Aids
from pipeline.train.model.sample import to_uint8
from pipeline.train.noise import labels, latents
from pipeline.train.objectives.scene import Features
from pipeline.train.recipes.recipe import Recipe

__all__ = ["lent"]

EARLY = 6  # blocks of the network: up to 192 channels at a quarter of the size, where texture is
SEED = 0  # of what is generated for a score: the same noise each time
SCORED = 500  # images generated for one score


def lent(shards: Path, weights: str, cache: Path) -> Callable[[Recipe, bool], Aids]:
    """What a recipe asks for, loaded when it does; the flag says whether generators are scored.

    KID to the held-out images for generators from noise, the mean absolute difference to the held-out targets (of 255) for the rest.
    """

    def aids(recipe: Recipe, scored: bool) -> Aids:
        if not recipe.objective.perceives and not scored:
            return Aids()
        network = Inception(layers(weights, cache)) if recipe.objective.perceives or recipe.kind == "noise" else None
        score = _score(network, recipe, shards, cache) if scored else None
        return Aids(_early(network) if network is not None and recipe.objective.perceives else None, score)

    return aids


def _early(network: Inception) -> Features:
    """Images in -1..1 to what the first blocks of the network make of them, at their own size; grey goes in as three equal channels."""
    blocks = network.trunk[:EARLY]

    def features(images: torch.Tensor) -> torch.Tensor:
        blocks.to(images.device)
        found: torch.Tensor = blocks(images.expand(-1, 3, -1, -1) if images.shape[1] == 1 else images)
        return found

    return features


def _score(
    network: Inception | None, recipe: Recipe, shards: Path, cache: Path,
) -> Callable[[nn.Module, dict[str, object]], float]:
    try:
        holdout = load(shards, "holdout")
    except UserError:
        raise UserError("train.best_kimg in params.yaml: there are no held-out images to choose the best generator by; "
                        "raise review.holdout, or set it to 0") from None
    return _difference(holdout) if recipe.kind != "noise" else _kid(network, recipe, holdout, cache)


def _difference(holdout: Dataset) -> Callable[[nn.Module, dict[str, object]], float]:
    assert holdout.given is not None
    given, target = holdout.given[:SCORED], holdout.images[:SCORED]

    def score(generator: nn.Module, network: dict[str, object]) -> float:
        device, total = next(generator.parameters()).device, 0.0
        for place in range(len(given)):
            with torch.no_grad():
                made = generator((given[place : place + 1].float() / 127.5 - 1).to(device)).float().cpu()
            total += float((made - (target[place : place + 1].float() / 127.5 - 1)).abs().mean()) * 127.5
        return total / len(given)

    return score


def _kid(
    inception: Inception | None, recipe: Recipe, holdout: Dataset, cache: Path,
) -> Callable[[nn.Module, dict[str, object]], float]:
    assert inception is not None
    real = features.cached(inception, np.ascontiguousarray(holdout.images[:].permute(0, 2, 3, 1).numpy()), cache / "features")

    def score(generator: nn.Module, network: dict[str, object]) -> float:
        device = next(generator.parameters()).device
        z, classes = latents(SEED, SCORED, recipe.latent), len(holdout.classes)
        told = labels(SEED, "score", 0, SCORED, classes) if recipe.conditional else None
        made = []
        for start in range(0, SCORED, 50):
            with torch.no_grad():
                asked = () if told is None else (told[start : start + 50].to(device),)
                made.append(to_uint8(generator(z[start : start + 50].to(device), *asked).float()))
        return kernel_distance(real, features.extract(inception.to(device), np.concatenate(made)), SEED).mean

    return score
