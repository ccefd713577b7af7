"""What trying a recipe gives back."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.frame import Goal

__all__ = ["COLUMNS", "Outcome"]

COLUMNS = ("recipe", "data", "measured", "value", "against", "CPU s")


@dataclass(frozen=True)
class Outcome:
    """Rows of COLUMNS, and goals."""

    rows: Sequence[tuple[str, str, str, str, str, str]]
    goals: Sequence[Goal]
