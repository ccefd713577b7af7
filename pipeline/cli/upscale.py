"""darkroom upscale: pictures enlarged by a trained upscaler."""

import argparse

from pipeline.cli.places import Commands
from pipeline.cli.translate import add_places, done

__all__ = ["add"]

LEAST = 32  # pixels of a tile


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("upscale", help="enlarge pictures with a trained upscaler (srgan, esrgan)")
    add_places(parser)
    parser.add_argument("--tile", type=_tile, default=256, metavar="PIXELS",
                        help="how much of a picture the network sees at a time; less needs less memory and takes longer (default 256)")
    parser.set_defaults(run=_upscale)


def _tile(text: str) -> int:
    if not (text.isdecimal() and int(text) >= LEAST):
        raise argparse.ArgumentTypeError(f"{text} is not allowed; {LEAST} or more is")
    return int(text)


def _upscale(given: argparse.Namespace) -> None:
    from pipeline.train.model import Upscale, load_model

    done(given, "upscale", Upscale(load_model(given.model), given.tile))
