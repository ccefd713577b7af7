import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from pipeline.prepare.boxes.attention import CELLS, attended, saliency
from tests.conftest import picture


def scene(size: tuple[int, int], at: tuple[int, int], fill: object = (230, 40, 30), radius: int = 28) -> Image.Image:
    """Grass, more or less, with a ball in it."""
    noise = np.random.default_rng(2).normal(0, 12, (size[1], size[0], 3))
    page = Image.fromarray(np.clip(np.array([70, 120, 60]) + noise, 0, 255).astype(np.uint8))
    x, y = at
    ImageDraw.Draw(page).ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill)
    return page


@pytest.mark.parametrize("fill", [(230, 40, 30), (240, 240, 240), (20, 20, 20), (60, 70, 160)])
@pytest.mark.parametrize("at", [(50, 100), (300, 90), (550, 110)])
def test_what_stands_out_is_kept_whole(at: tuple[int, int], fill: object) -> None:
    left, top, width, height = attended((200, 0, 200, 200), (0, 0, 600, 200), scene((600, 200), at, fill))
    assert (top, width, height) == (0, 200, 200)
    assert left <= at[0] - 28 and at[0] + 28 <= left + width


def test_it_works_from_top_to_bottom_and_at_any_size() -> None:
    page = scene((200, 600), (100, 520))
    box = attended((0, 1600, 1600, 1600), (0, 0, 1600, 4800), page)  # the picture is the content, eight times smaller
    assert box[1] <= 8 * (520 - 28) and box[1] + 1600 >= 8 * (520 + 28)
    moved = attended((7, 1605, 1600, 1600), (7, 5, 1600, 4800), page)
    assert moved == (7, box[1] + 5, 1600, 1600)


def test_where_nothing_stands_out_the_middle_is_kept() -> None:
    assert attended((200, 0, 200, 200), (0, 0, 600, 200), Image.new("RGB", (600, 200), "olive")) == (200, 0, 200, 200)
    assert not saliency(Image.new("RGB", (300, 200), "olive")).any()


def test_a_box_that_holds_the_content_does_not_move() -> None:
    assert attended((0, 0, 300, 300), (40, 40, 100, 50), scene((100, 50), (20, 20), radius=8)) == (0, 0, 300, 300)


@settings(max_examples=30, deadline=None)
@given(width=st.integers(1, 90), height=st.integers(1, 90), w=st.integers(1, 90), h=st.integers(1, 90), seed=st.integers(0, 5))
def test_a_box_stays_in_the_content(width: int, height: int, w: int, h: int, seed: int) -> None:
    w, h = min(w, width), min(h, height)
    left, top, *size = attended((3, 4, w, h), (3, 4, width, height), picture(seed, (width, height)))
    assert size == [w, h] and 3 <= left <= 3 + width - w and 4 <= top <= 4 + height - h


def test_saliency_is_whole_numbers_that_a_mirror_mirrors() -> None:
    page = scene((256, 256), (60, 128))
    found = saliency(page)
    assert found.shape == (CELLS, CELLS) and found.dtype == np.int64
    assert np.unravel_index(found.argmax(), found.shape)[1] == pytest.approx(15, abs=6)  # the ball covers columns 8 to 22 of 64
    turned = saliency(page.transpose(Image.Transpose.FLIP_LEFT_RIGHT))[:, ::-1]
    assert np.abs(turned - found).mean() < 0.02 * found.mean()


def test_what_is_hidden_by_transparency_does_not_count() -> None:
    rgba = np.zeros((64, 192, 4), np.uint8)
    rgba[:, 120:] = [255, 0, 0, 0]  # red, but not to be seen
    rgba[20:44, 10:34] = [0, 0, 255, 255]
    left, *_ = attended((64, 0, 64, 64), (0, 0, 192, 64), Image.fromarray(rgba))
    assert left <= 10
