"""The library in C against NumPy's way: the same bytes, on every CPU, and nothing read or written out of bounds."""

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipeline.prepare.pixels import rows
from pipeline.prepare.pixels.filters import FILTERS, Axis
from pipeline.prepare.pixels.resample import Part, resample
from tests.conftest import ROOT, picture

NAMES = list(FILTERS)
PATH = rows._path
ALIKE = [  # size, part of it, size made: single rows and columns, enlarged, pairs averaged first or not, long filters, between pixels
    ((1, 1), (0, 0, 1, 1), (1, 1)),
    ((1, 300), (0, 0, 1, 300), (5, 3)),
    ((7, 5), (0, 0, 7, 5), (64, 50)),
    ((640, 480), (80, 0, 560, 480), (256, 256)),
    ((640, 480), (80.5, 0.25, 559.5, 479.75), (64, 64)),
    ((1200, 1000), (0, 0, 1200, 1000), (256, 213)),
    ((1201, 1000), (0, 0, 1201, 1000), (256, 213)),
    ((2400, 16), (0, 0, 2400, 16), (3, 2)),
    ((16, 2400), (0, 0, 16, 2400), (2, 1)),
    ((900, 4), (0, 0, 900, 4), (100, 1)),
    ((900, 800), (100, 50, 900, 800), (50, 47)),
]
VARIANTS = {"x86-64": set(), "x86-64-v3": {"avx2", "fma", "bmi2"}, "x86-64-v4": {"avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512cd"}}


@pytest.fixture(scope="module", autouse=True)
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Made of the source as it is, whatever lies in .venv."""
    path = tmp_path_factory.mktemp("rows") / "rows.so"
    if not shutil.which("cc"):
        pytest.skip("there is no C compiler")
    assert not rows.build(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "_path", lambda: path)
        rows._library.cache_clear()
        assert rows.available()
        yield path
    rows._library.cache_clear()


def noise(size: tuple[int, int], seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))


def both(image: Image.Image, part: Part, size: tuple[int, int], name: str) -> tuple[np.ndarray, np.ndarray]:
    made = np.asarray(resample(image, part, size, name))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "available", lambda: False)
        return made, np.asarray(resample(image, part, size, name))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("size", "part", "to"), ALIKE)
def test_the_same_bytes_as_without_it(size: tuple[int, int], part: Part, to: tuple[int, int], name: str) -> None:
    for image in (noise(size), picture(2, size), Image.new("RGB", size, (255, 0, 255))):
        np.testing.assert_array_equal(*both(image, part, to, name))


def test_a_row_longer_than_any_jpegs_is_left_to_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "WIDEST", 100)
    taken = []
    resampled = rows.resampled
    monkeypatch.setattr(rows, "resampled", lambda *given: taken.append(given[0].shape[1]) or resampled(*given))
    for width in (100, 101):
        resample(noise((width, 9)), (0, 0, width, 9), (4, 4), "lanczos")
    assert taken == [100]


@settings(max_examples=150, deadline=None)
@given(
    st.integers(1, 400), st.integers(1, 400), st.integers(1, 90), st.integers(1, 90), st.sampled_from(NAMES),
    st.tuples(*[st.floats(0, 1)] * 4), st.integers(0, 10**6),
)  # fmt: skip
def test_the_same_bytes_for_any_part_and_size(
    width: int, height: int, wide: int, high: int, name: str, cut: tuple[float, float, float, float], seed: int
) -> None:
    (left, right), (top, bottom) = sorted((cut[0] * width, cut[1] * width)), sorted((cut[2] * height, cut[3] * height))
    if right - left < 0.01 or bottom - top < 0.01:
        left, top, right, bottom = 0.0, 0.0, float(width), float(height)
    np.testing.assert_array_equal(*both(noise((width, height), seed), (left, top, right, bottom), (wide, high), name))


def test_it_is_what_makes_opaque_colour_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(rows, "resampled", refused)
    with pytest.raises(AssertionError):
        resample(noise((9, 9)), (0, 0, 9, 9), (4, 4), "lanczos")


@pytest.mark.skipif(platform.machine() != "x86_64", reason="variants of x86-64")
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_cpu_makes_the_same_bytes(variant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The compiler makes the code for each kind of CPU by itself; here it is made for one alone."""
    cpu = Path("/proc/cpuinfo")
    if not cpu.exists() or not VARIANTS[variant] <= set(cpu.read_text().split()):
        pytest.skip(f"this CPU is no {variant}")
    monkeypatch.setattr(rows, "FLAGS", (*rows.FLAGS, "-U__gnu_linux__", f"-march={variant}"))
    alone = tmp_path / "alone.so"
    assert not rows.build(alone)
    monkeypatch.setattr(rows, "_path", lambda: alone)
    rows._library.cache_clear()
    for size, part, to in ALIKE:
        np.testing.assert_array_equal(*both(noise(size), part, to, "lanczos"))
    rows._library.cache_clear()


def test_nothing_is_read_or_written_out_of_bounds(tmp_path: Path) -> None:
    """AddressSanitizer watches every access of the library and every array of NumPy's."""
    sanitizer = subprocess.run(["cc", "-print-file-name=libasan.so"], capture_output=True, text=True).stdout.strip()
    watched = tmp_path / "watched.so"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "FLAGS", (*rows.FLAGS, "-U__gnu_linux__", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"))
        if not Path(sanitizer).is_absolute() or rows.build(watched):
            pytest.skip("this compiler has no AddressSanitizer")
    program = (
        "import pathlib, sys, numpy as np\n"
        "from pipeline.prepare.pixels import rows\n"
        "from pipeline.prepare.pixels.filters import Axis\n"
        "rows._path = lambda: pathlib.Path(sys.argv[1])\n"
        "for width, height, wide, high, pairs in [(1, 1, 1, 1, 0), (1, 9, 3, 5, 0), (33, 17, 80, 50, 0), (40, 30, 9, 7, 0),\n"
        "        (90, 70, 13, 11, 1), (64, 64, 8, 8, 1), (600, 8, 9, 2, 1), (8, 600, 2, 9, 1), (600, 8, 9, 2, 0)]:\n"
        "    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 4), dtype=np.uint8)\n"
        "    for name in ('lanczos', 'bicubic', 'area')[:2 if pairs else 3]:\n"
        "        rows.resampled(pixels, Axis(0, width, wide, name, bool(pairs)), Axis(0, height, high, name, bool(pairs)))\n"
        "print('as it should be')\n"
    )
    environment = {**os.environ, "LD_PRELOAD": sanitizer, "ASAN_OPTIONS": "detect_leaks=0", "PYTHONMALLOC": "malloc"}
    done = subprocess.run([sys.executable, "-c", program, str(watched)], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.stdout == "as it should be\n", done.stderr[-3000:]


def test_axes_for_other_pixels_are_refused() -> None:
    pixels = np.zeros((64, 64, 4), np.uint8)
    for pairs, side in ((True, 66), (False, 65), (False, 63)):
        with pytest.raises(ValueError, match=f"the axes are for {side}x64 pixels, and 64x64 are there"):
            rows.resampled(pixels, Axis(0, side, 8, "lanczos", pairs), Axis(0, 64, 8, "lanczos", pairs))


def test_too_little_memory_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    made = rows._table

    def long(bands: rows.Bands, axis: Axis) -> rows._Table:
        table = made(bands, axis)
        table.length = 2**30
        return table

    monkeypatch.setattr(rows, "_table", long)
    pixels = np.zeros((64, 64, 4), np.uint8)
    with pytest.raises(MemoryError):
        rows.resampled(pixels, Axis(0, 64, 8, "lanczos", True), Axis(0, 64, 8, "lanczos", True))


def test_without_a_compiler_or_with_one_that_fails_there_is_a_reason_and_no_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "rows.so"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert rows.build(path) == "there is no C compiler"
    compiler = tmp_path / "cc"
    compiler.write_text("#!/bin/sh\necho 'rows.c:1: error: no' >&2\nexit 1\n")
    compiler.chmod(0o755)
    assert rows.build(path) == "the C compiler does not take rows.c (rows.c:1: error: no)"
    assert [*tmp_path.iterdir()] == [compiler]


def test_a_library_of_other_code_is_not_used_and_goes_when_a_new_one_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, libraries = tmp_path / "rows.c", tmp_path / "lib"
    source.write_bytes(rows.SOURCE.read_bytes())
    libraries.mkdir()
    monkeypatch.setattr(rows, "_path", PATH)
    monkeypatch.setattr(rows, "SOURCE", source)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    rows._library.cache_clear()
    assert not rows.available()
    first = rows._path()
    assert not rows.build(first) and [*libraries.iterdir()] == [first]
    rows._library.cache_clear()
    assert rows.available()
    source.write_text(source.read_text() + "/* changed */\n")
    rows._library.cache_clear()
    assert not rows.available()
    second = rows._path()
    assert not rows.build(second) and [*libraries.iterdir()] == [second]
    rows._library.cache_clear()
