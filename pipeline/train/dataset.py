"""A packaged dataset in memory: uint8 pixels and class numbers, read from its tar shards."""

import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from pipeline import image
from pipeline.errors import UserError
from pipeline.train.noise import permutation

__all__ = ["Dataset", "load"]


@dataclass(frozen=True)
class Dataset:
    """`images` is uint8 (N, C, H, W), `labels` int64 (N,) into `classes`; `keys` are the shard members' names."""

    images: torch.Tensor
    labels: torch.Tensor
    classes: list[str]
    keys: list[str]

    def __len__(self) -> int:
        return len(self.keys)

    def batch(self, seed: int, start: int, size: int) -> torch.Tensor:
        """Images number `start` to `start + size` of an endless, shuffled order; float32 (size, C, H, W) in -1..1.

        The order is a function of (seed, position) alone: every image comes once in each pass of N.
        """
        places = [self._place(seed, number) for number in range(start, start + size)]
        return self.images[places].float() / 127.5 - 1

    def _place(self, seed: int, number: int) -> int:
        turn, place = divmod(number, len(self))
        return int(permutation(seed, turn, len(self))[place])


def load(folder: Path, split: str) -> Dataset:
    """Read every sample of `split`, such as train or holdout. Raises UserError where there is none, for pairs, and where sizes differ."""
    shards = sorted(folder.glob(f"{split}-*.tar"))
    pixels, names, keys = [], [], []
    for shard in shards:
        with tarfile.open(shard) as archive:
            for member in archive:
                stem, suffix = member.name.split(".", 1)
                content = archive.extractfile(member)
                if suffix == "png" and content is not None:
                    pixels.append(np.asarray(image.decode(content.read())))
                    keys.append(stem)
                elif suffix == "cls.txt" and content is not None:
                    names.append(content.read().decode())
                elif suffix in ("input.png", "target.png"):
                    raise UserError(f"{folder} holds pairs, which no recipe learns from yet; set pair.layout and pair.derive in "
                                    "params.yaml to none and run `dvc repro`")
    if not pixels:
        raise UserError(f"{folder} has no images in its split {split!r}; see data/curated/rejected.csv for why")
    _check_shapes(folder, pixels, keys)
    classes = sorted(set(names))
    stacked = np.stack([p if p.ndim == 3 else p[:, :, None] for p in pixels]).transpose(0, 3, 1, 2)
    labels = torch.tensor([classes.index(name) for name in names])
    return Dataset(torch.from_numpy(np.ascontiguousarray(stacked)), labels, classes, keys)


def _check_shapes(folder: Path, pixels: Sequence[np.ndarray], keys: Sequence[str]) -> None:
    for picture, key in zip(pixels, keys, strict=True):
        if picture.shape != pixels[0].shape:
            sizes = [f"{shape[1]}x{shape[0]}" for shape in (picture.shape, pixels[0].shape)]
            raise UserError(f"{folder}: {key} is {sizes[0]} pixels and {keys[0]} is {sizes[1]}, and a generator learns one size; "
                            "set resize.fit in params.yaml to fill or pad and run `dvc repro`")
