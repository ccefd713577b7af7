"""Pictures that are decoded from the shards when they are asked for, and a little before: for datasets that memory does not hold."""

import os
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType

import numpy as np
import torch

from pipeline.errors import UserError
from pipeline.image import ImageError
from pipeline.train.shards import AGAIN, Pictures, pixels

__all__ = ["Streamed"]

AT_ONCE = 8  # pictures that a thread decodes before it takes the next ones
AHEAD = 256 * 2**20  # bytes that are decoded before they are asked for, at most


class Streamed:
    """Stands for a uint8 tensor (N, C, H, W): it has `shape` and `len`, and `[places]` gives what the tensor would, whatever the threads.

    `prepare` has batches decoded in the background. For one user at a time; it has threads from the first picture to `close`. With
    `pinned` batches come in page-locked memory, which a GPU copies from on its own. Raises UserError for a picture that is damaged.
    """

    def __init__(self, pictures: Pictures, threads: int | None = None, ahead: int = AHEAD, pinned: bool = False) -> None:
        """`threads`: as many as this process has cores where None; `ahead`: bytes of pixels that are decoded before they are asked for."""
        self.shape = torch.Size((len(pictures.where), *pictures.shape))
        self.pinned = pinned
        self._pictures, self._threads, self._ahead = pictures, threads or _cores(), ahead
        self._coming: dict[bytes, _Batch] = {}  # by its places, the oldest first
        self._pool: ThreadPoolExecutor | None = None

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, places: torch.Tensor | Sequence[int] | slice) -> torch.Tensor:
        """uint8 (n, C, H, W) of the samples with these numbers, 0 to N - 1. Raises IndexError for any other."""
        wanted = self._numbers(places)
        batch = self._coming.pop(wanted.tobytes(), None) or self._begin(wanted)
        for job in batch.jobs:
            job.result()
        return batch.pixels

    def prepare(self, batches: Sequence[torch.Tensor]) -> None:
        """Have these batches, each the places that will be asked for together, decoded in this order, as far as `ahead` allows.

        Where there is no room, what was prepared before and is not among them goes.
        """
        wanted = {numbers.tobytes(): numbers for numbers in map(self._numbers, batches)}
        for key, numbers in wanted.items():
            if key not in self._coming:
                if not self._room(numbers.size, wanted):
                    return
                self._coming[key] = self._begin(numbers)

    def close(self) -> None:
        """End the threads; whoever asks again starts new ones."""
        self._coming.clear()
        if self._pool:
            self._pool.shutdown(cancel_futures=True)
        self._pool = None

    def __enter__(self) -> "Streamed":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _numbers(self, places: torch.Tensor | Sequence[int] | slice) -> np.ndarray:
        numbers = np.arange(len(self))[places] if isinstance(places, slice) else np.asarray(places, np.int64)
        if numbers.size and not 0 <= numbers.min() <= numbers.max() < len(self):
            raise IndexError(f"there are pictures 0 to {len(self) - 1}, and {numbers.min()} to {numbers.max()} were asked for")
        return numbers

    def _room(self, count: int, wanted: dict[bytes, np.ndarray]) -> bool:
        """Make room for `count` more pictures; False where there is none."""
        size = self.shape[1:].numel()
        for key in [key for key in self._coming if key not in wanted]:
            if sum(len(batch.pixels) for batch in self._coming.values()) + count <= self._ahead // size:
                break
            for job in self._coming.pop(key).jobs:
                job.cancel()
        return sum(len(batch.pixels) for batch in self._coming.values()) + count <= self._ahead // size

    def _begin(self, numbers: np.ndarray) -> "_Batch":
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._threads, "decode")
        into = torch.empty((len(numbers), *self.shape[1:]), dtype=torch.uint8, pin_memory=self.pinned)
        starts = range(0, len(numbers), AT_ONCE)
        rows = into.numpy()
        jobs = [self._pool.submit(self._fill, rows[start : start + AT_ONCE], numbers[start : start + AT_ONCE]) for start in starts]
        return _Batch(into, jobs)

    def _fill(self, rows: np.ndarray, numbers: np.ndarray) -> None:
        for row, number in zip(rows, numbers.tolist(), strict=True):
            try:
                found = pixels(self._pictures.bytes_of(number))
            except (ImageError, OSError) as error:
                raise UserError(f"{self._pictures.told(number)} cannot be read ({error}); {AGAIN}") from None
            if found.shape != row.shape:
                raise UserError(f"{self._pictures.told(number)} is not what its header said; {AGAIN}")
            row[:] = found


@dataclass(frozen=True)
class _Batch:
    """Pixels uint8 (n, C, H, W) that are right once the jobs are done."""

    pixels: torch.Tensor
    jobs: list[Future[None]]


def _cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
