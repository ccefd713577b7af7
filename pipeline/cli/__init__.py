"""`darkroom …`: what a person does by hand beside DVC."""

import argparse
import os
import sys
from collections.abc import Sequence

from pipeline.cli import (
    check,
    classify,
    collect,
    dedupe,
    diff,
    export,
    forget,
    generate,
    interpolate,
    onnx,
    prepare,
    presets,
    repro,
    review,
    translate,
    upscale,
)
from pipeline.errors import reported

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of the command."""
    parser = argparse.ArgumentParser(prog="darkroom", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    models = (generate, interpolate, translate, upscale, classify, onnx)
    for part in (repro, check, presets, review, dedupe, *models, collect, forget, export, diff, prepare):
        part.add(commands)
    given = parser.parse_args(arguments)
    try:
        with reported():
            given.run(given)
    except BrokenPipeError:  # `darkroom … | head`: whoever read has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
