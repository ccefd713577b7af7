"""Bytes to pixels: upright, sRGB, eight bits a channel, no larger than needed where the format allows it."""

from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageFile

from pipeline.image import vector
from pipeline.image.colour import to_srgb
from pipeline.image.formats import EXTENSIONS, ImageError, damage_told, format_of
from pipeline.image.header import Header, header_of, opened, orientation
from pipeline.image.jpeg import SHRINKS, jpeg_at
from pipeline.image.pixels import FROM_BELOW, FROM_THE_RIGHT, eight_bit, upright

__all__ = ["Decoded", "Reduced", "decode", "decoded", "open_image", "reduced"]

SRGB_GAMMA = 1 / 2.2  # what a PNG's gAMA chunk says of sRGB (W3C PNG 3, 11.3.2.2)


@dataclass(frozen=True)
class Decoded:
    """Pixels, upright, sRGB, 8 bits a channel, mode L, LA, RGB or RGBA, and how they came about.

    `size` is the full size upright, as in Header, in which boxes are given; the picture is `shrink` times smaller, so a box
    divided by `shrink` lies in it, moved by `origin` (across, down; pixels of the picture, under 1): where a JPEG made smaller ends
    in part of a pixel, and is turned, that part comes first. `notes` says what a person should know, such as "first of 12 frames".
    """

    picture: Image.Image
    size: tuple[int, int]
    shrink: float
    notes: tuple[str, ...] = ()
    origin: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class Reduced:
    """A picture made small to be looked at: upright, sRGB, mode L, LA, RGB or RGBA, with what its file says.

    `mode` is Pillow's name of the mode in the file, such as CMYK or P; `icc` its colour profile, which the pixels no longer
    need, or b"".
    """

    picture: Image.Image
    header: Header
    mode: str
    icc: bytes


@dataclass(frozen=True)
class _Read:
    """The one way from bytes to pixels gives all that the public functions tell of."""

    picture: Image.Image
    header: Header
    shrink: float
    mode: str
    icc: bytes
    notes: tuple[str, ...]
    origin: tuple[float, float] = (0.0, 0.0)


def decode(data: bytes) -> Image.Image:
    """Decode the first frame at full size, upright, sRGB, as mode L, LA, RGB or RGBA with 8 bits a channel.

    Raises ImageError; MemoryError where there is not enough.
    """
    return _read(data, 1.0).picture


def decoded(data: bytes, scale: float = 1.0) -> Decoded:
    """Decode the first frame at `scale` times its full size or larger, whichever is cheapest.

    A JPEG comes at 1/2, 1/4 or 1/8 straight from its coefficients, an SVG at `scale` (which may be over 1), all else at full
    size. Raises ImageError; MemoryError where there is not enough.
    """
    read = _read(data, scale)
    return Decoded(read.picture, (read.header.width, read.header.height), read.shrink, read.notes, read.origin)


def reduced(data: bytes, side: int) -> Reduced:
    """Decode as `decode` does, but at the smallest whole fraction of the size whose shorter side has `side` pixels or more.

    A picture smaller than that keeps its size. JPEG is read at 1/2, 1/4 or 1/8 straight from its coefficients, the rest
    is averaged in blocks, transparency weighing its colours. Raises ImageError; MemoryError where there is not enough.
    """
    read = _read(data, None, side)
    pixels = read.picture
    factor = min(pixels.size) // side
    if factor > 1:
        premultiplied = pixels.convert({"RGBA": "RGBa", "LA": "La"}.get(pixels.mode, pixels.mode))
        pixels = premultiplied.reduce(factor).convert(pixels.mode)
    return Reduced(pixels, read.header, read.mode, read.icc)


def open_image(path: Path) -> Image.Image:
    """Decode the image file at `path`. Raises ImageError, whose message names the file."""
    try:
        return decode(path.read_bytes())
    except ImageError as error:
        raise ImageError(f"{path}: {error}") from error


def _read(data: bytes, scale: float | None, side: int = 1) -> _Read:
    """At `scale`, or where it is None at the whole fraction whose shorter side has at least `side` pixels."""
    format_ = format_of(data)
    if format_ == "SVG":
        return _drawn(data, scale, side)
    with opened(data, format_) as picture:
        header, turn = header_of(data, picture, format_), orientation(data, picture)
        mode, notes = picture.mode, _notes(data, picture, header)
        icc = picture.info.get("icc_profile")
        icc = icc if isinstance(icc, bytes) else b""
        most = 1 / scale if scale else min(picture.size) // side
        shrink = next((s for s in SHRINKS if s <= most and s <= min(picture.size)), 1) if format_ == "JPEG" else 1
        with damage_told(f"{format_} data"):
            bits = _bits(data, picture)
            pixels = eight_bit(_loaded(data, picture, format_, shrink), bits)
            pixels, note = to_srgb(pixels, icc)
            pixels = upright(pixels, turn)
    across, down = (whole - part / shrink for whole, part in zip(pixels.size, (header.width, header.height), strict=True))
    origin = (across if turn in FROM_THE_RIGHT else 0.0, down if turn in FROM_BELOW else 0.0)
    return _Read(pixels, header, float(shrink), mode, icc, (*notes, note) if note else notes, origin)


def _loaded(data: bytes, picture: ImageFile.ImageFile, format_: str, shrink: int) -> Image.Image:
    if format_ == "JPEG":
        return jpeg_at(data, picture, shrink)
    picture.load()
    return picture


def _drawn(data: bytes, scale: float | None, side: int) -> _Read:
    size = vector.size_of(data)
    scale = scale or 1 / max(1, min(size) // side)
    drawing = vector.draw(data, scale)
    shrink = max(size) / max(drawing.picture.size)
    notes = ("drawn from SVG", *drawing.notes)
    return _Read(drawing.picture, Header("SVG", EXTENSIONS["SVG"], *size, 1), shrink, "RGBA", b"", notes)


def _notes(data: bytes, picture: ImageFile.ImageFile, header: Header) -> tuple[str, ...]:
    """What a person should know of a file that is opened and not decoded yet."""
    notes = []
    if header.frames > 1:
        kind = {"TIFF": "pages", "HEIC": "pictures"}.get(header.format, "frames")
        notes.append(f"first of {header.frames} {kind}")
    if picture.mode in ("CMYK", "LAB"):
        notes.append(picture.mode)
    if picture.mode == "F":
        notes.append("floating point")
    elif (bits := _bits(data, picture)) > 8:
        notes.append(f"{bits} bits a channel")
    gamma = picture.info.get("gamma")
    if isinstance(gamma, float) and gamma > 0 and not {"srgb", "icc_profile"} & set(picture.info) and abs(gamma / SRGB_GAMMA - 1) > 0.05:
        notes.append("linear gamma" if abs(gamma - 1) < 0.05 else f"gamma {1 / gamma:.2g}")
    return tuple(notes)


def _bits(data: bytes, picture: ImageFile.ImageFile) -> int:
    """Bits a channel in the file, 8 where it does not say."""
    if picture.format == "PNG":
        return data[24]  # IHDR: length, name, width, height, depth
    if picture.format == "TIFF":
        found = picture.tag_v2.get(258, 8)  # type: ignore[attr-defined]  # TIFF 6.0: BitsPerSample
        return max(found) if isinstance(found, tuple) else int(found)
    return int(picture.info.get("bit_depth", 8))
