"""Do work on what strangers sent in processes of its own, so that no input costs more than itself.

A decoder may crash, loop or eat all memory. Here each input has a time and a memory limit; the one that breaks a limit or its
process is `Lost`, with a reason; the process is replaced and everything else goes on. What was lost to a crash or to memory is
tried once more in a process that has done nothing before, so the results do not depend on the order or the number of workers.
"""

import contextlib
import math
import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any, TypeVar

from pipeline.engine import cores
from pipeline.errors import UserError

__all__ = ["Limits", "Lost", "each", "run"]

Input = TypeVar("Input")
Output = TypeVar("Output")
WORTH_A_WORKER = 16  # inputs for each further process: to start one costs about as much
STARTED_WITH = ["numpy", "PIL.ImageCms", "cv2", "pipeline.image"]  # what is loaded once, and shared by the workers


@dataclass(frozen=True)
class Limits:
    """What one input may cost: seconds of wall time; bytes of memory, that of the process with all it has loaded included."""

    seconds: float = 20.0
    memory: int = 1_500_000_000


@dataclass(frozen=True)
class Lost:
    """In the place of the result of an input that broke a limit or its worker: why."""

    reason: str


def run(
    work: Callable[[Input], Output], inputs: Sequence[Input], engine: str = "local", workers: int = 0, limits: Limits = Limits()
) -> list[Output | Lost]:
    """Apply `work` to every input, each within `limits`; the results in the order of the inputs. Raises what `work` raises.

    `local`: in worker processes (`workers` 0: one for each core), to which work, inputs and outputs travel and so must be
    picklable. `serial`: in this process, where only want of memory that Python notices is caught. Where the system has no
    memory limit for a process, that of time holds alone.
    """
    return list(each(work, inputs, engine, workers, limits))


def each(
    work: Callable[[Input], Output], inputs: Sequence[Input], engine: str = "local", workers: int = 0, limits: Limits = Limits()
) -> Iterator[Output | Lost]:
    """As `run`, but each result as soon as it and those before it are there. Raises ValueError for an engine that there is not."""
    if engine == "serial":
        return (_caught(work, given, limits) for given in inputs)
    if engine != "local":
        raise ValueError(f"{engine!r} is no engine; local or serial")
    count = min(workers or cores(), math.ceil(len(inputs) / WORTH_A_WORKER))
    return _Crew(work, inputs, limits).results(count)


def _caught(work: Callable[[Input], Output], given: Input, limits: Limits) -> Output | Lost:
    try:
        return work(given)
    except MemoryError:
        return _too_much(limits)


def _too_much(limits: Limits) -> Lost:
    return Lost(f"needed more than {limits.memory / 1e9:g} GB")


@dataclass
class _Worker:
    """A process, the pipe to it, and what it does."""

    process: BaseProcess
    pipe: Connection
    number: int | None = None  # of the input under way
    since: float = 0.0  # when that was sent
    done: int = 0
    ready: bool = False


class _Crew:
    """The side that hands out the inputs, one to a worker at a time, and holds the clock."""

    def __init__(self, work: Callable[[Any], Any], inputs: Sequence[Any], limits: Limits) -> None:
        self._work, self._inputs, self._limits = work, inputs, limits
        self._todo: deque[int] = deque(range(len(inputs)))
        self._again: set[int] = set()  # what is tried once more, in a fresh process
        self._results: dict[int, Any] = {}
        self._workers: dict[Connection, _Worker] = {}

    def results(self, count: int) -> Iterator[Any]:
        try:
            for _ in range(count):
                self._hire()
            for number in range(len(self._inputs)):
                while number not in self._results:
                    self._listen()
                yield self._results.pop(number)
        finally:
            for worker in self._workers.values():
                worker.process.kill()  # at once: it may be in the middle of what nobody wants any more
            for worker in self._workers.values():
                _buried(worker)

    def _hire(self) -> None:
        context = _context()
        near, far = context.Pipe()
        process = context.Process(target=_work_on, args=(far, self._work, self._limits), daemon=True)
        process.start()
        far.close()  # so that the pipe ends when the worker does
        self._workers[near] = _Worker(process, near)

    def _replace(self, worker: _Worker) -> None:
        """End a process; another takes its place if there is anything left to hand out."""
        del self._workers[worker.pipe]
        worker.process.kill()
        _buried(worker)
        if self._todo:
            self._hire()

    def _listen(self) -> None:
        """Take what came in, hand out what is next, end what took too long."""
        ends = [worker.since + self._limits.seconds for worker in self._workers.values() if worker.number is not None]
        patience = max(0.0, min(ends) - time.monotonic()) if ends else None
        for pipe in wait(list(self._workers), patience):
            worker = self._workers[pipe]  # type: ignore[index]
            try:
                said = worker.pipe.recv_bytes()
            except (EOFError, OSError):
                self._died(worker)
            else:
                self._take(worker, *ForkingPickler.loads(said))
        late = time.monotonic() - self._limits.seconds
        for worker in list(self._workers.values()):
            if worker.number is not None and worker.since < late and not worker.pipe.poll():
                self._lose(worker, Lost(f"took longer than {self._limits.seconds:g} s"), for_good=True)

    def _take(self, worker: _Worker, kind: str, value: Any) -> None:
        if kind == "raised":
            raise value
        if kind == "memory":
            self._lose(worker, _too_much(self._limits))
            return
        if kind == "ready":
            worker.ready = True
        elif worker.number is not None:
            self._results[worker.number] = value
            worker.number, worker.done = None, worker.done + 1
        self._give(worker)

    def _give(self, worker: _Worker) -> None:
        if not self._todo:
            return
        if worker.done and self._todo[0] in self._again:
            self._replace(worker)
            return
        number = worker.number = self._todo.popleft()
        worker.since = time.monotonic()
        with contextlib.suppress(OSError):  # it has died: its end of the pipe tells, when that is read
            worker.pipe.send_bytes(ForkingPickler.dumps(self._inputs[number]))

    def _died(self, worker: _Worker) -> None:
        worker.process.join(5)  # it has let go of its pipe, so it is ending
        worker.process.kill()
        worker.process.join()
        code = worker.process.exitcode or 0
        if not worker.ready:
            raise UserError(f"a worker process ended while it started (exit code {code}); its own message is above")
        self._lose(worker, Lost(f"crashed the decoder ({f'signal {-code}' if code < 0 else f'exit code {code}'})"))

    def _lose(self, worker: _Worker, lost: Lost, for_good: bool = False) -> None:
        """Write off the input under way, if its process had done nothing else before; otherwise try it once more."""
        if worker.number is not None and (for_good or worker.done == 0):
            self._results[worker.number] = lost
        elif worker.number is not None:
            self._again.add(worker.number)
            self._todo.appendleft(worker.number)
        self._replace(worker)


def _buried(worker: _Worker) -> None:
    worker.process.join()
    worker.pipe.close()
    worker.process.close()


def _context() -> ForkServerContext | SpawnContext:
    """Clean processes: forking this one could take over its locks. With a fork server one starts in milliseconds."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(STARTED_WITH)
    return context


def _work_on(pipe: Connection, work: Callable[[Any], Any], limits: Limits) -> None:
    """A worker's whole life."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one that asked, who ends this one
    _end_with_parent()
    _limit(limits)
    pipe.send(("ready", None))
    while True:
        try:
            message = pipe.recv_bytes()
        except EOFError:
            return
        _alarm(limits.seconds)
        answer = _answer(work, message)
        _alarm(0)
        pipe.send_bytes(answer)


def _answer(work: Callable[[Any], Any], message: bytes) -> Any:
    """What to send back, as bytes: ("done", result), ("memory", None) or ("raised", error)."""
    try:
        return ForkingPickler.dumps(("done", work(ForkingPickler.loads(message))))
    except MemoryError:
        return ForkingPickler.dumps(("memory", None))
    except Exception as error:
        error.add_note(f"in a worker process:\n{traceback.format_exc()}")
        try:
            return ForkingPickler.dumps(("raised", error))
        except Exception:  # an error that holds what cannot travel
            return ForkingPickler.dumps(("raised", RuntimeError(traceback.format_exc())))


def _limit(limits: Limits) -> None:
    try:
        import resource
    except ImportError:
        return  # not on Windows
    most = limits.memory + _reserved()
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash must not fill the disk
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def _reserved() -> int:
    """Bytes that libraries have set aside without using them, which the system counts too: more, the more cores there are."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0  # not on Linux
    sizes = {name: int(rest.split()[0]) * 1024 for name, _, rest in (line.partition(":") for line in lines) if name in ("VmData", "VmRSS")}
    return max(0, sizes["VmData"] - sizes["VmRSS"])


def _alarm(seconds: float) -> None:
    """Should nobody be there any more to hold the clock, the system ends this process, whatever it is doing."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds and seconds + 10)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None  # this is a child
    sentinel = parent.sentinel

    def watch() -> None:
        wait([sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
