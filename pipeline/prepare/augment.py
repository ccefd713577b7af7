"""Further copies of the training images, by codes; each entry makes one copy, commas join steps in order.

fliph                   left and right change places
flipv                   top and bottom change places
noise_V                 Gaussian noise of variance V, on levels from 0 to 1
rot_A                   A degrees clockwise about the middle, on the same canvas
trans_X_Y               X pixels to the right and Y down
zoom_X1_Y1_X2_Y2        that box, in pixels, stretched to the canvas
blur_S                  Gaussian blur of S pixels (standard deviation)
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from pipeline import image, params
from pipeline.folder import Made, Task, mirror
from pipeline.item import Item, read_index

__all__ = ["Augment", "apply", "augment", "suffix"]

Fill = str | tuple[int, int, int]
Step = Callable[[np.ndarray, list[float], Fill, np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class Augment:
    """One entry applied to one image. The noise is a function of (seed, id, code): the same input, the same bytes."""

    seed: int
    code: str
    fill: Fill

    def __call__(self, source: Path, item: Item) -> bytes:
        digest = hashlib.sha256(f"{self.seed} {item.id} {self.code}".encode()).digest()
        random = np.random.default_rng(int.from_bytes(digest[:16], "big"))
        pixels = np.asarray(image.open_image(source))
        return image.encode_png(Image.fromarray(apply(pixels, self.code, self.fill, random)))


def apply(pixels: np.ndarray, code: str, fill: Fill, random: np.random.Generator) -> np.ndarray:
    """uint8 (H, W) or (H, W, 3) through the steps of `code`; `fill` is reflect, edge or 8-bit RGB."""
    for step in code.split(","):
        name, *numbers = step.strip().split("_")
        pixels = STEPS[name](pixels, [float(number) for number in numbers], fill, random)
    return np.ascontiguousarray(pixels)


def suffix(code: str) -> str:
    """A code as part of a file name: "rot_90,noise_0.01" becomes "rot90__noise0p01" (a dot would end the name)."""
    steps = [step.strip().split("_") for step in code.split(",")]
    return "__".join(name + "_".join(numbers) for name, *numbers in steps).replace(".", "p")


def augment(rgb: Path, out: Path, settings: params.Augment, engine: str, workers: int) -> Made:
    """Bring `out` in line with the training images and the entries: <class>/<id>__<suffix>.png."""
    tasks = []
    for item in read_index(rgb / "index.csv"):
        if item.split != "train":
            continue
        for code in settings.ops:
            result = replace(item, path=f"{item.class_}/{item.id}__{suffix(code)}.png").with_more(augmentation=code)
            tasks.append(Task(rgb / item.path, item, Augment(settings.seed, code, settings.fill), result))
    return mirror(tasks, out, engine, workers)


def _fliph(pixels: np.ndarray, _: list[float], fill: Fill, random: np.random.Generator) -> np.ndarray:
    return pixels[:, ::-1]


def _flipv(pixels: np.ndarray, _: list[float], fill: Fill, random: np.random.Generator) -> np.ndarray:
    return pixels[::-1]


def _noise(pixels: np.ndarray, numbers: list[float], fill: Fill, random: np.random.Generator) -> np.ndarray:
    noisy = pixels / 255 + random.normal(0, numbers[0] ** 0.5, pixels.shape)
    return np.rint(noisy.clip(0, 1) * 255).astype(np.uint8)


def _blur(pixels: np.ndarray, numbers: list[float], fill: Fill, random: np.random.Generator) -> np.ndarray:
    if numbers[0] == 0:
        return pixels
    return cv2.GaussianBlur(pixels, (0, 0), numbers[0], borderType=cv2.BORDER_REFLECT)


def _rot(pixels: np.ndarray, numbers: list[float], fill: Fill, random: np.random.Generator) -> np.ndarray:
    height, width = pixels.shape[:2]
    middle = ((width - 1) / 2, (height - 1) / 2)
    return _warped(pixels, cv2.getRotationMatrix2D(middle, -numbers[0], 1.0), fill)


def _trans(pixels: np.ndarray, numbers: list[float], fill: Fill, random: np.random.Generator) -> np.ndarray:
    return _warped(pixels, np.array([[1, 0, numbers[0]], [0, 1, numbers[1]]], dtype=float), fill)


def _zoom(pixels: np.ndarray, numbers: list[float], fill: Fill, random: np.random.Generator) -> np.ndarray:
    x1, y1, x2, y2 = numbers
    if x2 <= x1 or y2 <= y1:
        raise image.ImageError(f"zoom_{x1:g}_{y1:g}_{x2:g}_{y2:g}: the box has no area; X2 must be over X1 and Y2 over Y1")
    height, width = pixels.shape[:2]
    across, down = width / (x2 - x1), height / (y2 - y1)
    # pixel centres lie at half numbers: output x + 1/2 = across * (input x + 1/2 - x1)
    return _warped(pixels, np.array([[across, 0, across * (0.5 - x1) - 0.5], [0, down, down * (0.5 - y1) - 0.5]]), fill)


def _warped(pixels: np.ndarray, matrix: np.ndarray, fill: Fill) -> np.ndarray:
    """The affine map `matrix` (2 x 3, input to output pixels), bilinear."""
    height, width = pixels.shape[:2]
    borders = {"reflect": cv2.BORDER_REFLECT, "edge": cv2.BORDER_REPLICATE}
    border = borders[fill] if isinstance(fill, str) else cv2.BORDER_CONSTANT
    color = (0, 0, 0) if isinstance(fill, str) else fill
    if pixels.ndim == 2 and not isinstance(fill, str):
        color = (round(float(np.dot(fill, (0.299, 0.587, 0.114)))),) * 3
    warped = cv2.warpAffine(pixels, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=border, borderValue=color)
    return np.asarray(warped)


STEPS: dict[str, Step] = {
    "fliph": _fliph, "flipv": _flipv, "noise": _noise, "rot": _rot, "trans": _trans, "zoom": _zoom, "blur": _blur,
}
