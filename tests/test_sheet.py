"""Tables of pictures: every picture lies where the row and the column say, names and headings beside them."""

import numpy as np
import pytest
from PIL import Image

from pipeline.sheet import PAPER, captioned, table


def tile(color: tuple[int, int, int], size: tuple[int, int] = (20, 30)) -> Image.Image:
    return Image.new("RGB", size, color)


def places(page: Image.Image, color: tuple[int, int, int]) -> tuple[int, int, int, int]:
    """The box (left, top, right, bottom) of all pixels of a colour."""
    rows, columns = np.nonzero((np.asarray(page) == color).all(2))
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


RED, GREEN, BLUE, GOLD = (200, 0, 0), (0, 200, 0), (0, 0, 200), (200, 200, 0)


def test_rows_and_columns() -> None:
    page = table([[tile(RED), tile(GREEN)], [tile(BLUE), tile(GOLD)]], gap=4, margin=12)
    assert page.size == (12 + 20 + 4 + 20 + 12, 12 + 30 + 4 + 30 + 12)
    assert places(page, RED) == (12, 12, 32, 42)
    assert places(page, GREEN) == (36, 12, 56, 42)
    assert places(page, BLUE) == (12, 46, 32, 76)
    assert places(page, GOLD) == (36, 46, 56, 76)


def test_names_stand_at_the_left_and_headings_above() -> None:
    page = table([[tile(RED)], [tile(GREEN)]], names=["one", "eleven"], headings=["H"])
    left, top, _, _ = places(page, RED)
    assert left > 12 and top > 12
    pixels = np.asarray(page.convert("L"))
    assert (pixels[top : top + 30, 12 : left - 4] < 100).any()  # a name beside each row
    assert (pixels[top + 34 : top + 64, 12 : left - 4] < 100).any()
    assert (pixels[12 : top - 2, left : left + 20] < 100).any()  # a heading above the column
    assert places(page, GREEN)[:2] == (left, top + 34)


def test_a_long_table_is_broken_into_blocks_each_with_the_headings() -> None:
    page = table([[tile(RED)], [tile(GREEN)], [tile(BLUE)]], headings=["H"], blocks=2)
    red, green, blue = (places(page, color) for color in (RED, GREEN, BLUE))
    assert red[0] == green[0] and green[1] > red[1]
    assert blue[0] > red[2] and blue[1] == red[1]
    above = np.asarray(page.convert("L"))[: blue[1], blue[0] : blue[2]]
    assert (above < 100).any()


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_grey_and_colour(mode: str) -> None:
    page = table([[Image.new(mode, (5, 5))]])
    assert page.mode == "RGB" and page.getpixel((14, 14)) == (0, 0, 0) and page.getpixel((1, 1)) == PAPER


def test_a_caption_is_below_and_changes_nothing_above() -> None:
    picture = table([[tile(RED)]])
    page = captioned(picture, "12")
    assert page.crop((0, 0, *picture.size)).tobytes() == picture.tobytes()
    below = np.asarray(page.convert("L"))[picture.height - 4 :, :]
    assert page.height > picture.height and (below < 100).any()
