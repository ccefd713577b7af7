from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline import image, params
from pipeline.item import Item, read_index, write_index
from pipeline.prepare.augment import Augment, apply, augment, suffix
from tests.conftest import encoded, picture

PIXELS = np.asarray(picture(1, (40, 40)))


def done(code: str, pixels: np.ndarray = PIXELS, fill: object = "reflect", seed: int = 0) -> np.ndarray:
    return apply(pixels, code, fill, np.random.default_rng(seed))


def test_flips() -> None:
    assert np.array_equal(done("fliph"), PIXELS[:, ::-1])
    assert np.array_equal(done("flipv"), PIXELS[::-1])


def test_a_quarter_turn_is_clockwise_and_four_are_none() -> None:
    assert np.array_equal(done("rot_90"), np.rot90(PIXELS, -1))
    assert np.array_equal(done("rot_90,rot_90,rot_90,rot_90"), PIXELS)


def test_translation_goes_right_and_down() -> None:
    moved = done("trans_5_3", fill=(1, 2, 3))
    assert np.array_equal(moved[3:, 5:], PIXELS[:-3, :-5])
    assert (moved[:3] == (1, 2, 3)).all() and (moved[:, :5] == (1, 2, 3)).all()
    assert np.array_equal(done("trans_-5_-3", fill="edge")[:-3, :-5], PIXELS[3:, 5:])


def test_zoom_stretches_the_box_to_the_canvas() -> None:
    checker = np.kron(np.array([[0, 255], [255, 0]], np.uint8), np.ones((20, 20), np.uint8))
    assert (done("zoom_0_0_20_20", checker)[:38, :38] == 0).all()  # bilinear: the last lines touch the neighbour
    assert (done("zoom_20_0_40_20", checker)[:38, 2:] == 255).all()
    assert np.array_equal(done("zoom_0_0_40_40"), PIXELS)
    outside = done("zoom_0_0_80_80", checker, fill=(9, 9, 9))
    assert (outside[25:, 25:] == 9).all(), "outside the picture is fill"


def test_noise_has_the_variance_that_was_asked_for() -> None:
    grey = np.full((300, 300), 128, np.uint8)
    noisy = done("noise_0.01", grey) / 255
    assert noisy.var() == pytest.approx(0.01, rel=0.03) and noisy.mean() == pytest.approx(128 / 255, abs=0.002)


def test_blur_turns_an_edge_into_a_slope_of_its_sigma() -> None:
    edge = np.zeros((41, 81), np.uint8)
    edge[:, 40:] = 255
    slope = np.diff(done("blur_3", edge)[20].astype(float))
    place = np.arange(80) - 39.0
    assert (slope * place**2).sum() / slope.sum() == pytest.approx(9, rel=0.03)
    assert np.array_equal(done("blur_0"), PIXELS)


def test_steps_are_done_in_order() -> None:
    assert np.array_equal(done("fliph,rot_90"), np.rot90(PIXELS[:, ::-1], -1))
    assert not np.array_equal(done("fliph,rot_90"), done("rot_90,fliph"))


def test_names_have_no_dot_before_the_ending() -> None:
    assert suffix("rot_90,fliph") == "rot90__fliph"
    assert suffix("noise_0.01") == "noise0p01"
    assert suffix("trans_-5_3") == "trans-5_3"


def test_noise_follows_from_seed_id_and_code(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(encoded(picture(1)))
    one, other = (Item(f"i{n}", "a", "a/x.png", 1, 1, 1, "PNG") for n in (1, 2))
    work = Augment(0, "noise_0.01", "reflect")
    assert work(path, one) == work(path, one)
    assert len({work(path, one), work(path, other), replace(work, seed=1)(path, one)}) == 3


def test_only_training_images_are_augmented(tmp_path: Path) -> None:
    items = [Item(f"i{n}", "a", f"a/i{n}.png", 1, 1, 1, "PNG", split=split) for n, split in enumerate(["train", "holdout", "train"])]
    for item in items:
        (tmp_path / "rgb/a").mkdir(parents=True, exist_ok=True)
        (tmp_path / "rgb" / item.path).write_bytes(encoded(picture(1)))
    write_index(tmp_path / "rgb/index.csv", items)
    wanted = params.Augment(ops=["fliph", "rot_90,noise_0.01"])
    augment(tmp_path / "rgb", tmp_path / "out", wanted, "serial", 1)
    paths = sorted(item.path for item in read_index(tmp_path / "out/index.csv"))
    assert paths == ["a/i0__fliph.png", "a/i0__rot90__noise0p01.png", "a/i2__fliph.png", "a/i2__rot90__noise0p01.png"]


def test_a_zoom_without_area_is_refused() -> None:
    with pytest.raises(image.ImageError, match="the box has no area"):
        done("zoom_5_5_5_9")


@pytest.mark.parametrize("code", ["fliph", "flipv", "noise_0.001", "rot_10", "trans_3_4", "zoom_3_4_30_31", "blur_1"])
@pytest.mark.parametrize("shape", [(40, 40, 3), (40, 40), (24, 40, 3)])
def test_every_code_keeps_shape_and_type(code: str, shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    result = done(code, pixels, fill=(1, 2, 3))
    assert result.shape == shape and result.dtype == np.uint8
