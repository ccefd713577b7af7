import struct
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pipeline import image
from tests.conftest import encoded, picture


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_comes_out_upright(orientation: int) -> None:
    upright = np.zeros((40, 60, 3), np.uint8)
    upright[:20, :30] = (255, 0, 0)  # red in the top left corner, and only there
    # what a camera stores for each value of tag 0x0112 (EXIF 2.32, table 4), undone by the reader
    stored = {
        1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1],
        5: upright.swapaxes(0, 1), 6: np.rot90(upright, 1), 7: upright[::-1, ::-1].swapaxes(0, 1), 8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(Image.fromarray(np.ascontiguousarray(stored)), "PNG", exif=exif)
    assert np.array_equal(np.asarray(image.decode(data)), upright)
    header = image.read_header(data)
    assert (header.width, header.height) == (60, 40)


@pytest.mark.parametrize(("mode", "expected"), [("1", "L"), ("P", "RGB"), ("CMYK", "RGB"), ("L", "L"), ("LA", "LA"), ("RGBA", "RGBA")])
def test_modes_become_eight_bit(mode: str, expected: str) -> None:
    source = picture(1).convert(mode)
    assert image.decode(encoded(source, "TIFF" if mode == "CMYK" else "PNG")).mode == expected


def test_sixteen_bit_grey_keeps_its_high_byte() -> None:
    levels = (np.arange(256, dtype=np.uint16) * 257).reshape(16, 16)
    assert np.array_equal(np.asarray(image.decode(encoded(Image.fromarray(levels)))), levels >> 8)


def test_palette_transparency_is_kept() -> None:
    palette = picture(2).convert("P")
    data = encoded(palette, "PNG", transparency=palette.getpixel((0, 0)))
    decoded = image.decode(data)
    assert decoded.mode == "RGBA" and decoded.getpixel((0, 0))[3] == 0


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "it is empty"),
        (b"<!DOCTYPE html><html>not found</html>", "a text or web page"),
        (b"\x00\x01\x02" * 50, "no known image format"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "a text or web page"),
    ],
)
def test_what_is_no_image_says_why(data: bytes, reason: str) -> None:
    with pytest.raises(image.ImageError, match=reason):
        image.read_header(data)


def test_a_truncated_file_has_a_header_but_no_pixels() -> None:
    data = encoded(picture(3, (400, 300)), "JPEG")[:3000]
    assert image.read_header(data).width == 400
    with pytest.raises(image.ImageError, match="the JPEG data is damaged"):
        image.decode(data)


def bomb(width: int, height: int) -> bytes:
    """A valid PNG of zeros that a few hundred bytes describe."""
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes(min(10_000_000, height * (width // 8 + 1))))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def test_a_decompression_bomb_is_refused_by_its_header() -> None:
    data = bomb(40_000, 40_000)
    assert len(data) < 20_000
    for read in (image.read_header, image.decode):
        with pytest.raises(image.ImageError, match="40000x40000 pixels are more than"):
            read(data)


@given(st.binary(max_size=400), st.sampled_from(["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF"]), st.integers(0, 1500))
def test_damage_is_an_image_error_and_nothing_else(noise: bytes, format: str, place: int) -> None:
    data = encoded(picture(4, (40, 30)), format)
    place = place % len(data)
    with suppress(image.ImageError):
        image.decode(data[:place] + noise + data[place + len(noise):])


def test_flatten_composes_over_the_background() -> None:
    half = Image.new("RGBA", (2, 1), (200, 0, 0, 128))
    # 200 * 128/255 + 100 * 127/255 = 150.2
    assert image.flatten(half, (100, 0, 0)).getpixel((0, 0))[0] == pytest.approx(150, abs=1)
    opaque = picture(5)
    assert np.array_equal(np.asarray(image.flatten(opaque, (0, 0, 0))), np.asarray(opaque))


def test_encoding_is_lossless_and_drops_metadata(tmp_path: Path) -> None:
    source = picture(6, mode="RGBA")
    data = image.encode_png(source)
    assert np.array_equal(np.asarray(image.decode(data)), np.asarray(source))
    exif = Image.Exif()
    exif[0x010E] = "secret place"
    kept = image.encode_png(image.decode(encoded(source, "PNG", exif=exif)))
    assert kept == data


@pytest.mark.parametrize(("format", "options"), [("JPEG", {}), ("JPEG", {"progressive": True}), ("PNG", {}), ("WEBP", {}), ("GIF", {})])
def test_a_file_without_its_end_is_told_from_a_whole_one(format: str, options: dict) -> None:
    whole = encoded(picture(3, (200, 150)), format, **options)
    image.check_complete(whole)
    for share in (0.3, 0.6, 0.98):
        with pytest.raises(image.ImageError, match="cut off before its end"):
            image.check_complete(whole[: int(len(whole) * share)])


def test_a_thumbnail_s_end_is_not_the_picture_s_and_what_follows_the_end_does_not_matter() -> None:
    thumbnail, whole = encoded(picture(4, (64, 48)), "JPEG"), encoded(picture(5, (200, 150)), "JPEG")
    with_thumbnail = whole[:2] + b"\xff\xe1" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail + whole[2:]
    image.check_complete(with_thumbnail)
    image.check_complete(with_thumbnail + b"a film that a phone wrote")
    with pytest.raises(image.ImageError, match="cut off"):
        image.check_complete(with_thumbnail[: len(with_thumbnail) - 200])
