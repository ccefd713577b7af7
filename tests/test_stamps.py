"""A file is read again when it looks different, or may have changed within one tick of a clock; else not."""

import json
import os
import time
from pathlib import Path

import pytest

from pipeline import stamps as module
from pipeline.identity import digest
from pipeline.stamps import Stamps

LONG_AGO = 1_600_000_000_000_000_000


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "picture.png"
    path.write_bytes(b"one")
    os.utime(path, ns=(LONG_AGO, LONG_AGO))
    return path


@pytest.fixture
def kept(tmp_path: Path, file: Path) -> Path:
    path = tmp_path / "cache" / "stamps.json"
    stamps = Stamps(path)
    assert stamps.digest(file) == digest(b"one")
    stamps.keep()
    return path


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What was read since."""
    seen: list[bytes] = []
    monkeypatch.setattr(module, "digest", lambda data: seen.append(data) or digest(data))
    return seen


def test_what_looks_the_same_is_not_read_again(file: Path, kept: Path, reads: list[bytes]) -> None:
    assert Stamps(kept).digest(file) == digest(b"one") and not reads


def test_another_time_size_or_inode_is(file: Path, kept: Path, reads: list[bytes]) -> None:
    file.write_bytes(b"two")
    assert Stamps(kept).digest(file) == digest(b"two"), "another time"
    file.write_bytes(b"three")
    os.utime(file, ns=(LONG_AGO, LONG_AGO))
    assert Stamps(kept).digest(file) == digest(b"three"), "another size"
    other = file.with_name("other")
    other.write_bytes(b"six")
    os.utime(other, ns=(LONG_AGO, LONG_AGO))
    other.replace(file)
    assert Stamps(kept).digest(file) == digest(b"six"), "another file in its place"
    assert reads == [b"two", b"three", b"six"]


def test_what_had_just_been_written_when_it_was_kept_is_read_once_more(file: Path, kept: Path, reads: list[bytes]) -> None:
    now = time.time_ns()
    file.write_bytes(b"two")
    stamps = Stamps(kept)
    stamps.note(file, digest(b"two"))
    stamps.keep()
    file.write_bytes(b"six")
    os.utime(file, ns=(now, now))  # as where a clock ticks every two seconds
    looks = json.loads(kept.read_bytes())
    looks["files"][str(file)] = [3, now, file.stat().st_ino, digest(b"two")]
    kept.write_text(json.dumps(looks))
    assert Stamps(kept).digest(file) == digest(b"six") and reads == [b"six"]


def test_what_is_noted_is_not_read(file: Path, tmp_path: Path, reads: list[bytes]) -> None:
    path = tmp_path / "stamps.json"
    stamps = Stamps(path)
    stamps.note(file, digest(b"one"))
    stamps.keep()
    assert Stamps(path).digest(file) == digest(b"one") and not reads


def test_what_is_not_there_has_no_digest_and_what_nobody_asked_for_is_forgotten(file: Path, kept: Path) -> None:
    stamps = Stamps(kept)
    assert stamps.digest(file.parent) == stamps.digest(file / "below") == stamps.digest(file.with_name("none")) == ""
    stamps.keep()
    assert json.loads(kept.read_bytes())["files"] == {}


def test_nothing_is_written_where_nothing_changed(file: Path, kept: Path) -> None:
    before = kept.stat().st_mtime_ns, kept.read_bytes()
    stamps = Stamps(kept)
    stamps.digest(file)
    stamps.keep()
    assert (kept.stat().st_mtime_ns, kept.read_bytes()) == before


@pytest.mark.parametrize("content", ["", "[]", "{", '{"files": {}}', '{"at": 1, "files": [1]}', '{"at": 9e18, "files": {"a": 1}}'])
def test_what_cannot_be_read_is_as_if_it_were_not_there(content: str, file: Path, kept: Path, reads: list[bytes]) -> None:
    kept.write_text(content)
    stamps = Stamps(kept)
    assert stamps.digest(file) == digest(b"one") and reads == [b"one"]
    stamps.keep()
    assert Stamps(kept).digest(file) == digest(b"one") and reads == [b"one"]


def test_without_a_place_everything_is_read(file: Path, reads: list[bytes]) -> None:
    for _ in range(2):
        stamps = Stamps(None)
        stamps.digest(file)
        stamps.keep()
    assert reads == [b"one", b"one"]
