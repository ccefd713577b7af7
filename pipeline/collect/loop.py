"""The event loop that downloads run in."""

import asyncio
import gc
from collections.abc import Coroutine
from typing import Any, TypeVar

try:
    from uvloop import new_event_loop
except ImportError:  # it has no wheel for Windows; the standard loop does the same, slower
    from asyncio import new_event_loop  # type: ignore[assignment]

__all__ = ["run"]

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end, with rare garbage collections: a long run keeps a row of every image, and each would walk over all."""
    before = gc.get_threshold()
    gc.set_threshold(100_000, 20, 100)
    try:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            return runner.run(work)
    finally:
        gc.set_threshold(*before)
