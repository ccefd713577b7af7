"""The resampling against a float reference, against Pillow, and against itself turned, cut and added up in other orders.

By NumPy; test_rows.py holds the library in C to the same bytes.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipeline.prepare.pixels import filters, rows
from pipeline.prepare.pixels import resample as module
from pipeline.prepare.pixels.filters import FILTERS
from pipeline.prepare.pixels.resample import Part, resample
from tests.conftest import ROOT, picture

NAMES = list(FILTERS)
MODES = ["L", "LA", "RGB", "RGBA"]
PILLOW = {"lanczos": Image.Resampling.LANCZOS, "bicubic": Image.Resampling.BICUBIC}
sides = st.integers(1, 90)


@pytest.fixture(autouse=True, scope="module")
def numpy_alone() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "available", lambda: False)
        yield


def noise(size: tuple[int, int], mode: str, seed: int = 0) -> Image.Image:
    """The hardest picture there is: every pixel by itself."""
    shape = (size[1], size[0], len(mode)) if len(mode) > 1 else (size[1], size[0])
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8))


def whole(image: Image.Image) -> Part:
    return (0, 0, *image.size)


def resized(image: Image.Image, size: tuple[int, int], name: str = "lanczos", part: Part | None = None) -> np.ndarray:
    return np.asarray(resample(image, part or whole(image), size, name))


def in_float(image: Image.Image, size: tuple[int, int], name: str) -> np.ndarray:
    """Pillow's filters on floating point numbers: no rounding between the passes, none after."""
    bands = [np.asarray(band.convert("F").resize(size, PILLOW[name])) for band in image.split()]
    return np.clip(np.stack(bands, axis=-1) if len(bands) > 1 else bands[0], 0, 255)


@pytest.mark.parametrize("name", list(PILLOW))
@pytest.mark.parametrize("size", [(96, 80), (31, 57), (300, 40), (211, 200)])
def test_the_filters_are_pillows_without_its_rounding_in_between(name: str, size: tuple[int, int]) -> None:
    image = picture(3)
    error = np.abs(resized(image, size, name) - in_float(image, size, name))
    assert error.max() < 0.75 and error.mean() < 0.26
    pillow = np.asarray(image.resize(size, PILLOW[name])).astype(int)
    assert np.abs(pillow - resized(image, size, name)).mean() < 0.25


@pytest.mark.parametrize("name", list(PILLOW))
def test_averaging_pairs_first_costs_little_and_edges_less(name: str) -> None:
    image = picture(4, (1200, 900)).resize((1200, 900))
    error = np.abs(resized(image, (256, 192), name) - in_float(image, (256, 192), name))
    assert error.mean() < 0.33 and error.max() < 3
    assert error[:2].max() < 3 and error[:, -2:].max() < 3


@pytest.mark.parametrize("size", [(8, 5), (16, 10), (48, 30), (7, 3)])
def test_area_is_the_mean_of_what_each_result_covers(size: tuple[int, int]) -> None:
    image = noise((48, 30), "L")
    fine = np.repeat(np.repeat(np.asarray(image, dtype=float), size[1], axis=0), size[0], axis=1)
    means = fine.reshape(size[1], 30, size[0], 48).mean(axis=(1, 3))
    assert np.abs(resized(image, size, "area") - means).max() < 0.6


@settings(max_examples=60, deadline=None)
@given(sides, sides, sides, sides, st.sampled_from(NAMES), st.sampled_from(MODES), st.integers(0, 255))
def test_one_colour_stays_that_colour(width: int, height: int, wide: int, high: int, name: str, mode: str, level: int) -> None:
    color = tuple((level * (band + 1)) % 256 for band in range(len(mode)))
    image = Image.new(mode, (width, height), color if len(mode) > 1 else color[0])
    made = resample(image, whole(image), (wide, high), name)
    expected = (0,) * len(mode) if mode in ("LA", "RGBA") and color[-1] == 0 else color
    assert made.mode == mode and made.size == (wide, high)
    assert {tuple(pixel) for pixel in np.asarray(made).reshape(-1, len(mode)).tolist()} == {expected}


@settings(max_examples=60, deadline=None)
@given(sides, sides, sides, sides, st.sampled_from(NAMES), st.sampled_from(MODES), st.integers(0, 10**6))
def test_the_mirror_image_becomes_the_mirror_image(
    width: int, height: int, wide: int, high: int, name: str, mode: str, seed: int
) -> None:
    image = noise((width, height), mode, seed)
    made = resized(image, (wide, high), name)
    for turn, back in ((Image.Transpose.FLIP_LEFT_RIGHT, np.s_[:, ::-1]), (Image.Transpose.FLIP_TOP_BOTTOM, np.s_[::-1])):
        np.testing.assert_array_equal(resized(image.transpose(turn), (wide, high), name)[back], made)


@pytest.mark.parametrize("part", [(0.5, 0.25, 97.5, 70.75), (3, 7, 60, 11), (10.125, 0, 11, 80)])
@pytest.mark.parametrize("name", NAMES)
def test_parts_between_pixels_mirror_too(part: Part, name: str) -> None:
    image = noise((98, 80), "RGB")
    made = resized(image, (33, 20), name, part)
    left, top, right, bottom = part
    turned = resized(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT), (33, 20), name, (98 - right, top, 98 - left, bottom))
    np.testing.assert_array_equal(turned[:, ::-1], made)


def test_the_mirror_image_where_pairs_are_averaged_first() -> None:
    image = noise((400, 320), "RGB")
    made = resized(image, (64, 64))
    np.testing.assert_array_equal(resized(image.transpose(Image.Transpose.ROTATE_180), (64, 64))[::-1, ::-1], made)


@settings(max_examples=40, deadline=None)
@given(sides, sides, sides, sides, st.sampled_from(MODES[::2]))
def test_area_keeps_the_mean(width: int, height: int, wide: int, high: int, mode: str) -> None:
    image = noise((width, height), mode)
    rounding = 0.5 * (1 if wide * high < 100 else 0.25)
    assert abs(resized(image, (wide, high), "area").mean() - np.asarray(image).mean()) <= rounding + 0.05


@pytest.mark.parametrize("name", NAMES)
def test_what_lies_outside_of_the_part_has_no_influence(name: str) -> None:
    inside = noise((40, 30), "RGB")
    for outside in ("black", "white"):
        around = Image.new("RGB", (100, 90), outside)
        around.paste(inside, (20, 25))
        np.testing.assert_array_equal(resized(around, (16, 12), name, (20, 25, 60, 55)), resized(inside, (16, 12), name))


def test_a_part_may_begin_within_a_pixel() -> None:
    ramp = Image.fromarray(np.tile(np.arange(0, 200, 2, dtype=np.uint8), (20, 1)))
    made = resized(ramp, (20, 4), "lanczos", (10.5, 0, 90.5, 20)).astype(float)
    expected = 2 * (10.5 + (np.arange(20) + 0.5) * 4 - 0.5)
    assert np.abs(made - expected)[:, 2:-2].max() <= 0.6


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("size", "to"), [((150, 110), (64, 48)), ((520, 400), (60, 50)), ((30, 20), (97, 83))])
def test_the_order_of_the_additions_has_no_say(
    mode: str, size: tuple[int, int], to: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    image = noise(size, mode)
    made = resized(image, to)
    matmul = np.matmul

    def shuffled(first: np.ndarray, second: np.ndarray, out: np.ndarray) -> np.ndarray:
        order = np.random.default_rng(len(second)).permutation(len(second))
        return matmul(np.ascontiguousarray(first[:, order]), np.ascontiguousarray(second[order]), out=out)

    def in_long(first: np.ndarray, second: np.ndarray, out: np.ndarray) -> np.ndarray:
        assert matmul(np.abs(first).astype(np.int64), np.abs(second).astype(np.int64)).max() < 2 ** (24 if out.dtype == np.float32 else 53)
        out[...] = matmul(first.astype(np.int64), second.astype(np.int64))
        return out

    for product in (shuffled, in_long):
        monkeypatch.setattr(module.np, "matmul", product)
        np.testing.assert_array_equal(resized(image, to), made)
    monkeypatch.undo()
    for block, tile, strip in ((3, 1, 5), (16, 1 << 30, 1000)):
        monkeypatch.setattr(module, "BLOCK", block)
        monkeypatch.setattr(module, "TILE_BYTES", tile)
        monkeypatch.setattr(module, "STRIP", strip)
        np.testing.assert_array_equal(resized(image, to), made)


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 5000), st.integers(1, 400), st.sampled_from(NAMES), st.floats(0, 0.999), st.floats(0, 0.999))
def test_weights_add_up_and_no_sum_leaves_what_float32_holds(count: int, size: int, name: str, low: float, short: float) -> None:
    if low + short >= count:
        return
    axis = filters.Axis(low, count - short, size, name)
    for one in [axis, replace(axis, pairs=True)] if axis.halves else [axis]:
        bands = one.bands(filters.FIRST_BITS)
        weights = bands.weights.reshape(-1, bands.length)[:size]
        assert (weights.sum(axis=1) == 2**filters.FIRST_BITS).all()
        assert np.abs(weights).sum(axis=1).max() < 2 * 2**filters.FIRST_BITS


@pytest.mark.parametrize(("channels", "band"), [(1, 0), (3, 1), (4, 2)])
def test_the_steps_left_to_opencv_are_the_integers_they_are_said_to_be(channels: int, band: int) -> None:
    pixels = np.random.default_rng(5).integers(0, 256, (40, 64, channels), dtype=np.uint8)
    edged = np.pad(pixels[:, :, band], 1, mode="edge").astype(int)
    across = edged[:, :-2] + 2 * edged[:, 1:-1] + edged[:, 2:]
    blurred = (across[:-2] + 2 * across[1:-1] + across[2:] + 8) >> 4
    pairs = blurred.reshape(20, 2, 32, 2).sum(axis=(1, 3))
    np.testing.assert_array_equal(module._halved(pixels, min(channels, 3), 0, 20)[:, band], (pairs + 2) >> 2)


def test_hidden_colours_do_not_show_and_seen_ones_do_not_drift() -> None:
    random = np.random.default_rng(1)
    pixels = random.integers(0, 256, (60, 60, 4), dtype=np.uint8)
    pixels[..., 3] = 255
    solid = Image.fromarray(pixels)
    made = resized(solid, (25, 25))
    assert (made[..., 3] == 255).all()
    assert np.abs(made[..., :3].astype(int) - resized(solid.convert("RGB"), (25, 25))).max() <= 1
    pixels[20:40, 20:40, 3] = 0
    first = resized(Image.fromarray(pixels), (25, 25))
    pixels[20:40, 20:40, :3] = random.integers(0, 256, (20, 20, 3))
    np.testing.assert_array_equal(resized(Image.fromarray(pixels), (25, 25)), first)


def test_a_picture_in_several_pieces_of_memory_is_read_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    image = noise((50, 40), "RGB")
    made = resized(image, (20, 20))

    def refused(_: object) -> None:
        raise ValueError("Image is in multiple array blocks")

    monkeypatch.setattr(module.pa, "array", refused)
    np.testing.assert_array_equal(resized(image, (20, 20)), made)


def test_an_older_cpu_makes_the_same_bytes() -> None:
    """OpenBLAS and OpenCV choose their code by the CPU; here they are told to take it for an old one."""
    program = (
        "import hashlib, numpy as np; from PIL import Image; from pipeline.prepare.pixels import rows\n"
        "from pipeline.prepare.pixels.resample import resample\n"
        "rows.available = lambda: False\n"
        "noise = np.random.default_rng(0).integers(0, 256, (400, 520, 4), dtype=np.uint8)\n"
        "made = [resample(Image.fromarray(noise[..., :bands].copy()), (0, 0, 520, 400), size, name).tobytes()\n"
        "        for bands in (3, 4) for size in ((64, 50), (300, 211)) for name in ('lanczos', 'bicubic', 'area')]\n"
        "print(hashlib.sha256(b''.join(made)).hexdigest())\n"
    )
    old = {"OPENBLAS_CORETYPE": "Nehalem", "OPENCV_CPU_DISABLE": "AVX2"}
    digests = {
        subprocess.run([sys.executable, "-c", program], env={**os.environ, **more}, cwd=ROOT, check=True, capture_output=True).stdout
        for more in ({}, old)
    }
    assert len(digests) == 1 and len(digests.pop()) == 65


def test_no_library_of_tables_is_loaded_for_a_few_pixels() -> None:
    """Loading it takes as long as fifty photographs do, and each worker would load it."""
    program = ("import sys; from PIL import Image; from pipeline.prepare.pixels.resample import resample; "
               "resample(Image.new('RGB', (9, 9)), (0, 0, 9, 9), (4, 4), 'lanczos'); sys.exit('pandas' in sys.modules)")
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT).returncode == 0
