"""The stage: which copies are made, what they are called, that they are the same everywhere."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline import params
from pipeline.errors import UserError
from pipeline.item import Item, read_index, read_rejections, write_index
from pipeline.prepare.augment import augment
from pipeline.prepare.augmentation.copies import Augment
from pipeline.prepare.augmentation.entries import entry_of
from tests.conftest import encoded, picture

HUE = {"HueSaturationValue": {"hue_shift_limit": [90, 90]}}


def project(folder: Path, count: int = 3, size: tuple[int, int] = (24, 24)) -> Path:
    """data/rgb with `count` images of two classes for training, and one that is held out."""
    items = []
    for number in range(count + 1):
        data = encoded(picture(number, size))
        item = Item(f"i{number:016x}", "ab"[number % 2], f"{'ab'[number % 2]}/i{number:016x}.png", *size, len(data), "PNG",
                    split="holdout" if number == count else "train")
        (folder / "rgb" / item.path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "rgb" / item.path).write_bytes(data)
        items.append(item.with_more(digest=str(number)))
    write_index(folder / "rgb/index.csv", items)
    return folder / "rgb"


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def made(work: Augment, folder: Path, pixels: np.ndarray, id_: str = "i1") -> np.ndarray:
    path = folder / f"{id_}.png"
    path.write_bytes(encoded(Image.fromarray(pixels)))
    item = Item(id_, "a", path.name, 1, 1, 1, "PNG", more={"digest": str(hash(pixels.tobytes()))})
    return np.asarray(Image.open(io.BytesIO(work(path, item))))


def test_only_training_images_are_augmented_and_names_tell_how(tmp_path: Path) -> None:
    rgb = project(tmp_path, 2)
    ops = ["rot_90, fliph", "noise_0.01", HUE, {"Equalize": None}, ["trans_-3_2", {"InvertImg": {}}]]
    wanted = params.Augment(ops=ops, copies=2)
    augment(rgb, tmp_path / "out", wanted, params.Pair(), "serial", 1)
    rows = [item for item in read_index(tmp_path / "out/index.csv") if item.class_ == "a"]
    first = "a/i0000000000000000__"
    # 4 hex digits of the SHA-256 of {"hue_shift_limit":[90,90]}
    assert {row.path.removeprefix(first): (row.more["augmentation"], row.more["copy"]) for row in rows} == {
        "rot90__fliph.png": ("rot_90, fliph", ""),
        "noise0p01.png": ("noise_0.01", ""), "noise0p01__copy2.png": ("noise_0.01", "2"),
        "HueSaturationValue-9ee0.png": ('{"HueSaturationValue":{"hue_shift_limit":[90,90]}}', ""),
        "HueSaturationValue-9ee0__copy2.png": ('{"HueSaturationValue":{"hue_shift_limit":[90,90]}}', "2"),
        "Equalize.png": ('{"Equalize":{}}', ""), "Equalize__copy2.png": ('{"Equalize":{}}', "2"),
        "trans-3_2__InvertImg.png": ('["trans_-3_2",{"InvertImg":{}}]', ""),
        "trans-3_2__InvertImg__copy2.png": ('["trans_-3_2",{"InvertImg":{}}]', "2"),
    }
    assert {item.split for item in read_index(tmp_path / "out/index.csv")} == {"train"}


def test_steps_of_both_kinds_are_done_in_order(tmp_path: Path) -> None:
    pixels = np.asarray(picture(1, (20, 20)))
    work = Augment(0, entry_of(["rot_90", {"InvertImg": {}}, {"VerticalFlip": {}}]), 1, "reflect")
    assert np.array_equal(made(work, tmp_path, pixels), 255 - np.rot90(pixels, -1)[::-1])


@pytest.mark.parametrize("op", ["noise_0.01", {"GaussNoise": {}}])
def test_what_is_random_follows_from_seed_id_entry_and_copy(tmp_path: Path, op: object) -> None:
    pixels = np.asarray(picture(1, (20, 20)))
    work = Augment(0, entry_of(op), 1, "reflect")
    same = made(work, tmp_path, pixels)
    assert np.array_equal(made(work, tmp_path, pixels), same)
    other_works = [replace(work, seed=1), replace(work, copy=2), replace(work, entry=entry_of([op, "trans_0_0"]))]
    others = [made(other, tmp_path, pixels) for other in other_works] + [made(work, tmp_path, pixels, "i2")]
    assert len({picture.tobytes() for picture in [same, *others]}) == 5


@pytest.mark.parametrize(("given", "unchanged"), [("left", slice(20, None)), ("right", slice(None, 20))])
@pytest.mark.parametrize("op", ["noise_0.05", "blur_2", HUE])
def test_colours_change_on_the_given_half_of_a_sheet(tmp_path: Path, given: str, unchanged: slice, op: object) -> None:
    sheet = np.asarray(picture(1, (40, 20)))
    changed = made(Augment(0, entry_of(op), 1, "reflect", given), tmp_path, sheet)
    assert np.array_equal(changed[:, unchanged], sheet[:, unchanged])
    other = slice(None, 20) if given == "left" else slice(20, None)
    assert not np.array_equal(changed[:, other], sheet[:, other])


@pytest.mark.parametrize("op", ["fliph", "rot_30", "trans_5_0", "zoom_2_2_15_15", {"Affine": {"rotate": [-40, 40]}}, {"CoarseDropout": {}},
                                ["fliph", {"ElasticTransform": {"alpha": 50}}, "rot_90"]])
def test_both_halves_of_a_sheet_move_alike(tmp_path: Path, op: object) -> None:
    half = np.asarray(picture(1, (20, 20)))
    work = Augment(3, entry_of(op), 1, "edge", "left")
    changed = made(work, tmp_path, np.hstack([half, half]))
    assert np.array_equal(changed[:, :20], changed[:, 20:])
    assert not np.array_equal(changed[:, :20], half)
    assert np.array_equal(made(replace(work, given=""), tmp_path, half), changed[:, :20]), "as it does to one picture alone"


def test_the_stage_treats_sheets_as_pairs(tmp_path: Path) -> None:
    rgb = project(tmp_path, 1, (40, 20))
    sheet = np.asarray(picture(0, (40, 20)))
    for direction, same in (("AtoB", slice(20, None)), ("BtoA", slice(None, 20))):
        pair = params.Pair(layout="side_by_side", direction=direction)
        augment(rgb, tmp_path / "out", params.Augment(ops=["noise_0.1"]), pair, "serial", 1)
        noisy = np.asarray(Image.open(tmp_path / "out/a/i0000000000000000__noise0p1.png"))
        assert np.array_equal(noisy[:, same], sheet[:, same]) and not np.array_equal(noisy, sheet)


def test_any_number_of_workers_gives_the_same_bytes(tmp_path: Path) -> None:
    rgb = project(tmp_path, 16)
    ops = ["fliph", "rot_20,noise_0.01", "noise_0.1", "zoom_3_3_19_20", "blur_1.5"]
    for workers in (1, 2, 7):
        augment(rgb, tmp_path / f"out{workers}", params.Augment(ops=ops), params.Pair(), "local", workers)
    assert files(tmp_path / "out1") == files(tmp_path / "out2") == files(tmp_path / "out7")
    assert len(files(tmp_path / "out1")) == 16 * 5 + 3


def test_transforms_give_the_same_bytes_in_any_order(tmp_path: Path) -> None:
    rgb = project(tmp_path, 4)
    ops = [HUE, {"ElasticTransform": {}}, {"RandomFog": {}}, "noise_0.1"]
    augment(rgb, tmp_path / "one", params.Augment(ops=ops, copies=2), params.Pair(), "serial", 1)
    augment(rgb, tmp_path / "other", params.Augment(ops=ops[::-2], copies=3), params.Pair(), "serial", 1)
    augment(rgb, tmp_path / "other", params.Augment(ops=ops[::-1], copies=2), params.Pair(), "serial", 1)
    one, other = files(tmp_path / "one"), files(tmp_path / "other")
    assert {name: data for name, data in one.items() if name != "preview.png"} == {n: d for n, d in other.items() if n != "preview.png"}


def test_only_what_changed_is_made_again(tmp_path: Path) -> None:
    rgb = project(tmp_path)

    def run(*ops: object, **more: object) -> tuple[int, int, int]:
        done = augment(rgb, tmp_path / "out", params.Augment(ops=ops, **more), params.Pair(), "serial", 1)
        return done.made, done.kept, done.removed

    assert run("fliph", "rot_10") == (6, 0, 0)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")}
    assert run("fliph", "rot_10") == (0, 6, 0)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")} == before, "nothing is written"
    assert run("fliph", "rot_20") == (3, 3, 3)
    augment(rgb, tmp_path / "scratch", params.Augment(ops=["fliph", "rot_20"]), params.Pair(), "serial", 1)
    assert files(tmp_path / "out") == files(tmp_path / "scratch")
    assert run() == (0, 0, 7) and set(files(tmp_path / "out")) == {"index.csv", "rejected.csv"}, "no entries, no preview"


def test_a_bad_file_does_not_hide_the_others(tmp_path: Path) -> None:
    rgb = project(tmp_path)
    (rgb / "a/i0000000000000000.png").write_bytes(b"no picture")
    done = augment(rgb, tmp_path / "out", params.Augment(ops=["fliph", "rot_5"]), params.Pair(), "serial", 1)
    assert (done.made, done.rejected) == (4, 2)
    assert {row.id for row in read_rejections(tmp_path / "out/rejected.csv")} == {"i0000000000000000"}
    with Image.open(tmp_path / "out/preview.png") as preview:
        assert preview.height > 100, "of those that can be read"


def test_every_bad_entry_is_told_before_anything_is_made(tmp_path: Path) -> None:
    rgb = project(tmp_path)
    ops = ["fliph", {"GausNoise": {}}, "fliph", ["rot_5", {"Rotate": {"angle": 3}}], "blur_999", {"RandomCrop": {"height": 8, "width": 9}}]
    with pytest.raises(UserError) as raised:
        augment(rgb, tmp_path / "out", params.Augment(ops=ops), params.Pair(), "serial", 1)
    lines = str(raised.value).splitlines()
    assert lines[0] == "augment.ops: 5 entries cannot be used" and len(lines) == 6
    reasons = ("did you mean GaussNoise", "Rotate has no argument angle", "up to 250 pixels", "9x8 pixels of 24x24", "fliph is given twice")
    for said in reasons:
        assert sum(said in line for line in lines) == 1
    assert not (tmp_path / "out").exists()


def test_a_transform_may_change_the_size_on_the_way(tmp_path: Path) -> None:
    rgb = project(tmp_path)
    chain = [{"RandomCrop": {"height": 8, "width": 9}}, {"Resize": {"height": 24, "width": 24}}]
    assert augment(rgb, tmp_path / "out", params.Augment(ops=[chain]), params.Pair(), "serial", 1).made == 3


def test_the_preview_shows_some_of_each_class_and_every_entry(tmp_path: Path) -> None:
    rgb = project(tmp_path, 9, (64, 64))
    augment(rgb, tmp_path / "out", params.Augment(ops=["fliph", "rot_180"]), params.Pair(), "serial", 1)
    sheet = np.asarray(Image.open(tmp_path / "out/preview.png"))

    def places(tile: np.ndarray) -> int:
        """How often a picture is on the sheet, enlarged twice."""
        large = tile.repeat(2, axis=0).repeat(2, axis=1)
        windows = np.lib.stride_tricks.sliding_window_view(sheet, (1, 128, 3))[:, :, 0, 0]
        rows = [np.argwhere((windows == large[row]).all(axis=(2, 3))) for row in (0, 127)]
        return len({(y, x) for y, x in rows[0].tolist()} & {(y - 127, x) for y, x in rows[1].tolist()})

    shown = [number for number in range(9) if places(np.asarray(picture(number, (64, 64))))]
    assert shown == [0, 1, 2, 3, 4, 5], "three of each class"
    assert not places(np.asarray(picture(9, (64, 64)))), "what is held out is not shown"
    assert all(places(np.asarray(picture(number, (64, 64)))[:, ::-1]) == 1 for number in shown)
    assert all(places(np.asarray(picture(number, (64, 64)))[::-1, ::-1]) == 1 for number in shown)


def test_a_seed_that_nothing_uses_and_a_fill_that_nothing_shows_make_nothing_anew(tmp_path: Path) -> None:
    rgb, ops = project(tmp_path, 2), ["fliph,blur_1", "rot_20", "noise_0.01"]

    def again(**settings: object) -> set[str]:
        before = {item.path: item.more["key"] for item in read_index(tmp_path / "out/index.csv")}
        augment(rgb, tmp_path / "out", params.Augment.model_validate({"ops": ops, **settings}), params.Pair(), "serial", 1)
        return {item.path.split("__", 1)[1] for item in read_index(tmp_path / "out/index.csv") if item.more["key"] != before[item.path]}

    augment(rgb, tmp_path / "out", params.Augment(ops=ops), params.Pair(), "serial", 1)
    assert again() == set() and again(seed=1) == {"noise0p01.png"}
    assert again(seed=1, fill="edge") == {"rot20.png"}
