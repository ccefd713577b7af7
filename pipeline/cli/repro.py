"""darkroom repro, train, check: the graph, run with its settings checked first."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from pipeline import params
from pipeline.cli.places import DATASET, REVIEW, Commands
from pipeline.errors import UserError

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Add the commands to the parser."""
    _add_repro(commands)
    _add_train(commands)
    _add_check(commands)


def _add_repro(commands: Commands) -> None:
    parser = commands.add_parser("repro", help="check params.yaml, then run `dvc repro --keep-going`")
    parser.add_argument("rest", nargs=argparse.REMAINDER, help="handed to dvc repro")
    parser.set_defaults(run=_repro)


def _add_train(commands: Commands) -> None:
    parser = commands.add_parser("train", help="pull what the remote has, then train and evaluate; never searches")
    parser.set_defaults(run=_train)


def _add_check(commands: Commands) -> None:
    parser = commands.add_parser("check", help="check params.yaml and the review files, and run nothing")
    parser.set_defaults(run=_check_alone)


def _repro(given: argparse.Namespace) -> None:
    _check(given)
    rest = given.rest[1:] if given.rest[:1] == ["--"] else given.rest
    if _dvc("repro", "--keep-going", *rest):
        raise UserError("not everything could be made: the lines that begin with `darkroom:` above say why; what was made is kept")


def _train(given: argparse.Namespace) -> None:
    _check(given)
    remote = subprocess.run([_beside() / "dvc", "config", "core.remote"], capture_output=True, text=True, check=False)
    if remote.stdout.strip():
        if _dvc("pull"):
            name = remote.stdout.strip()
            raise UserError(f"the remote {name!r} does not have everything (see above); where the data is, run `dvc push`")
    elif not DATASET.exists():
        raise UserError(
            f"{DATASET} is not here and no remote is set; run `dvc remote add --default store PLACE`, or `make repro` to collect it"
        )
    if _dvc("repro", "--downstream", "train"):
        raise UserError("training did not finish: the lines above say why")


def _dvc(*arguments: str) -> int:
    """Run DVC with this environment's programs first on the PATH, so that stages run on this Python too."""
    path = f"{_beside()}{os.pathsep}{os.environ.get('PATH', '')}"
    return subprocess.run([_beside() / "dvc", *arguments], env={**os.environ, "PATH": path}, check=False).returncode


def _beside() -> Path:
    return Path(sys.executable).parent


def _check_alone(given: argparse.Namespace) -> None:
    _check(given)
    print("params.yaml and the review files can be read")


def _check(given: argparse.Namespace) -> None:
    from pipeline.curate.decisions.decision import read_decisions
    from pipeline.forgotten import read_forgotten

    settings = params.load()
    _check_augmentation(settings)
    _check_training(settings)
    read_decisions(REVIEW)
    read_forgotten(REVIEW)


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


def _check_augmentation(settings: params.Params) -> None:
    """Try every entry now: the stage that uses them comes after hours of collecting."""
    if not settings.augment.ops:
        return
    from pipeline.prepare.augmentation.entries import entry_of, problems, told

    wrong = problems([entry_of(op) for op in settings.augment.ops], settings.resize.width_height, same_size=False)
    if wrong:
        raise UserError(told("params.yaml: augment.ops", wrong))
