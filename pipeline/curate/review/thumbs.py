"""Small pictures of large ones, made when first looked at; and originals in a form that a browser shows."""

import io
import textwrap
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

from PIL import Image, ImageDraw, ImageFont

from pipeline import image

__all__ = ["SIDE", "Shower", "Shown", "discard", "small"]

SIDE = 320  # pixels of a thumbnail's longer side: sharp on a tile of 160 at twice the density
SHOWN = {"JPEG": "image/jpeg", "PNG": "image/png", "GIF": "image/gif", "WEBP": "image/webp", "BMP": "image/bmp", "AVIF": "image/avif"}


@dataclass(frozen=True)
class Shown:
    """Bytes for a browser. `whole` is false where they are only a picture that says what is wrong with the file."""

    data: bytes
    media_type: str
    whole: bool = True


@dataclass(frozen=True)
class Shower:
    """Shows files below `raw`, and keeps thumbnails below `cache`. Thread-safe; never raises for a bad file."""

    raw: Path
    cache: Path

    def thumb(self, id_: str, path: str) -> Shown:
        """WebP, at most SIDE pixels a side, alpha kept; `path` is relative to `raw`, `id_` a checked image id."""
        kept = _place(self.cache, id_)
        try:
            return Shown(kept.read_bytes(), "image/webp")
        except OSError:  # not kept yet, or not to be read: it is made anew
            pass
        shown = self.reduced(path, SIDE)
        if shown.whole:
            with suppress(OSError):  # a full disk: it is made again next time
                _write(kept, shown.data)
        return shown

    def reduced(self, path: str, side: int, quality: int = 82) -> Shown:
        """The picture as WebP, at most `side` pixels a side, not kept anywhere."""
        try:
            return Shown(small(self._bytes(path), side, quality), "image/webp")
        except image.ImageError as error:
            return _placeholder(str(error))

    def original(self, path: str) -> Shown:
        """The file as it is where browsers know its format, else a PNG of it."""
        try:
            data = self._bytes(path)
            format_ = image.read_header(data).format
            if format_ in SHOWN:
                return Shown(data, SHOWN[format_])
            return Shown(image.encode_png(image.decode(data)), "image/png")
        except image.ImageError as error:
            return _placeholder(str(error))

    def _bytes(self, path: str) -> bytes:
        try:
            file = (self.raw / path).resolve()
            if not file.is_relative_to(self.raw.resolve()):
                raise image.ImageError("its path leads out of the folder of collected images")
            return file.read_bytes()
        except (OSError, ValueError) as error:
            if isinstance(error, image.ImageError):
                raise
            raise image.ImageError(f"the file cannot be read ({getattr(error, 'strerror', None) or 'its name is no path'})") from None


def discard(cache: Path, ids: Iterable[str]) -> None:
    """Delete the thumbnails of images that were taken down; `ids` are checked image ids."""
    for id_ in ids:
        _place(cache, id_).unlink(missing_ok=True)


def _place(cache: Path, id_: str) -> Path:
    return cache / "thumbs" / id_[1:3] / f"{id_}.webp"


def small(data: bytes, side: int, quality: int) -> bytes:
    """The picture as WebP within `side` by `side` pixels, sRGB, alpha kept, never enlarged. Raises ImageError."""
    picture = image.reduced(data, side).picture
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)  # alpha weighs the colours
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=quality, method=2)
    return buffer.getvalue()


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all: another request, or another process, may be making the same one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
        try:
            file.write(data)
            file.flush()
        except OSError:
            Path(file.name).unlink()
            raise
    Path(file.name).replace(path)


def _placeholder(reason: str) -> Shown:
    picture = Image.new("RGB", (SIDE, SIDE * 3 // 4), (236, 234, 230))
    text = "\n".join(["Cannot be shown:", *textwrap.wrap(reason, 34)[:8]])
    ImageDraw.Draw(picture).multiline_text(
        (SIDE // 2, SIDE * 3 // 8), text, (90, 60, 50), ImageFont.load_default(16), anchor="mm", align="center", spacing=6
    )
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return Shown(buffer.getvalue(), "image/png", whole=False)
