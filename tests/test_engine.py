import os
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
    def __call__(self, number: int) -> int:
        os._exit(1)


@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("name", sorted(engine.ENGINES))
def test_results_come_in_order_whatever_the_engine(name: str, workers: int) -> None:
    assert engine.run(Square(), range(200), name, workers) == [n * n for n in range(200)]


def test_a_dead_worker_is_one_sentence() -> None:
    with pytest.raises(UserError, match=r"worker processes died.*run\.workers"):
        engine.run(Die(), range(200), "local", 2)
