"""A crop as pixels, for those who want files: in the project a crop is a box, and nothing is encoded at full size."""

from dataclasses import dataclass
from pathlib import Path

from pipeline import image, params
from pipeline.item import Item
from pipeline.prepare.boxes import faces
from pipeline.prepare.crop import Crop

__all__ = ["Cut", "cutting"]


@dataclass(frozen=True)
class Cut:
    """Choose the box, and cut it out at full size; as PNG, so that nothing is lost."""

    crop: Crop

    def __call__(self, source: Path, item: Item) -> bytes:
        chosen = self.crop(source)
        if isinstance(chosen, str):
            raise image.ImageError(chosen)
        left, top, width, height = chosen.box
        return image.encode_png(image.open_image(source).crop((left, top, left + width, top + height)))


def cutting(settings: params.Crop) -> Cut:
    """The work that the settings ask for. Raises UserError where faces are asked for and what finds them is not installed."""
    finder = faces.finder() if settings.mode == "faces" else ""
    return Cut(Crop(settings.mode, settings.aspect, settings.trim, settings.tolerance, finder=finder))
