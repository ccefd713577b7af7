"""Every image's box brought to one size: the one decode that makes pixels to keep."""

from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from pipeline import image, params
from pipeline.folder import Made, Task, mirror
from pipeline.item import Item, read_index
from pipeline.prepare.crop import Box, parse_box

__all__ = ["Resize", "resize"]

FILTERS = {  # Pillow's are all antialiased when they make smaller
    "lanczos": Image.Resampling.LANCZOS,
    "bicubic": Image.Resampling.BICUBIC,
    "area": Image.Resampling.BOX,
}


@dataclass(frozen=True)
class Resize:
    """Cut `box` out of the upright image and bring it to `size` (width, height); alpha is kept.

    Pillow resizes premultiplied (its modes La and RGBa), so colours hidden under transparency do not bleed.
    """

    size: tuple[int, int]
    filter: str
    box: Box

    def __call__(self, source: Path, item: Item) -> bytes:
        left, top, width, height = self.box
        region = image.decode(source.read_bytes()).crop((left, top, left + width, top + height))
        return image.encode_png(region.resize(self.size, FILTERS[self.filter]))


def resize(raw: Path, crops: Path, out: Path, settings: params.Resize, engine: str, workers: int) -> Made:
    """Bring `out` in line with the boxes: <class>/<id>.png for each image."""
    tasks = []
    for item in read_index(crops / "index.csv"):
        work = Resize(settings.width_height, settings.filter, parse_box(item.more["box"]))
        result = replace(item, path=f"{item.class_}/{item.id}.png")
        tasks.append(Task(raw / item.path, item, work, result))
    return mirror(tasks, out, engine, workers)
