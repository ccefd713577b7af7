import hashlib
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import UserError
from pipeline.train.dataset import Dataset, load
from pipeline.train.networks.shape import Shape
from pipeline.train.noise import labels
from tests.shards import noise, pairs, png, singles, write_shard

TEN = {f"i{number:02d}": "ab"[number % 2] for number in range(10)}


def channels_first(pixels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(pixels.reshape(*pixels.shape[:2], -1)).permute(2, 0, 1)


def numbered(count: int) -> Dataset:
    """Image number k is k everywhere, and so is its label."""
    images = torch.arange(count, dtype=torch.uint8)[:, None, None, None].expand(count, 3, 4, 4).clone()
    return Dataset(images, torch.arange(count), [str(k) for k in range(count)], [f"i{k}" for k in range(count)])


@pytest.mark.parametrize("shape", [(6, 4, 3), (5, 7)], ids=["color", "grey"])
def test_images_labels_and_keys_are_what_the_shards_hold(tmp_path: Path, shape: tuple[int, ...]) -> None:
    drawn = singles(tmp_path, TEN, shape)
    data = load(tmp_path, "train")
    assert data.images.dtype == torch.uint8 and data.given is None and data.classes == ["a", "b"]
    assert sorted(data.keys) == sorted(TEN) and len(data) == 10
    for place, key in enumerate(data.keys):
        assert torch.equal(data.images[place], channels_first(drawn[key]))
        assert data.classes[data.labels[place]] == TEN[key]
    assert data.shape == Shape(shape[:2], 3 if len(shape) == 3 else 1, 2, None, 0)


def test_pairs_are_given_and_images_and_each_half_has_its_size(tmp_path: Path) -> None:
    drawn = pairs(tmp_path, 5)
    data = load(tmp_path, "train")
    assert data.shape == Shape((12, 8), 3, 1, (6, 4), 1) and data.classes == ["maps"]
    batch = data.batch(1, 3, 4)
    assert batch.given is not None and batch.given.shape == (4, 1, 6, 4) and batch.real.shape == (4, 3, 12, 8)
    targets = {channels_first(target).numpy().tobytes(): channels_first(one) for one, target in drawn.values()}
    for one, target in zip(batch.given, batch.real, strict=True):
        back = ((target + 1) * 127.5).round().byte()
        assert torch.equal(((one + 1) * 127.5).round().byte(), targets[back.numpy().tobytes()])


def test_black_is_minus_one_white_is_one_in_every_dtype() -> None:
    images = torch.tensor([0, 255, 51], dtype=torch.uint8).reshape(3, 1, 1, 1)
    data = Dataset(images, torch.zeros(3, dtype=torch.int64), ["a"], ["x", "y", "z"])
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        real = data.batch(0, 0, 3, dtype=dtype).real
        assert real.dtype == dtype
        assert torch.equal(real.flatten().sort().values, torch.tensor([-1, 51 / 127.5 - 1, 1], dtype=torch.float64).to(dtype))


def test_every_image_comes_once_in_each_pass_and_a_position_is_enough() -> None:
    data = numbered(7)
    batches = [data.batch(3, start, 5) for start in range(0, 35, 5)]
    order = torch.cat([batch.labels for batch in batches])
    seen = torch.cat([batch.real for batch in batches])[:, 0, 0, 0]
    assert torch.equal(((seen + 1) * 127.5).round().long(), order)
    turns = [order[turn * 7 : turn * 7 + 7].tolist() for turn in range(5)]
    assert all(sorted(turn) == list(range(7)) for turn in turns) and len({tuple(turn) for turn in turns}) == 5
    assert torch.equal(data.batch(3, 13, 9).labels, order[13:22])
    assert not torch.equal(data.batch(4, 0, 7).labels, order[:7])


def test_the_order_is_the_one_that_runs_before_had() -> None:
    # what release 0.1.0 gave: another order would make every earlier run another run
    assert numbered(10).batch(0, 0, 20).labels.tolist() == [3, 9, 7, 5, 4, 8, 1, 0, 6, 2, 4, 6, 7, 3, 8, 9, 1, 2, 5, 0]


@given(start=st.integers(0, 40), share=st.integers(1, 6), world=st.integers(1, 4))
def test_processes_see_together_what_one_sees(start: int, share: int, world: int) -> None:
    data, size = numbered(7), share * world
    whole = data.batch(5, start, size)
    parts = [data.batch(5, start, size, part=(rank, world)) for rank in range(world)]
    assert all(len(part.real) == len(part.labels) == share for part in parts)
    assert torch.equal(torch.cat([part.labels for part in parts]), whole.labels)
    assert torch.equal(torch.cat([part.real for part in parts]), whole.real)


def test_a_batch_that_cannot_be_shared_is_refused() -> None:
    with pytest.raises(ValueError, match="a batch of 5 cannot be shared by 2 processes"):
        numbered(7).batch(0, 0, 5, part=(0, 2))


def test_an_unlabeled_class_is_nobody_said(tmp_path: Path) -> None:
    singles(tmp_path, {"i1": "cat", "i2": "unlabeled", "i3": "zebra", "i4": "unlabeled"})
    data = load(tmp_path, "train")
    assert data.classes == ["cat", "zebra"]
    assert dict(zip(data.keys, data.labels.tolist(), strict=True)) == {"i1": 0, "i2": -1, "i3": 1, "i4": -1}


def test_labels_count_in_the_classes_of_another_split_where_asked(tmp_path: Path) -> None:
    singles(tmp_path, {"i1": "cat", "i2": "dog", "i3": "zebra"})
    data = load(tmp_path, "train", classes=["ape", "dog", "zebra"])
    assert data.classes == ["ape", "dog", "zebra"]
    assert dict(zip(data.keys, data.labels.tolist(), strict=True)) == {"i1": -1, "i2": 1, "i3": 2}


@pytest.mark.parametrize(("fraction", "of_a", "of_b"), [(0.0, 0, 0), (0.01, 1, 1), (0.3, 3, 2), (0.7, 7, 4), (1.0, 10, 5)])
def test_a_fraction_of_the_originals_of_each_class_keeps_its_label(tmp_path: Path, fraction: float, of_a: int, of_b: int) -> None:
    originals = {f"i{number:02d}": "a" if number < 10 else "b" for number in range(15)}
    copies = {f"{key}__{code}": name for key, name in originals.items() for code in ("fliph", "rot90__fliph")}
    singles(tmp_path, originals | copies)
    data = load(tmp_path, "train", labeled_fraction=fraction)
    assert data.classes == ["a", "b"]
    found = dict(zip(data.keys, data.labels.tolist(), strict=True))

    def smallest(class_: str, count: int) -> set[str]:
        return set(sorted((k for k in originals if originals[k] == class_), key=lambda k: hashlib.sha256(k.encode()).hexdigest())[:count])

    assert {key for key in originals if found[key] >= 0} == smallest("a", of_a) | smallest("b", of_b)
    for key, label in found.items():
        assert label == found[key.split("__")[0]] and label in (-1, "ab".index((originals | copies)[key]))


def test_a_fraction_outside_of_0_to_1_is_refused(tmp_path: Path) -> None:
    singles(tmp_path, TEN)
    with pytest.raises(UserError, match=r"train\.labeled_fraction in params\.yaml is 10; it is a share of the images, from 0 to 1"):
        load(tmp_path, "train", labeled_fraction=10)


def test_streamed_and_in_memory_are_the_same_dataset(tmp_path: Path) -> None:
    pairs(tmp_path, 9)
    held, streamed = load(tmp_path, "train", memory=10**6), load(tmp_path, "train", memory=9 * (6 * 4 + 12 * 8 * 3) - 1)
    assert isinstance(held.images, torch.Tensor) and not isinstance(streamed.images, torch.Tensor)
    assert isinstance(load(tmp_path, "train", memory=9 * (6 * 4 + 12 * 8 * 3)).images, torch.Tensor)
    assert held.shape == streamed.shape and held.keys == streamed.keys
    for start in (0, 4, 8, 12, 100, 2):
        one, other = held.batch(2, start, 4, part=(1, 2)), streamed.batch(2, start, 4, part=(1, 2))
        assert torch.equal(one.real, other.real) and torch.equal(one.labels, other.labels)
        assert one.given is not None and other.given is not None and torch.equal(one.given, other.given)
    streamed.close()


def test_moving_to_where_it_is_changes_nothing() -> None:
    data = numbered(7)
    assert torch.equal(data.to(torch.device("cpu")).batch(0, 3, 7).real, data.batch(0, 3, 7).real)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("memory", [10**6, 0])
def test_a_gpu_sees_what_the_cpu_sees(tmp_path: Path, memory: int) -> None:
    pairs(tmp_path, 9)
    here, gpu = load(tmp_path, "train"), torch.device("cuda")
    there = load(tmp_path, "train", memory=memory).to(gpu)
    for data in (there, replace(there, images=here.images)):  # the second: pixels that stayed in the computer's memory
        batch, same = data.batch(2, 7, 4, gpu), here.batch(2, 7, 4)
        assert batch.real.is_cuda and torch.equal(batch.real.cpu(), same.real) and torch.equal(batch.labels.cpu(), same.labels)
        assert batch.given is not None and same.given is not None and torch.equal(batch.given.cpu(), same.given)
    there.close()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def with_header(width: int, height: int, depth: int, colour: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)) + chunk(b"IEND", b"")


PICTURE = png(noise(0))
FAULTS: dict[str, tuple[dict[str, bytes], str]] = {
    "sizes": ({"i1.png": png(noise(1, (6, 5, 3))), "i1.cls.txt": b"a"}, r"i1 is 5x6 pixels and i0 is 4x6, .* one size; set resize\.fit"),
    "colors": ({"i1.png": png(noise(1, (6, 4))), "i1.cls.txt": b"a"}, r"i1 is grey and i0 is in colour, .* set rgb\.mode"),
    "class": ({"i1.png": PICTURE}, r"i1 has no class, for its cls\.txt is missing or empty"),
    "empty class": ({"i1.png": PICTURE, "i1.cls.txt": b" \n"}, r"i1 has no class"),
    "mixed": ({"i1.input.png": PICTURE, "i1.target.png": PICTURE, "i1.cls.txt": b"a"}, r"i0 has no input\.png, which the others have"),
    "half": ({"i1.input.png": PICTURE, "i1.cls.txt": b"a"}, r"i0 has no input\.png|i1 has no target\.png"),
    "twice": ({"i0.png": PICTURE}, r"i0\.png is there twice"),
    "no png": ({"i1.png": b"GIF89a" + bytes(40), "i1.cls.txt": b"a"}, r"i1\.png is not a PNG of 8-bit grey or RGB"),
    "short": ({"i1.png": PICTURE[:20], "i1.cls.txt": b"a"}, r"i1\.png is not a PNG of 8-bit grey or RGB"),
    "deep": ({"i1.png": with_header(4, 6, 16, 2), "i1.cls.txt": b"a"}, r"i1\.png is not a PNG of 8-bit grey or RGB"),
    "alpha": ({"i1.png": with_header(4, 6, 8, 6), "i1.cls.txt": b"a"}, r"i1\.png is not a PNG of 8-bit grey or RGB"),
    "bomb": ({"i1.png": with_header(10**6, 10**6, 8, 2), "i1.cls.txt": b"a"}, r"i1\.png says that it has 1000000x1000000 pixels"),
    "no pixels": ({"i1.png": with_header(4, 6, 8, 2), "i1.cls.txt": b"a"}, r"i1 cannot be read \(the PNG data is damaged\)"),
    "cut": ({"i1.png": PICTURE[:-6], "i1.cls.txt": b"a"}, r"i1 cannot be read \(the file is cut off before its end\)"),
    "one bit": ({"i1.png": PICTURE[:60] + bytes([PICTURE[60] ^ 1]) + PICTURE[61:], "i1.cls.txt": b"a"},
                r"i1 cannot be read \(the PNG data is damaged\)"),
}


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_what_cannot_be_learned_from_is_one_sentence(tmp_path: Path, fault: str) -> None:
    members, message = FAULTS[fault]
    write_shard(tmp_path / "train-000000.tar", {"i0.png": PICTURE, "i0.cls.txt": b"a"})
    write_shard(tmp_path / "train-000001.tar", members)
    with pytest.raises(UserError, match=message) as caught:
        load(tmp_path, "train")
    assert "\n" not in str(caught.value) and "run `dvc" in str(caught.value)


DAMAGES = [lambda data: data[:700], lambda data: b"no tar" * 200, lambda data: data[:1] + b"\xff" * 300 + data[301:]]


@pytest.mark.parametrize("damage", DAMAGES, ids=["cut", "other", "header"])
def test_a_shard_that_is_no_whole_archive_is_one_sentence(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    singles(tmp_path, TEN)
    shard = tmp_path / "train-000001.tar"
    shard.write_bytes(damage(shard.read_bytes()))
    with pytest.raises(UserError, match=r"train-000001\.tar is not a whole tar archive \(.*\); run `dvc repro package`") as caught:
        load(tmp_path, "train")
    assert "\n" not in str(caught.value)


def test_a_split_without_images_says_where_to_look(tmp_path: Path) -> None:
    singles(tmp_path, TEN)
    with pytest.raises(UserError, match=r"has no images in its split 'holdout'; see data/curated/rejected\.csv for why"):
        load(tmp_path, "holdout")


def test_long_names_of_augmented_copies_are_read(tmp_path: Path) -> None:
    key = "i0__" + "rot90__" * 30
    singles(tmp_path, {"i0": "a", key: "a"})
    assert set(load(tmp_path, "train").keys) == {"i0", key}


def test_random_labels_are_a_function_of_the_place_and_even() -> None:
    drawn = labels(1, "labels", 64, 30_000, 10)
    assert drawn.dtype == torch.int64 and torch.equal(drawn, labels(1, "labels", 64, 30_000, 10))
    assert not torch.equal(drawn, labels(1, "labels", 65, 30_000, 10))
    counts = torch.bincount(drawn, minlength=10)
    assert len(counts) == 10 and ((counts - 3000) ** 2 / 3000).sum() < 27.9  # chi-squared with 9 degrees of freedom, p = .001
