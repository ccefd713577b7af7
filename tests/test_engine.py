import math
import multiprocessing
import os
import time
from dataclasses import dataclass

import pytest

from pipeline import engine
from pipeline.errors import UserError


@dataclass(frozen=True)
class Square:
    def __call__(self, number: int) -> int:
        return number * number


@dataclass(frozen=True)
class Die:
    """In a worker process."""

    def __call__(self, number: int) -> int:
        if multiprocessing.parent_process():
            os._exit(1)
        return number


@dataclass(frozen=True)
class Process:
    """Takes the first input a second, as what has to load a library does."""

    def __call__(self, number: int) -> int:
        if number == 0:
            time.sleep(1)
        return os.getpid()


@dataclass(frozen=True)
class Slow:
    def __call__(self, number: int) -> int:
        time.sleep(0.06)
        return os.getpid()


@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("name", sorted(engine.ENGINES))
@pytest.mark.parametrize("enough", [0.0, math.inf])
def test_results_come_in_order_whatever_the_engine(name: str, workers: int, enough: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "WORTH_A_POOL", enough)
    for count in (0, 1, engine.TRIED, engine.TRIED + 1, engine.TRIED + 2, 200):
        assert engine.run(Square(), range(count), name, workers) == [n * n for n in range(count)]


def test_other_processes_start_where_much_is_left_to_do() -> None:
    little, much = engine.run(Process(), range(60), "local", 2), engine.run(Slow(), range(engine.TRIED + 40), "local", 2)
    assert set(little) == {os.getpid()}, "a second for the first of 60 is not a second for each"
    assert os.getpid() in much and len(set(much)) > 1


def test_a_dead_worker_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "WORTH_A_POOL", 0.0)
    with pytest.raises(UserError, match=r"worker processes died.*run\.workers"):
        engine.run(Die(), range(200), "local", 2)
