"""One picture through a translator, whatever its size and mode."""

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

from pipeline.image import ImageError
from pipeline.prepare.pixels.resample import resample
from pipeline.train.model.folder import Model
from pipeline.train.model.pictures import picture_of
from pipeline.train.model.sample import to_uint8
from pipeline.train.sized import in_colors

__all__ = ["MOST", "Translate", "as_images"]

MOST = 4_000_000  # pixels at once: a U-Net of 64 channels needs about half a gigabyte for a million


@dataclass(frozen=True)
class Translate:
    """A picture of any size in mode L, LA, RGB or RGBA to its translation, in mode L or RGB.

    Transparency becomes white and colours what the model learned from. A network that halves its sides takes multiples of some
    number: the picture is continued by its mirror image as far as that, and the translation cut to the picture's size. With `stretch`
    the picture is brought to the size the model learned from instead, and the translation has that one.
    Raises ImageError for more than MOST pixels, UserError for a model of another kind.
    """

    model: Model
    stretch: bool = False

    def __post_init__(self) -> None:
        self.model.demand("translation")

    def __call__(self, picture: Image.Image) -> Image.Image:
        if self.stretch:
            height, width = self.model.given_size
            picture = resample(picture, (0, 0, *picture.size), (width, height), "lanczos")
        pixels = in_colors(picture, self.model.given_colors)
        margins = [_margins(side, self.multiple) for side in pixels.shape[:2]]
        padded = np.pad(pixels, (*margins, (0, 0)), mode="reflect")
        if padded.shape[0] * padded.shape[1] > MOST:
            raise ImageError(f"{picture.width}x{picture.height} are more than the {MOST:,} pixels a translator takes at once; "
                             "make the picture smaller, or use --stretch")
        with torch.inference_mode():
            made = to_uint8(self.model.generator(as_images(padded)))[0]
        (top, _), (left, _) = margins
        return picture_of(made[top : top + pixels.shape[0], left : left + pixels.shape[1]])

    @property
    def multiple(self) -> int:
        """The sides the network takes are multiples of this.

        2^depth for a network that says its `depth`; for others the largest power of two that its size is a multiple of.
        """
        depth = getattr(self.model.generator, "depth", None)
        if isinstance(depth, int):
            return 2**depth
        sides = (*self.model.given_size, *self.model.size)
        return min(side & -side for side in sides)


def as_images(pixels: np.ndarray) -> torch.Tensor:
    """uint8 (H, W, C) as float (1, C, H, W) in -1..1."""
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1))).float()[None] / 127.5 - 1


def _margins(side: int, multiple: int) -> tuple[int, int]:
    """What to add before and after, as evenly as can be."""
    missing = -side % multiple
    return missing // 2, missing - missing // 2
