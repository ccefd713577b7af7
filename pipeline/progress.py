"""One progress bar, the same everywhere: quick on a terminal, a line every half minute in a log."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm

__all__ = ["progress"]


@contextmanager
def progress(what: str, total: float, unit: str) -> Iterator[Callable[[float], object]]:
    """Gives a function that is told how much more is done; shows done, total, rate and time left."""
    interactive = sys.stderr.isatty()
    shown = "{desc} {percentage:3.0f}%|{bar}| {n:.4g}/{total:.4g} " + unit + " [{elapsed}<{remaining}, {rate_noinv_fmt}]"
    with tqdm(
        total=total, desc=what, unit=f" {unit}", bar_format=shown, leave=True, ncols=100,
        mininterval=0.2 if interactive else 30, maxinterval=1 if interactive else 60, ascii=not interactive,
    ) as bar:
        yield lambda more: bar.update(min(more, total - bar.n))  # a last batch may overshoot
