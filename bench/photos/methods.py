"""From a JPEG's bytes to 256x256 RGB pixels, each way as its library's users write it, one thread each."""

import io
from collections.abc import Callable

import cv2
import numpy as np
import torch
from PIL import Image
from torchvision.io import ImageReadMode, decode_jpeg
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2.functional import resize

from pipeline.prepare.resize import Resize

__all__ = ["METHODS", "SIDE", "reference"]

SIDE = 256
SQUARE = (SIDE, SIDE)


def darkroom(data: bytes, size: tuple[int, int]) -> Image.Image:
    """What the stage does: the guarded decode, the box, the filter."""
    return Resize(SQUARE, "lanczos", (0, 0, *size), "stretch").pixels(data)


def pillow(data: bytes, size: tuple[int, int]) -> Image.Image:
    return Image.open(io.BytesIO(data)).resize(SQUARE, Image.Resampling.LANCZOS)


def pillow_draft(data: bytes, size: tuple[int, int]) -> Image.Image:
    picture = Image.open(io.BytesIO(data))
    picture.draft("RGB", (2 * SIDE, 2 * SIDE))
    return picture.resize(SQUARE, Image.Resampling.LANCZOS)


def opencv_area(data: bytes, size: tuple[int, int]) -> np.ndarray:
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    return cv2.cvtColor(cv2.resize(picture, SQUARE, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2RGB)


def torchvision_bicubic(data: bytes, size: tuple[int, int]) -> np.ndarray:
    picture = decode_jpeg(torch.frombuffer(bytearray(data), dtype=torch.uint8), mode=ImageReadMode.RGB)
    small: np.ndarray = resize(picture, list(SQUARE), InterpolationMode.BICUBIC, antialias=True).permute(1, 2, 0).numpy()
    return small


METHODS: dict[str, Callable[[bytes, tuple[int, int]], Image.Image | np.ndarray]] = {
    "darkroom lanczos": darkroom,
    "Pillow lanczos": pillow,
    "Pillow draft + lanczos": pillow_draft,
    "OpenCV area": opencv_area,
    "torchvision bicubic, antialias": torchvision_bicubic,
}


def reference(data: bytes, size: tuple[int, int], crop: tuple[int, int, int, int] | None = None) -> np.ndarray:
    """Pillow's Lanczos in floating point on the whole decoded file, brought to `size`, clipped to 0..255, not rounded."""
    bands = Image.open(io.BytesIO(data)).convert("RGB").split()
    small = [band.convert("F").resize(size, Image.Resampling.LANCZOS).crop(crop or (0, 0, *size)) for band in bands]
    return np.clip(np.stack([np.asarray(band) for band in small], axis=-1), 0, 255)
