"""Transparency and odd modes become plain RGB or grey, over a stated background."""

from dataclasses import dataclass
from pathlib import Path

from pipeline import image, params
from pipeline.folder import Made, Task, mirror
from pipeline.item import Item, read_index

__all__ = ["Flatten", "rgb"]


@dataclass(frozen=True)
class Flatten:
    """Compose over `background`, then bring to `mode`, RGB or L (ITU-R 601 luma)."""

    background: tuple[int, int, int]
    mode: str

    def __call__(self, source: Path, item: Item) -> bytes:
        return image.encode_png(image.flatten(image.open_image(source), self.background).convert(self.mode))


def rgb(resized: Path, out: Path, settings: params.Rgb, engine: str, workers: int) -> Made:
    """Bring `out` in line with the resized images: <class>/<id>.png for each."""
    work = Flatten(settings.background, settings.mode)
    tasks = [Task(resized / item.path, item, work, item) for item in read_index(resized / "index.csv")]
    return mirror(tasks, out, engine, workers)
