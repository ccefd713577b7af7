"""What a file says of itself before anything is decoded: format, size upright, frames; and whether it has its end."""

import io
from dataclasses import dataclass

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from pipeline.image import vector
from pipeline.image.boxes import boxes_end, still_picture
from pipeline.image.formats import EXTENSIONS, ImageError, damage_told, format_of

__all__ = ["MAX_PIXELS", "Header", "check_complete", "header_of", "opened", "orientation", "read_header"]

MAX_PIXELS = 100_000_000  # 100 megapixels: larger than any camera's file, 400 MB as RGBA
MAX_PAGES = 10_000  # of a TIFF that are counted
ORIENTATION = 0x0112  # EXIF 2.32, table 4
READERS = {  # the allow list: no other of Pillow's readers ever sees the bytes
    "JPEG": JpegImagePlugin.jpeg_factory, "PNG": PngImagePlugin.PngImageFile, "GIF": GifImagePlugin.GifImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile, "BMP": BmpImagePlugin.BmpImageFile, "TIFF": TiffImagePlugin.TiffImageFile,
    "AVIF": AvifImagePlugin.AvifImageFile,
}

Image.MAX_IMAGE_PIXELS = None  # the limit above is checked here, by an error and never by a warning
AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # a worker has one core; and memory must not depend on how many the machine has


@dataclass(frozen=True)
class Header:
    """What a file says of itself: format, extension, size in pixels upright, frame count.

    The format is a key of `formats.EXTENSIONS`. An SVG has no pixels of its own: its longer side counts as `vector.SVG_SIDE`.
    """

    format: str
    extension: str
    width: int
    height: int
    frames: int


def read_header(data: bytes) -> Header:
    """Read format and size from the bytes alone, decoding nothing. Raises ImageError."""
    format_ = format_of(data)
    if format_ == "SVG":
        return Header("SVG", EXTENSIONS["SVG"], *vector.size_of(data), 1)
    if format_ == "HEIC":
        width, height, pictures = still_picture(data)
        _judge(width, height)
        return Header("HEIC", EXTENSIONS["HEIC"], width, height, pictures)
    with opened(data, format_) as picture:
        return header_of(data, picture, format_)


def header_of(data: bytes, picture: ImageFile.ImageFile, format_: str) -> Header:
    """The header of an opened file that is not decoded yet."""
    width, height = picture.size
    if orientation(data, picture) in (5, 6, 7, 8):  # these four lie on their side
        width, height = height, width
    with damage_told(f"{format_} header"):
        return Header(format_, EXTENSIONS[format_], width, height, _frames(data, picture))


def opened(data: bytes, format_: str) -> ImageFile.ImageFile:
    """The file with its header read and its size judged. Raises ImageError."""
    if format_ == "WEBP":
        _judge(*_webp_canvas(data))  # before libwebp makes the canvas
    if format_ == "HEIC":
        _judge(*still_picture(data)[:2])
    with damage_told(f"{format_} header"):
        picture = _heic(data) if format_ == "HEIC" else READERS[format_](io.BytesIO(data), "")
    _judge(*picture.size)
    return picture


def orientation(data: bytes, picture: ImageFile.ImageFile) -> int:
    """How the pixels of an opened file still have to be turned: 1 to 8 as in EXIF, 1 where the decoder itself does it."""
    if picture.format in ("TIFF", "HEIF"):
        return 1
    try:
        with damage_told("EXIF"):
            found = Image.Image.getexif(picture).get(ORIENTATION)  # ImageFile's own would decode a PNG
            if found is None and picture.format == "PNG" and (late := _late_exif(data)):
                exif = Image.Exif()
                exif.load(late)
                found = exif.get(ORIENTATION)
            return int(found) if found else 1
    except ImageError:
        return 1  # unreadable EXIF: the pixels as they lie


def check_complete(data: bytes) -> None:
    """Look for the file's own end without decoding. Raises ImageError where a JPEG, PNG, WebP, GIF, AVIF or HEIC is cut off."""
    if data.startswith(b"\xff\xd8"):
        # ITU T.81, B.1.1.3: EOI, which is never inside a scan; what some cameras write after it does not matter
        complete = data.endswith(b"\xff\xd9") or data.find(b"\xff\xd9", _start_of_scan(data)) >= 0
    elif data.startswith(b"\x89PNG"):
        complete = data.rfind(b"IEND") >= 0
    elif data.startswith(b"RIFF"):
        complete = len(data) >= 8 + int.from_bytes(data[4:8], "little")
    elif data.startswith(b"GIF8"):
        complete = data.rstrip(b"\0").endswith(b"\x3b")
    elif data[4:8] == b"ftyp":
        complete = boxes_end(data)
    else:
        return  # an SVG that is cut off has no header either
    if not complete:
        raise ImageError("the file is cut off before its end")


def _judge(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise ImageError(f"{width}x{height} pixels are more than the {MAX_PIXELS:,} allowed")
    if width * height == 0:
        raise ImageError("it has no pixels")


def _heic(data: bytes) -> ImageFile.ImageFile:
    from pi_heif import options  # type: ignore[import-untyped]  # only who has such files waits for it to load
    from pi_heif.as_plugin import HeifImageFile  # type: ignore[import-untyped]

    options.DECODE_THREADS, options.THUMBNAILS, options.DEPTH_IMAGES, options.AUX_IMAGES = 1, False, False, False
    return HeifImageFile(io.BytesIO(data))


def _frames(data: bytes, picture: ImageFile.ImageFile) -> int:
    if picture.format == "MPO":  # a camera's JPEG with further pictures behind it
        return 1
    return _pages(data) if picture.format == "TIFF" else getattr(picture, "n_frames", 1)


def _pages(data: bytes) -> int:
    """The directories of a TIFF (TIFF 6.0, section 2; BigTIFF has wider fields): each ends with the place of the next."""
    order = "little" if data.startswith(b"II") else "big"
    wide = data[2:4] in (b"+\0", b"\0+")
    count_bytes, entry, offset = (8, 20, 8) if wide else (2, 12, 4)
    place = int.from_bytes(data[8:16] if wide else data[4:8], order)  # type: ignore[arg-type]
    seen: set[int] = set()
    while 0 < place <= len(data) - count_bytes and place not in seen and len(seen) < MAX_PAGES:
        seen.add(place)
        entries = int.from_bytes(data[place : place + count_bytes], order)  # type: ignore[arg-type]
        after = place + count_bytes + entry * entries
        place = int.from_bytes(data[after : after + offset], order)  # type: ignore[arg-type]
    return max(1, len(seen))


def _webp_canvas(data: bytes) -> tuple[int, int]:
    """The size in a WebP's extended header (RFC 9649, 2.7): 24 bits each, less one. Simple files have at most 16383 a side."""
    if data[12:16] != b"VP8X":
        return 1, 1
    return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")


def _late_exif(data: bytes) -> bytes:
    """A PNG's eXIf chunk, which may stand behind the pixels; b"" where there is none."""
    place = 8
    while place + 8 <= len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        if data[place + 4 : place + 8] == b"eXIf":
            return data[place + 8 : place + 8 + length]
        place += 12 + length
    return b""


def _start_of_scan(data: bytes) -> int:
    """Past the segments with a length, in which a thumbnail may bring an end mark of its own."""
    place = 2
    while place + 4 <= len(data) and data[place] == 0xFF and data[place + 1] != 0xDA:
        lone = data[place + 1] in (0xFF, 0x01) or 0xD0 <= data[place + 1] <= 0xD7  # fill bytes and marks without a length
        place += (1 if data[place + 1] == 0xFF else 2) if lone else 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return place
