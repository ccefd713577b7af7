"""A recipe with what params.yaml says otherwise."""

from dataclasses import replace
from typing import Literal

from pipeline.errors import UserError
from pipeline.train.networks import DISCRIMINATORS, GENERATORS
from pipeline.train.objectives.adversarial import (
    Adversarial,
    BinaryCrossEntropy,
    Hinge,
    LeastSquares,
    Relativistic,
    RelativisticAverage,
    Wasserstein,
)
from pipeline.train.objectives.objective import TERMS, Objective
from pipeline.train.recipes import RECIPES
from pipeline.train.recipes.options import Option, checked
from pipeline.train.recipes.recipe import Network, Optimizer, Recipe, Steps
from pipeline.train.recipes.schedule import Schedule, fixed
from pipeline.train_params import Train

__all__ = ["LOSSES", "chosen"]

LOSSES: dict[str, Adversarial] = {
    "bce": BinaryCrossEntropy(),
    "hinge": Hinge(),
    "least_squares": LeastSquares(),
    "wasserstein": Wasserstein(),
    "relativistic": Relativistic(),
    "relativistic_average": RelativisticAverage(),
}
PAIRED = ("l1", "l2", "perceptual")
SMOOTHED = (BinaryCrossEntropy, LeastSquares)


def chosen(settings: Train) -> Recipe:
    """The recipe of that name, with every setting that is not the recipe's own. Raises UserError for what does not go together."""
    own = RECIPES[settings.recipe]
    objective, weights = _objective(own, settings)
    if settings.conditional and own.kind != "noise":
        raise UserError(f"params.yaml: train.conditional: {settings.recipe} makes a picture from a picture and is told no class; "
                        "leave it out")
    warmup = own.warmup_kimg if settings.warmup_kimg is None else settings.warmup_kimg
    if warmup and not objective.in_pixels:
        raise UserError(f"params.yaml: train.warmup_kimg: without the discriminator {settings.recipe} has nothing to learn from; set it "
                        "to 0, or give train.weights an l1 or l2")
    return replace(
        own,
        generator=_network(own.generator, settings.channels, "generator", settings.generator),
        discriminator=_network(own.discriminator, settings.channels, "discriminator", settings.discriminator),
        objective=objective,
        weights=weights,
        optimizer=_optimizer(own.optimizer, settings),
        batch=settings.batch or own.batch,
        latent=(settings.latent or own.latent) if own.kind == "noise" else 0,
        conditional=own.conditional if settings.conditional is None else settings.conditional,
        steps=_steps(own, settings),
        warmup_kimg=warmup,
        augment=own.augment if settings.augment is None else tuple(settings.augment),
        augment_p=own.augment_p if settings.augment_p is None else _chance(settings.augment_p),
        ema_kimg=own.ema_kimg if settings.ema_kimg is None else fixed(settings.ema_kimg),
        spectral_norm=settings.spectral_norm,
        init=settings.init,
    )


def _objective(own: Recipe, settings: Train) -> tuple[Objective, tuple[tuple[str, Schedule], ...]]:
    game = LOSSES[settings.loss] if settings.loss else own.objective.adversarial
    if settings.label_smoothing is not None:
        if not isinstance(game, SMOOTHED):
            raise UserError("params.yaml: train.label_smoothing: only bce and least_squares have a label to smooth; leave it out")
        game = replace(game, real_label=settings.label_smoothing)
    terms, weights = dict(own.objective.terms), dict(own.weights)
    for name, weight in settings.weights.items():
        if name in PAIRED and own.kind == "noise":
            raise UserError(f"params.yaml: train.weights.{name}: {settings.recipe} makes images from noise, which have no target; "
                            "leave it out, or choose pix2pix or srgan")
        if name == "classes" and not own.objective.asks_classes:
            raise UserError(f"params.yaml: train.weights.classes: the discriminator of {settings.recipe} tells no classes; leave it "
                            "out, or choose acgan or sslgan")
        if name != "adversarial" and name not in terms:
            terms[name] = TERMS[name]
        weights[name] = fixed(weight)
        if weight == 0 and name != "adversarial":
            terms.pop(name)
            weights.pop(name)
    return Objective(game, tuple(terms.items())), tuple(weights.items())


def _network(own: Network, channels: int | None, role: str, options: dict[str, Option]) -> Network:
    family = (GENERATORS if role == "generator" else DISCRIMINATORS)[own.name]
    options = dict(checked(f"train.{role}", own.name, family, options))
    return Network(own.name, channels or own.channels, tuple({**dict(own.options), **options}.items()))


def _optimizer(own: Optimizer, settings: Train) -> Optimizer:
    rates, rate = own.learning_rate, settings.learning_rate
    if rate is not None:
        rates = replace(rates, start=rate, end=rate * rates.end / rates.start)
    if settings.decay_kimg is not None:
        rates = Schedule(rates.start, rates.start / 100, settings.decay_kimg, "cosine")
    if settings.optimizer == "rmsprop" != own.name:
        return Optimizer("rmsprop", rates, 0.0, fixed(0.9))  # the smoothing of Hinton's lecture
    return replace(own, name=settings.optimizer or own.name, learning_rate=rates)


def _steps(own: Recipe, settings: Train) -> tuple[Steps, ...]:
    if settings.steps is None:
        return own.steps
    if isinstance(settings.steps, tuple):
        return (Steps(0, *settings.steps),)
    return tuple(Steps(part.kimg, *part.steps) for part in settings.steps)


def _chance(setting: float | Literal["adaptive"]) -> Schedule | Literal["adaptive"]:
    return "adaptive" if isinstance(setting, str) else fixed(setting)
