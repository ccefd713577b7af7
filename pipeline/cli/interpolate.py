"""darkroom interpolate: a walk between images of the trained generator."""

import argparse
from itertools import pairwise
from pathlib import Path

from pipeline.cli.places import MODEL, Commands, given_path, positive

__all__ = ["add"]

FINER = 4  # the GIF takes so many steps for one of the strip
ROWS = 10  # classes shown, at most


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("interpolate", help="walk from one image of the trained generator to others")
    parser.add_argument("--from", dest="start", type=int, default=0, metavar="SEED", help="the first image of this seed (default 0)")
    parser.add_argument("--to", type=int, nargs="+", default=[1], metavar="SEED", help="on to the first images of these (default 1)")
    parser.add_argument("--steps", type=_steps, default=8, metavar="N", help="images from one seed to the next, both included (default 8)")
    parser.add_argument("--class", dest="labels", nargs="+", metavar="NAME",
                        help="the walk in each of these classes; default: in all, up to 10")
    parser.add_argument("--gif", action="store_true", help="only interpolation.gif, in finer steps")
    parser.add_argument("--png", action="store_true", help="only interpolation.png, a row for each walk; default: both")
    parser.add_argument("--save-path", type=given_path, default=Path("out"), metavar="FOLDER", help="where to (default out)")
    parser.add_argument("--model", type=given_path, default=MODEL, metavar="FOLDER", help="the model (default data/model)")
    parser.set_defaults(run=_interpolate)


def _steps(text: str) -> int:
    number = positive(text)
    if number < 2:
        raise argparse.ArgumentTypeError("1 is not allowed; at least 2 are, the one at each end")
    return number


def _interpolate(given: argparse.Namespace) -> None:
    from pipeline.files import put
    from pipeline.image import encode_png
    from pipeline.train.model import interpolate, load_model
    from pipeline.train.model.pictures import walk, walk_strip

    model = load_model(given.model)
    seeds, labels = [given.start, *given.to], given.labels or model.classes[:ROWS] or [None]
    both = given.gif == given.png
    written = []
    if given.png or both:
        rows = [interpolate(model, pair, given.steps, label) for label in labels for pair in pairwise(seeds)]
        put(given.save_path / "interpolation.png", encode_png(walk_strip(rows)))
        written.append(given.save_path / "interpolation.png")
    if given.gif or both:
        finer = FINER * (given.steps - 1) + 1
        put(given.save_path / "interpolation.gif", walk([interpolate(model, seeds, finer, label) for label in labels]))
        written.append(given.save_path / "interpolation.gif")
    print(f"from seed {' to '.join(map(str, seeds))}: {' and '.join(map(str, written))}")
