"""darkroom repro, train: the graph, run with its settings checked first."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from pipeline.cli.check import check
from pipeline.cli.places import DATASET, Commands
from pipeline.errors import UserError

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Add the commands to the parser."""
    _add_repro(commands)
    _add_train(commands)


def _add_repro(commands: Commands) -> None:
    parser = commands.add_parser("repro", help="check params.yaml, then run `dvc repro --keep-going`")
    parser.add_argument("rest", nargs=argparse.REMAINDER, help="handed to dvc repro")
    parser.set_defaults(run=_repro)


def _add_train(commands: Commands) -> None:
    parser = commands.add_parser("train", help="pull what the remote has, then train and evaluate; never searches")
    parser.set_defaults(run=_train)


def _repro(given: argparse.Namespace) -> None:
    check()
    rest = given.rest[1:] if given.rest[:1] == ["--"] else given.rest
    if _dvc("repro", "--keep-going", *rest):
        raise UserError("not everything could be made: the lines that begin with `darkroom:` above say why; what was made is kept")


def _train(given: argparse.Namespace) -> None:
    check()
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
