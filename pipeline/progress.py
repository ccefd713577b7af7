"""One progress bar, the same everywhere: quick on a terminal, a line every half minute in a log."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm

__all__ = ["progress"]


@contextmanager
def progress(what: str, total: float, unit: str) -> Iterator[Callable[..., object]]:
    """Gives a function that is told how much more is done; shows done, total, rate and time left.

    A second argument is text to show after them, such as what was refused.
    """
    interactive = sys.stderr.isatty()
    width = None if interactive else 160
    shown = "{desc} {percentage:3.0f}%|{bar:20}| {n:.4g}/{total:.4g} " + unit + " [{elapsed}<{remaining}, {rate_noinv_fmt}]{postfix}"
    tqdm.monitor_interval = 0  # no thread beside ours: a process with threads cannot be forked
    with tqdm(
        total=total, desc=what, unit=f" {unit}", bar_format=shown, leave=True, dynamic_ncols=interactive, ncols=width,
        mininterval=0.2 if interactive else 30, maxinterval=1 if interactive else 60, ascii=not interactive, miniters=1,
    ) as bar:
        def tell(more: float, note: str = "") -> None:
            if note:
                bar.set_postfix_str(note, refresh=False)
            bar.update(min(more, total - bar.n))  # a last batch may overshoot

        yield tell
