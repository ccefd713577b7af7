"""One picture through an upscaler, whatever its size and mode, in tiles."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from PIL import Image
from torch.nn import functional

from pipeline.image import MAX_PIXELS, ImageError
from pipeline.train.model.folder import Model
from pipeline.train.model.pictures import picture_of
from pipeline.train.model.tiles import Tiling, reach_of, tiled
from pipeline.train.model.translate import as_images

__all__ = ["TILE", "Upscale"]

TILE = 256
FARTHEST = 64  # the margin of a tile, at most: very deep networks look farther, but hardly see anything there


@dataclass(frozen=True)
class Upscale:
    """A picture of any size in mode L, LA, RGB or RGBA, `model.scale` times as large, in the same mode.

    The network sees about `tile` pixels across at a time; the result is that of the whole picture, to a level of 255, unless the network
    looks farther than 64 pixels. Transparency is enlarged by itself (bicubic); beneath it colours are continued from what can be seen,
    so that no hidden colour shines through at an edge. A network for colours sees a grey picture as one, the result is grey again; one for
    grey takes each colour by itself. Raises ImageError where the result would have more pixels than can be read again, UserError for
    a model of another kind.
    """

    model: Model
    tile: int = TILE

    def __post_init__(self) -> None:
        self.model.demand("upscaling")

    def __call__(self, picture: Image.Image) -> Image.Image:
        scale = self.model.scale
        width, height = picture.width * scale, picture.height * scale
        if width * height > MAX_PIXELS:
            raise ImageError(f"it would become {width}x{height}, more than the {MAX_PIXELS:,} pixels allowed; cut it into parts first")
        if picture.mode not in ("LA", "RGBA"):
            return self._opaque(picture)
        *colors, alpha = picture.split()
        shown = Image.merge(picture.mode[:-1], colors)
        large = self._opaque(_continued(shown, alpha))
        return Image.merge(picture.mode, (*large.split(), alpha.resize((width, height), Image.Resampling.BICUBIC)))

    @cached_property
    def margin(self) -> int:
        """Pixels around a tile that its result depends on."""
        return min(FARTHEST, reach_of(self.model.generator, torch.zeros(1, self.model.given_colors, 32, 32)))

    def _opaque(self, picture: Image.Image) -> Image.Image:
        """A picture of mode L or RGB."""
        mode = "RGB" if self.model.given_colors == 3 else "L" if self.model.colors == 3 else picture.mode
        pixels = np.asarray(picture.convert(mode)).reshape(picture.height, picture.width, len(mode))
        bands = [np.clip(np.rint((band + 1) * 127.5), 0, 255).astype(np.uint8) for band in self._bands(pixels)]
        made = picture_of(np.concatenate(bands))
        return made.convert("L") if picture.mode == "L" and mode == "RGB" else made

    def _bands(self, pixels: np.ndarray) -> Iterable[np.ndarray]:
        if pixels.shape[0] * pixels.shape[1] <= self.tile**2:
            return [self._made(pixels)]
        return tiled(self._made, pixels, Tiling(self.tile, self.margin, self.model.scale))

    def _made(self, pixels: np.ndarray) -> np.ndarray:
        """uint8 (H, W, C) to float32 (H * scale, W * scale, C') in -1..1."""
        images = as_images(pixels)
        if self.model.given_colors == 1:
            images = images.transpose(0, 1)  # each colour as an image
        with torch.inference_mode():
            return self.model.generator(images).flatten(0, 1).permute(1, 2, 0).numpy()


def _continued(shown: Image.Image, alpha: Image.Image) -> Image.Image:
    """The picture, where it cannot be seen at all with the colours of what can be seen around."""
    seen = np.asarray(alpha)
    if seen.min() > 0:
        return shown
    weight = torch.from_numpy(seen.astype(np.float32))[None, None]
    pixels = np.asarray(shown).reshape(*seen.shape, -1)
    colors = torch.from_numpy(pixels.astype(np.float32).transpose(2, 0, 1))[None]
    filled = _filled(colors * weight, weight)[0].permute(1, 2, 0).numpy()
    return picture_of(np.where(seen[:, :, None] > 0, pixels, np.clip(np.rint(filled), 0, 255).astype(np.uint8)))


def _filled(weighted: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Colours (1, C, H, W) that add up to `weighted` by their `weight`; where that is 0, those of the same picture at half the size."""
    colors = weighted / weight.clamp(min=1e-6)
    if bool((weight > 0).all()) or max(weight.shape) == 1:
        return colors
    halved = (functional.avg_pool2d(part, 2, ceil_mode=True) for part in (weighted, weight))
    coarse = functional.interpolate(_filled(*halved), size=weight.shape[2:], mode="bilinear", align_corners=False)
    return torch.where(weight > 0, colors, coarse)
