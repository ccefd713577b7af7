"""Work on what strangers sent: what breaks a limit costs itself alone."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline import bounded
from pipeline.bounded import Limits, Lost
from tests.awkward import GIGABYTE, Do


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_results_come_in_order_for_any_number_of_workers(workers: int) -> None:
    assert bounded.run(Do(), range(100), "local", workers) == [n * n for n in range(100)]


def test_serial_gives_the_same() -> None:
    assert bounded.run(Do(), [3, b"abc"], "serial") == bounded.run(Do(), [3, b"abc"]) == [9, b"cba"]
    assert bounded.run(Do(), []) == []


def test_what_breaks_a_limit_or_its_process_is_lost_alone() -> None:
    inputs = [1, "crash", 2, "fill 3", 3, "leave 7", "spin", 4, "kill 9", *range(5, 60)]
    found = bounded.run(Do(), inputs, "local", 2, Limits(seconds=1.5, memory=GIGABYTE))
    assert found == [
        1, Lost("crashed the decoder (signal 11)"), 4, Lost("needed more than 1 GB"), 9, Lost("crashed the decoder (exit code 7)"),
        Lost("took longer than 1.5 s"), 16, Lost("crashed the decoder (signal 9)"), *(n * n for n in range(5, 60)),
    ]


def test_the_limit_of_memory_is_where_it_says() -> None:
    assert bounded.run(Do(), ["fill 1.0", "fill 1.5"]) == [GIGABYTE, Lost("needed more than 1.5 GB")]


def test_time_is_counted_for_each_input_and_not_while_it_waits_for_its_turn() -> None:
    assert bounded.run(Do(), ["sleep 0.4"] * 5, "local", 1, Limits(seconds=1.2)) == ["slept"] * 5


def test_a_crash_counts_only_if_it_comes_again_in_a_fresh_process(tmp_path: Path) -> None:
    """So an earlier input that left its process damaged costs nothing but itself."""
    assert bounded.run(Do(), [1, f"once {tmp_path / 'was here'}", 3], "local", 1) == [1, "done at last", 9]


def test_serial_loses_what_python_can_notice(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(self: Do, _: str) -> None:
        raise MemoryError

    monkeypatch.setattr(Do, "fill", never)
    assert bounded.run(Do(), ["fill 1", 2], "serial") == [Lost("needed more than 1.5 GB"), 4]


@pytest.mark.parametrize("engine", ["local", "serial"])
def test_what_the_work_raises_reaches_the_caller(engine: str) -> None:
    with pytest.raises(ValueError, match="no such op") as raised:
        bounded.run(Do(), [1, "fail no such op", 2], engine)
    if engine == "local":
        assert "in fail" in "".join(raised.value.__notes__)  # where in the worker it was


def test_an_error_of_the_work_is_not_taken_for_one_of_the_pipe() -> None:
    with pytest.raises(FileNotFoundError, match="no/such/file"):
        bounded.run(Do(), [1, "read no/such/file"])


def test_a_result_that_cannot_travel_is_an_error_and_no_hang() -> None:
    with pytest.raises(Exception, match="lambda"):
        bounded.run(Do(), ["odd"])


def test_large_inputs_and_results_pass_without_a_jam() -> None:
    inputs = [bytes([n]) * 3_000_000 for n in range(12)] + ["large 5000000"] * 12
    assert bounded.run(Do(), inputs, "local", 2) == [bytes([n]) * 3_000_000 for n in range(12)] + [b"x" * 5_000_000] * 12


def test_no_process_stays_behind(tmp_path: Path) -> None:
    """Whoever asked is killed, and cannot tidy up: the worker in its endless loop ends all the same."""
    mark = tmp_path / "pid"
    heard = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"  # which a shell's background job would not
    program = f"{heard}\nfrom pipeline import bounded; from tests.awkward import Do\nbounded.run(Do(), ['mark {mark}'])"
    script = tmp_path / "asks.py"
    script.write_text(f"if __name__ == '__main__':\n    {program.replace(chr(10), chr(10) + '    ')}\n")
    for end in (signal.SIGKILL, signal.SIGINT):
        asked = subprocess.Popen([sys.executable, script], env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
                                 stderr=subprocess.DEVNULL, start_new_session=True)
        try:
            until(lambda: mark.exists() and mark.read_text() != "")
            worker = int(mark.read_text())
            asked.send_signal(end)
            asked.wait(20)
            until(lambda worker=worker: not alive(worker))
        finally:
            asked.kill()
            asked.wait()
        mark.unlink()


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def until(holds: Callable[[], bool]) -> None:
    for _ in range(1000):
        if holds():
            return
        time.sleep(0.02)
    raise AssertionError("it did not come to that in 20 s")
