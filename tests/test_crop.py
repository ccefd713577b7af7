from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from pipeline import params
from pipeline.item import Item, read_index, read_rejections, write_index
from pipeline.prepare.crop import Crop, centered, crop, parse_box, trimmed
from tests.conftest import encoded, picture


def box_of(tmp_path: Path, image: Image.Image, mode: str = "center", aspect: float = 1.0, trim: bool = True, drawn: str = ""):
    path = tmp_path / "image.png"
    path.write_bytes(encoded(image))
    return Crop(mode, aspect, trim)((path, drawn))


def pasted(inner: Image.Image, size: tuple[int, int], at: tuple[int, int], color: object) -> Image.Image:
    page = Image.new(inner.mode, size, color)
    page.paste(inner, at)
    return page


def test_the_middle_of_a_plain_picture(tmp_path: Path) -> None:
    assert box_of(tmp_path, picture(1, (100, 60))) == ((20, 0, 60, 60), "center")
    assert box_of(tmp_path, picture(1, (100, 60)), aspect=2.0) == ((0, 5, 100, 50), "center")
    assert box_of(tmp_path, picture(1, (100, 60)), mode="none") == ((0, 0, 100, 60), "none")


def test_bars_beside_a_picture_are_taken_off_and_stay_off(tmp_path: Path) -> None:
    boxed = pasted(picture(2, (120, 60)), (120, 120), (0, 30), "black")
    assert box_of(tmp_path, boxed, mode="none") == ((0, 30, 120, 60), "trim+none")
    assert box_of(tmp_path, boxed) == ((30, 30, 60, 60), "trim+center")
    assert box_of(tmp_path, boxed, trim=False) == ((0, 0, 120, 120), "center")


def test_bars_that_jpeg_made_uneven_are_still_bars(tmp_path: Path) -> None:
    boxed = pasted(picture(2, (120, 60)), (120, 120), (0, 30), (8, 8, 8))
    path = tmp_path / "image.jpg"
    path.write_bytes(encoded(boxed, "JPEG", quality=60))
    (_, top, _, height), _ = Crop("none", 1.0, True)((path, ""))
    assert abs(top - 30) <= 8 and abs(height - 60) <= 16  # JPEG's blocks of 8 lie across the edge


def disc(size: tuple[int, int], box: tuple[int, int, int, int], mode: str, ground: object) -> Image.Image:
    page = Image.new(mode, size, ground)
    ImageDraw.Draw(page).ellipse(box, fill=(200, 30, 30) if mode == "RGB" else (200, 30, 30, 255))
    return page


@pytest.mark.parametrize(("mode", "ground"), [("RGB", "white"), ("RGBA", (0, 0, 0, 0))])
def test_an_object_on_a_background_is_never_cut(tmp_path: Path, mode: str, ground: object) -> None:
    image = disc((200, 200), (50, 80, 149, 119), mode, ground)  # 100 x 40
    assert box_of(tmp_path, image, mode="none")[0] == (50, 80, 100, 40)
    assert box_of(tmp_path, image)[0] == (50, 50, 100, 100)


def test_a_sky_on_one_side_stays(tmp_path: Path) -> None:
    photo = pasted(picture(3, (160, 80)), (160, 120), (0, 40), "white")
    ImageDraw.Draw(photo).rectangle((0, 40, 100, 50), fill="white")  # most of the first lines below is sky too
    assert box_of(tmp_path, photo, mode="none")[0] == (0, 0, 160, 120)


def test_a_flat_picture_is_kept_whole() -> None:
    flat = Image.new("RGB", (50, 40), "grey")
    assert trimmed(flat) == ((0, 0, 50, 40), (0, 0, 50, 40))


def test_a_person_s_box_wins(tmp_path: Path) -> None:
    assert box_of(tmp_path, picture(1, (100, 60)), drawn="0.1,0.5,0.2,0.5") == ((10, 30, 20, 30), "person")


numbers = st.integers(1, 300)


@given(width=numbers, height=numbers, x=st.integers(0, 299), y=st.integers(0, 299), w=numbers, h=numbers, aspect=st.floats(0.1, 10))
def test_a_box_lies_in_its_room_and_has_an_area(width: int, height: int, x: int, y: int, w: int, h: int, aspect: float) -> None:
    x, y = x % width, y % height
    content = (x, y, max(1, min(w, width - x)), max(1, min(h, height - y)))
    left, top, wide, high = centered(content, (0, 0, width, height), aspect)
    assert 0 <= left and 0 <= top and wide >= 1 and high >= 1
    assert left + wide <= width and top + high <= height


def test_the_stage_writes_boxes_a_sheet_and_what_failed(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    (raw / "a").mkdir(parents=True)
    (raw / "a" / "good.png").write_bytes(encoded(picture(1, (100, 60))))
    (raw / "a" / "bad.png").write_bytes(encoded(picture(1, (300, 300)), "JPEG")[:2000])
    items = [Item(f"i{n}", "a", f"a/{n}.png", 100, 60, 1, "PNG") for n in ("good", "bad")]
    write_index(tmp_path / "curated/index.csv", items)
    assert crop(raw, tmp_path / "curated", tmp_path / "crops", params.Crop()) == (1, 1)
    [item] = read_index(tmp_path / "crops/index.csv")
    assert parse_box(item.more["box"]) == (20, 0, 60, 60)
    assert read_rejections(tmp_path / "crops/rejected.csv")[0].id == "ibad"
    assert np.asarray(Image.open(tmp_path / "crops/boxes.png")).std() > 5


def test_white_pictures_between_black_bars_are_not_confused_with_them(tmp_path: Path) -> None:
    white = disc((160, 80), (50, 20, 109, 59), "RGB", "white")
    boxed = pasted(white, (160, 160), (0, 40), "black")
    # the bars go, above and below; the white beside the disc is a background that the square may grow into
    assert box_of(tmp_path, boxed)[0] == (40, 40, 80, 80)
