"""Numbers that change as training goes on, as functions of how many images were seen."""

from dataclasses import dataclass
from math import cos, pi
from typing import Literal

__all__ = ["Schedule", "fixed"]


@dataclass(frozen=True)
class Schedule:
    """From `start` to `end` in `kimg` thousand images, then `end`; by a straight line or half a cosine."""

    start: float
    end: float
    kimg: float
    curve: Literal["linear", "cosine"] = "linear"

    def at(self, kimg: float) -> float:
        """The value after so many thousand images."""
        if self.kimg <= 0 or kimg >= self.kimg:
            return self.end
        way = kimg / self.kimg
        if self.curve == "cosine":
            way = (1 - cos(pi * way)) / 2
        return self.start + (self.end - self.start) * way

    @property
    def changes(self) -> bool:
        return self.kimg > 0 and self.start != self.end


def fixed(value: float) -> Schedule:
    """The same value throughout."""
    return Schedule(value, value, 0)
