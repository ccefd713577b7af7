from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline import image
from pipeline.item import Item
from pipeline.prepare.resize import Resize
from pipeline.prepare.rgb import Flatten
from tests.conftest import encoded, picture

ITEM = Item("i1", "a", "a/i1.png", 1, 1, 1, "PNG")


def through(tmp_path: Path, work: object, source: Image.Image) -> Image.Image:
    path = tmp_path / "source.png"
    path.write_bytes(encoded(source))
    return image.decode(work(path, ITEM))


@pytest.mark.parametrize("name", ["lanczos", "bicubic", "area"])
def test_a_fine_grating_becomes_grey_and_not_stripes(tmp_path: Path, name: str) -> None:
    stripes = np.zeros((256, 256, 3), np.uint8)
    stripes[:, ::2] = 255  # above the frequency that 32 columns can hold: a resize that aliases shows stripes
    small = np.asarray(through(tmp_path, Resize((32, 32), name, (0, 0, 256, 256)), Image.fromarray(stripes)))
    assert small.std() < 3 and abs(small.mean() - 127.5) < 2


def test_what_is_hidden_under_transparency_does_not_bleed(tmp_path: Path) -> None:
    source = np.zeros((64, 64, 4), np.uint8)
    source[:, :, :3] = (0, 255, 0)  # green where nothing is seen
    source[16:48, 16:48] = (255, 0, 0, 255)
    small = np.asarray(through(tmp_path, Resize((24, 24), "lanczos", (0, 0, 64, 64)), Image.fromarray(source))).astype(int)
    seen = small[:, :, 3] > 8
    assert small[seen][:, 1].max() <= 8, "a green halo"


def test_the_box_is_cut_out_and_its_outside_has_no_influence(tmp_path: Path) -> None:
    source = np.full((60, 60, 3), 255, np.uint8)
    source[20:40, 20:40] = 0
    assert np.asarray(through(tmp_path, Resize((8, 8), "lanczos", (20, 20, 20, 20)), Image.fromarray(source))).max() == 0


def test_sizes_are_width_and_height(tmp_path: Path) -> None:
    assert through(tmp_path, Resize((40, 24), "area", (0, 0, 96, 80)), picture(1)).size == (40, 24)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "RGB", "L"])
def test_every_mode_becomes_plain_rgb_or_grey(tmp_path: Path, mode: str) -> None:
    for wanted in ("RGB", "L"):
        assert through(tmp_path, Flatten((255, 255, 255), wanted), picture(2, mode=mode)).mode == wanted


def test_the_background_shows_through(tmp_path: Path) -> None:
    clear = Image.new("RGBA", (4, 4), (9, 9, 9, 0))
    assert through(tmp_path, Flatten((10, 20, 30), "RGB"), clear).getpixel((1, 1)) == (10, 20, 30)
