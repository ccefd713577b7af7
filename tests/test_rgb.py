"""Every mode onto every background: nothing opaque changes, nothing hidden comes back."""

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from pipeline import params
from pipeline.item import Item, read_index, write_index
from pipeline.prepare.pixels.backgrounds import backdrop, border_color, composed
from pipeline.prepare.rgb import Flatten, rgb
from tests.conftest import encoded, picture

MODES = ["L", "LA", "RGB", "RGBA"]
BACKGROUNDS = ["white", "black", "checker", "border", "random", (10, 200, 30)]


def flat(pixels: np.ndarray, folder: Path, work: Flatten, id_: str = "i1") -> np.ndarray:
    path = folder / "x.png"
    path.write_bytes(encoded(Image.fromarray(pixels)))
    made = Image.open(io.BytesIO(work(path, Item(id_, "a", "a/x.png", 1, 1, 1, "PNG"))))
    assert made.mode == work.mode
    return np.asarray(made)


def disc(color: tuple[int, int, int], hidden: tuple[int, int, int], size: int = 40) -> np.ndarray:
    """A soft disc over transparency that hides a colour."""
    rows, columns = np.indices((size, size)) - (size - 1) / 2
    alpha = np.clip((size / 2 - 4 - np.hypot(rows, columns)) * 60, 0, 255).astype(np.uint8)
    pixels = np.empty((size, size, 4), np.uint8)
    pixels[:, :, :3] = np.where(alpha[:, :, None] > 0, color, hidden)
    pixels[:, :, 3] = alpha
    return pixels


@pytest.mark.parametrize("background", BACKGROUNDS)
@pytest.mark.parametrize("mode", MODES)
def test_opaque_pixels_are_unchanged(tmp_path: Path, mode: str, background: object) -> None:
    pixels = np.asarray(picture(1, (40, 30), mode)).copy()
    if mode in ("LA", "RGBA"):
        pixels[:, :20, -1] = 255
    made = flat(pixels, tmp_path, Flatten(background, "RGB"))
    expected = {"L": pixels, "LA": pixels[..., 0], "RGB": pixels, "RGBA": pixels[..., :3]}[mode]
    expected = np.repeat(expected[:, :, None], 3, axis=2) if expected.ndim == 2 else expected
    opaque = slice(None, 20) if mode in ("LA", "RGBA") else slice(None)
    assert np.array_equal(made[:, opaque], expected[:, opaque])


@pytest.mark.parametrize(("background", "color"), [("white", (255, 255, 255)), ("black", (0, 0, 0)), ((1, 2, 3), (1, 2, 3))])
def test_transparency_is_mixed_with_the_colour_by_its_alpha(tmp_path: Path, background: object, color: tuple[int, ...]) -> None:
    pixels = np.asarray(picture(2, (30, 20), "RGBA"))
    alpha = pixels[:, :, 3:] / 255
    expected = pixels[:, :, :3] * alpha + np.array(color) * (1 - alpha)
    assert np.abs(flat(pixels, tmp_path, Flatten(background, "RGB")) - expected).max() <= 0.5


@pytest.mark.parametrize("background", BACKGROUNDS)
def test_hidden_colours_do_not_come_back(tmp_path: Path, background: object) -> None:
    work = Flatten(background, "RGB")
    one, other = (flat(disc((255, 0, 0), hidden), tmp_path, work) for hidden in ((0, 0, 0), (255, 255, 255)))
    assert np.array_equal(one, other)


@settings(deadline=None)
@given(arrays(np.uint8, (3, 4, 4)), st.tuples(*[st.integers(0, 255)] * 3))
def test_over_is_rounded_once(pixels: np.ndarray, color: tuple[int, int, int]) -> None:
    colors, alpha = pixels[:, :, :3].astype(object), pixels[:, :, 3:].astype(object)
    doubled = 2 * (colors * alpha + np.array(color, object) * (255 - alpha))  # exact, in whole numbers
    result = composed(pixels, np.array(color, np.uint8)).astype(object)
    assert (abs(510 * result - doubled) <= 255).all()


def test_grey_is_luma_of_what_is_seen(tmp_path: Path) -> None:
    colors = np.array([[[255, 0, 0, 255], [0, 255, 0, 255], [0, 0, 255, 255], [9, 9, 9, 0]]], np.uint8)
    assert flat(colors, tmp_path, Flatten("white", "L")).tolist() == [[76, 150, 29, 255]]  # ITU-R BT.601: 0.299, 0.587, 0.114
    levels = np.arange(256, dtype=np.uint8)[None]
    assert np.array_equal(flat(levels, tmp_path, Flatten("black", "L")), levels)


def test_a_checkerboard_of_white_and_grey(tmp_path: Path) -> None:
    made = flat(np.zeros((20, 20, 4), np.uint8), tmp_path, Flatten("checker", "RGB"))
    squares = {(y, x): set(made[y : y + 8, x : x + 8].ravel().tolist()) for y in (0, 8) for x in (0, 8)}
    assert squares == {(0, 0): {255}, (0, 8): {204}, (8, 0): {204}, (8, 8): {255}}


def test_border_is_the_colour_around_what_is_shown() -> None:
    pixels = np.zeros((40, 40, 4), np.uint8)
    pixels[5:35, 5:35] = (20, 90, 200, 255)  # a blue square with rounded corners
    for corner in ((5, 5), (5, 34), (34, 5), (34, 34)):
        pixels[corner] = 0
    pixels[8:32, 8:32, :3] = (250, 250, 0)  # most of it is yellow inside
    assert border_color(pixels) == (20, 90, 200)
    pixels[5:20, 5, 3] = 0
    assert border_color(pixels) == (20, 90, 200), "and where a part of the border is missing"


def test_border_of_what_is_hardly_there() -> None:
    faint = np.zeros((4, 4, 4), np.uint8)
    assert border_color(faint) == (255, 255, 255), "of nothing"
    faint[1, 1], faint[2, 2], faint[3, 3] = (10, 20, 30, 100), (90, 90, 90, 20), (0, 0, 0, 30)
    faint[0, :, :] = (200, 200, 200, 15)
    assert border_color(faint) == (10, 20, 30), "of what can be seen, by how well"


@pytest.mark.parametrize(("ink", "ground"), [((0, 0, 0), (255, 255, 255)), ((255, 255, 255), (0, 0, 0)), ((220, 20, 20), (255, 255, 255)),
                                             ((255, 205, 80), (0, 0, 0))])
def test_a_cut_out_does_not_vanish_in_its_own_colour(ink: tuple[int, int, int], ground: tuple[int, int, int]) -> None:
    logo = np.zeros((40, 40, 4), np.uint8)
    logo[8:32, 8:32] = (*ink, 255)
    logo[12:16, 12:28, :3] = 128  # a little of another colour is in it
    assert border_color(logo) == ground


def test_a_random_background_follows_from_seed_and_id(tmp_path: Path) -> None:
    empty = np.zeros((2, 2, 4), np.uint8)
    colors = {
        tuple(flat(empty, tmp_path, Flatten("random", "RGB", seed), id_)[0, 0]) for seed in (0, 1) for id_ in ("i1", "i2") for _ in range(2)
    }
    assert len(colors) == 4
    many = np.array([backdrop(empty, "random", 0, f"i{n}") for n in range(2000)])
    assert np.abs(many.mean(axis=0) - 127.5).max() < 6 and many.min() < 5 and many.max() > 250


def test_each_half_of_a_sheet_has_its_own_border(tmp_path: Path) -> None:
    sheet = np.zeros((20, 40, 4), np.uint8)
    sheet[4:16, 4:16] = (200, 0, 0, 255)
    sheet[4:16, 24:36] = (0, 0, 200, 255)
    sheet[5:15, 5:15, :3] = sheet[5:15, 25:35, :3] = 255
    made = flat(sheet, tmp_path, Flatten("border", "RGB", sheet=True))
    assert (made[:4, :20] == (200, 0, 0)).all() and (made[:4, 20:] == (0, 0, 200)).all()
    same = flat(sheet, tmp_path, Flatten("random", "RGB", sheet=True))
    assert np.array_equal(same[0, 0], same[0, 39])


def test_the_stage_keeps_what_did_not_change(tmp_path: Path) -> None:
    items = [Item(f"i{n:016x}", "a", f"a/i{n:016x}.png", 1, 1, 1, "PNG", split="train") for n in range(4)]
    for number, item in enumerate(items):
        (tmp_path / "resized/a").mkdir(parents=True, exist_ok=True)
        (tmp_path / "resized" / item.path).write_bytes(encoded(picture(number, (20, 20), MODES[number])))
    write_index(tmp_path / "resized/index.csv", items)

    def run(**settings: object) -> tuple[int, int]:
        made = rgb(tmp_path / "resized", tmp_path / "rgb", params.Rgb(**settings), params.Pair(), "serial", 1)
        return made.made, made.kept

    assert run() == (4, 0) and run() == (0, 4)
    assert run(seed=5) == (0, 4), "a seed that nothing hangs on"
    assert run(background="random") == (4, 0) and run(background="random", seed=5) == (4, 0)
    assert [item.path for item in read_index(tmp_path / "rgb/index.csv")] == [item.path for item in items]
    assert {Image.open(tmp_path / "rgb" / item.path).mode for item in items} == {"RGB"}
