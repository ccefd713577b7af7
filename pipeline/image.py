"""Bytes to pixels and back: the only module that opens image bytes.

Everything arrives from strangers, so the header is read first and decides: unknown formats and more
than `MAX_PIXELS` are refused before a pixel is decoded. A refusal is an ImageError with its reason.
"""

import io
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

__all__ = ["MAX_PIXELS", "Header", "ImageError", "Reduced", "check_complete", "decode", "encode_png", "flatten", "open_image",
           "read_header", "reduced"]

MAX_PIXELS = 100_000_000  # 100 megapixels: larger than any camera's file, 400 MB as RGBA
EXTENSIONS = {"JPEG": "jpg", "PNG": "png", "GIF": "gif", "WEBP": "webp", "BMP": "bmp", "TIFF": "tif", "AVIF": "avif"}
SIGNS_OF_TEXT = (b"<!doctype", b"<html", b"<head", b"<?xml", b"<svg", b"{")

Image.MAX_IMAGE_PIXELS = None  # the limit above is checked here, by an error and never by a warning
Image.preinit()  # or the first image that is opened waits for it


class ImageError(ValueError):
    """These bytes are not an image Darkroom reads; the message says why."""


@dataclass(frozen=True)
class Header:
    """What a file says of itself: Pillow's format name, extension, size in pixels upright, frame count."""

    format: str
    extension: str
    width: int
    height: int
    frames: int


@dataclass(frozen=True)
class Reduced:
    """A picture made small to be looked at: upright, mode L, LA, RGB or RGBA, with what its file says.

    `mode` is Pillow's name of the mode in the file, such as CMYK or P; `icc` its colour profile, or b"".
    """

    picture: Image.Image
    header: Header
    mode: str
    icc: bytes


def read_header(data: bytes) -> Header:
    """Read format and size from the bytes alone, decoding nothing. Raises ImageError."""
    with _opened(data) as picture:
        return _header(picture, picture.size)


def _header(picture: Image.Image, size: tuple[int, int]) -> Header:
    width, height = size
    if _orientation(picture) in (5, 6, 7, 8):  # EXIF 2.32, tag 0x0112: these four lie on their side
        width, height = height, width
    if picture.format == "MPO":  # a camera's JPEG with further pictures behind it
        return Header("JPEG", EXTENSIONS["JPEG"], width, height, 1)
    frames = getattr(picture, "n_frames", 1)
    return Header(str(picture.format), EXTENSIONS[str(picture.format)], width, height, frames)


def check_complete(data: bytes) -> None:
    """Look for the file's own end mark without decoding. Raises ImageError where a JPEG, PNG, WebP or GIF is cut off."""
    if data.startswith(b"\xff\xd8"):
        # ITU T.81, B.1.1.3: EOI, which is never inside a scan; what some cameras write after it does not matter
        complete = data.endswith(b"\xff\xd9") or data.find(b"\xff\xd9", _start_of_scan(data)) >= 0
    elif data.startswith(b"\x89PNG"):
        complete = data.rfind(b"IEND") >= 0
    elif data.startswith(b"RIFF"):
        complete = len(data) >= 8 + int.from_bytes(data[4:8], "little")
    elif data.startswith(b"GIF8"):
        complete = data.rstrip(b"\0").endswith(b"\x3b")
    else:
        return
    if not complete:
        raise ImageError("the file is cut off before its end")


def _start_of_scan(data: bytes) -> int:
    """Past the segments with a length, in which a thumbnail may bring an end mark of its own."""
    place = 2
    while place + 4 <= len(data) and data[place] == 0xFF and data[place + 1] != 0xDA:
        lone = data[place + 1] in (0xFF, 0x01) or 0xD0 <= data[place + 1] <= 0xD7  # fill bytes and marks without a length
        place += (1 if data[place + 1] == 0xFF else 2) if lone else 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return place


def decode(data: bytes) -> Image.Image:
    """Decode the first frame, upright, as mode L, LA, RGB or RGBA with 8 bits a channel. Raises ImageError."""
    with _opened(data) as picture:
        return _pixels(picture)


def reduced(data: bytes, side: int) -> Reduced:
    """Decode as `decode` does, but at the smallest whole fraction of the size whose shorter side has `side` pixels or more.

    A picture smaller than that keeps its size. JPEG is read at 1/2, 1/4 or 1/8 straight from its coefficients, the rest
    is averaged in blocks, transparency weighing its colours. Raises ImageError.
    """
    with _opened(data) as picture:
        size, mode, icc = picture.size, picture.mode, picture.info.get("icc_profile") or b""
        picture.draft(None, (side, side))
        pixels = _pixels(picture)
        header = _header(picture, size)  # now: reading a PNG's EXIF decodes it, and would hide that it is damaged
        factor = min(pixels.size) // side
        if factor > 1:
            premultiplied = pixels.convert({"RGBA": "RGBa", "LA": "La"}.get(pixels.mode, pixels.mode))
            pixels = premultiplied.reduce(factor).convert(pixels.mode)
        return Reduced(pixels, header, mode, icc if isinstance(icc, bytes) else b"")


def _pixels(picture: Image.Image) -> Image.Image:
    try:
        picture.load()
        return _eight_bit(ImageOps.exif_transpose(picture))
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, MemoryError) as error:
        raise ImageError(f"the {picture.format} data is damaged: {error}") from error


def open_image(path: Path) -> Image.Image:
    """Decode the image file at `path`. Raises ImageError, whose message names the file."""
    try:
        return decode(path.read_bytes())
    except ImageError as error:
        raise ImageError(f"{path}: {error}") from error


def encode_png(picture: Image.Image) -> bytes:
    """Lossless PNG bytes, the same for the same pixels and version of Pillow; no metadata."""
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(picture)).save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()


def flatten(picture: Image.Image, background: tuple[int, int, int]) -> Image.Image:
    """Compose over `background` (8-bit RGB) and return mode RGB; opaque pixels are unchanged."""
    if picture.mode not in ("LA", "RGBA"):
        return picture.convert("RGB")
    base = Image.new("RGBA", picture.size, (*background, 255))
    return Image.alpha_composite(base, picture.convert("RGBA")).convert("RGB")


def _opened(data: bytes) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of odd metadata; the pixels decide
            picture = Image.open(io.BytesIO(data), formats=list(EXTENSIONS))
    except UnidentifiedImageError:
        raise ImageError(_why_unidentified(data)) from None
    except (OSError, SyntaxError, ValueError, TypeError, OverflowError) as error:
        raise ImageError(f"the header is damaged: {error}") from error
    width, height = picture.size
    if width * height > MAX_PIXELS:
        raise ImageError(f"{width}x{height} pixels are more than the {MAX_PIXELS:,} allowed")
    if width * height == 0:
        raise ImageError("it has no pixels")
    return picture


def _why_unidentified(data: bytes) -> str:
    start = data[:256].lstrip().lower()
    if not data:
        return "it is empty"
    if start.startswith(SIGNS_OF_TEXT):
        return "it is a text or web page, not an image"
    return f"no known image format ({', '.join(EXTENSIONS)}) starts this way"


def _orientation(picture: Image.Image) -> int:
    try:
        return int(picture.getexif().get(0x0112, 1))
    except (OSError, SyntaxError, ValueError, TypeError):
        return 1  # unreadable EXIF: the pixels as they lie


def _eight_bit(picture: Image.Image) -> Image.Image:
    if "transparency" in picture.info:  # one colour, or palette entries, stand for "see through"
        return picture.convert("LA" if picture.mode in ("1", "L") else "RGBA")
    if picture.mode in ("L", "LA", "RGB", "RGBA"):
        return picture.copy()
    if picture.mode.startswith("I"):  # 16-bit grey
        levels = np.asarray(picture, dtype=np.int64)
        return Image.fromarray((np.clip(levels, 0, 65535) >> 8).astype(np.uint8))
    if picture.mode == "F":
        return Image.fromarray(np.clip(np.asarray(picture), 0, 255).astype(np.uint8))
    if picture.mode == "1":
        return picture.convert("L")
    return picture.convert("RGBA" if picture.mode in ("PA", "La", "RGBa") else "RGB")
