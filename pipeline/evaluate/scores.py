"""Scores of a generator while it is trained, smaller is better, and features in which a difference in looks shows."""

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
from pipeline.train.loop.settings import Score
from pipeline.train.model.sample import to_uint8
from pipeline.train.noise import labels, latents
from pipeline.train.objectives.scene import Features
from pipeline.train.recipes.recipe import Recipe

__all__ = ["early_features", "score"]

EARLY = 6  # blocks of the network: up to 192 channels at a quarter of the size, where texture is
SEED = 0  # of what is generated for a score: the same noise each time
SCORED = 500  # images generated for one score


def early_features(weights: str, cache: Path) -> Features:
    """Images in -1..1 to what the first blocks of the network make of them, at their own size; grey goes in as three equal channels."""
    blocks = Inception(layers(weights, cache)).trunk[:EARLY]

    def features(images: torch.Tensor) -> torch.Tensor:
        blocks.to(images.device)
        found: torch.Tensor = blocks(images.expand(-1, 3, -1, -1) if images.shape[1] == 1 else images)
        return found

    return features


def score(recipe: Recipe, shards: Path, weights: str, cache: Path) -> Score:
    """By the held-out images in `shards`: KID for generators from noise, else the mean absolute difference to the targets, of 255."""
    holdout = load(shards, "holdout") if any(shards.glob("holdout-*.tar")) else None
    if holdout is None or len(holdout) < (2 if recipe.kind == "noise" else 1):
        raise UserError("train.best_kimg in params.yaml: there are too few held-out images to choose the best generator by; "
                        "raise review.holdout, or set it to 0")
    return _difference(holdout) if recipe.kind != "noise" else _kid(Inception(layers(weights, cache)), recipe, holdout, cache)


def _difference(holdout: Dataset) -> Score:
    assert holdout.given is not None
    given, target = holdout.given[:SCORED], holdout.images[:SCORED]

    def of(generator: nn.Module, network: dict[str, object]) -> float:
        device, total = next(generator.parameters()).device, 0.0
        for place in range(len(given)):
            with torch.no_grad():
                made = generator((given[place : place + 1].float() / 127.5 - 1).to(device)).float().cpu()
            total += float((made - (target[place : place + 1].float() / 127.5 - 1)).abs().mean()) * 127.5
        return total / len(given)

    return of


def _kid(inception: Inception, recipe: Recipe, holdout: Dataset, cache: Path) -> Score:
    real = features.cached(inception, np.ascontiguousarray(holdout.images[:].permute(0, 2, 3, 1).numpy()), cache / "features")

    def of(generator: nn.Module, network: dict[str, object]) -> float:
        device = next(generator.parameters()).device
        z = latents(SEED, SCORED, recipe.latent)
        told = labels(SEED, "score", 0, SCORED, int(str(network["classes"]))) if recipe.conditional else None
        made = []
        for start in range(0, SCORED, 50):
            with torch.no_grad():
                asked = () if told is None else (told[start : start + 50].to(device),)
                made.append(to_uint8(generator(z[start : start + 50].to(device), *asked).float()))
        return kernel_distance(real, features.extract(inception.to(device), np.concatenate(made)), SEED).mean

    return of
