"""A packaged dataset as training sees it: uint8 pixels, class numbers, and an endless order of both."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import ceil
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import torch

from pipeline.errors import UserError
from pipeline.train.networks.shape import Shape
from pipeline.train.noise import permutation
from pipeline.train.shards import Pictures, read_index
from pipeline.train.stream import Streamed

__all__ = ["UNLABELED", "Batch", "Dataset", "Pixels", "load"]

UNLABELED = "unlabeled"  # the class of images of which nobody said what they are
BATCHES_AHEAD = 4
CPU = torch.device("cpu")
Pixels = torch.Tensor | Streamed


@dataclass(frozen=True)
class Batch:
    """`real` is float (n, C, H, W) in -1..1, `labels` int64 (n,) into the dataset's classes, -1 where nobody said. `given` is float
    (n, C', H', W') in -1..1, what a translator or an upscaler is given; None where there are no pairs."""

    real: torch.Tensor
    labels: torch.Tensor
    given: torch.Tensor | None


@dataclass(frozen=True)
class Dataset:
    """`images` is uint8 (N, C, H, W), `labels` int64 (N,) into `classes`, -1 where nobody said; `keys` are the shard members' names.

    Of pairs `images` are the targets and `given` the inputs, uint8 (N, C', H', W').
    """

    images: Pixels
    labels: torch.Tensor
    classes: list[str]
    keys: list[str]
    given: Pixels | None = None

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def originals(self) -> list[int]:
        """The places of images that are no augmented copies, whose keys have a double underscore."""
        return [place for place, key in enumerate(self.keys) if "__" not in key]

    @property
    def shape(self) -> Shape:
        """What it asks of the networks."""
        _, colors, *size = self.images.shape
        _, given_colors, *given_size = self.given.shape if self.given is not None else (0, 0)
        return Shape((size[0], size[1]), colors, len(self.classes), (given_size[0], given_size[1]) if given_size else None, given_colors)

    def batch(
        self, seed: int, start: int, size: int, device: torch.device = CPU, dtype: torch.dtype = torch.float32,
        part: tuple[int, int] = (0, 1),
    ) -> Batch:
        """Images number `start` to `start + size` of an endless, shuffled order, on `device` as `dtype`.

        The order is a function of (seed, position) alone: every image comes once in each pass of N. `part` (rank, world) gives rank's
        rows of that batch, so several processes see together what one would see; `size` is then a multiple of world.
        """
        rank, world = part
        if size % world:
            raise ValueError(f"a batch of {size} cannot be shared by {world} processes")
        share = size // world
        first = start + rank * share

        def places(where: torch.device) -> torch.Tensor:
            return _places(seed, first, share, len(self), where)

        real, given = (None if pixels is None else _scaled(_taken(pixels, places, device), dtype) for pixels in (self.images, self.given))
        assert real is not None
        for streamed in self._streams:
            streamed.prepare([_places(seed, first + more * size, share, len(self), CPU) for more in range(1, BATCHES_AHEAD + 1)])
        return Batch(real, self.labels[places(self.labels.device)].to(device), given)

    def to(self, device: torch.device) -> "Dataset":
        """The same with the pixels on `device`, where they take at most half of what is free of a GPU; else they stay where they are,
        and batches are copied from page-locked memory. The labels move in any case."""
        for streamed in self._streams:
            streamed.pinned = device.type == "cuda"
        moved = replace(self, labels=self.labels.to(device))
        pixels = [pixels for pixels in (self.images, self.given) if isinstance(pixels, torch.Tensor)]
        if device.type == "cuda" and sum(part.nbytes for part in pixels) > torch.cuda.mem_get_info(device)[0] // 2:
            return moved
        images, given = (part.to(device) if isinstance(part, torch.Tensor) else part for part in (self.images, self.given))
        assert images is not None
        return replace(moved, images=images, given=given)

    def close(self) -> None:
        """End the threads that decode, where there are any."""
        for streamed in self._streams:
            streamed.close()

    @property
    def _streams(self) -> list[Streamed]:
        return [pixels for pixels in (self.images, self.given) if isinstance(pixels, Streamed)]


def load(
    shards: Path, split: str, labeled_fraction: float = 1.0, memory: int | None = None, classes: Sequence[str] | None = None,
) -> Dataset:
    """Every sample of `split`, such as train or holdout.

    Pixels are held in memory where they take at most `memory` bytes (None: half of what is free), else decoded as they are
    needed. `labeled_fraction` of the originals of each class keep their label, the same ones every time, and their augmented copies
    with them. `classes` are what labels count in (None: those of this split); an image of any other has the label -1, as has
    one of the class `unlabeled`. Raises UserError where there is nothing or it cannot be learned from.
    """
    if not 0 <= labeled_fraction <= 1:
        raise UserError(f"train.labeled_fraction in params.yaml is {labeled_fraction:g}; it is a share of the images, from 0 to 1")
    index = read_index(shards, split)
    named = [name for name in (sorted(set(index.names)) if classes is None else classes) if name != UNLABELED]
    number = {name: place for place, name in enumerate(named)}
    known = _labeled(index.keys, index.names, labeled_fraction)
    labels = [number.get(name, -1) if _original(key) in known else -1 for key, name in zip(index.keys, index.names, strict=True)]
    roles = [index.images] if index.given is None else [index.images, index.given]
    fits = sum(_size(pictures) for pictures in roles) <= (_free() // 2 if memory is None else memory)
    images, *given = (_whole(pictures) if fits else Streamed(pictures) for pictures in roles)
    return Dataset(images, torch.tensor(labels), named, index.keys, given[0] if given else None)


def _original(key: str) -> str:
    """The key of the image that an augmented copy was made from: i12__fliph is a copy of i12."""
    return key.partition("__")[0]


def _labeled(keys: Sequence[str], names: Sequence[str], fraction: float) -> set[str]:
    """The originals that keep their label: of each class those with the smallest hashes, so that a larger share has them all."""
    members: dict[str, set[str]] = {}
    for key, name in zip(keys, names, strict=True):
        members.setdefault(name, set()).add(_original(key))
    kept: set[str] = set()
    for originals in members.values():
        count = ceil(fraction * len(originals) - 1e-9)  # .07 of 100 are 7, whatever binary fractions say
        kept.update(sorted(originals, key=lambda key: hashlib.sha256(key.encode()).digest())[:count])
    return kept


def _whole(pictures: Pictures) -> torch.Tensor:
    with Streamed(pictures) as streamed:
        return streamed[:]


def _size(pictures: Pictures) -> int:
    """Bytes of all pixels."""
    return len(pictures.where) * torch.Size(pictures.shape).numel()


def _free() -> int:
    """Bytes of memory that this process can still have: of the machine, and of its control group (cgroup v2), as in a container."""
    free, group = int(psutil.virtual_memory().available), Path("/sys/fs/cgroup")
    try:
        most = int((group / "memory.max").read_text())  # the word max where there is no limit
        told = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
        used = int((group / "memory.current").read_text()) - int(told["inactive_file"])  # which goes where room is needed
    except (OSError, ValueError, KeyError):
        return free
    return max(0, min(free, most - used))


def _taken(pixels: Pixels, places: Callable[[torch.device], torch.Tensor], device: torch.device) -> torch.Tensor:
    """uint8 (n, C, H, W) on `device`, gathered where the pixels are."""
    if isinstance(pixels, Streamed):
        found = pixels[places(CPU)]
    elif pixels.device.type == "cpu" and device.type == "cuda":
        chosen = places(CPU)
        found = torch.empty((len(chosen), *pixels.shape[1:]), dtype=torch.uint8, pin_memory=True)
        torch.index_select(pixels, 0, chosen, out=found)
    else:
        found = pixels.index_select(0, places(pixels.device))
    return found.to(device, non_blocking=True)


def _scaled(pixels: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """0..255 to -1..1, computed in float32 at least."""
    wide = pixels.to(torch.promote_types(dtype, torch.float32))
    return wide.div_(127.5).sub_(1).to(dtype)


def _places(seed: int, start: int, size: int, length: int, device: torch.device) -> torch.Tensor:
    """Which images stand at `start` to `start + size` of the order: int64 (size,)."""
    parts = []
    while size:
        turn, place = divmod(start, length)
        count = min(size, length - place)
        parts.append(_order(seed, turn, length, device)[place : place + count])
        start, size = start + count, size - count
    return parts[0] if len(parts) == 1 else torch.cat(parts)


@lru_cache(maxsize=8)
def _order(seed: int, turn: int, length: int, device: torch.device) -> torch.Tensor:
    """The order of one pass, kept on the device: a batch is then found without waiting for a copy."""
    return permutation(seed, turn, length).to(device)
