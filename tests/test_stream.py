import os
import queue
import tarfile
import threading
from pathlib import Path

import psutil
import pytest
import torch
from PIL import Image

from pipeline.errors import UserError
from pipeline.train.dataset import load
from pipeline.train.shards import Pictures, read_index
from pipeline.train.stream import Streamed
from tests.shards import singles, write_shard

NAMES = {f"i{number:03d}": "a" for number in range(50)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    singles(tmp_path, NAMES, (8, 6, 3), shards=3)
    return tmp_path


def truth(folder: Path) -> torch.Tensor:
    """All images, one after the other, by Python's own tarfile and Pillow."""
    found = []
    for path in sorted(folder.glob("*.tar")):
        with tarfile.open(path) as archive:
            pictures = [archive.extractfile(member) for member in archive if member.name.endswith(".png")]
            for file in pictures:
                assert file is not None
                with Image.open(file) as picture:
                    found.append(torch.tensor(list(picture.convert("RGB").tobytes()), dtype=torch.uint8).reshape(8, 6, 3).permute(2, 0, 1))
    return torch.stack(found)


def decoders() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("decode")]


def open_files() -> int:
    return psutil.Process().num_fds() if os.name == "posix" else 0


def watched(monkeypatch: pytest.MonkeyPatch) -> queue.SimpleQueue[int]:
    """The numbers of the pictures that are read from the shards from now on."""
    read, opened = Pictures.bytes_of, queue.SimpleQueue[int]()

    def noted(self: Pictures, place: int) -> bytes:
        data = read(self, place)
        opened.put(place)
        return data

    monkeypatch.setattr(Pictures, "bytes_of", noted)
    return opened


def taken(opened: queue.SimpleQueue[int]) -> list[int]:
    return [opened.get() for _ in range(opened.qsize())]


@pytest.mark.parametrize("threads", [1, 2, 7])
def test_it_gives_what_a_tensor_would(folder: Path, threads: int) -> None:
    whole = truth(folder)
    with Streamed(read_index(folder, "train").images, threads) as images:
        assert images.shape == whole.shape and len(images) == 50
        for places in (slice(None), slice(5, 40, 3), slice(-3, None), [], [7], [3, 3, 49, 0], torch.randperm(50)):
            assert torch.equal(images[places], whole[places])
    assert not decoders()


@pytest.mark.parametrize("ahead", [0, 8 * 6 * 3 * 10, 8 * 6 * 3 * 25, 10**6])
def test_what_was_prepared_is_what_is_asked_for_however_much_may_lie_ready(folder: Path, ahead: int) -> None:
    whole = truth(folder)
    orders = [torch.randperm(50, generator=torch.Generator().manual_seed(seed)).split(10) for seed in (0, 1)]
    with Streamed(read_index(folder, "train").images, 2, ahead) as images:
        for turn in range(5):
            for order in orders:  # two orders in turns, as where two parts of a program read
                assert torch.equal(images[order[turn]], whole[order[turn]])
                images.prepare(order[turn + 1 : turn + 4])
        assert torch.equal(images[[1, 2]], whole[[1, 2]])  # nobody knew of this one


def test_decoding_ahead_takes_no_more_memory_than_it_may(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = watched(monkeypatch)
    with Streamed(read_index(folder, "train").images, 2, ahead=8 * 6 * 3 * 25) as images:
        images.prepare([torch.arange(start, start + 10) for start in (0, 10, 20)])
        assert torch.equal(images[range(10, 20)], truth(folder)[10:20])
        assert len(images[range(10)]) == 10
        assert sorted(taken(opened)) == list(range(20))  # a third batch had no room, and nothing was read twice
        images.prepare([torch.arange(30, 50)])
        images.prepare([torch.arange(20, 30), torch.arange(40, 50)])  # what is no longer wanted makes room
        assert torch.equal(torch.cat([images[range(20, 30)], images[range(40, 50)]]), truth(folder)[[*range(20, 30), *range(40, 50)]])
        last = taken(opened)
        assert set(range(20, 30)) | set(range(40, 50)) <= set(last) <= set(range(20, 50))
        assert all(last.count(place) == 1 for place in range(20, 30))


@pytest.mark.parametrize("world", [1, 2])
def test_a_batch_after_the_other_is_read_before_it_is_asked_for(folder: Path, monkeypatch: pytest.MonkeyPatch, world: int) -> None:
    opened = watched(monkeypatch)
    data = load(folder, "train", memory=0)
    part, size = (world - 1, world), 5 * world
    data.batch(0, 0, size, part=part)
    for _ in range(25):  # this batch and four more
        opened.get(timeout=30)
    for path in folder.glob("*.tar"):
        path.unlink()
    for turn in range(1, 5):
        data.batch(0, turn * size, size, part=part)
    with pytest.raises(UserError, match="cannot be read"):
        data.batch(0, 500, size, part=part)
    data.close()


def test_closing_ends_the_threads_and_asking_again_starts_new_ones(folder: Path) -> None:
    data = load(folder, "train", memory=0)
    first = data.batch(0, 0, 8).real
    assert decoders()
    data.close()
    assert not decoders()
    assert torch.equal(data.batch(0, 0, 8).real, first)
    data.close()


def test_loading_into_memory_leaves_no_thread_and_no_file_open(folder: Path) -> None:
    before = open_files()
    load(folder, "train", memory=10**6)
    assert open_files() == before and not decoders()


@pytest.mark.parametrize("places", [[50], [-1], [0, 99]])
def test_a_number_that_there_is_not_is_refused(folder: Path, places: list[int]) -> None:
    with Streamed(read_index(folder, "train").images) as images, pytest.raises(IndexError, match="there are pictures 0 to 49"):
        images[places]


def test_a_shard_that_changed_since_is_one_sentence(folder: Path) -> None:
    images = Streamed(read_index(folder, "train").images, 2)
    singles(folder, NAMES, (9, 6, 3), shards=3)
    with images, pytest.raises(UserError, match=r"train-\d+\.tar: i\d+ (cannot be read|is not what its header said)"):
        images[range(50)]
    write_shard(folder / "train-000000.tar", {})
    with images, pytest.raises(UserError, match=r"train-000000\.tar: i\d+ cannot be read \(.*\); run `dvc repro package`"):
        images[range(3)]
