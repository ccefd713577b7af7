"""darkroom generate: images out of the trained generator."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.cli.places import MODEL, Commands, given_path, positive

if TYPE_CHECKING:
    import numpy as np

    from pipeline.train.model import Model

__all__ = ["add", "add_format", "quality", "share"]

SHOWN = 100  # images in grid.png, at most


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("generate", help="make images with the trained generator")
    parser.add_argument("--num-examples", type=positive, default=10, metavar="N", help="how many (default 10)")
    parser.add_argument("--save-path", type=given_path, default=Path("out"), metavar="FOLDER", help="where to (default out)")
    parser.add_argument("--seed", type=int, default=0, help="another seed, other images (default 0)")
    parser.add_argument("--class", dest="label", metavar="NAME", help="only this class; default: the model's classes in turn")
    parser.add_argument("--truncation", type=share, default=1.0, metavar="SHARE",
                        help="above 0 up to 1: less than 1 gives images that are more typical and less varied (default 1)")
    parser.add_argument("--grid", action="store_true", help="only grid.png, which shows up to 100 of them together")
    add_format(parser)
    parser.add_argument("--model", type=given_path, default=MODEL, metavar="FOLDER", help="the model (default data/model)")
    parser.set_defaults(run=_generate)


def add_format(parser: argparse.ArgumentParser) -> None:
    """Add what the files are written as."""
    parser.add_argument("--format", type=_format, choices=("png", "jpeg"), help="of the files (default png)")
    parser.add_argument("--quality", type=quality, default=90, metavar="Q", help="of JPEG, 1 to 100 (default 90)")


def _format(text: str) -> str:
    return "jpeg" if text == "jpg" else text


def quality(text: str) -> int:
    """A whole number from 1 to 100, for argparse."""
    if not (text.isdecimal() and 1 <= int(text) <= 100):
        raise argparse.ArgumentTypeError(f"{text} is not allowed; 1 to 100 is")
    return int(text)


def share(text: str) -> float:
    """A number above 0 up to 1, for argparse."""
    number = float(text)
    if not 0 < number <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not allowed; above 0 up to 1 is")
    return number


def _generate(given: argparse.Namespace) -> None:
    import numpy as np

    from pipeline.files import put
    from pipeline.image import encode_png
    from pipeline.train.model import generate, load_model
    from pipeline.train.model.pictures import sheet_of

    model = load_model(given.model)
    count = min(SHOWN, given.num_examples) if given.grid else given.num_examples
    shown: list[np.ndarray] = []
    written = {"grid.png"}
    done = 0
    for batch in generate(model, count, given.seed, given.label, given.truncation):
        shown += list(batch[: SHOWN - len(shown)])
        if not given.grid:
            written |= _write(given, model, batch, done)
        done += len(batch)
    put(given.save_path / "grid.png", encode_png(sheet_of(np.stack(shown), _columns(model, given.label, len(shown)))))
    seen = "them" if len(shown) == count else f"the first {len(shown)}"
    where = given.save_path / "grid.png" if given.grid else f"{count} images in {given.save_path}, grid.png"
    print(f"{where} shows {seen} together")
    if not given.grid and (older := sum(path.name not in written for path in given.save_path.iterdir())):
        print(f"{given.save_path} also holds {older} older files")


def _write(given: argparse.Namespace, model: "Model", batch: "np.ndarray", first: int) -> set[str]:
    """The names of the files."""
    from pipeline.files import put
    from pipeline.train.model.pictures import FORMATS, encode, picture_of

    format_ = given.format or "png"
    names = set()
    for number, pixels in enumerate(batch, start=first):
        label = given.label or (model.classes[number % len(model.classes)] if model.classes else "")
        name = f"{number:05d}{f'-{label}' if label else ''}{FORMATS[format_]}"
        put(given.save_path / name, encode(picture_of(pixels), format_, given.quality))
        names.add(name)
    return names


def _columns(model: "Model", label: str | None, count: int) -> int:
    """Where the classes come in turn, a column for each of them."""
    classes = len(model.classes) if label is None else 0
    return min(classes if 2 <= classes <= 12 else 10, count)
