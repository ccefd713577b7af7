"""Transparency and odd modes become plain RGB or grey, over a stated background."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline import image, params
from pipeline.folder import Made, Task, mirror
from pipeline.item import Item, read_index
from pipeline.prepare.pixels.backgrounds import Background, backdrop, composed

__all__ = ["Flatten", "flatten", "rgb"]


@dataclass(frozen=True)
class Flatten:
    """Compose over `background`, then bring to `mode`, RGB or L (ITU-R 601 luma); what is opaque is unchanged.

    With `sheet` the picture holds two, left and right: each is composed by itself, a random colour is that of both.
    """

    background: Background
    mode: str
    seed: int = 0
    sheet: bool = False

    def __call__(self, source: Path, item: Item) -> bytes:
        picture = image.open_image(source)
        if picture.mode in ("LA", "RGBA"):
            picture = Image.fromarray(self._over(np.asarray(picture.convert("RGBA")), item.id))
        return image.encode_png(picture.convert(self.mode))

    def _over(self, pixels: np.ndarray, id_: str) -> np.ndarray:
        width = pixels.shape[1] // 2
        parts = (pixels[:, :width], pixels[:, -width:]) if self.sheet and width else (pixels,)
        return np.hstack([composed(part, backdrop(part, self.background, self.seed, id_)) for part in parts])


def flatten(settings: params.Rgb, sheet: bool) -> Flatten:
    """The work that the settings ask for."""
    seed = settings.seed if settings.background == "random" else 0  # another seed changes nothing else
    return Flatten(settings.background, settings.mode, seed, sheet)


def rgb(
    resized: Path, out: Path, settings: params.Rgb, pair: params.Pair, engine: str, workers: int, seen: Path | None = None
) -> Made:
    """Bring `out` in line with the resized images: <class>/<id>.png for each."""
    work = flatten(settings, pair.on_sheets)
    tasks = [Task(resized / item.path, item, work, item) for item in read_index(resized / "index.csv")]
    return mirror(tasks, out, engine, workers, seen=seen)
