"""sheet.png: some images of each class and split on one page, so that a glance tells what a dataset holds."""

from collections.abc import Sequence

from PIL import Image

from pipeline import image
from pipeline.prepare.dataset.samples import Sample
from pipeline.sheet import PAPER, contact_sheet

__all__ = ["contents_sheet"]

COLUMNS, ROWS, SIDE = 10, 60, 112


def contents_sheet(samples: Sequence[Sample], splits: Sequence[str]) -> Image.Image:
    """A row for each class and split, and for its augmented copies; the first ROWS of them. Only what is shown is decoded.

    The two pictures of a pair lie side by side.
    """
    rows: dict[tuple[str, int, str], list[Sample]] = {}
    for sample in samples:
        kind = "augmented" if sample.item.more["augmentation"] else sample.item.split
        place = len(splits) if kind == "augmented" else splits.index(kind)
        rows.setdefault((sample.item.class_, place, kind), []).append(sample)
    tiles = []
    for row in sorted(rows)[:ROWS]:
        count = COLUMNS // len(rows[row][0].pictures)
        shown = [tile for sample in _chosen(rows[row], count) for tile in _tiles(sample)]
        tiles += shown + [(Image.new("RGB", (1, 1), PAPER), "")] * (COLUMNS - len(shown))
    return contact_sheet(tiles, COLUMNS, SIDE)


def _chosen(samples: Sequence[Sample], count: int) -> Sequence[Sample]:
    """Evenly out of each augmentation, and there out of the order of a hash."""
    ordered = sorted(samples, key=lambda sample: (sample.item.more["augmentation"], sample.key))
    return ordered if len(ordered) <= count else [ordered[number * len(ordered) // count] for number in range(count)]


def _tiles(sample: Sample) -> list[tuple[Image.Image, str]]:
    """Its pictures with captions; small ones enlarged by a whole factor, their pixels to be seen."""
    kind = sample.key.partition("__")[2] or sample.item.split
    tiles = []
    for role in sorted(sample.pictures):
        picture = image.open_image(sample.pictures[role]).convert("RGB")
        factor = max(1, SIDE // max(picture.size))
        if factor > 1:
            picture = picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST)
        tiles.append((picture, f"{sample.item.class_}\n{kind}" + ("" if role == "png" else f", {role.removesuffix('.png')}")))
    return tiles
