"""The work of augmentation: one entry applied to one image, once or several times over.

What is random follows from (seed, id, entry, copy), so the same input gives the same bytes in any order and for any number of workers.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline import image
from pipeline.item import Item
from pipeline.prepare.augmentation import codes, transforms
from pipeline.prepare.augmentation.codes import Code, Fill
from pipeline.prepare.augmentation.entries import Entry
from pipeline.prepare.augmentation.transforms import Transform

__all__ = ["Augment", "copies_of"]

NO_FILL = ""


@dataclass(frozen=True)
class Augment:
    """One entry applied to one image.

    With `given`, left or right, the picture is a sheet of two: what moves pixels does the same to both halves, what changes
    colours changes the given half alone. `library` is the version of Albumentations where the entry asks for it.
    """

    seed: int
    entry: Entry
    copy: int
    fill: Fill
    given: str = ""
    same_size: bool = True
    library: str = ""

    def __call__(self, source: Path, item: Item) -> bytes:
        pixels = _pixels(source, item.more.get("digest") or item.id)
        random = np.random.default_rng(self._seed(item.id))
        half = pixels.shape[1] // 2
        parts = [pixels[:, :half], pixels[:, -half:]] if self.given and half else [pixels]
        shape = parts[0].shape
        for step in self.entry.steps:
            parts = self._after(step, parts, random)
        if len({part.shape for part in parts}) > 1 or (self.same_size and parts[0].shape != shape):
            sizes = " and ".join(_size(part.shape) for part in parts)
            raise image.ImageError(f"{self.entry.text} brought it from {_size(shape)} to {sizes} pixels")
        return image.encode_png(Image.fromarray(np.ascontiguousarray(np.hstack(parts))))

    def _after(self, step: Code | Transform, parts: list[np.ndarray], random: np.random.Generator) -> list[np.ndarray]:
        chosen = range(len(parts)) if step.spatial else [len(parts) - 1 if self.given == "right" else 0]
        if isinstance(step, Code):
            changed = [codes.apply(parts[number], step, self.fill, random) for number in chosen]
        else:
            changed = transforms.apply([parts[number] for number in chosen], step, int(random.integers(2**32)))
        by_number = dict(zip(chosen, changed, strict=True))
        return [by_number.get(number, part) for number, part in enumerate(parts)]

    def _seed(self, id_: str) -> int:
        text = f"{self.seed} {id_} {self.entry.text} {self.copy}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "big")


def copies_of(
    entries: Sequence[Entry], seed: int, copies: int, fill: Fill, given: str = "", same_size: bool = True
) -> list[tuple[str, Augment]]:
    """The pictures to make of each image: (what is added to its name, the work).

    The work has no seed where nothing is random, and no fill where none shows: another one makes nothing anew.
    """
    return [
        (entry.suffix + (f"__copy{copy}" if copy > 1 else ""), Augment(
            seed if entry.random else 0, entry, copy, fill if entry.filling else NO_FILL, given, same_size, entry.library))
        for entry in entries
        for copy in range(1, (copies if entry.random else 1) + 1)
    ]


@lru_cache(maxsize=1)
def _pixels(source: Path, key: str) -> np.ndarray:
    """The last picture stays at hand, for its other entries come next; `key` changes with its content."""
    pixels = np.array(image.open_image(source))
    pixels.flags.writeable = False
    return pixels


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]}x{shape[0]}"
