"""Each code against what its meaning says, worked out by hand or by a direct formula in floats."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from pipeline.prepare.augmentation import codes
from tests.conftest import picture

ONE = 1  # 8-bit level: what rounding the weights and the result may add up to
SHAPES = {"L": (24, 40), "LA": (24, 40, 2), "RGB": (24, 40, 3), "RGBA": (24, 40, 4)}


def done(text: str, pixels: np.ndarray, fill: codes.Fill = "reflect", seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    for code in text.split(","):
        pixels = codes.apply(pixels, codes.parsed(code), fill, random)
    return pixels


def grey(*rows: list[int]) -> np.ndarray:
    return np.array(rows, np.uint8)


def random_pixels(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(7).integers(0, 256, shape, dtype=np.uint8)


LETTERS = grey([1, 2, 3], [4, 5, 6], [7, 8, 9])


@pytest.mark.parametrize(("code", "expected"), [
    ("fliph", grey([3, 2, 1], [6, 5, 4], [9, 8, 7])),
    ("flipv", grey([7, 8, 9], [4, 5, 6], [1, 2, 3])),
    ("rot_90", grey([7, 4, 1], [8, 5, 2], [9, 6, 3])),
    ("rot_-90", grey([3, 6, 9], [2, 5, 8], [1, 4, 7])),
    ("rot_180", grey([9, 8, 7], [6, 5, 4], [3, 2, 1])),
    ("rot_450", grey([7, 4, 1], [8, 5, 2], [9, 6, 3])),
    ("trans_1_0", grey([0, 1, 2], [0, 4, 5], [0, 7, 8])),
    ("trans_-1_2", grey([0, 0, 0], [0, 0, 0], [2, 3, 0])),
    ("trans_5_0", grey([0, 0, 0], [0, 0, 0], [0, 0, 0])),
    ("zoom_0_0_1_1", grey([1, 1, 1], [1, 1, 1], [1, 1, 1])),
    ("zoom_1_1_4_4", grey([5, 6, 0], [8, 9, 0], [0, 0, 0])),
    ("zoom_-1_0_2_3", grey([0, 1, 2], [0, 4, 5], [0, 7, 8])),
    ("noise_0", LETTERS),
    ("blur_0", LETTERS),
    ("rot_0", LETTERS),
    ("zoom_0_0_3_3", LETTERS),
    ("rot_90,fliph", grey([1, 4, 7], [2, 5, 8], [3, 6, 9])),
    ("fliph,rot_90", grey([9, 6, 3], [8, 5, 2], [7, 4, 1])),
    ("trans_1_0,fliph,trans_1_0", grey([0, 2, 1], [0, 5, 4], [0, 8, 7])),
    ("zoom_0_0_1_1,trans_0_1", grey([0, 0, 0], [1, 1, 1], [1, 1, 1])),
])
def test_by_hand(code: str, expected: np.ndarray) -> None:
    assert done(code, LETTERS, fill=(0, 0, 0)).tolist() == expected.tolist()


@pytest.mark.parametrize(("fill", "expected"), [
    ("reflect", [3, 2, 1, 1, 2, 3]), ("edge", [1, 1, 1, 1, 2, 3]), ((9, 9, 9), [9, 9, 9, 1, 2, 3]),
])
def test_what_is_seen_from_beyond_the_picture(fill: codes.Fill, expected: list[int]) -> None:
    assert done("trans_3_0", grey([1, 2, 3, 4, 5, 6]), fill).tolist() == [expected]
    far = done("trans_9_0", grey([1, 2, 3]), fill)  # three widths away; reflect turns round at each edge
    assert far.tolist() == [{"reflect": [3, 2, 1], "edge": [1, 1, 1]}.get(str(fill), [9, 9, 9])]


@pytest.mark.parametrize("mode", SHAPES)
@pytest.mark.parametrize("code", ["fliph", "flipv", "rot_90", "rot_180", "rot_270", "trans_3_-2"])
def test_moves_by_whole_pixels_keep_every_value(mode: str, code: str) -> None:
    pixels = random_pixels((24, 24, *SHAPES[mode][2:]))
    expected = {
        "fliph": pixels[:, ::-1], "flipv": pixels[::-1], "rot_90": np.rot90(pixels, -1), "rot_180": pixels[::-1, ::-1],
        "rot_270": np.rot90(pixels), "trans_3_-2": np.pad(pixels, [(0, 2), (3, 0), (0, 0)][: pixels.ndim], mode="edge")[2:, :24],
    }[code]
    assert np.array_equal(done(code, pixels, "edge"), expected)


@pytest.mark.parametrize("angle", [30, -45, 7.5, 123])
@pytest.mark.parametrize("size", [(40, 40), (24, 41)])
def test_rotation_is_bilinear_about_the_middle(angle: float, size: tuple[int, int]) -> None:
    pixels = np.asarray(picture(3, size[::-1], "L"))
    down, right = np.indices(size) + 0.5 - np.array(size).reshape(2, 1, 1) / 2
    cosine, sine = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    # clockwise on a screen, where y goes down: what arrives at (right, down) was turned back by the angle before
    places = [cosine * down - sine * right + size[0] / 2 - 0.5, cosine * right + sine * down + size[1] / 2 - 0.5]
    for fill, mode in (("edge", "nearest"), ("reflect", "reflect")):
        expected = ndimage.map_coordinates(pixels.astype(float), places, order=1, mode=mode)
        assert np.abs(done(f"rot_{angle}", pixels, fill) - expected).max() <= ONE


def test_a_clockwise_turn_brings_the_top_to_the_right() -> None:
    pixels = np.zeros((41, 41), np.uint8)
    pixels[2:6, 19:22] = 255  # a mark at twelve o'clock
    rows, columns = np.nonzero(done("rot_30", pixels, (0, 0, 0)) > 128)  # at one o'clock
    assert columns.mean() - 20 == pytest.approx(16.5 * math.sin(math.radians(30)), abs=0.5)
    assert 20 - rows.mean() == pytest.approx(16.5 * math.cos(math.radians(30)), abs=0.5)


@pytest.mark.parametrize("box", [(3, 4, 20, 17), (0, 0, 10, 24), (-5, -5, 60, 40), (-30, 0, 100, 90)])
def test_zoom_is_the_box_alone_stretched_by_a_triangle(box: tuple[int, int, int, int]) -> None:
    pixels = np.asarray(picture(4, (40, 24), "L"))
    x1, y1, x2, y2 = box
    around = np.pad(pixels.astype(float), 100, mode="edge")
    part = around[100 + y1 : 100 + y2, 100 + x1 : 100 + x2]
    expected = triangle(part.shape[0], 24) @ part @ triangle(part.shape[1], 40).T
    assert np.abs(done("zoom_" + "_".join(map(str, box)), pixels, "edge") - expected).max() <= ONE + 0.5  # it rounds twice


def triangle(given: int, wanted: int) -> np.ndarray:
    """Weights (wanted, given) of a triangle as wide as two pixels of the coarser grid, cut and made to add up at the edges."""
    scale = given / wanted
    distance = np.abs((np.arange(wanted)[:, None] + 0.5) * scale - (np.arange(given) + 0.5)) / max(scale, 1)
    weights = np.maximum(0, 1 - distance)
    return weights / weights.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("sigma", [0.5, 1.5, 4])
def test_blur_is_a_gaussian_and_keeps_the_contrast(sigma: float) -> None:
    pixels = np.asarray(picture(5, (60, 40), "L"))
    expected = ndimage.gaussian_filter(pixels.astype(float), sigma, mode="nearest", truncate=4, radius=round(4 * sigma))
    assert np.abs(done(f"blur_{sigma}", pixels) - expected).max() <= ONE


def test_noise_has_the_variance_that_was_asked_for() -> None:
    level = np.full((300, 300), 128, np.uint8)
    noisy = done("noise_0.01", level) / 255
    assert noisy.var() == pytest.approx(0.01, rel=0.03) and noisy.mean() == pytest.approx(128 / 255, abs=0.002)
    assert np.array_equal(done("noise_0.01", level), done("noise_0.01", level))
    assert not np.array_equal(done("noise_0.01", level), done("noise_0.01", level, seed=1))


def test_noise_leaves_alpha_alone() -> None:
    pixels = random_pixels(SHAPES["RGBA"])
    noisy = done("noise_0.1", pixels)
    assert np.array_equal(noisy[:, :, 3], pixels[:, :, 3]) and not np.array_equal(noisy, pixels)


def test_large_pictures_are_worked_on_in_parts_that_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.asarray(picture(6, (50, 90)))
    whole = [done(code, pixels) for code in ("rot_20", "blur_2", "noise_0.02")]
    monkeypatch.setattr(codes, "BAND", 500)
    parts = [done(code, pixels) for code in ("rot_20", "blur_2", "noise_0.02")]
    assert all(np.array_equal(one, other) for one, other in zip(whole, parts, strict=True))


@pytest.mark.parametrize("code", ["rot_33", "blur_2", "zoom_3_3_17_15", "zoom_-9_-9_60_60"])
def test_colours_hidden_under_transparency_do_not_bleed(code: str) -> None:
    alpha = np.asarray(picture(8, (40, 24), "L")).copy()
    alpha[:, :15] = 0
    red, hidden = np.zeros((2, 24, 40, 4), np.uint8)
    for pixels in (red, hidden):
        pixels[:, :, 0], pixels[:, :, 3] = 255, alpha
    hidden[alpha == 0, :3] = (0, 255, 255)
    one, other = done(code, red, "edge"), done(code, hidden, "edge")
    visible = one[:, :, 3] > 0
    assert visible.any() and (one[visible][:, 1:3] == 0).all()
    assert np.array_equal(one[visible], other[visible]) and np.array_equal(one[:, :, 3], other[:, :, 3])


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_a_colour_beyond_a_picture_with_alpha_is_see_through(mode: str) -> None:
    pixels = np.full(SHAPES[mode], 255, np.uint8)
    assert (done("trans_4_0", pixels, (0, 0, 0))[:, :4, -1] == 0).all()
    assert (done("rot_45", pixels, (0, 0, 0))[0, 0, -1] == 0).all()


def test_a_colour_beyond_a_grey_picture_is_its_luma() -> None:
    assert done("trans_1_0", grey([50, 50]), (255, 0, 0)).tolist() == [[76, 50]]  # 0.299 * 255


@pytest.mark.parametrize("code", ["fliph", "flipv", "noise_0.001", "rot_10", "rot_90", "trans_3_4", "zoom_3_4_30_31", "blur_1"])
@pytest.mark.parametrize("fill", ["reflect", "edge", (1, 2, 3)])
@pytest.mark.parametrize("mode", SHAPES)
def test_every_code_keeps_shape_and_type(code: str, fill: codes.Fill, mode: str) -> None:
    pixels = random_pixels(SHAPES[mode])
    before = pixels.copy()
    result = done(code, pixels, fill)
    assert result.shape == pixels.shape and result.dtype == np.uint8 and result.flags.c_contiguous
    assert np.array_equal(pixels, before), "the picture that came in is not changed"


@settings(deadline=None)
@given(
    arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.sampled_from([2, 3, 4]))),
    st.sampled_from(["rot_17", "rot_90", "blur_3", "trans_20_-30", "zoom_-3_2_8_3", "zoom_0_0_1_1", "flipv"]),
    st.sampled_from(["reflect", "edge", (3, 2, 1)]),
)
def test_any_picture_however_small(pixels: np.ndarray, code: str, fill: codes.Fill) -> None:
    assert done(code, pixels, fill).shape == pixels.shape


@settings(deadline=None)
@given(st.integers(0, 255), st.integers(1, 255), st.sampled_from(["rot_17", "blur_3", "rot_45,blur_0.7,fliph"]))
def test_one_colour_stays_that_colour(level: int, alpha: int, code: str) -> None:
    pixels = np.tile(np.array([level, alpha], np.uint8), (7, 11, 1))
    assert np.array_equal(done(code, pixels, "edge"), pixels)
    assert np.array_equal(done(code, pixels[:, :, 0], "reflect"), pixels[:, :, 0])


@pytest.mark.parametrize(("code", "said"), [
    ("zoom_5_5_5_9", "no area"), ("zoom_0_0_99999_99999", "more than 100,000,000 pixels"), ("blur_9999", "up to 250 pixels are"),
])
def test_what_cannot_be_done_says_why(code: str, said: str) -> None:
    assert said in codes.problem(codes.parsed(code))
    assert codes.problem(codes.parsed("rot_-5")) == ""
