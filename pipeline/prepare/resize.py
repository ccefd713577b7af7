"""Every image's box brought to one size: the one decode that makes pixels to keep."""

from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from pipeline import image, params
from pipeline.folder import Made, Task, mirror
from pipeline.item import Item, read_index
from pipeline.prepare.boxes.geometry import Box, parse_box
from pipeline.prepare.pixels.halves import joined
from pipeline.prepare.pixels.resample import Part, resample

__all__ = ["FITS", "Fit", "Resize", "resize"]

ENOUGH = 2  # a JPEG is decoded, an SVG drawn, at no less than this many times the size that is made
Color = tuple[int, int, int]


@dataclass(frozen=True)
class Fit:
    """What becomes of a box: its `part` (left, top, right, bottom, from the box's corner) at `size` (width, height)."""

    part: Part
    size: tuple[int, int]


def _stretch(width: int, height: int, size: tuple[int, int]) -> Fit:
    """All of the box, at exactly the size."""
    return Fit((0, 0, width, height), size)


def _fill(width: int, height: int, size: tuple[int, int]) -> Fit:
    """The size is covered; what hangs over is cut off, as much at either end."""
    wide, high = size
    left = max(0.0, (width - height * wide / high) / 2)
    top = max(0.0, (height - width * high / wide) / 2)
    return Fit((left, top, width - left, height - top), size)


def _fit(width: int, height: int, size: tuple[int, int]) -> Fit:
    """All of the box in its own shape inside the size; one side may come out shorter, by rounding to a whole pixel, never 0."""
    wide, high = size
    if width * high > height * wide:
        high = max(1, (2 * height * wide + width) // (2 * width))
    else:
        wide = max(1, (2 * width * high + height) // (2 * height))
    return Fit((0, 0, width, height), (wide, high))


FITS = {"fill": _fill, "fit": _fit, "pad": _fit, "stretch": _stretch}
"""Name to (width and height of the box, size wanted) -> Fit; pad then adds what is missing."""


@dataclass(frozen=True)
class Resize:
    """Cut `box` out of the upright image and bring it to `size` (width, height).

    The mode stays: grey is grey, opaque is opaque; only fit "pad" adds transparency around, where `pad` says "transparent", or
    a colour. With `sheet` the image holds two pictures, the box lies in the left one, and both are cut, resized and joined.
    Raises image.ImageError.
    """

    size: tuple[int, int]
    filter: str
    box: Box
    fit: str = "fill"
    pad: str | Color = "transparent"
    sheet: bool = False

    def __call__(self, source: Path, item: Item) -> bytes:
        return image.encode_png(self.pixels(source.read_bytes()))

    def pixels(self, data: bytes) -> Image.Image:
        """The picture made of a file's bytes: mode L, LA, RGB or RGBA."""
        fit = FITS[self.fit](*self.box[2:], self.size)
        across, down = (fit.part[2] - fit.part[0]) / fit.size[0], (fit.part[3] - fit.part[1]) / fit.size[1]
        decoded = image.decoded(data, ENOUGH / min(across, down))
        starts = (0, decoded.size[0] - decoded.size[0] // 2) if self.sheet else (0,)
        halves = [self._padded(self._cut(decoded, fit, start)) for start in starts]
        return halves[0] if len(halves) == 1 else joined(*halves)

    def _cut(self, decoded: image.Decoded, fit: Fit, start: int) -> Image.Image:
        left, top = self.box[0] + start, self.box[1]
        places = [edge + corner for edge, corner in zip(fit.part, (left, top, left, top), strict=True)]
        width, height = decoded.picture.size
        moved = (place / decoded.shrink + origin for place, origin in zip(places, 2 * decoded.origin, strict=True))
        part = [min(place, most) for place, most in zip(moved, (width, height, width, height), strict=True)]
        if min(places) < 0 or part[2] <= part[0] or part[3] <= part[1]:
            raise image.ImageError(f"the box {self.box} lies outside of its {decoded.size[0]}x{decoded.size[1]} pixels")
        return resample(decoded.picture, (part[0], part[1], part[2], part[3]), fit.size, self.filter)

    def _padded(self, picture: Image.Image) -> Image.Image:
        if self.fit != "pad" or picture.size == self.size:
            return picture
        mode, around = _ground(picture.mode, self.pad)
        whole = Image.new(mode, self.size, around)
        whole.paste(picture.convert(mode), ((self.size[0] - picture.width) // 2, (self.size[1] - picture.height) // 2))
        return whole


def _ground(mode: str, pad: str | Color) -> tuple[str, Color | tuple[int, ...]]:
    """(mode, colour) in which a picture of `mode` and what is around it can both be told."""
    if isinstance(pad, str):
        return ("LA", (0, 0)) if mode in ("L", "LA") else ("RGBA", (0, 0, 0, 0))
    if mode in ("L", "LA") and len(set(pad)) == 1:
        return mode, (pad[0], 255)[: len(mode)]
    return ("RGBA", (*pad, 255)) if mode in ("LA", "RGBA") else ("RGB", pad)


def resize(
    raw: Path, crops: Path, out: Path, settings: params.Resize, pair: params.Pair, engine: str, workers: int, seen: Path | None = None
) -> Made:
    """Bring `out` in line with the boxes: <class>/<id>.png for each image."""
    pad = settings.pad if settings.fit == "pad" else "transparent"  # else it has no part in the result, nor in its key
    tasks = []
    for item in read_index(crops / "index.csv"):
        work = Resize(settings.width_height, settings.filter, parse_box(item.more["box"]), settings.fit, pad, pair.on_sheets)
        result = replace(item, path=f"{item.class_}/{item.id}.png")
        tasks.append(Task(raw / item.path, item, work, result))
    return mirror(tasks, out, engine, workers, strangers=True, seen=seen)
