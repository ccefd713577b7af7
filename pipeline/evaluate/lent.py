"""What training is lent by evaluation: features for the perceptual loss, and a score to choose the best generator by."""

from collections.abc import Callable
from pathlib import Path

from pipeline.train.loop.settings import Aids
from pipeline.train.recipes.recipe import Recipe

__all__ = ["lent"]


def lent(shards: Path, weights: str, cache: Path) -> Callable[[Recipe, bool], Aids]:
    """What a recipe asks for, loaded when it does; the flag says whether generators are scored.

    KID to the held-out images for generators from noise, the mean absolute difference to the held-out targets (of 255) for the rest.
    Raises UserError where there are no held-out images to score by, or no weights.
    """

    def aids(recipe: Recipe, scored: bool) -> Aids:
        if not recipe.objective.perceives and not scored:
            return Aids()
        from pipeline.evaluate import scores  # here, because Inception's shapes take seconds that few recipes need to pay

        features = scores.early_features(weights, cache) if recipe.objective.perceives else None
        return Aids(features, scores.score(recipe, shards, weights, cache) if scored else None)

    return aids
