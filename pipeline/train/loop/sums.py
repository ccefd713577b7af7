"""Means of what was measured since the last tick, gathered without waiting for the device."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch

__all__ = ["Sums"]


@dataclass
class Sums:
    """Sums and counts by name."""

    totals: dict[str, torch.Tensor] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, values: Mapping[str, torch.Tensor]) -> None:
        """One more value of each."""
        for name, value in values.items():
            self.totals[name] = self.totals[name] + value if name in self.totals else value.clone()
            self.counts[name] = self.counts.get(name, 0) + 1

    def taken(self) -> dict[str, torch.Tensor]:
        """All means, and begin anew."""
        means = {name: total / self.counts[name] for name, total in self.totals.items()}
        self.totals.clear()
        self.counts.clear()
        return means
