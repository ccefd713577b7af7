"""What was learned is remembered, by who learned it, and nothing else."""

from pathlib import Path

import pytest

from pipeline.errors import UserError
from pipeline.memory import Memory, forget


def test_what_one_learned_another_does_not_know(tmp_path: Path) -> None:
    with Memory(tmp_path / "deep" / "seen.sqlite") as memory:
        memory.keep("one", [("i1", b"a"), ("i2", b"b")])
        memory.keep("one", [("i1", b"c")])
    with Memory(tmp_path / "deep" / "seen.sqlite") as memory:
        assert memory.recall("one", ["i1", "i2", "i3"]) == {"i1": b"c", "i2": b"b"}
        assert memory.recall("one", ["i2"]) == {"i2": b"b"}
        assert memory.recall("two", ["i1"]) == {}


def test_without_a_file_it_lasts_as_long_as_it_is_open(tmp_path: Path) -> None:
    with Memory(None) as memory:
        memory.keep("one", [("i1", b"a")])
        assert memory.recall("one", ["i1"]) == {"i1": b"a"}
    assert list(tmp_path.iterdir()) == []


def test_another_file_given_by_mistake_is_not_lost(tmp_path: Path) -> None:
    path = tmp_path / "holiday.txt"
    path.write_text("not a database, and longer than a header of one\n" * 40)
    before = path.read_bytes()
    with pytest.raises(UserError, match=r"holiday\.txt cannot keep what was seen"):
        Memory(path)
    assert path.read_bytes() == before


def test_what_is_taken_down_is_not_left_in_the_file(tmp_path: Path) -> None:
    path, secret = tmp_path / "seen.sqlite", b"a thumbnail of somebody" * 50
    with Memory(path) as memory:
        memory.keep("one", [("i1", secret), ("i2", b"b")])
        memory.keep("two", [("i1", secret)])
    forget(path, ["i1"])
    assert all(secret not in file.read_bytes() for file in tmp_path.iterdir())
    with Memory(path) as memory:
        assert memory.recall("one", ["i1", "i2"]) == {"i2": b"b"} and memory.recall("two", ["i1"]) == {}
    forget(tmp_path / "never.sqlite", ["i1"])
    assert not (tmp_path / "never.sqlite").exists()
