"""darkroom translate: pictures through a trained translator."""

import argparse
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from pipeline.cli.generate import add_format
from pipeline.cli.places import MODEL, Commands, given_path
from pipeline.errors import UserError

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["add", "add_places", "done", "listed"]

SHOWN = 5  # reasons why a file was not done


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("translate", help="take pictures through a trained translator (pix2pix)")
    add_places(parser)
    parser.add_argument("--stretch", action="store_true",
                        help="bring each picture to the size the model learned from; default: its own size, continued by its mirror "
                             "image to what the network takes")
    parser.set_defaults(run=_translate)


def add_places(parser: argparse.ArgumentParser) -> None:
    """Add what goes in, where it comes out, as what, and the model."""
    parser.add_argument("source", type=given_path, metavar="IN", help="a picture, or a folder of pictures and of folders of them")
    parser.add_argument("target", type=given_path, metavar="OUT",
                        help="the file to write (.png, .jpg), or the folder for the results, which keep their names")
    add_format(parser)
    parser.add_argument("--model", type=given_path, default=MODEL, metavar="FOLDER", help="the model (default data/model)")


def done(given: argparse.Namespace, command: str, work: "Callable[[Image.Image], Image.Image]") -> None:
    """Take every picture through `work`, with progress, and tell what became of it. Raises UserError where nothing could be done."""
    from pipeline.progress import progress
    from pipeline.train.model.files import convert, jobs

    todo = jobs(given.source, given.target, given.format)
    with progress(command, len(todo), "pictures") as told:
        converted = convert(todo, work, given.quality, told)
    reasons = listed(converted.failed)
    if not converted.written:
        if len(todo) == 1:
            raise UserError(converted.failed[0])
        raise UserError(f"none of the {len(todo)} pictures of {given.source} could be done:{reasons}")
    print(f"{len(converted.written)} pictures in {given.target}" if len(todo) > 1 else converted.written[0])
    if reasons:
        print(f"not done:{reasons}")


def listed(reasons: Sequence[str]) -> str:
    """Reasons why files were not done, each in a line of its own, and how many more there are than are shown."""
    more = len(reasons) - SHOWN
    return "".join(f"\n  {reason}" for reason in reasons[:SHOWN]) + (f"\n  and {more} more" if more > 0 else "")


def _translate(given: argparse.Namespace) -> None:
    from pipeline.train.model import Translate, load_model

    done(given, "translate", Translate(load_model(given.model), given.stretch))
