"""What the tests of deduplication share: pictures, and copies of them such as the web makes."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageOps

from pipeline import image, params
from pipeline.curate.copies.grouping import Entry, grouped
from pipeline.curate.copies.views import LOOK, Fingerprint, fingerprint
from pipeline.item import image_id
from tests.conftest import encoded, picture

Made = Image.Image | bytes


def photo(seed: int, size: tuple[int, int] = (360, 270)) -> Image.Image:
    """A picture with the contrast and the colours of a photograph: no place is black or white or a pure colour."""
    return _photo(seed, size).copy()


@lru_cache(maxsize=64)
def _photo(seed: int, size: tuple[int, int]) -> Image.Image:
    soft = ImageEnhance.Color(picture(seed, size)).enhance(0.5)
    return ImageEnhance.Contrast(soft).enhance(0.6)


def with_alpha(opaque: Image.Image) -> Image.Image:
    """The same in an ellipse, transparent around it; what is not seen has its colours still, as some editors write it."""
    mask = Image.new("L", opaque.size, 0)
    width, height = opaque.size
    ImageDraw.Draw(mask).ellipse((width // 12, height // 12, width - width // 12, height - height // 12), fill=255)
    made = opaque.convert("RGBA")
    made.putalpha(mask)
    return made


def face(mouth: bool = True, skin: str = "orange", size: int = 144) -> Image.Image:
    """A drawing, of which a mouth or the colour of the skin is all that tells it from another."""
    made = Image.new("RGB", (size, size), "white")
    draw, part = ImageDraw.Draw(made), size / 24
    draw.ellipse((part, part, size - part, size - part), fill=skin)
    for left in (6.5, 14.5):
        draw.ellipse((left * part, 7 * part, (left + 3) * part, 11.5 * part), fill="black")
    if mouth:
        draw.rectangle((7.5 * part, 15.5 * part, 16.5 * part, 17.5 * part), fill="black")
    return made


def cut(whole: Image.Image, left: float = 0, top: float = 0, right: float = 0, bottom: float = 0) -> Image.Image:
    """Without these shares of its sides."""
    width, height = whole.size
    return whole.crop((round(width * left), round(height * top), round(width * (1 - right)), round(height * (1 - bottom))))


def leaned(upright: Image.Image, degrees: float = 3) -> Image.Image:
    """Turned a little, without the corners that this leaves empty."""
    return cut(upright.rotate(degrees, Image.Resampling.BICUBIC), 0.06, 0.06, 0.06, 0.06)


def watermarked(plain: Image.Image) -> Image.Image:
    made = plain.copy()
    width, height = made.size
    ImageDraw.Draw(made, "RGBA").text((width * 0.5, height * 0.85), "© SAMPLE", fill=(255, 255, 255, 200), font_size=height // 14)
    return made


def scaled(made: Image.Image, factor: float) -> Image.Image:
    return made.resize((round(made.width * factor), round(made.height * factor)), Image.Resampling.LANCZOS)


def turned(way: Image.Transpose) -> Callable[[Image.Image], Image.Image]:
    return lambda made: made.transpose(way)


COPIES: dict[str, tuple[str, Callable[[Image.Image], Made]]] = {
    "another format": ("pixels", lambda made: encoded(made, "BMP")),
    "a good JPEG": ("near", lambda made: encoded(made, "JPEG", quality=90)),
    "a poor JPEG": ("near", lambda made: encoded(made, "JPEG", quality=25)),
    "half the size": ("near", lambda made: scaled(made, 0.5)),
    "a thumbnail": ("near", lambda made: encoded(scaled(made, 1 / 6), "JPEG", quality=70)),
    "grey": ("near", lambda made: made.convert("L")),
    "brighter": ("near", lambda made: ImageEnhance.Brightness(made).enhance(1.25)),
    "darker": ("near", lambda made: ImageEnhance.Brightness(made).enhance(0.8)),
    "watermarked": ("near", watermarked),
    "mirrored": ("flip", ImageOps.mirror),
    "upside down mirrored": ("flip", ImageOps.flip),
    "a turn to the left": ("turn", turned(Image.Transpose.ROTATE_90)),
    "half a turn": ("turn", turned(Image.Transpose.ROTATE_180)),
    "a turn to the right": ("turn", turned(Image.Transpose.ROTATE_270)),
    "transposed": ("turn", turned(Image.Transpose.TRANSPOSE)),
    "transversed": ("turn", turned(Image.Transpose.TRANSVERSE)),
    "5 % cut off": ("crop", lambda made: cut(made, 0.05, 0.05, 0.05, 0.05)),
    "10 % cut off": ("crop", lambda made: cut(made, 0.1, 0.1, 0.1, 0.1)),
    "20 % cut off": ("crop", lambda made: cut(made, 0.2, 0.2, 0.2, 0.2)),
    "cut off at one corner": ("crop", lambda made: cut(made, left=0.2, bottom=0.15)),
    "cut to a square": ("crop", lambda made: cut(made, left=0.125, right=0.125)),
    "a white border": ("border", lambda made: ImageOps.expand(made, 20, "white")),
    "a black border": ("border", lambda made: ImageOps.expand(made, 30, "black")),
    "a red border": ("border", lambda made: ImageOps.expand(made, 30, (200, 30, 40))),
    "bars above and below": ("border", lambda made: ImageOps.expand(made, (0, 40), "black")),
    "leaning by three degrees": ("crop", leaned),
}


def look(made: Made, format: str = "PNG", **options: object) -> Fingerprint:
    """The fingerprint of a file."""
    return _look(made if isinstance(made, bytes) else _file(made, format, **options))


@lru_cache(maxsize=256)
def _look(data: bytes) -> Fingerprint:
    return fingerprint(image.reduced(data, LOOK))


def _file(made: Image.Image, format: str, **options: object) -> bytes:
    quick = {"compress_level": 1} if format == "PNG" else {}
    return encoded(made, format, **quick, **options)


def levels(made: Image.Image) -> np.ndarray:
    """Brightness, uint8 (H, W)."""
    return np.asarray(made.convert("L"))


class Files:
    """A folder of image files, and which of them are copies of which."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.paths: dict[str, Path] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, name: str, made: Made, format: str = "PNG", **options: object) -> None:
        self.paths[name] = self.folder / name
        self.paths[name].write_bytes(made if isinstance(made, bytes) else _file(made, format, **options))

    def entries(self, names: Sequence[str] | None = None, before: Mapping[str, int] | None = None) -> list[Entry]:
        found = []
        for name in names or list(self.paths):
            data = self.paths[name].read_bytes()
            found.append(Entry(image_id(data), self.paths[name], len(data), look(data), ((before or {}).get(name, 0),)))
        return found

    def copies(
        self, names: Sequence[str] | None = None, before: Mapping[str, int] | None = None, engine: str = "serial", **settings: object
    ) -> dict[str, tuple[str, str]]:
        """{copy: (what is kept, kind)}"""
        entries = self.entries(names, before)
        edges = grouped(entries, params.Dedupe.model_validate(settings), {}, engine)
        return {entries[edge.number].path.name: (entries[edge.kept].path.name, edge.kind) for edge in edges}
