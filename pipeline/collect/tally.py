"""What a scrape has come to so far, counted as it goes."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from pipeline.progress import progress

__all__ = ["Tally", "shown"]


@dataclass
class Tally:
    """`found` candidates; of these `fetched` now, `known` from before; `kept`, `same` as another, `refused` by reason."""

    found: int = 0
    fetched: int = 0
    bytes: int = 0
    known: int = 0
    kept: int = 0
    same: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        parts = [f"{self.found} found"]
        parts += [f"{self.fetched} fetched ({self.bytes / 1e6:.3g} MB)"] if self.fetched else []  # none of a folder's are
        parts += [f"{self.known} known"] if self.known else []
        parts += [f"{self.same} the same"] if self.same else []
        return ", ".join([*parts, *(f"{count} {reason}" for reason, count in self.refused.most_common())])


@contextmanager
def shown(what: str, count: int) -> Iterator[Callable[[Tally], None]]:
    """A progress bar of images kept, out of `count`, with the rest of the tally beside it."""
    kept = 0
    with progress(what, count, "images") as tell:
        def on_change(tally: Tally) -> None:
            nonlocal kept
            tell(tally.kept - kept, str(tally))
            kept = tally.kept

        yield on_change
