"""darkroom check: what is wrong with the settings, told before anything is collected or trained."""

import argparse
from typing import TYPE_CHECKING

from pipeline import params
from pipeline.cli.places import REVIEW, Commands
from pipeline.errors import UserError

if TYPE_CHECKING:
    from pipeline.train.recipes.recipe import Recipe

__all__ = ["add", "check"]


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("check", help="check params.yaml and the review files, and run nothing")
    parser.set_defaults(run=_check)


def _check(given: argparse.Namespace) -> None:
    from pipeline.collect.ready import obstacles

    settings = check()
    print("params.yaml and the review files can be read")
    for obstacle in obstacles(settings):
        print(f"note: {obstacle}")


def check() -> params.Params:
    """The settings. Raises UserError for the first thing that a stage would refuse, or a review file that cannot be read."""
    from pipeline.curate.decisions.decision import read_decisions
    from pipeline.forgotten import read_forgotten

    settings = params.load()
    _check_augmentation(settings)
    _check_training(settings)
    read_decisions(REVIEW)
    read_forgotten(REVIEW)
    return settings


def _check_training(settings: params.Params) -> None:
    """What can be known of it before there is a dataset."""
    from pipeline.train.recipes.chosen import chosen

    recipe, pairs = chosen(settings.train), settings.pair.layout != "none" or settings.pair.derive != "none"
    if recipe.kind == "noise" and pairs:
        raise UserError(f"params.yaml: train.recipe: {settings.train.recipe} makes images from noise, and pair asks for two pictures of "
                        "each; set pair.layout and pair.derive to none, or train.recipe to pix2pix or srgan")
    if recipe.kind != "noise" and not pairs:
        raise UserError(f"params.yaml: train.recipe: {settings.train.recipe} learns from pairs, and there are none; set pair.layout or "
                        "pair.derive, or another train.recipe")
    if recipe.objective.asks_classes and settings.train.labeled_fraction == 0:
        raise UserError(f"params.yaml: train.labeled_fraction: 0 leaves {settings.train.recipe} no class to learn; 0.1 tells one in ten")
    if recipe.kind == "noise" and settings.resize.fit != "fit":
        _check_size(settings, recipe)


def _check_size(settings: params.Params, recipe: "Recipe") -> None:
    """Build the networks without their numbers, which takes no time."""
    import torch

    from pipeline.train.networks.shape import Shape

    width, height = settings.resize.width_height
    with torch.device("meta"):
        recipe.built(Shape((height, width), 3 if settings.rgb.mode == "RGB" else 1, len(settings.classes)))


def _check_augmentation(settings: params.Params) -> None:
    """Try every entry now: the stage that uses them comes after hours of collecting."""
    if not settings.augment.ops:
        return
    from pipeline.prepare.augmentation.entries import entry_of, problems, told

    wrong = problems([entry_of(op) for op in settings.augment.ops], settings.resize.width_height, same_size=False)
    if wrong:
        raise UserError(told("params.yaml: augment.ops", wrong))
