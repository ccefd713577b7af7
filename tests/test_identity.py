"""Which code a result hangs on: its own module, what that uses of its room, image; not the rest."""

import importlib
import linecache
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline import identity

SOURCES = {
    "house/__init__.py": "",
    "house/room/__init__.py": "",
    "house/room/work.py": "from house.room.formula import area\nfrom house.shelf import ITEM\nclass Work: ...\n",
    "house/room/formula.py": "from house.room import table\ndef area(): ...\n",
    "house/room/table.py": "NUMBER = 1\n",
    "house/room/table.c": "int number = 1;\n",
    "house/room/other.py": "OTHER = 1\n",
    "house/room/other.c": "int other = 1;\n",
    "house/shelf.py": "ITEM = 1\n",
}


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    """code_of(Work) in a small package, of which one file may be changed."""

    def forget() -> None:
        for name in [name for name in sys.modules if name.split(".")[0] == "house"]:
            del sys.modules[name]
        identity._code_of.cache_clear()
        linecache.clearcache()

    def of(changed: str = "") -> str:
        forget()
        for name, source in SOURCES.items():
            file = tmp_path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(source + ("# other\n" if name.endswith(changed or "nothing") else ""))
        importlib.invalidate_caches()
        importlib.import_module("house.room.other")
        return identity.code_of(importlib.import_module("house.room.work").Work)

    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield of
    forget()


def test_it_follows_what_the_work_uses_of_its_room_and_nothing_else(code: Callable[..., str]) -> None:
    plain = code()
    assert code() == plain
    assert code("work.py") != plain
    assert code("formula.py") != plain
    assert code("table.py") != plain, "through another module"
    assert code("table.c") != plain, "in C, beside it"
    assert code("other.py") == code("other.c") == plain, "beside it in the room, but not used"
    assert code("shelf.py") == plain, "not of its room"
