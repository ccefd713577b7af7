"""Colours of the file become sRGB; what the file is, is noted."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from pipeline import image
from tests.conftest import encoded, picture

D50 = (0.9642, 1.0, 0.8249)  # ICC.1:2022, 7.2.16
# the primaries of Display P3 and of sRGB adapted to D50, as their ICC profiles have them (columns: red, green, blue)
P3 = np.array([[0.51512, 0.29198, 0.15710], [0.24120, 0.69225, 0.06657], [-0.00105, 0.04189, 0.78407]])
SRGB = np.array([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])


def profile(space: bytes, pcs: bytes, kind: bytes, tags: dict[bytes, bytes]) -> bytes:
    """An ICC profile, version 2 (ICC.1:2001-04, clause 6)."""
    tags = {b"desc": b"desc" + bytes(4) + struct.pack(">I", 8) + b"Drawn 1\0" + bytes(78), b"wtpt": xyz(D50), **tags}
    place, table, body = 128 + 4 + 12 * len(tags), b"", b""
    for name, data in tags.items():
        data += bytes(-len(data) % 4)
        table += name + struct.pack(">II", place + len(body), len(data))
        body += data
    head = struct.pack(">I4sI4s4s4s", place + len(body), bytes(4), 0x02100000, kind, space, pcs) + bytes(12) + b"acsp"
    head = head.ljust(68, b"\0") + xyz(D50)[8:]
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def xyz(values: tuple[float, float, float]) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(v * 65536) for v in values))


def gamma(value: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(value * 256))


def srgb_curve() -> bytes:
    """IEC 61966-2-1: from 8-bit sRGB to linear light, at 1024 points."""
    levels = np.linspace(0, 1, 1024)
    light = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    return b"curv" + bytes(4) + struct.pack(">I1024H", 1024, *np.rint(light * 65535).astype(int))


def rgb_profile(primaries: np.ndarray, curve: bytes) -> bytes:
    columns = {name: xyz(tuple(primaries[:, n])) for n, name in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))}
    return profile(b"RGB ", b"XYZ ", b"mntr", {**columns, **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)})


def to_levels(linear: np.ndarray) -> np.ndarray:
    """IEC 61966-2-1: from linear light to 8-bit sRGB."""
    linear = np.clip(linear, 0, 1)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


COLOURS = np.array([[[200, 120, 60], [40, 90, 130], [128, 128, 128], [250, 250, 245], [0, 0, 0], [255, 255, 255], [90, 160, 80]]], np.uint8)


@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP", "AVIF", "JPEG"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_wide_profile_becomes_srgb(format: str, mode: str) -> None:
    if (format, mode) == ("JPEG", "RGBA"):
        return
    options = {"WEBP": {"lossless": True}, "AVIF": {"quality": 100, "subsampling": "4:4:4"}, "JPEG": {"quality": 100, "subsampling": 0}}
    shown = np.repeat(np.repeat(COLOURS, 16, 0), 16, 1)
    source = Image.fromarray(shown)
    if mode == "RGBA":
        source.putalpha(200)
    found = image.decoded(encoded(source, format, icc_profile=rgb_profile(P3, gamma(2.2)), **options.get(format, {})))
    light = np.einsum("ij,hwj->hwi", np.linalg.inv(SRGB) @ P3, (COLOURS / 255.0) ** (round(2.2 * 256) / 256))
    apart = np.abs(np.asarray(found.picture.convert("RGB"))[8:9, 8::16] - to_levels(light))
    assert apart.max() <= (3 if format in ("JPEG", "AVIF") else 1.5)
    assert found.picture.mode == mode and found.notes == ("colour profile Drawn 1",) and not found.picture.info
    if mode == "RGBA":
        assert np.abs(np.asarray(found.picture.getchannel("A"), int) - 200).max() <= 1


def test_a_profile_that_is_srgb_by_whatever_name_changes_no_pixel() -> None:
    source = picture(1)
    for icc in (ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(), rgb_profile(SRGB, srgb_curve())):
        found = image.decoded(encoded(source, icc_profile=icc))
        assert np.array_equal(np.asarray(found.picture), np.asarray(source)) and found.notes == ()


def test_a_grey_profile_bends_the_greys() -> None:
    icc = profile(b"GRAY", b"XYZ ", b"mntr", {b"kTRC": gamma(1.0)})
    ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    expected = to_levels(np.arange(256) / 255)
    for mode in ("L", "LA"):
        found = image.decoded(encoded(ramp.convert(mode), icc_profile=icc))
        assert np.abs(np.asarray(found.picture.getchannel(0))[0] - expected).max() <= 1
        assert found.picture.mode == mode and found.notes == ("colour profile Drawn 1",)


def test_a_profile_of_inks_is_used() -> None:
    """ICC.1:2001-04, 6.5.7: lut8Type with two points an axis; each ink alone is a Lab colour of our choice."""
    inks = {0: (100, 0, 0), 8: (60, -35, -40), 4: (50, 70, 0), 2: (90, -5, 80)}  # none, cyan, magenta, yellow
    corners = b"".join(
        bytes((round(2.55 * light), a + 128, b + 128)) for light, a, b in (inks.get(n, (0 if n & 1 else 20, 0, 0)) for n in range(16))
    )
    identity, ramp = struct.pack(">9i", *(65536 * (n % 4 == 0) for n in range(9))), bytes(range(256))
    table = b"mft1" + bytes(4) + bytes((4, 3, 2, 0)) + identity + ramp * 4 + corners + ramp * 3
    icc = profile(b"CMYK", b"Lab ", b"prtr", {b"A2B0": table})
    given = {0: (0, 0, 0, 0), 8: (255, 0, 0, 0), 4: (0, 255, 0, 0), 2: (0, 0, 255, 0), 1: (0, 0, 0, 255)}
    for ink, levels in given.items():
        source = Image.new("CMYK", (16, 16), levels)
        for format in ("JPEG", "TIFF"):
            found = image.decoded(encoded(source, format, icc_profile=icc))
            assert found.notes == ("CMYK", "colour profile Drawn 1")
            expected = from_lab(*inks.get(ink, (0, 0, 0)))
            assert np.abs(np.asarray(found.picture)[8, 8] - expected).max() <= 4, (ink, format)


def from_lab(lightness: float, a: float, b: float) -> np.ndarray:
    """CIE 15:2004, 8.2.1, from D50, into 8-bit sRGB."""
    f = np.array([(lightness + 16) / 116 + a / 500, (lightness + 16) / 116, (lightness + 16) / 116 - b / 200])
    tristimulus = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * D50
    return to_levels(np.linalg.inv(SRGB) @ tristimulus)


def test_lab_pixels_are_colours() -> None:
    for light, a, b in ((53, 40, 30), (70, -30, 20), (40, 10, -40), (100, 0, 0), (0, 0, 0)):
        source = Image.new("LAB", (4, 4), (round(light * 2.55), a + 128, b + 128))
        found = image.decoded(encoded(source, "TIFF"))
        assert np.abs(np.asarray(found.picture)[1, 1] - from_lab(light, a, b)).max() <= 3 and found.notes == ("LAB",)


def test_inks_without_a_profile_are_taken_off_white() -> None:
    found = image.decoded(encoded(Image.new("CMYK", (16, 16), (255, 0, 0, 0)), "TIFF"))
    assert found.picture.getpixel((5, 5)) == (0, 255, 255) and found.notes == ("CMYK",)


@pytest.mark.parametrize(
    ("icc", "mode", "note"),
    [
        (b"no profile at all" * 20, "RGB", "colour profile left out: it is damaged"),
        (rgb_profile(P3, gamma(2.2))[:200], "RGB", "colour profile left out: it is damaged"),
        (profile(b"GRAY", b"XYZ ", b"mntr", {b"kTRC": gamma(1.0)}), "RGB", "colour profile left out: it is of GRAY and the picture of RGB"),
        (rgb_profile(P3, gamma(2.2)), "CMYK", "colour profile left out: it is of RGB and the picture of CMYK"),
    ],
)
def test_a_profile_that_cannot_be_used_is_a_note_and_no_error(icc: bytes, mode: str, note: str) -> None:
    source = picture(2).convert(mode)
    found = image.decoded(encoded(source, "TIFF", icc_profile=icc))
    assert note in found.notes and np.array_equal(np.asarray(found.picture), np.asarray(source.convert("RGB")))


def png_with(source: Image.Image, kind: bytes, body: bytes) -> bytes:
    """A chunk behind the header of a PNG."""
    data = encoded(source)
    chunk = struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    return data[:33] + chunk + data[33:]


@pytest.mark.parametrize(("value", "notes"), [(100_000, ("linear gamma",)), (45_455, ()), (55_556, ("gamma 1.8",)), (0, ())])
def test_a_gamma_of_its_own_is_noted(value: int, notes: tuple[str, ...]) -> None:
    found = image.decoded(png_with(picture(3), b"gAMA", struct.pack(">I", value)))
    assert found.notes == notes and np.array_equal(np.asarray(found.picture), np.asarray(picture(3)))


def test_what_a_person_should_know_is_noted() -> None:
    deep = Image.fromarray(np.full((9, 9), 0x1234, np.uint16))
    frames = {"save_all": True, "append_images": [picture(5), picture(6)]}
    for data, notes in (
        (encoded(picture(4)), ()), (encoded(deep), ("16 bits a channel",)), (encoded(deep, "TIFF"), ("16 bits a channel",)),
        (encoded(picture(4), "GIF", **frames), ("first of 3 frames",)), (encoded(picture(4), "WEBP", **frames), ("first of 3 frames",)),
        (encoded(picture(4), "PNG", **frames), ("first of 3 frames",)), (encoded(picture(4), "AVIF", **frames), ("first of 3 frames",)),
        (encoded(picture(4), "TIFF", **frames), ("first of 3 pages",)),
        (encoded(picture(4).convert("L").convert("F"), "TIFF"), ("floating point",)),
    ):
        assert image.decoded(data).notes == notes
