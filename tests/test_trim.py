import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from pipeline.prepare.boxes.trim import trimmed
from tests.conftest import encoded, picture


def pasted(inner: Image.Image, size: tuple[int, int], at: tuple[int, int], color: object) -> Image.Image:
    page = Image.new(inner.mode, size, color)
    page.paste(inner, at)
    return page


def disc(size: tuple[int, int], box: tuple[int, int, int, int], mode: str = "RGB", ground: object = "white") -> Image.Image:
    page = Image.new(mode, size, ground)
    ImageDraw.Draw(page).ellipse(box, fill=(200, 30, 30) if mode == "RGB" else (200, 30, 30, 255))
    return page


def jpeg(image: Image.Image, quality: int) -> Image.Image:
    return Image.open(io.BytesIO(encoded(image, "JPEG", quality=quality)))


def sky(size: tuple[int, int], levels: tuple[int, int]) -> Image.Image:
    """A blue that gets lighter from top to bottom by one level after the other."""
    blue = np.linspace(*levels, size[1])[:, None] + np.zeros((1, size[0]))
    return Image.fromarray(np.stack([blue * 0.4, blue * 0.7, blue], 2).astype(np.uint8))


@pytest.mark.parametrize("color", ["black", "white", (8, 8, 8), (90, 200, 30)])
def test_bars_beside_a_picture_are_taken_off_and_stay_off(color: object) -> None:
    box = (0, 30, 120, 60)
    assert trimmed(pasted(picture(2, (120, 60)), (120, 120), (0, 30), color)) == (box, box)
    assert trimmed(pasted(picture(2, (60, 120)), (120, 120), (30, 0), color)) == ((30, 0, 60, 120), (30, 0, 60, 120))


def test_a_frame_within_a_frame() -> None:
    framed = pasted(pasted(picture(3, (120, 90)), (140, 110), (10, 10), "white"), (160, 160), (10, 25), "black")
    assert trimmed(framed)[0] == (20, 35, 120, 90)


@pytest.mark.parametrize("quality", [50, 75, 95])
def test_bars_that_jpeg_made_uneven_are_still_bars(quality: int) -> None:
    (_, top, _, height), _ = trimmed(jpeg(pasted(picture(2, (256, 128)), (256, 256), (0, 64), (8, 8, 8)), quality))
    assert abs(top - 64) <= 2 and abs(height - 128) <= 4


def test_a_bar_on_one_side() -> None:
    assert trimmed(pasted(picture(4, (120, 100)), (120, 108), (0, 0), "white"))[0] == (0, 0, 120, 100)


def test_a_dark_picture_between_black_bars_loses_both() -> None:
    photo = picture(5, (120, 60))
    ImageDraw.Draw(photo).rectangle((0, 50, 69, 59), fill="black")  # over half of the last lines is black as well
    assert trimmed(pasted(photo, (120, 120), (0, 30), "black")) == ((0, 30, 120, 60), (0, 30, 120, 60))


@pytest.mark.parametrize(("mode", "ground"), [("RGB", "white"), ("RGB", (20, 60, 30)), ("RGBA", (0, 0, 0, 0)), ("RGBA", (90, 10, 9, 0))])
def test_an_object_on_a_background_is_never_cut_and_may_grow(mode: str, ground: object) -> None:
    assert trimmed(disc((200, 200), (50, 80, 149, 119), mode, ground)) == ((50, 80, 100, 40), (0, 0, 200, 200))


@pytest.mark.parametrize("radius", [3, 7, 12, 20, 35, 60, 95])
def test_a_disc_of_any_size_is_an_object(radius: int) -> None:
    box = (100 - radius, 100 - radius, 2 * radius, 2 * radius)
    page = disc((200, 200), (box[0], box[1], box[0] + box[2] - 1, box[1] + box[3] - 1))
    assert trimmed(page) == ((box, (0, 0, 200, 200)) if radius > 9 else ((0, 0, 200, 200), (0, 0, 200, 200)))


def test_grey_with_alpha() -> None:
    page = Image.new("LA", (100, 100), (200, 0))
    page.paste((120, 255), (30, 40, 60, 60))
    assert trimmed(page)[0] == (30, 40, 30, 20)


def test_letters_with_straight_sides_are_an_object_too() -> None:
    page = Image.new("L", (200, 200), 255)
    pen = ImageDraw.Draw(page)
    pen.rectangle((40, 90, 49, 129), fill=0)  # a T and an I: the I fills the right side from top to bottom
    pen.rectangle((20, 80, 69, 89), fill=0)
    pen.rectangle((110, 80, 119, 129), fill=0)
    assert trimmed(page) == ((20, 80, 100, 50), (0, 0, 200, 200))


def test_white_pictures_between_black_bars_are_not_confused_with_them() -> None:
    white = disc((160, 80), (50, 20, 109, 59))
    assert trimmed(pasted(white, (160, 160), (0, 40), "black")) == ((50, 60, 60, 40), (0, 40, 160, 80))


def test_a_sky_stays() -> None:
    photo = pasted(picture(3, (160, 80)), (160, 120), (0, 40), "white")
    ImageDraw.Draw(photo).rectangle((0, 40, 100, 50), fill="white")  # most of the first lines below is sky too
    assert trimmed(photo)[0] == (0, 0, 160, 120)
    even = pasted(picture(4, (160, 80)), (160, 240), (0, 160), "blue")
    even.paste(sky((160, 160), (120, 220)))  # it leaves the colour of its first line long before the ground
    assert trimmed(even)[0] == (0, 0, 160, 240)


def test_a_sky_and_a_lake_stay() -> None:
    view = pasted(picture(4, (160, 80)), (160, 240), (0, 80), "blue")
    view.paste(sky((160, 80), (140, 220)))
    view.paste(sky((160, 80), (90, 60)), (0, 160))
    assert trimmed(view)[0] == (0, 0, 160, 240)


FLAT = [Image.new("RGB", (50, 40), "grey"), Image.new("RGBA", (50, 40)), Image.new("L", (1, 1)), sky((60, 90), (100, 120))]


@pytest.mark.parametrize("page", FLAT)
def test_a_flat_picture_is_kept_whole(page: Image.Image) -> None:
    assert trimmed(page)[0] == (0, 0, *page.size)


def test_the_tolerance_decides_what_is_even() -> None:
    noise = np.random.default_rng(1).integers(0, 30, (40, 120, 3)).astype(np.uint8)
    boxed = pasted(picture(2, (120, 60)), (120, 140), (0, 40), "white")
    boxed.paste(Image.fromarray(noise), (0, 0))
    boxed.paste(Image.fromarray(noise), (0, 100))
    assert trimmed(boxed, 24)[0] == (0, 40, 120, 60)
    assert trimmed(boxed, 4)[0] == (0, 0, 120, 140)


@given(st.data(), st.integers(1, 12), st.integers(1, 12))
def test_content_lies_in_room_and_room_in_the_picture_and_both_have_an_area(data: st.DataObject, width: int, height: int) -> None:
    levels = data.draw(st.lists(st.sampled_from([0, 20, 255]), min_size=width * height, max_size=width * height))
    content, room = trimmed(Image.fromarray(np.array(levels, np.uint8).reshape(height, width)))
    for inner, outer in ((content, room), (room, (0, 0, width, height))):
        assert outer[0] <= inner[0] and outer[1] <= inner[1] and inner[2] >= 1 and inner[3] >= 1
        assert inner[0] + inner[2] <= outer[0] + outer[2] and inner[1] + inner[3] <= outer[1] + outer[3]
