import os
import signal
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from pipeline import image, stamps
from pipeline.folder import Made, Task, Work, mirror
from pipeline.identity import digest
from pipeline.item import Item, read_rejections
from tests.conftest import encoded, picture


@dataclass(frozen=True)
class Rotate:
    times: int

    def __call__(self, source: Path, item: Item) -> bytes:
        return image.encode_png(image.open_image(source).rotate(90 * self.times))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    for number in range(6):
        (folder / f"i{number:016x}.png").write_bytes(encoded(picture(number, (16, 16))))
    return folder


def tasks(source: Path, numbers: range, work: Work = Rotate(1)) -> list[Task]:
    items = [Item(f"i{n:016x}", "a", f"a/i{n:016x}.png", 16, 16, 1, "PNG") for n in numbers]
    return [Task(source / f"{item.id}.png", item, work, item) for item in items]


def content(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_only_what_changed_is_done_and_the_bytes_are_those_of_a_run_from_scratch(source: Path, tmp_path: Path) -> None:
    target, fresh = tmp_path / "target", tmp_path / "fresh"
    assert mirror(tasks(source, range(4)), target) == Made(4, 0, 0, 0)
    assert mirror(tasks(source, range(4)), target) == Made(0, 4, 0, 0)
    assert mirror(tasks(source, range(1, 6)), target) == Made(2, 3, 1, 0)
    mirror(tasks(source, range(1, 6)), fresh)
    assert content(target) == content(fresh)


def test_other_parameters_make_everything_again(source: Path, tmp_path: Path) -> None:
    target, fresh = tmp_path / "target", tmp_path / "fresh"
    mirror(tasks(source, range(4)), target)
    assert mirror(tasks(source, range(4), Rotate(2)), target) == Made(4, 0, 0, 0)
    mirror(tasks(source, range(4), Rotate(2)), fresh)
    assert content(target) == content(fresh)


def test_another_version_of_the_input_is_noticed_by_its_key(source: Path, tmp_path: Path) -> None:
    first = tasks(source, range(2))
    mirror(first, tmp_path / "target")
    second = [replace(task, item=task.item.with_more(key="made otherwise")) for task in first]
    assert mirror(second, tmp_path / "target") == Made(2, 0, 0, 0)


@pytest.mark.parametrize("damage", ["change", "delete"])
def test_a_damaged_output_is_made_again(source: Path, tmp_path: Path, damage: str) -> None:
    target = tmp_path / "target"
    mirror(tasks(source, range(3)), target)
    before = content(target)
    victim = target / "a" / f"i{1:016x}.png"
    if damage == "change":
        victim.write_bytes(b"scribble")
    else:
        victim.unlink()
    assert mirror(tasks(source, range(3)), target) == Made(1, 2, 0, 0)
    assert content(target) == before


def test_strangers_are_removed_and_an_unreadable_index_starts_over(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    mirror(tasks(source, range(3)), target)
    before = content(target)
    (target / "b").mkdir()
    (target / "b" / "old.png").write_bytes(b"x")
    (target / "index.csv").write_text("nonsense\n")
    assert mirror(tasks(source, range(3)), target) == Made(3, 0, 1, 0)
    assert content(target) == before


def test_a_link_in_the_folder_goes_and_what_it_leads_to_stays(source: Path, tmp_path: Path) -> None:
    target, elsewhere = tmp_path / "target", tmp_path / "elsewhere"
    elsewhere.mkdir()
    target.mkdir()
    (target / "link").symlink_to(elsewhere)
    assert mirror(tasks(source, range(2)), target) == Made(2, 0, 1, 0)
    assert elsewhere.is_dir() and not (target / "link").is_symlink()


def test_what_fails_is_a_row_with_its_reason(source: Path, tmp_path: Path) -> None:
    (source / f"i{1:016x}.png").write_bytes(b"<html>")
    assert mirror(tasks(source, range(3)), tmp_path / "target") == Made(2, 0, 0, 1)
    [rejection] = read_rejections(tmp_path / "target" / "rejected.csv")
    assert rejection.id == f"i{1:016x}" and "text or web page" in rejection.detail


def test_where_nothing_changed_nothing_is_written(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    mirror(tasks(source, range(3)), target)
    (target / "preview.png").write_bytes(b"drawn")
    before = {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in target.rglob("*")}
    assert mirror(tasks(source, range(3)), target, beside=("preview.png",)) == Made(0, 3, 0, 0)
    assert {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in target.rglob("*")} == before
    assert mirror(tasks(source, range(3)), target) == Made(0, 3, 1, 0), "what nobody names is nobody's"


@dataclass(frozen=True)
class Stopping:
    """Works until it comes to one file, then as Ctrl-C."""

    at: str

    def __call__(self, source: Path, item: Item) -> bytes:
        if item.id == self.at:
            raise KeyboardInterrupt
        return encoded(picture(int(item.id[1:], 16), (8, 8)))


def test_a_run_that_is_cut_off_is_gone_on_with(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.folder.SAVED_EVERY", 2)
    target = tmp_path / "target"
    work = Stopping(f"i{5:016x}")
    with pytest.raises(KeyboardInterrupt):
        mirror(tasks(source, range(6), work), target, "serial")
    (source / f"i{5:016x}.png").unlink()
    assert mirror(tasks(source, range(5), work), target, "serial") == Made(1, 4, 0, 0), "the fifth was made after the last saving"


@dataclass(frozen=True)
class Dying:
    """A decoder that brings its process down on one file."""

    at: str

    def __call__(self, source: Path, item: Item) -> bytes:
        if item.id == self.at:
            os.kill(os.getpid(), signal.SIGSEGV)
        return source.read_bytes()


def test_a_strangers_file_that_kills_its_worker_is_a_row(source: Path, tmp_path: Path) -> None:
    made = mirror(tasks(source, range(4), Dying(f"i{2:016x}")), tmp_path / "target", strangers=True)
    assert made == Made(3, 0, 0, 1)
    [rejection] = read_rejections(tmp_path / "target" / "rejected.csv")
    assert (rejection.id, rejection.rule) == (f"i{2:016x}", "unreadable") and "signal 11" in rejection.detail


def test_two_workers_make_the_same_bytes_as_one(source: Path, tmp_path: Path) -> None:
    many = [
        Task(task.source, task.item, task.work, replace(task.result, path=f"a/{n}-{task.item.id}.png"))
        for n in range(20) for task in tasks(source, range(6))
    ]
    mirror(many, tmp_path / "one", "serial", 1)
    mirror(many, tmp_path / "two", "local", 2)
    assert content(tmp_path / "one") == content(tmp_path / "two")


def test_what_looks_as_it_did_is_not_read_again_and_what_was_touched_is(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, seen = tmp_path / "target", tmp_path / "cache" / "target.json"
    mirror(tasks(source, range(4)), target, seen=seen)
    fresh = content(target)
    for path in target.rglob("*.png"):
        os.utime(path, ns=(1_600_000_000_000_000_000,) * 2)
    assert mirror(tasks(source, range(4)), target, seen=seen) == Made(0, 4, 0, 0)
    spoiled = target / f"a/i{2:016x}.png"
    spoiled.write_bytes(bytes(spoiled.stat().st_size))
    read = []
    monkeypatch.setattr(stamps, "digest", lambda data: read.append(data) or digest(data))
    assert mirror(tasks(source, range(4)), target, seen=seen) == Made(1, 3, 0, 0)
    assert read == [bytes(len(read[0]))], "the one that was written to"
    assert content(target) == fresh
