"""darkroom classify: which class pictures are of, by the classifier that acgan and sslgan leave."""

import argparse
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.cli.places import MODEL, Commands, given_path, positive
from pipeline.cli.translate import listed
from pipeline.errors import UserError

if TYPE_CHECKING:
    import numpy as np

    from pipeline.train.model import Classifier
    from pipeline.train.model.classifier import Classified

__all__ = ["add"]

Told = tuple[Path, "np.ndarray"]
"""A picture, and of each class its share."""

SHOWN = 20  # pictures in the table
DIGITS = 6  # of a share in the CSV


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("classify", help="tell the classes of pictures by a trained classifier (acgan, sslgan)")
    parser.add_argument("source", type=given_path, nargs="+", metavar="IN",
                        help="a picture, or a folder of pictures and of folders of them")
    parser.add_argument("--csv", type=_csv, metavar="FILE", help="write all of it to this .csv file, with the share of each class")
    parser.add_argument("--top", type=positive, default=1, metavar="N", help="show the N likeliest classes of each picture (default 1)")
    parser.add_argument("--model", type=given_path, default=MODEL, metavar="FOLDER", help="the model (default data/model)")
    parser.set_defaults(run=_classify)


def _csv(text: str) -> Path:
    path = given_path(text)
    if path.suffix.lower() != ".csv":
        raise argparse.ArgumentTypeError(f"{text} is not allowed; a name that ends in .csv is")
    if path.is_dir():
        raise argparse.ArgumentTypeError(f"{text} is a folder; give a file's name")
    return path


def _classify(given: argparse.Namespace) -> None:
    from pipeline.item import write_table
    from pipeline.progress import progress
    from pipeline.train.model import classify, load_classifier
    from pipeline.train.model.files import pictures

    classifier = load_classifier(given.model)
    paths = pictures(given.source)
    with progress("classify", len(paths), "pictures") as told:
        found = list(classify(classifier, paths, told))
    if given.csv:
        write_table(given.csv, _columns(classifier), (_row(classifier, one) for one in found))
    done = [(one.path, one.shares) for one in found if one.shares is not None]
    failed = [f"{_legible(one.path)}: {one.reason}" for one in found if one.shares is None]
    if not done:
        raise UserError(failed[0] if len(failed) == 1 else f"none of the {len(failed)} pictures could be read:{listed(failed)}")
    print("\n".join(_told(classifier, done, given.top, given.csv)))
    if failed:
        print(f"not done:{listed(failed)}")


def _columns(classifier: "Classifier") -> list[str]:
    return ["file", "class", "share", *(f"share_{name}" for name in classifier.classes), "reason"]


def _row(classifier: "Classifier", one: "Classified") -> list[object]:
    if one.shares is None:
        return [str(one.path), "", "", *[""] * len(classifier.classes), one.reason]
    best = int(one.shares.argmax())
    shares = [round(float(share), DIGITS) for share in one.shares]
    return [str(one.path), classifier.classes[best], shares[best], *shares, ""]


def _told(classifier: "Classifier", done: Sequence[Told], top: int, csv: Path | None) -> Iterator[str]:
    """The table, and of more than one picture how many there are of each class."""
    top = min(top, len(classifier.classes))
    rows = [(_legible(path), *_likeliest(classifier, shares, top)) for path, shares in done[:SHOWN]]
    yield from _aligned([("file", "class", "share", *("next", "share") * (top - 1)), *rows])
    if len(done) > SHOWN:
        yield f"and {len(done) - SHOWN} more" + (f", all in {_legible(csv)}" if csv else "; --csv FILE writes all")
    elif csv:
        yield f"all shares in {_legible(csv)}"
    if len(done) > 1:
        counted = Counter(classifier.classes[int(shares.argmax())] for _, shares in done)
        yield f"{len(done)} pictures: " + ", ".join(f"{count} {name}" for name, count in counted.most_common())


def _likeliest(classifier: "Classifier", shares: "np.ndarray", top: int) -> Iterator[str]:
    for number in sorted(range(len(shares)), key=lambda number: -shares[number])[:top]:
        yield from (classifier.classes[number], f"{shares[number]:.1%}")


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Columns as wide as what they hold; every second one from the third on holds numbers, which stand to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.rjust(wide) if place and place % 2 == 0 else cell.ljust(wide)
                 for place, (cell, wide) in enumerate(zip(row, widths, strict=True))]
        yield "  ".join(cells).rstrip()


def _legible(path: Path) -> str:
    """A file's name as text that can be printed: what is none, and what would move the cursor, as in \\xff and \\n."""
    text = os.fsencode(path).decode(errors="backslashreplace")
    return "".join(mark if mark.isprintable() else mark.encode("unicode_escape").decode() for mark in text)
