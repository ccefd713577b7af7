"""Boxes brought to a size: the shapes that come out, what is decoded for it, transparency, pairs, the stage."""

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageOps

from pipeline import image, params
from pipeline.item import Item, read_index, write_index
from pipeline.prepare.resize import FITS, Resize, resize
from tests.conftest import encoded, picture

ITEM = Item("i1", "a", "a/i1.png", 1, 1, 1, "PNG")
HIDDEN = [(0, 0, 0), (255, 255, 255), (0, 255, 0)]
sides = st.integers(1, 300)


def through(work: Resize, source: Image.Image) -> Image.Image:
    return work.pixels(encoded(source))


@pytest.mark.parametrize("name", ["lanczos", "bicubic", "area"])
def test_a_fine_grating_becomes_grey_and_not_stripes(name: str) -> None:
    stripes = np.zeros((256, 256, 3), np.uint8)
    stripes[:, ::2] = 255  # above the frequency that 32 columns can hold: a resize that aliases shows stripes
    small = np.asarray(through(Resize((32, 32), name, (0, 0, 256, 256)), Image.fromarray(stripes)))
    assert small.std() < 3 and abs(small.mean() - 127.5) < 2


@pytest.mark.parametrize("name", ["lanczos", "bicubic", "area"])
@pytest.mark.parametrize("size", [24, 50, 200, 311])
def test_a_soft_disc_has_no_halo(name: str, size: int) -> None:
    """Whatever colour lies hidden around it, flattened on white it is one picture, and nowhere but between red and white."""
    y, x = np.mgrid[-100:100, -100:100] + 0.5
    alpha = np.clip(80 - np.hypot(x, y), 0, 12) / 12
    flattened = []
    for hidden in HIDDEN:
        pixels = np.zeros((200, 200, 4), np.uint8)
        pixels[..., :3] = np.where(alpha[..., None] > 0, (255, 0, 0), hidden)
        pixels[..., 3] = np.rint(alpha * 255)
        made = through(Resize((size, size), name, (0, 0, 200, 200)), Image.fromarray(pixels))
        flattened.append(np.asarray(image.flatten(made, (255, 255, 255))))
    for other in flattened[1:]:
        np.testing.assert_array_equal(other, flattened[0])
    assert flattened[0][..., 0].min() == 255, "a dark rim"
    np.testing.assert_array_equal(flattened[0][..., 1], flattened[0][..., 2])


def test_the_box_is_cut_out_and_its_outside_has_no_influence() -> None:
    source = np.full((60, 60, 3), 255, np.uint8)
    source[20:40, 20:40] = 0
    assert np.asarray(through(Resize((8, 8), "lanczos", (20, 20, 20, 20)), Image.fromarray(source))).max() == 0


@settings(max_examples=80, deadline=None)
@given(sides, sides, st.integers(4, 60), st.integers(4, 60), st.data())
def test_every_box_of_every_picture_comes_out_in_its_size(width: int, height: int, wide: int, high: int, data: st.DataObject) -> None:
    left, top = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    box = (left, top, data.draw(st.integers(1, width - left)), data.draw(st.integers(1, height - top)))
    mode, pad = data.draw(st.sampled_from(["L", "LA", "RGB", "RGBA"])), data.draw(st.sampled_from(["transparent", (9, 9, 9), (1, 2, 3)]))
    level = data.draw(st.integers(0, 255))
    color = (level, 255 - level, 7, 255)[:3] if mode == "RGB" else (level, 255 - level, 7, 255)
    source = Image.new(mode, (width, height), color if len(mode) > 2 else (level, 255) if mode == "LA" else level)
    for name in FITS:
        made = through(Resize((wide, high), "lanczos", box, name, pad), source)
        if name != "fit":
            assert made.size == (wide, high)
        else:
            assert made.width <= wide and made.height <= high and (made.width == wide or made.height == high)
            assert abs(made.width * box[3] - made.height * box[2]) <= max(box[2], box[3]) or 1 in made.size
        if name != "pad":
            assert made.mode == mode
            assert made.getextrema() == through(Resize((4, 4), "area", box, "stretch"), source).getextrema(), "it is of one colour still"
        middle = made.convert("RGBA").getpixel(((wide - 1) // 2, (high - 1) // 2)) if name == "pad" else None
        assert middle in (None, source.convert("RGBA").getpixel((0, 0)))


def test_fill_cuts_what_hangs_over_as_much_at_either_end() -> None:
    pixels = np.zeros((10, 30), np.uint8)
    pixels[:, 10:20] = 200
    made = np.asarray(through(Resize((40, 40), "area", (0, 0, 30, 10)), Image.fromarray(pixels)))
    assert (made == 200).all()
    tall = np.asarray(through(Resize((40, 40), "area", (0, 0, 10, 30)), Image.fromarray(pixels.T.copy())))
    assert (tall == 200).all()


def test_fill_and_stretch_agree_where_the_shape_is_the_same() -> None:
    source = picture(5)
    for fit in ("stretch", "fit", "pad"):
        same = through(Resize((24, 20), "lanczos", (0, 0, 96, 80), fit), source)
        np.testing.assert_array_equal(np.asarray(same), np.asarray(through(Resize((24, 20), "lanczos", (0, 0, 96, 80)), source)))


@pytest.mark.parametrize(
    ("mode", "pad", "expected", "around"),
    [("RGB", "transparent", "RGBA", (0, 0, 0, 0)), ("L", "transparent", "LA", (0, 0)), ("RGBA", "transparent", "RGBA", (0, 0, 0, 0)),
     ("RGB", (9, 8, 7), "RGB", (9, 8, 7)), ("RGBA", (9, 8, 7), "RGBA", (9, 8, 7, 255)), ("L", (5, 5, 5), "L", 5),
     ("L", (9, 8, 7), "RGB", (9, 8, 7)), ("LA", (5, 5, 5), "LA", (5, 255)), ("LA", (9, 8, 7), "RGBA", (9, 8, 7, 255))],
)
def test_pad_adds_what_is_missing(mode: str, pad: str | tuple[int, int, int], expected: str, around: object) -> None:
    made = through(Resize((40, 40), "lanczos", (0, 0, 96, 48), "pad", pad), picture(1, (96, 48), mode))
    assert made.mode == expected and made.size == (40, 40)
    assert made.getpixel((20, 9)) == around and made.getpixel((20, 30)) == around
    inner = through(Resize((40, 20), "lanczos", (0, 0, 96, 48), "stretch"), picture(1, (96, 48), mode)).convert(expected)
    np.testing.assert_array_equal(np.asarray(made.crop((0, 10, 40, 30))), np.asarray(inner))


def test_nothing_is_padded_where_the_shape_is_right() -> None:
    assert through(Resize((40, 40), "lanczos", (0, 0, 80, 80), "pad"), picture(1, (96, 80))).mode == "RGB"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_boxes_are_of_the_upright_picture(orientation: int) -> None:
    upright = picture(7, (400, 300)).resize((400, 300))
    ImageDraw.Draw(upright).rectangle((300, 0, 399, 99), fill=(255, 0, 0))
    lying = {1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
             5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
             8: Image.Transpose.ROTATE_270}[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = upright.transpose(lying) if lying is not None else upright
    made = Resize((16, 16), "lanczos", (304, 4, 92, 92)).pixels(encoded(stored, "JPEG", quality=95, exif=exif))
    assert np.abs(np.asarray(made).astype(int) - (254, 0, 0)).max() < 12


@pytest.mark.parametrize(("size", "shrink"), [(100, 4), (101, 2), (200, 2), (201, 1), (500, 1)])
def test_a_jpeg_is_decoded_at_no_less_than_twice_the_size(size: int, shrink: int, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    decoded = image.decoded

    def spied(data: bytes, scale: float = 1.0) -> image.Decoded:
        seen.append(decoded(data, scale))
        return seen[-1]

    monkeypatch.setattr(image, "decoded", spied)
    data = encoded(picture(2, (1000, 800)), "JPEG", quality=90)
    Resize((size, size), "lanczos", (0, 0, 1000, 800)).pixels(data)
    assert [one.shrink for one in seen] == [shrink]


@pytest.mark.parametrize("box", [(0, 0, 1001, 799), (13, 7, 801, 655)])
def test_a_smaller_decode_shows_the_same_box(box: tuple[int, int, int, int]) -> None:
    source = picture(9, (1001, 799))
    for fit in FITS:
        work = Resize((96, 80), "lanczos", box, fit, (0, 0, 0))
        exact, quick = work.pixels(encoded(source)), work.pixels(encoded(source, "JPEG", quality=97))
        assert np.abs(np.asarray(exact).astype(int) - np.asarray(quick)).mean() < 1.0


def test_a_box_outside_is_told() -> None:
    with pytest.raises(image.ImageError, match="outside"):
        through(Resize((8, 8), "lanczos", (90, 0, 20, 20), "stretch"), picture(1, (80, 80)))


@pytest.mark.parametrize("width", [200, 201])
@pytest.mark.parametrize("format_", ["PNG", "JPEG"])
def test_a_sheet_has_both_its_halves_cut_alike_and_joined(width: int, format_: str) -> None:
    left, right = picture(1, (100, 90)), picture(2, (100, 90))
    sheet = Image.new("RGB", (width, 90), (0, 255, 0))
    sheet.paste(left, (0, 0))
    sheet.paste(right, (width - 100, 0))
    made = Resize((32, 24), "lanczos", (10, 5, 80, 60), sheet=True).pixels(encoded(sheet, format_, quality=97))
    assert made.size == (64, 24)
    for half, place in ((left, (0, 0, 32, 24)), (right, (32, 0, 64, 24))):
        alone = through(Resize((32, 24), "lanczos", (10, 5, 80, 60)), half)
        difference = np.abs(np.asarray(made.crop(place)).astype(int) - np.asarray(alone))
        assert difference.max() == 0 if format_ == "PNG" else difference.mean() < 6


def test_the_stage_makes_a_png_for_each_and_a_reason_for_what_is_none(tmp_path: Path) -> None:
    raw, crops, out = tmp_path / "raw", tmp_path / "crops", tmp_path / "out"
    (raw / "a").mkdir(parents=True)
    items = []
    for number, data in enumerate([encoded(picture(1)), encoded(picture(2, mode="LA")), b"no image"]):
        (raw / "a" / f"i{number}.png").write_bytes(data)
        items.append(Item(f"i{number}", "a", f"a/i{number}.png", 96, 80, len(data), "PNG").with_more(box="8,0,80,80", box_by="center"))
    crops.mkdir()
    write_index(crops / "index.csv", items)
    made = resize(raw, crops, out, params.Resize(size=(20, 16), fit="pad"), params.Pair(), "serial", 1)
    assert (made.made, made.rejected) == (2, 1)
    found = {item.id: Image.open(out / item.path) for item in read_index(out / "index.csv")}
    assert {id_: (one.format, one.mode, one.size) for id_, one in found.items()} == {
        "i0": ("PNG", "RGBA", (20, 16)), "i1": ("PNG", "LA", (20, 16))
    }
    assert resize(raw, crops, out, params.Resize(size=(20, 16), fit="pad"), params.Pair(), "serial", 1).kept == 2


def test_work_is_told_apart_by_its_parameters(tmp_path: Path) -> None:
    works = {repr(Resize((8, 8), "area", (0, 0, 9, 9), fit, pad, sheet))
             for fit in FITS for pad in ("transparent", (0, 0, 0)) for sheet in (False, True)}
    assert len(works) == 16
    (tmp_path / "x.png").write_bytes(encoded(picture(1)))
    assert Image.open(io.BytesIO(Resize((8, 4), "area", (0, 0, 9, 9))(tmp_path / "x.png", ITEM))).size == (8, 4)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_jpeg_that_is_read_small_is_not_displaced(orientation: int) -> None:
    """641 x 481 ends in part of a pixel at an eighth; in a mirrored picture that part comes first."""
    exif = Image.Exif()
    exif[274] = orientation
    data = encoded(picture(5, (641, 481)), "JPEG", quality=95, exif=exif.tobytes())
    assert image.decoded(data, 0.1).shrink == 8
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    size = (upright.width // 20, upright.height // 20)
    expected = np.asarray(upright.resize(size, Image.Resampling.LANCZOS)).astype(float)
    made = np.asarray(Resize(size, "lanczos", (0, 0, *upright.size), "stretch").pixels(data))
    assert abs(made - expected).mean() < 1.5
