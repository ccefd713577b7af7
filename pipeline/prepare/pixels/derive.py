"""Pictures made from a photo to be its other half: edges, a drawing, the photo made small."""

from collections.abc import Callable

import cv2
import numpy as np
from PIL import Image

__all__ = ["DERIVED", "canny", "low_resolution", "xdog"]

WHITE = 65535  # brightness is blurred with 16 bits, which OpenCV does in integers, so that every machine draws the same line


def canny(picture: Image.Image, scale: int = 1) -> Image.Image:
    """The edges, black on white, after Canny 1986: a Gaussian of 1.4 pixels, then gradients that stand out or hang on one that does."""
    smooth = cv2.GaussianBlur(np.asarray(picture.convert("L")), (0, 0), 1.4, borderType=cv2.BORDER_REFLECT)
    edges = cv2.Canny(smooth, 40, 110, L2gradient=True)
    return Image.fromarray(255 - edges).convert(picture.mode)


def xdog(picture: Image.Image, scale: int = 1) -> Image.Image:
    """A drawing in ink: the extended difference of Gaussians of Winnemöller 2011 (XDoG: advanced image stylization), with
    tau = 0.98, k = 1.6, epsilon = 0, phi = 60 and a sigma of 0.3 % of the shorter side, at least 0.8 pixels."""
    level = np.asarray(picture.convert("L")).astype(np.uint16) * (WHITE // 255)
    sigma = max(0.8, 0.003 * min(picture.size))
    narrow = cv2.GaussianBlur(level, (0, 0), sigma, borderType=cv2.BORDER_REFLECT).astype(np.int64)
    wide = cv2.GaussianBlur(level, (0, 0), 1.6 * sigma, borderType=cv2.BORDER_REFLECT).astype(np.int64)
    difference = (100 * narrow - 98 * wide) / (100 * WHITE)
    ink = 1 + np.tanh(60 * np.minimum(difference, 0))  # where the difference is positive there is no line
    return Image.fromarray(np.rint(ink * 255).astype(np.uint8)).convert(picture.mode)


def low_resolution(picture: Image.Image, scale: int) -> Image.Image:
    """`scale` times smaller, bicubic (a = -0.5) and antialiased, as the benchmarks of super-resolution do it; at least one pixel."""
    size = (max(1, picture.width // scale), max(1, picture.height // scale))
    return picture.resize(size, Image.Resampling.BICUBIC)


DERIVED: dict[str, Callable[[Image.Image, int], Image.Image]] = {"canny": canny, "xdog": xdog, "low_resolution": low_resolution}
