"""What is remembered of files and of their comparisons."""

import sqlite3
from pathlib import Path

import pytest
from PIL import Image

from pipeline import bounded
from pipeline.bounded import Lost
from pipeline.curate.copies import fingerprints
from pipeline.curate.copies.fingerprints import Looked, Memory
from pipeline.curate.copies.match import Match
from pipeline.curate.quality.measure import FLAGS
from pipeline.errors import UserError
from pipeline.item import image_id
from tests.conftest import encoded
from tests.copying import look, photo, with_alpha


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "curate.sqlite"


def written(folder: Path, **files: bytes) -> list[tuple[str, Path]]:
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return [(image_id(data), folder / name) for name, data in files.items()]


def some(folder: Path) -> list[tuple[str, Path]]:
    return written(folder, plain=encoded(photo(1)), small=encoded(photo(2, (60, 50))), alpha=encoded(with_alpha(photo(3))),
                   wide=encoded(photo(4, (900, 100)), "JPEG"), flat=encoded(Image.new("L", (30, 40), 7)),
                   broken=encoded(photo(5), "JPEG")[:3000], text=b"no image", empty=b"")


def told(found: Looked | str) -> object:
    """Something that can be compared."""
    if isinstance(found, str):
        return found
    views = [(v.ground, v.core, v.share, v.quality, *(part.dtype.str + str(part.shape) + part.tobytes().hex()
              for part in (v.hashes, v.thumb, v.colours))) for v in found.fingerprint.views]
    print_ = found.fingerprint
    return print_.width, print_.height, print_.lossless, print_.digest, views, found.scores


@pytest.mark.parametrize("quality", [True, False])
def test_what_is_remembered_is_what_was_seen(tmp_path: Path, memory: Path, quality: bool) -> None:
    files = some(tmp_path)
    with Memory(memory, quality) as first:
        seen = first.look(files)
    with Memory(memory, quality) as second:
        again = second.look(files)
    assert [told(each) for each in again] == [told(each) for each in seen]
    readable = [each for each in seen if isinstance(each, Looked)]
    afresh = [Looked(look(path.read_bytes()), each.scores) for (_, path), each in zip(files, readable, strict=False)]
    assert len(readable) == 5 and [told(each) for each in afresh] == [told(each) for each in readable]
    assert all(set(each.scores) == (set(FLAGS) if quality else set()) for each in readable)


def test_a_file_that_cannot_be_read_has_its_reason(tmp_path: Path) -> None:
    with Memory(None) as memory:
        broken, text, empty = memory.look(some(tmp_path))[-3:]
    assert "JPEG data is damaged" in str(broken) and "no known image format" in str(text) and empty == "it is empty"


def test_a_file_that_costs_too_much_has_its_reason_and_is_tried_again(
    tmp_path: Path, memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limits themselves are tested with bounded."""
    files = written(tmp_path, one=encoded(photo(1)), two=encoded(photo(2)))
    within = bounded.run
    first_lost = lambda work, inputs, *more: [Lost("took longer than 20 s"), *within(work, inputs[1:], *more)]  # noqa: E731
    with Memory(memory) as remembered, monkeypatch.context() as patched:
        patched.setattr(fingerprints.bounded, "run", first_lost)
        found = remembered.look(sorted(files))
        assert found[0] == "took longer than 20 s" and isinstance(found[1], Looked)
    with Memory(memory) as remembered:
        assert all(isinstance(each, Looked) for each in remembered.look(sorted(files)))


def test_what_was_seen_is_not_opened_again_and_what_is_new_is(tmp_path: Path, memory: Path) -> None:
    files = some(tmp_path)
    with Memory(memory) as first:
        seen = first.look(files)
    for _, path in files:
        path.unlink()
    more = written(tmp_path, later=encoded(photo(9)))
    with Memory(memory) as second:
        found = second.look([*files, *more])
        assert [told(each) for each in found[:-1]] == [told(each) for each in seen]
        assert isinstance(found[-1], Looked)
    with Memory(memory) as third, pytest.raises(FileNotFoundError):
        third.look([*files, ("i0000000000000000", tmp_path / "gone")])


def test_many_files_are_remembered_as_few_are(tmp_path: Path, memory: Path) -> None:
    data = encoded(Image.new("RGB", (8, 8), "red"))
    (tmp_path / "red").write_bytes(data)
    files = [(f"i{number:016x}", tmp_path / "red") for number in range(600)]
    with Memory(memory, with_quality=False) as first:
        first.look(files, "serial")
    (tmp_path / "red").unlink()
    with Memory(memory, with_quality=False) as second:
        assert len([each for each in second.look(files) if isinstance(each, Looked)]) == 600


def test_the_same_bytes_in_two_places_are_looked_at_once(tmp_path: Path) -> None:
    [(id_, path)] = written(tmp_path, one=encoded(photo(1)))
    with Memory(None) as memory:
        one, other = memory.look([(id_, tmp_path / "never opened"), (id_, path)])
    assert one is other and isinstance(one, Looked)


def test_scores_are_not_forgotten_by_a_run_without_them(tmp_path: Path, memory: Path) -> None:
    files = some(tmp_path)[:2]
    for quality in (False, True, False, True):
        with Memory(memory, quality) as remembered:
            assert all(bool(each.scores) is quality for each in remembered.look(files) if isinstance(each, Looked))


def changed(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """As if the code of a module were another."""
    source = fingerprints.inspect.getsource
    monkeypatch.setattr(fingerprints.inspect, "getsource", lambda it: source(it) + "# changed" * (it.__name__.endswith(name)))


@pytest.mark.parametrize(("module", "looks_again"), [("views", True), ("hashes", True), ("pixel_marks", True), ("crops", False)])
def test_other_code_looks_again(tmp_path: Path, memory: Path, monkeypatch: pytest.MonkeyPatch, module: str, looks_again: bool) -> None:
    files = some(tmp_path)[:1]
    with Memory(memory) as first:
        first.look(files)
    changed(monkeypatch, module)
    files[0][1].unlink()
    with Memory(memory) as second:
        if looks_again:
            with pytest.raises(FileNotFoundError):
                second.look(files)
        else:
            assert isinstance(second.look(files)[0], Looked)


@pytest.mark.parametrize(("module", "forgets"), [("match", True), ("crops", True), ("views", True), ("measure", False)])
def test_other_code_compares_again(memory: Path, monkeypatch: pytest.MonkeyPatch, module: str, forgets: bool) -> None:
    with Memory(memory) as first:
        first.comparisons(["a", "b"])["a", "b", 0] = None
    changed(monkeypatch, module)
    with Memory(memory) as second:
        assert len(second.comparisons(["a", "b"])) == (0 if forgets else 1)


def test_comparisons_are_remembered_in_full_and_only_of_the_files_at_hand(memory: Path) -> None:
    made = Match("crop", 12, 0.987654321, 0.123456789, 5, 1)
    plain = Match("near", 0, 1.0, 1.0)
    with Memory(memory) as first:
        known = first.comparisons(["a", "b", "c"])
        known["a", "b", -1], known["a", "c", 4], known["b", "c", 0] = made, None, plain
    with Memory(memory) as second:
        assert dict(second.comparisons(["a", "b", "c"])) == {("a", "b", -1): made, ("a", "c", 4): None, ("b", "c", 0): plain}
        assert dict(second.comparisons(["a", "b"])) == {("a", "b", -1): made}
        assert dict(second.comparisons([])) == {}


@pytest.mark.parametrize("content", [b"this is no database" * 100, b"SQLite format 3\0" + bytes(4000)])
def test_another_file_in_the_place_of_the_memory_is_one_sentence_and_is_left_alone(memory: Path, content: bytes) -> None:
    memory.parent.mkdir()
    memory.write_bytes(content)
    with pytest.raises(UserError, match=r"curate.sqlite cannot keep what was seen \(.+\); delete it"):
        Memory(memory)
    assert memory.read_bytes() == content


def test_a_memory_damaged_within_is_one_sentence(tmp_path: Path, memory: Path) -> None:
    files = written(tmp_path, **{f"f{seed}": encoded(photo(seed, (60, 50))) for seed in range(6)})
    with Memory(memory) as first:
        first.look(files)
    with sqlite3.connect(memory) as database:
        database.execute("pragma wal_checkpoint(truncate)")
    database.close()
    content = bytearray(memory.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)  # all pages but the first
    memory.write_bytes(content)
    with pytest.raises(UserError, match="delete it, for it is made again"), Memory(memory) as second:
        second.look(files)


def test_a_memory_that_was_deleted_is_made_again(tmp_path: Path, memory: Path) -> None:
    files = some(tmp_path)
    with Memory(memory) as first:
        seen = first.look(files)
    for path in memory.parent.iterdir():
        path.unlink()
    with Memory(memory) as second:
        assert [told(each) for each in second.look(files)] == [told(each) for each in seen]
    assert memory.exists()


def test_workers_see_what_one_process_sees(tmp_path: Path) -> None:
    files = written(tmp_path, **{f"f{seed}": encoded(photo(seed, (60, 50))) for seed in range(70)})
    found = []
    for engine, workers in (("serial", 1), ("local", 2)):
        with Memory(None) as memory:
            found.append([told(each) for each in memory.look(files, engine, workers)])
    assert found[0] == found[1]
