"""What is shown of a model's images: grids, walks between them as a strip and as a GIF; and their files' bytes."""

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from pipeline.image import encode_png
from pipeline.sheet import grid

__all__ = ["FORMATS", "encode", "picture_of", "sheet_of", "walk", "walk_strip"]

READABLE = 64  # pixels: smaller images are enlarged by a whole factor
PACE = 80  # milliseconds a picture of a GIF is shown
PAUSE = 600  # and the first and the last of them
FORMATS = {"png": ".png", "jpeg": ".jpg"}


def picture_of(pixels: np.ndarray) -> Image.Image:
    """uint8 (H, W, 1) or (H, W, 3) as a picture of mode L or RGB."""
    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)


def encode(picture: Image.Image, format: str, quality: int = 90) -> bytes:
    """The bytes of a `png` or `jpeg` file; `quality` 1 to 100 is of JPEG, which has no transparency: that becomes white."""
    if format == "png":
        return encode_png(picture)
    if picture.mode in ("LA", "RGBA"):
        ground = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(ground, picture.convert("RGBA")).convert("L" if picture.mode == "LA" else "RGB")
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality, subsampling=0 if quality >= 90 else 2, optimize=True)
    return buffer.getvalue()


def sheet_of(images: np.ndarray, columns: int) -> Image.Image:
    """uint8 (N, H, W, C) row by row, small ones enlarged."""
    return grid(images, columns, _enlarged(images))


def walk_strip(walks: Sequence[np.ndarray]) -> Image.Image:
    """Each walk, uint8 (N, H, W, C), as a row."""
    together = np.concatenate(list(walks))
    return sheet_of(together, len(walks[0]))


def walk(walks: Sequence[np.ndarray]) -> bytes:
    """Walks of one length beside each other as a GIF without end, there and back."""
    across = max(1, min(5, len(walks)))
    frames = [sheet_of(np.stack(step), across).convert("RGB") for step in zip(*walks, strict=True)]
    order = [*range(len(frames)), *range(len(frames) - 2, 0, -1)]
    ends = {0, len(frames) - 1}
    buffer = io.BytesIO()
    first, *others = (_reduced(frames[place]) for place in order)
    first.save(buffer, "GIF", save_all=True, append_images=others, loop=0, disposal=1,
               duration=[PAUSE if place in ends else PACE for place in order])
    return buffer.getvalue()


def _enlarged(images: np.ndarray) -> int:
    return max(1, round(READABLE / min(images.shape[1:3])))


def _reduced(frame: Image.Image) -> Image.Image:
    """In 256 colours of its own."""
    return frame.quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.FLOYDSTEINBERG)
