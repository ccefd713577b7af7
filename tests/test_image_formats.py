"""Every format and kind of file that the web serves: upright, at the size asked for, its header read without decoding."""

import io
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFile

from pipeline import image
from tests.conftest import encoded, picture

HEIC = Path(__file__).parent / "heic"  # drawn for this test; there is no free encoder among what is installed
CORNERS = {"upper left": (230, 20, 20), "lower left": (20, 200, 20), "upper right": (20, 20, 220), "lower right": (40, 40, 40)}


def upright() -> np.ndarray:
    drawn = np.zeros((80, 120, 3), np.uint8)
    drawn[:40, :60], drawn[40:, :60], drawn[:40, 60:], drawn[40:, 60:] = CORNERS.values()
    return drawn


def stored(orientation: int) -> Image.Image:
    """What a camera writes for each value of tag 0x0112 (EXIF 2.32, table 4)."""
    up = upright()
    turned = {1: up, 2: up[:, ::-1], 3: up[::-1, ::-1], 4: up[::-1], 5: up.swapaxes(0, 1), 6: np.rot90(up, 1),
              7: up[::-1, ::-1].swapaxes(0, 1), 8: np.rot90(up, -1)}[orientation]
    return Image.fromarray(np.ascontiguousarray(turned))


def turned_file(format: str, orientation: int) -> bytes:
    if format == "HEIC":
        return (HEIC / f"orientation_{orientation}.heic").read_bytes()
    exif = Image.Exif()
    exif[0x0112] = orientation
    if format == "late PNG":  # the chunk may stand behind the pixels (PNG, third edition, 11.3.3.7)
        data, body = encoded(stored(orientation)), exif.tobytes().removeprefix(b"Exif\0\0")
        return data[:-12] + struct.pack(">I", len(body)) + b"eXIf" + body + struct.pack(">I", zlib.crc32(b"eXIf" + body)) + data[-12:]
    if format == "XMP":
        words = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="{orientation}"/></x:xmpmeta>'.encode()
        return encoded(stored(orientation), "JPEG", quality=95, xmp=words)
    options = {"JPEG": {"quality": 95}, "WEBP": {"lossless": True}, "AVIF": {"quality": 90},
               "deflated TIFF": {"compression": "tiff_deflate"}}.get(format, {})
    return encoded(stored(orientation), format.removeprefix("deflated "), exif=exif, **options)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "late PNG", "WEBP", "AVIF", "HEIC", "TIFF", "deflated TIFF", "XMP"])
def test_every_orientation_comes_out_upright_in_every_format(format: str, orientation: int) -> None:
    data = turned_file(format, orientation)
    found = image.decoded(data)
    header = image.read_header(data)
    assert found.picture.size == found.size == (header.width, header.height) == (120, 80)
    small = image.decoded(data, 0.25).picture
    thumb = image.reduced(data, 20).picture
    for shown in (found.picture, small, thumb):
        levels = np.asarray(shown.convert("RGB"), np.int16)
        high, wide = levels.shape[0] // 4, levels.shape[1] // 4
        corners = levels[high, wide], levels[-1 - high, wide], levels[high, -1 - wide], levels[-1 - high, -1 - wide]
        for corner, colour in zip(corners, CORNERS.values(), strict=True):
            assert np.abs(corner - colour).max() <= 12


FILES = {
    "JPEG": ("JPEG", {}), "progressive": ("JPEG", {"progressive": True}), "PNG": ("PNG", {}), "GIF": ("GIF", {}), "WEBP": ("WEBP", {}),
    "BMP": ("BMP", {}), "TIFF": ("TIFF", {"compression": "tiff_lzw"}), "AVIF": ("AVIF", {}),
}


@pytest.mark.parametrize("name", FILES)
def test_a_header_is_read_without_decoding(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    format, options = FILES[name]
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(picture(1, (60, 40)), format, exif=exif, **options)

    def decoding(*_: object) -> None:
        raise AssertionError("it decodes")

    monkeypatch.setattr(ImageFile.ImageFile, "load", decoding)
    header = image.read_header(data)
    assert (header.format, header.width, header.height) == (format, *((60, 40) if name in ("GIF", "BMP") else (40, 60)))


@pytest.mark.parametrize("size", [(1001, 777), (64, 64), (9, 700), (7, 7), (1, 1)])
@pytest.mark.parametrize("scale", [1.0, 0.9, 0.5, 0.49, 0.26, 0.25, 0.125, 0.01])
@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_is_no_smaller_than_asked_for_and_its_shrink_is_exact(size: tuple[int, int], scale: float, progressive: bool) -> None:
    found = image.decoded(encoded(picture(2, size), "JPEG", progressive=progressive), scale)
    assert found.size == size and found.shrink in (1.0, 2.0, 4.0, 8.0)
    assert found.picture.size == tuple(-(-side // int(found.shrink)) for side in size)  # rounded up
    assert 1 / found.shrink >= scale or found.shrink == 1
    if min(size) >= 8 and scale <= 0.5:
        assert 1 / found.shrink < 2 * scale or found.shrink == 8  # and no larger than need be


@pytest.mark.parametrize("size", [(300, 200), (2400, 2000)])
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_a_picture_has_let_go_of_its_file_and_may_be_drawn_on(size: tuple[int, int], mode: str) -> None:
    """The larger one lies in two pieces of Pillow's memory."""
    exif = Image.Exif()
    exif[0x010F] = "a maker"
    data = encoded(picture(3).convert(mode).resize(size), "JPEG", exif=exif, comment="hidden")
    one, other = image.decode(data), image.decode(data)
    assert type(one) is Image.Image and not one.info and not one.getexif()
    if mode != "CMYK":
        assert one.tobytes() == Image.open(io.BytesIO(data)).tobytes()
    one.paste(0, (0, 0, *size))
    assert one.getbbox() is None and other.getbbox() is not None


def test_other_formats_come_at_full_size() -> None:
    for format in ("PNG", "WEBP", "GIF", "TIFF", "AVIF"):
        found = image.decoded(encoded(picture(2, (99, 77)), format), 0.1)
        assert (found.picture.size, found.shrink) == ((99, 77), 1.0)


def test_the_header_of_a_heic_is_read_without_its_decoder() -> None:
    """Which can crash on a damaged one, and a header is read where a crash would cost more than one file."""
    program = ("import sys; from pipeline import image; print(image.read_header(open(sys.argv[1], 'rb').read()).width); "
               "sys.exit('pi_heif' in sys.modules)")
    done = subprocess.run([sys.executable, "-c", program, HEIC / "orientation_6.heic"], capture_output=True, text=True, check=True)
    assert done.stdout == "120\n"


@given(st.binary(max_size=12), st.integers(0, 460))
def test_a_damaged_header_of_a_heic_is_an_image_error_and_nothing_else(noise: bytes, place: int) -> None:
    data = (HEIC / "orientation_5.heic").read_bytes()
    try:
        assert image.read_header(data[:place] + noise + data[place + len(noise):]).frames >= 1
    except image.ImageError as error:
        assert str(error)


def test_heic_of_ten_bits_and_two_pictures() -> None:
    found = image.decoded((HEIC / "ten_bits_two_pictures.heic").read_bytes())
    assert found.picture.size == (64, 48) and found.notes == ("first of 2 pictures", "10 bits a channel")
    assert found.picture.getpixel((30, 20)) == pytest.approx((200, 120, 40), abs=4)
    header = image.read_header((HEIC / "ten_bits_two_pictures.heic").read_bytes())
    assert header == image.Header("HEIC", "heic", 64, 48, 2)


@pytest.mark.parametrize("format", ["ICO", "PPM", "TGA", "PCX", "SGI", "DDS", "ICNS", "JPEG2000", "QOI"])
def test_what_is_not_on_the_list_is_refused_with_what_is(format: str) -> None:
    with pytest.raises(image.ImageError, match=r"no known image format \(JPEG, PNG, GIF, WEBP, BMP, TIFF, AVIF, HEIC, SVG\)"):
        image.decode(encoded(picture(3, (64, 64)), format))


def test_one_level_of_deep_grey_can_be_see_through() -> None:
    levels = np.arange(0, 65536, 256, dtype=np.uint16).reshape(16, 16)
    found = image.decode(encoded(Image.fromarray(levels), transparency=0x0300))
    alpha = np.asarray(found.getchannel("A"))
    assert found.mode == "LA" and alpha[0, 3] == 0 and np.count_nonzero(alpha == 0) == 1
    assert np.array_equal(np.asarray(found.getchannel("L")), levels >> 8)


@pytest.mark.parametrize(("most", "factor"), [(1.0, 255.0), (200.0, 1.0), (1000.0, 0.255)])
def test_floating_point_is_brought_to_eight_bits(most: float, factor: float) -> None:
    levels = np.linspace(-0.5 * most, most, 64, dtype=np.float32).reshape(8, 8)
    levels[0, 0], levels[0, 1] = np.nan, -np.inf
    found = np.asarray(image.decode(encoded(Image.fromarray(levels), "TIFF")))
    expected = np.clip(np.nan_to_num(levels, neginf=0) * factor, 0, 255)
    assert np.abs(found - expected).max() <= 1 and found.max() >= most * factor - 1


def test_a_canvas_of_a_webp_is_judged_before_it_is_made() -> None:
    data = bytearray(encoded(picture(1), "WEBP", save_all=True, append_images=[picture(2)]))
    data[24:30] = b"\xff\x7f\0\xff\x7f\0"  # RFC 9649, 2.7: 32768 by 32768
    with pytest.raises(image.ImageError, match="32768x32768 pixels are more than"):
        image.read_header(bytes(data))


def test_text_in_a_png_that_unpacks_without_end_is_refused() -> None:
    body = b"Comment\0\0" + zlib.compress(bytes(200_000_000), 9)
    data = encoded(picture(1))
    bomb = data[:33] + struct.pack(">I", len(body)) + b"zTXt" + body + struct.pack(">I", zlib.crc32(b"zTXt" + body)) + data[33:]
    with pytest.raises(image.ImageError, match="too large"):
        image.decode(bomb)


def test_a_tiff_whose_pages_lead_in_a_circle_has_an_end() -> None:
    data = bytearray(encoded(picture(1), "TIFF"))
    place = struct.unpack_from("<I", data, 4)[0]
    entries = struct.unpack_from("<H", data, place)[0]
    struct.pack_into("<I", data, place + 2 + 12 * entries, place)
    assert image.read_header(bytes(data)).frames == 1


@pytest.mark.parametrize("name", ["AVIF", "HEIC"])
def test_a_file_of_boxes_without_its_end_is_told_from_a_whole_one(name: str) -> None:
    whole = (HEIC / "orientation_1.heic").read_bytes() if name == "HEIC" else encoded(picture(1, (200, 150)), "AVIF")
    image.check_complete(whole)
    image.check_complete(whole + bytes(20))
    for share in (0.3, 0.6, 0.98):
        with pytest.raises(image.ImageError, match="cut off before its end"):
            image.check_complete(whole[: int(len(whole) * share)])
