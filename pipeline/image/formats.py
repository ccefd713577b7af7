"""Which format bytes are in, by how they start; the list of those that are read at all."""

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["EXTENSIONS", "ImageError", "damage_told", "format_of"]

EXTENSIONS = {"JPEG": "jpg", "PNG": "png", "GIF": "gif", "WEBP": "webp", "BMP": "bmp", "TIFF": "tif", "AVIF": "avif", "HEIC": "heic",
              "SVG": "svg"}
STARTS = {
    b"\xff\xd8\xff": "JPEG", b"\x89PNG\r\n\x1a\n": "PNG", b"GIF87a": "GIF", b"GIF89a": "GIF", b"BM": "BMP",
    b"II*\0": "TIFF", b"MM\0*": "TIFF", b"II+\0": "TIFF", b"MM\0+": "TIFF",  # the last two: BigTIFF
}
SIGNS_OF_TEXT = (b"<!doctype", b"<html", b"<head", b"<?xml", b"<svg", b"{")
# ISO/IEC 23008-12 (HEIF), annexes B and E: the brands of HEVC pictures and of the container that holds any codec
HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
SVG_ROOT = re.compile(rb"<(?:[A-Za-z_][\w.-]*:)?svg[\s/>]")


class ImageError(ValueError):
    """These bytes are not an image Darkroom reads; the message says why."""


def format_of(data: bytes) -> str:
    """The key of `EXTENSIONS` for bytes that start as such a file does. Raises ImageError for all others."""
    for start, format_ in STARTS.items():
        if data.startswith(start):
            return format_
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp" and (found := _of_brands(data)):
        return found
    if _may_be_svg(data):
        return "SVG"
    raise ImageError(_why_unknown(data))


@contextmanager
def damage_told(what: str) -> Iterator[None]:
    """Whatever a decoder of others raises or warns of within becomes "the <what> is damaged: ...".

    Raises ImageError, and MemoryError where there was not enough: that is no fault of the bytes alone.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of odd metadata; the pixels decide
            yield
    except (ImageError, MemoryError):
        raise
    except Exception as error:  # decoders raise a dozen kinds, each of which means that these bytes are not as they should be
        if "out of memory" in str(error).lower():
            raise MemoryError(str(error)) from error
        raise ImageError(f"the {what} is damaged: {_one_line(error)}") from error


def _one_line(error: Exception) -> str:
    """The error's words without what differs from run to run."""
    words = " ".join(re.sub(r" at 0x[0-9a-fA-F]+", "", str(error)).split())
    return words[:200] or type(error).__name__


def _of_brands(data: bytes) -> str:
    """ISO/IEC 14496-12, 4.3: the major brand, a version, then the brands it is compatible with."""
    size = min(int.from_bytes(data[:4], "big"), 1024)
    brands = {data[8:12], *(data[place : place + 4] for place in range(16, size, 4))}
    if brands & {b"avif", b"avis"}:
        return "AVIF"
    return "HEIC" if brands & HEIC_BRANDS else ""


def _may_be_svg(data: bytes) -> bool:
    """Text in which an svg element starts before any element of a web page does."""
    start = data[:65536]
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):  # UTF-16: every other byte
        start = start.replace(b"\0", b"")
    start = start.removeprefix(b"\xef\xbb\xbf").removeprefix(b"\xff\xfe").removeprefix(b"\xfe\xff").lstrip()
    if not start.startswith(b"<"):
        return False
    root = SVG_ROOT.search(start)
    page = re.search(rb"<(html|head|body)[\s>]", start, re.IGNORECASE)
    return bool(root and (page is None or root.start() < page.start()))


def _why_unknown(data: bytes) -> str:
    start = data[:256].lstrip().lower()
    if not data:
        return "it is empty"
    if start.startswith(SIGNS_OF_TEXT):
        return "it is a text or web page, not an image"
    if start.startswith(b"\x1f\x8b"):
        return "it is compressed (gzip, as svgz files are) and is not unpacked here"
    return f"no known image format ({', '.join(EXTENSIONS)}) starts this way"
