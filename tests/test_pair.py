"""Two pictures for one item: cut from a sheet, or one made from the other."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline import image, params
from pipeline.folder import Made
from pipeline.item import Item, read_index, write_index
from pipeline.prepare.pair import pair
from pipeline.prepare.pixels.derive import canny, low_resolution, xdog
from pipeline.prepare.pixels.halves import halves, joined
from tests.conftest import encoded, picture


@pytest.fixture
def flat(tmp_path: Path) -> tuple[Path, Path]:
    """The folders rgb, with two images, and augmented, with a copy of the first."""
    rgb, augmented = tmp_path / "rgb", tmp_path / "augmented"
    items = []
    for number in range(2):
        item = Item(f"i{number:016x}", "maps", f"maps/i{number:016x}.png", 64, 32, 9, "PNG").with_more(key=f"k{number}")
        (rgb / "maps").mkdir(parents=True, exist_ok=True)
        (rgb / item.path).write_bytes(encoded(picture(number, (64, 32))))
        items.append(item)
    write_index(rgb / "index.csv", items)
    copy = replace(items[0], path=items[0].path.replace(".png", "__fliph.png")).with_more(augmentation="fliph", key="k9")
    (augmented / "maps").mkdir(parents=True)
    (augmented / copy.path).write_bytes(encoded(picture(7, (64, 32))))
    write_index(augmented / "index.csv", [copy])
    return rgb, augmented


def pixels(path: Path) -> np.ndarray:
    return np.asarray(image.open_image(path))


def test_a_sheet_is_cut_last_and_its_copies_too(flat: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "pairs"
    assert pair(*flat, out, params.Pair(layout="side_by_side")) == Made(6, 0, 0, 0)
    rows = read_index(out / "index.csv")
    assert [(item.path, item.more["half"], item.more["augmentation"]) for item in rows] == [
        ("maps/i0000000000000000.a.png", "a", ""), ("maps/i0000000000000000.b.png", "b", ""),
        ("maps/i0000000000000000__fliph.a.png", "a", "fliph"), ("maps/i0000000000000000__fliph.b.png", "b", "fliph"),
        ("maps/i0000000000000001.a.png", "a", ""), ("maps/i0000000000000001.b.png", "b", ""),
    ]
    sheet = pixels(flat[1] / "maps/i0000000000000000__fliph.png")
    assert (pixels(out / rows[2].path) == sheet[:, :32]).all() and (pixels(out / rows[3].path) == sheet[:, 32:]).all()


def test_only_the_derived_half_is_made_and_only_once(flat: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "pairs"
    settings = params.Pair(derive="low_resolution", scale=4)
    assert pair(*flat, out, settings) == Made(3, 0, 0, 0)
    assert pair(*flat, out, settings) == Made(0, 3, 0, 0)
    assert {item.more["half"] for item in read_index(out / "index.csv")} == {"a"}
    assert pixels(out / "maps/i0000000000000001.a.png").shape == (8, 16, 3)
    assert pair(*flat, out, params.Pair()) == Made(0, 0, 3, 0), "without pairs nothing is left"
    assert read_index(out / "index.csv") == []


def test_another_scale_does_not_touch_edges(flat: tuple[Path, Path], tmp_path: Path) -> None:
    pair(*flat, tmp_path / "pairs", params.Pair(derive="canny", scale=4))
    assert pair(*flat, tmp_path / "pairs", params.Pair(derive="canny", scale=2)).made == 0


@pytest.mark.parametrize("width", [2, 7, 64])
def test_halves_have_one_width_and_join_to_the_sheet(width: int) -> None:
    sheet = picture(1, (width, 9), "RGBA")
    left, right = halves(sheet)
    assert left.size == right.size == (width // 2, 9)
    both, whole = np.asarray(joined(left, right)), np.asarray(sheet)
    assert (both == np.delete(whole, width // 2, axis=1) if width % 2 else both == whole).all()


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("drawn", [canny, xdog])
def test_a_step_in_brightness_becomes_a_dark_line_on_white(drawn: object, mode: str) -> None:
    step = np.full((40, 60), 60, np.uint8)
    step[:, 30:] = 200
    lines = drawn(Image.fromarray(step).convert(mode))  # type: ignore[operator]
    assert lines.mode == mode and lines.size == (60, 40)
    levels = np.asarray(lines.convert("L"))
    assert levels[20, 27:33].min() < 64, "the edge is inked"
    assert (levels[:, :24] == 255).all() and (levels[:, 36:] == 255).all(), "flat ground stays white"


def test_no_edges_on_a_plain_picture() -> None:
    plain = Image.new("RGB", (32, 32), (90, 20, 200))
    assert np.asarray(canny(plain)).min() == 255 and np.asarray(xdog(plain)).min() == 255


def test_low_resolution_keeps_the_mean_and_is_antialiased() -> None:
    stripes = np.zeros((64, 64), np.uint8)
    stripes[:, ::2] = 255  # finer than the small picture can show: grey, not stripes
    small = np.asarray(low_resolution(Image.fromarray(stripes), 4)).astype(int)
    assert small.shape == (16, 16) and abs(small[4:-4, 4:-4] - 127.5).max() < 3
    assert low_resolution(picture(3, (3, 2)), 8).size == (1, 1)
