"""Half a file is never seen, and what did not change is not written."""

import os
from pathlib import Path

import pytest

from pipeline.files import put, written


def test_what_did_not_change_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.csv"
    put(path, b"one")
    first = path.stat()
    put(path, b"one")
    with written(path) as file:
        file.write(b"one")
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (first.st_ino, first.st_mtime_ns)
    put(path, b"two")
    assert path.read_bytes() == b"two" and list(path.parent.iterdir()) == [path]


def test_a_linked_copy_elsewhere_keeps_its_content(tmp_path: Path) -> None:
    path, cache = tmp_path / "a.csv", tmp_path / "cache"
    path.write_bytes(b"one")
    os.link(path, cache)
    put(path, b"two")
    assert cache.read_bytes() == b"one"


def test_an_error_leaves_the_old_file_and_no_draft(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    put(path, b"one")
    with pytest.raises(RuntimeError), written(path) as file:
        file.write(b"half of tw")
        raise RuntimeError
    assert path.read_bytes() == b"one" and list(tmp_path.iterdir()) == [path]
