"""The history of a run in its state folder: a line of JSON and a picture for each tick, on the disk before the checkpoint is.

All else that is shown is made from these, so a run that was killed and resumed shows what an undisturbed one does.
"""

import json
import math
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.files import put

__all__ = ["History", "Moment"]

ACROSS = 8  # samples side by side on a frame


@dataclass(frozen=True)
class Moment:
    """A tick as it is kept. `seen` is the number of real images shown, `shape` the samples' (n, height, width, colours).

    `diversity` is that of the samples as a share of the real images' (None where none is expected); `warnings` are those
    first given at this tick, by name.
    """

    seen: int
    kimg: float
    scalars: dict[str, float]
    shape: tuple[int, int, int, int]
    diversity: float | None = None
    warnings: dict[str, str] = field(default_factory=dict)


class History:
    """The moments of a run up to now, and the samples of each."""

    def __init__(self, state: Path, past: int) -> None:
        """Read what `state` holds of the first `past` images; what came later, and what a kill left unfinished, is dropped."""
        self._lines, self._frames = state / "history.jsonl", state / "frames"
        self._frames.mkdir(parents=True, exist_ok=True)
        self.moments = [moment for moment in self._read() if past and moment.seen <= past]
        put(self._lines, b"".join(map(_line, self.moments)))
        known = {self._frame(moment.seen).name for moment in self.moments}
        for path in self._frames.iterdir():
            if path.name not in known:
                path.unlink()

    def add(self, moment: Moment, samples: np.ndarray) -> None:
        """Keep a moment and its samples, uint8 (n, height, width, colours); both are on the disk when this returns."""
        frame = self._frame(moment.seen)
        draft = frame.with_suffix(".part")
        with draft.open("wb") as file:
            _tiled(samples).save(file, "png", compress_level=1)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(frame)
        with self._lines.open("ab") as file:
            file.write(_line(moment))
            file.flush()
            os.fsync(file.fileno())
        self.moments.append(moment)

    def samples(self, moment: Moment) -> np.ndarray | None:
        """The samples of a moment, uint8 (n, height, width, colours); None where somebody took its picture away."""
        try:
            with Image.open(self._frame(moment.seen)) as frame:
                return _apart(np.asarray(frame), moment.shape)
        except OSError:
            return None

    def _frame(self, seen: int) -> Path:
        return self._frames / f"{seen:012d}.png"

    def _read(self) -> list[Moment]:
        moments: list[Moment] = []
        for line in self._lines.read_bytes().splitlines(keepends=True) if self._lines.exists() else []:
            try:
                found = json.loads(line)
                moment = Moment(**{**found, "shape": tuple(found["shape"])})
            except (ValueError, TypeError, KeyError):
                break  # cut off by a kill; what follows would have a gap before it
            if not line.endswith(b"\n"):
                break
            moments.append(moment)
        return moments


def _line(moment: Moment) -> bytes:
    fields = asdict(moment)
    fields["scalars"] = {name: value for name, value in moment.scalars.items() if math.isfinite(value)}
    return json.dumps(fields, allow_nan=False).encode() + b"\n"


def _tiled(samples: np.ndarray) -> Image.Image:
    """Samples side by side without a gap, the last row filled up with black."""
    count, height, width, colors = samples.shape
    across = min(count, ACROSS)
    rows = -(-count // across)
    full = np.zeros((rows * across, height, width, colors), np.uint8)
    full[:count] = samples
    pixels = full.reshape(rows, across, height, width, colors).swapaxes(1, 2).reshape(rows * height, across * width, colors)
    return Image.fromarray(pixels[:, :, 0] if colors == 1 else pixels)


def _apart(pixels: np.ndarray, shape: tuple[int, int, int, int]) -> np.ndarray:
    """What _tiled joined."""
    count, height, width, colors = shape
    across = min(count, ACROSS)
    tiles = pixels.reshape(-(-count // across), height, across, width, colors).swapaxes(1, 2)
    return tiles.reshape(-1, height, width, colors)[:count]
