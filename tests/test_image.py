import struct
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

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


FORMATS = [("JPEG", {"quality": 95, "subsampling": 0}), ("PNG", {}), ("GIF", {}), ("WEBP", {"lossless": True}), ("BMP", {}), ("TIFF", {}),
           ("AVIF", {"quality": 95})]


@pytest.mark.parametrize(("format", "options"), FORMATS)
def test_a_reduced_picture_is_the_mean_of_its_blocks_in_every_format(format: str, options: dict) -> None:
    data = encoded(picture(7, (640, 512)), format, **options)
    look = image.reduced(data, 128)
    assert look.picture.size == (160, 128) and look.picture.mode == "RGB"
    assert look.header == image.read_header(data) and (look.header.format, look.header.width, look.header.height) == (format, 640, 512)
    blocks = np.asarray(image.decode(data).convert("RGB"), np.float64).reshape(128, 4, 160, 4, 3).mean((1, 3))
    apart = np.abs(np.asarray(look.picture) - blocks)
    assert apart.mean() < (2.5 if format == "JPEG" else 0.51)  # a JPEG's coefficients are cut off, which is nearly a mean


@pytest.mark.parametrize(
    ("size", "expected"),
    [((100, 80), (100, 80)), ((128, 500), (128, 500)), ((255, 300), (255, 300)), ((256, 300), (128, 150)), ((400, 385), (134, 129)),
     ((900, 130), (900, 130)), ((1000, 700), (200, 140))],
)
def test_the_shorter_side_has_at_least_the_pixels_asked_for(size: tuple[int, int], expected: tuple[int, int]) -> None:
    # the largest whole factor that leaves 128 or more, a block that is not full counting as one
    assert image.reduced(encoded(picture(8, size)), 128).picture.size == expected


@pytest.mark.parametrize(
    ("size", "expected"), [((1100, 1030), (138, 129)), ((600, 520), (150, 130)), ((300, 260), (150, 130)), ((200, 180), (200, 180))]
)
@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_is_read_at_an_eighth_a_quarter_or_a_half(size: tuple[int, int], expected: tuple[int, int], progressive: bool) -> None:
    look = image.reduced(encoded(picture(8, size), "JPEG", progressive=progressive), 128)
    assert look.picture.size == expected and (look.header.width, look.header.height) == size


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_picture_turned_by_exif_is_reduced_upright(format: str) -> None:
    upright = Image.new("RGB", (600, 400), "black")
    upright.paste("red", (0, 0, 300, 200))
    exif = Image.Exif()
    exif[0x0112] = 6  # what lies left in the file is up
    data = encoded(upright.transpose(Image.Transpose.ROTATE_90), format, exif=exif)
    look = image.reduced(data, 128)
    assert (look.header.width, look.header.height) == (600, 400) and look.picture.width > look.picture.height
    width, height = look.picture.size
    red, corner = (look.picture.getpixel((round(place * width), round(place * height))) for place in (0.2, 0.8))
    assert red[0] > 240 and max(red[1:]) < 15 and max(corner) < 15


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_weighs_its_colours(mode: str) -> None:
    """A column that is seen beside one that is not: half as opaque, and of the colour that is seen."""
    pixels = np.zeros((256, 256, 4), np.uint8)
    pixels[:, ::2] = (200, 200, 200, 255)
    pixels[:, 1::2] = (0, 0, 0, 0)
    look = image.reduced(encoded(Image.fromarray(pixels).convert(mode)), 128)
    assert look.picture.mode == mode and look.picture.size == (128, 128)
    *colour, alpha = look.picture.getpixel((60, 60))
    assert alpha == pytest.approx(127.5, abs=1) and colour == pytest.approx([200] * len(colour), abs=2)


def test_a_reduced_picture_keeps_what_the_file_says_of_itself() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    look = image.reduced(encoded(picture(9, (300, 300)).convert("CMYK"), "JPEG", icc_profile=profile), 128)
    assert (look.mode, look.picture.mode, look.icc) == ("CMYK", "RGB", profile)
    plain = image.reduced(encoded(picture(9).convert("P")), 128)
    assert (plain.mode, plain.picture.mode, plain.icc) == ("P", "RGB", b"")


def test_of_a_camera_s_file_with_further_pictures_the_first_is_seen() -> None:
    first, second = Image.new("RGB", (600, 400), "red"), Image.new("RGB", (300, 200), "blue")
    data = encoded(first, "MPO", save_all=True, append_images=[second])
    look = image.reduced(data, 128)
    assert (look.header.format, look.header.frames, look.header.width) == ("JPEG", 1, 600)
    red, green, blue = look.picture.getpixel((50, 50))
    assert red > 240 and max(green, blue) < 15


def test_reducing_damage_is_an_image_error() -> None:
    whole = encoded(picture(3, (800, 600)), "JPEG")
    for data, reason in ((whole[:9000], "the JPEG data is damaged"), (b"", "it is empty"), (bomb(40_000, 40_000), "pixels are more than")):
        with pytest.raises(image.ImageError, match=reason):
            image.reduced(data, 128)
