"""What every bench gives back: a table, and goals with what was measured and what is needed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Bench", "Goal", "Result"]


@dataclass(frozen=True)
class Goal:
    """`measured` must be at most `needed`, or at least, where `at_least`."""

    name: str
    measured: float
    needed: float
    at_least: bool = False

    @property
    def met(self) -> bool:
        return self.measured >= self.needed if self.at_least else self.measured <= self.needed

    def __str__(self) -> str:
        return f"goal {self.name} {self.measured:.6g} {self.needed:.6g} {'met' if self.met else 'short'}"


@dataclass(frozen=True)
class Result:
    """Printed as an aligned table and one line for each goal."""

    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    goals: Sequence[Goal]

    def __str__(self) -> str:
        cells = [[str(cell) for cell in row] for row in [self.columns, *self.rows]]
        widths = [max(len(row[place]) for row in cells) for place in range(len(self.columns))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
        return "\n".join([*lines, *map(str, self.goals)])


@dataclass(frozen=True)
class Bench:
    """`run` is given the Python interpreter that has the peers installed."""

    peers: tuple[str, ...]
    run: Callable[[Path], Result]
