"""A recipe as plain numbers and words, for a model's config.json and card."""

from typing import Any

from pipeline.train.objectives.adversarial import Adversarial
from pipeline.train.recipes.chosen import LOSSES
from pipeline.train.recipes.recipe import Network, Optimizer, Recipe
from pipeline.train.recipes.schedule import Schedule

__all__ = ["told"]


def told(recipe: Recipe) -> dict[str, Any]:
    """What the model was trained by, under the names that params.yaml has for it. A number that changes is {start, end, kimg, curve}."""
    found: dict[str, Any] = {
        "loss": _loss(recipe.objective.adversarial), "weights": {name: _number(weight) for name, weight in recipe.weights},
        "optimizer": _optimizer(recipe.optimizer), "learning_rate": _number(recipe.optimizer.learning_rate),
        "batch": recipe.batch, "steps": _steps(recipe), "discriminator": _network(recipe.discriminator),
        "ema_kimg": _number(recipe.ema_kimg), "augment": list(recipe.augment), "init": recipe.init, "spectral_norm": recipe.spectral_norm,
    }
    if (real := getattr(recipe.objective.adversarial, "real_label", 1.0)) != 1:
        found["label_smoothing"] = real
    if recipe.augment:
        found["augment_p"] = recipe.augment_p if isinstance(recipe.augment_p, str) else _number(recipe.augment_p)
    return found | ({"warmup_kimg": recipe.warmup_kimg} if recipe.warmup_kimg else {})


def _loss(game: Adversarial) -> str:
    return next(name for name, each in LOSSES.items() if type(each) is type(game))


def _optimizer(optimizer: Optimizer) -> dict[str, Any]:
    if optimizer.name == "rmsprop":
        return {"name": "rmsprop", "alpha": _number(optimizer.beta2)}
    return {"name": optimizer.name, "beta1": optimizer.beta1, "beta2": _number(optimizer.beta2)}


def _steps(recipe: Recipe) -> list[Any]:
    """As params.yaml has them: of both in turn, or from when on which."""
    if len(recipe.steps) == 1:
        return [recipe.steps[0].discriminator, recipe.steps[0].generator]
    return [{"kimg": part.kimg, "steps": [part.discriminator, part.generator]} for part in recipe.steps]


def _network(network: Network) -> dict[str, Any]:
    return {"name": network.name, "channels": network.channels, **dict(network.options)}


def _number(schedule: Schedule) -> float | dict[str, Any]:
    if not schedule.changes:
        return schedule.end
    return {"start": schedule.start, "end": schedule.end, "kimg": schedule.kimg, "curve": schedule.curve}
