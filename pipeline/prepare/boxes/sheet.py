"""A sheet of pictures with their boxes drawn: what is outside is grey."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw

from pipeline import bounded, image
from pipeline.identity import code_of
from pipeline.item import Item
from pipeline.memory import Memory
from pipeline.prepare.boxes.geometry import Box, parse_box
from pipeline.sheet import contact_sheet

__all__ = ["MOST", "Thumb", "boxes_sheet"]

MOST = 120  # pictures on the sheet
SIDE = 136  # pixels of a picture's longer side on it
GREY, LINE = (128, 128, 128), (230, 20, 90)
PLAIN = ("center", "none")  # nothing was found out for these: they come last


@dataclass(frozen=True)
class Thumb:
    """The work of making one image small: PNG bytes of `side` pixels on the longer side; b"" where it cannot be read."""

    side: int

    def __call__(self, path: Path) -> bytes:
        """From the image's file, read as small as its format allows."""
        data = path.read_bytes()
        try:
            header = image.read_header(data)
            picture = image.decoded(data, min(1.0, 2 * self.side / max(header.width, header.height))).picture
        except image.ImageError:
            return b""
        scale = self.side / max(picture.size)
        size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
        return image.encode_png(picture.convert("RGBA").resize(size, Image.Resampling.LANCZOS))


def boxes_sheet(
    items: Sequence[Item], raw: Path, remembered: Memory, sheets: bool = False, engine: str = "local", workers: int = 0
) -> Image.Image:
    """At most MOST of the items, spread over the classes and over how the box was chosen, each with its `box` drawn.

    Small pictures are remembered by id. `sheets`: each item is two pictures side by side, and the box stands for both.
    """
    shown = _spread(items)
    work = Thumb(SIDE)
    code = f"{work!r} {code_of(Thumb)}"
    thumbs = remembered.recall(code, [item.id for item in shown])
    new = [item for item in shown if item.id not in thumbs]
    for item, made in zip(new, bounded.run(work, [raw / item.path for item in new], engine, workers), strict=True):
        if not isinstance(made, bounded.Lost):
            thumbs[item.id] = made
            remembered.keep(code, [(item.id, made)])
    tiles = []
    for item in shown:
        if thumbs.get(item.id):
            tile = _drawn(image.decode(thumbs[item.id]), item, sheets)
            tiles.append((tile, f"{item.id[:9]}\n{item.more['box_by']}"))
    return contact_sheet(tiles, side=SIDE)


def _spread(items: Sequence[Item]) -> list[Item]:
    """Turn by turn one of each class and each way of choosing, the ways that found something first; in order of class, way and id."""
    groups: dict[tuple[bool, str, str], list[Item]] = {}
    for item in sorted(items, key=lambda item: item.id):
        groups.setdefault((item.more["box_by"] in PLAIN, item.more["box_by"], item.class_), []).append(item)
    turns = max((len(group) for group in groups.values()), default=0)
    taken = [group[turn] for turn in range(min(turns, MOST)) for _, group in sorted(groups.items()) if turn < len(group)]
    return sorted(taken[:MOST], key=lambda item: (item.class_, item.more["box_by"], item.id))


def _drawn(thumb: Image.Image, item: Item, sheets: bool) -> Image.Image:
    picture = thumb.convert("RGBA")
    scale = picture.width / item.width, picture.height / item.height
    box = parse_box(item.more["box"])
    boxes = [box, (box[0] + item.width - item.width // 2, *box[1:])] if sheets else [box]
    shaded = Image.blend(picture, Image.new("RGBA", picture.size, (*GREY, 255)), 0.75)
    pen = ImageDraw.Draw(shaded)
    for one in boxes:
        edges = _edges(one, scale)
        shaded.paste(picture.crop(edges), edges[:2])
        pen.rectangle((edges[0], edges[1], edges[2] - 1, edges[3] - 1), outline=LINE, width=2)
    return shaded


def _edges(box: Box, scale: tuple[float, float]) -> tuple[int, int, int, int]:
    """left, top, right, bottom in the small picture, 3 pixels apart at least, or nothing could be seen."""
    left, top = round(box[0] * scale[0]), round(box[1] * scale[1])
    right, bottom = round((box[0] + box[2]) * scale[0]), round((box[1] + box[3]) * scale[1])
    return left, top, max(right, left + 3), max(bottom, top + 3)
