"""Do the same work to many things: `serial` in this process, `local` over worker processes where there is enough of it.

The results come back in the order of the inputs and are the same for either engine and any number of
workers, as long as the work is a pure function of its input.
"""

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from pipeline.errors import UserError

__all__ = ["ENGINES", "at_once", "cores", "each", "run"]

Input = TypeVar("Input")
Output = TypeVar("Output")
TRIED = 8  # inputs done here before the rest is estimated, less the first, which also loads what the work needs
WORTH_A_POOL = 2.0  # seconds of work that are left: less is done sooner than worker processes have started and loaded the same


def run(
    work: Callable[[Input], Output], inputs: Sequence[Input], engine: str = "local", workers: int = 0
) -> list[Output]:
    """Apply `work` to every input; `workers` 0 means one for each core. Raises what `work` raises.

    With `local`, work, inputs and outputs travel between processes and so must be picklable.
    """
    return list(each(work, inputs, engine, workers))


def each(
    work: Callable[[Input], Output], inputs: Sequence[Input], engine: str = "local", workers: int = 0
) -> Iterator[Output]:
    """As `run`, but each result as soon as it and those before it are there."""
    return ENGINES[engine](work, inputs, workers or cores())


def cores() -> int:
    """How many processes can run at a time on this machine."""
    return os.cpu_count() or 1


def at_once(engine: str, workers: int) -> int:
    """How many things that engine does at a time."""
    return 1 if engine == "serial" else workers or cores()


def _serial(work: Callable[[Input], Output], inputs: Sequence[Input], workers: int) -> Iterator[Output]:
    return map(work, inputs)


def _local(work: Callable[[Input], Output], inputs: Sequence[Input], workers: int) -> Iterator[Output]:
    done, seconds = 0, 0.0
    for given in inputs:
        if workers > 1 and done > TRIED and seconds / (done - 1) * (len(inputs) - done) > WORTH_A_POOL:
            break
        begin = time.perf_counter()
        result = work(given)
        seconds += time.perf_counter() - begin if done else 0.0
        done += 1
        yield result
    rest = inputs[done:]
    if not rest:
        return
    chunk = max(1, min(64, len(rest) // (4 * workers)))
    spawn = multiprocessing.get_context("spawn")  # forking a process that has threads can hang
    try:
        with ProcessPoolExecutor(workers, mp_context=spawn) as pool:
            yield from pool.map(work, rest, chunksize=chunk)
    except BrokenProcessPool:
        raise UserError(
            f"one of {workers} worker processes died, most likely out of memory; "
            "set run.workers to a smaller number in params.yaml and run again"
        ) from None


ENGINES = {"serial": _serial, "local": _local}
