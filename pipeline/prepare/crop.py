"""Which part of each image is used: a box, never pixels. A box that a person drew wins over every rule."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline import engine as engines
from pipeline import image, params
from pipeline.item import Item, Rejection, read_index, write_index, write_rejections
from pipeline.sheet import contact_sheet

__all__ = ["Box", "Crop", "crop", "parse_box", "trimmed"]

TOLERANCE = 24  # 8-bit levels by which a bar may differ from its own colour; JPEG makes bars uneven
SAME = 0.995  # share of a line that must have the bar's colour
LEAST = 0.1  # a trim that leaves less than this share of a side is no trim: the picture is nearly flat

OPPOSITE = {"left": "right", "right": "left", "top": "bottom", "bottom": "top"}

Box = tuple[int, int, int, int]
"""left, top, width, height in pixels of the upright image."""


@dataclass(frozen=True)
class Crop:
    """The work of deciding one image's box; an unreadable image gives its reason instead."""

    mode: str
    aspect: float
    trim: bool

    def __call__(self, given: tuple[Path, str]) -> tuple[Box, str] | str:
        """From (file, a person's box as shares or "") to (box, why)."""
        path, drawn = given
        try:
            picture = image.decode(path.read_bytes())
        except image.ImageError as error:
            return str(error)
        if drawn:
            return _from_shares(drawn, picture.size), "person"
        whole = (0, 0, *picture.size)
        content, room = trimmed(picture) if self.trim else (whole, whole)
        box = content if self.mode == "none" else centered(content, room, self.aspect)
        return box, self.mode if content == whole else f"trim+{self.mode}"


def crop(
    raw: Path, curated: Path, out: Path, settings: params.Crop, engine: str = "local", workers: int = 0
) -> tuple[int, int]:
    """Write an index.csv with a box for each curated image, and a sheet with the boxes drawn.

    Adds the columns `box` (left,top,width,height in pixels) and `box_by`; returns (boxes, rejected).
    """
    items = read_index(curated / "index.csv")
    given = [(raw / item.path, item.more.get("crop", "")) for item in items]
    boxes = engines.run(Crop(settings.mode, settings.aspect, settings.trim), given, engine, workers)
    done = [i.with_more(box=_text(b[0]), box_by=b[1]) for i, b in zip(items, boxes, strict=True) if not isinstance(b, str)]
    failed = [Rejection(i.id, i.class_, "unreadable", b) for i, b in zip(items, boxes, strict=True) if isinstance(b, str)]
    out.mkdir(parents=True, exist_ok=True)
    write_index(out / "index.csv", done)
    write_rejections(out / "rejected.csv", failed)
    _boxes_sheet(done, raw).save(out / "boxes.png")
    return len(done), len(failed)


def trimmed(picture: Image.Image) -> tuple[Box, Box]:
    """(content, room): the box without uniform borders, and the box that the content may grow into.

    Borders of one colour are taken off; so is empty transparency. A plain background around an object is
    room to grow into, a bar beside a picture is not: it is a background where just inside the content
    the lines are still mostly of its colour. A background on one side alone, such as an even sky, stays.
    The whole picture is returned where nothing is uniform.
    """
    levels = _levels(picture)
    height, width = levels.shape[:2]
    whole = (0, 0, width, height)
    sides = _uniform_sides(levels)
    if not any(sides.values()):
        return whole, whole
    left, top = sides["left"], sides["top"]
    box = (left, top, width - left - sides["right"], height - top - sides["bottom"])
    if box[2] < LEAST * width or box[3] < LEAST * height:
        return whole, whole
    background = _backgrounds(levels, box, sides)
    one_sided = {name: lines for name, lines in background.items() if not background[OPPOSITE[name]]}
    return _grown(box, one_sided), _grown(box, background)


def centered(content: Box, room: Box, aspect: float) -> Box:
    """The box of shape `aspect` around the content's centre: grown where there is room, else cut."""
    left, top, width, height = content
    if width / height < aspect:
        width = min(round(height * aspect), room[2])
        height = min(height, round(width / aspect))
    else:
        height = min(round(width / aspect), room[3])
        width = min(width, round(height * aspect))
    width, height = max(1, width), max(1, height)
    middle = (content[0] + content[2] / 2, content[1] + content[3] / 2)
    left = _within(round(middle[0] - width / 2), width, room[0], room[2])
    top = _within(round(middle[1] - height / 2), height, room[1], room[3])
    return left, top, width, height


def parse_box(text: str) -> Box:
    """The column `box` of an index."""
    left, top, width, height = (int(part) for part in text.split(","))
    return left, top, width, height


def _text(box: Box) -> str:
    return ",".join(map(str, box))


def _within(start: int, length: int, room_start: int, room_length: int) -> int:
    return int(min(max(start, room_start), room_start + room_length - length))


def _from_shares(text: str, size: tuple[int, int]) -> Box:
    x, y, width, height = (float(part) for part in text.split(","))
    left, top = min(round(x * size[0]), size[0] - 1), min(round(y * size[1]), size[1] - 1)
    return left, top, max(1, min(round(width * size[0]), size[0] - left)), max(1, min(round(height * size[1]), size[1] - top))


def _levels(picture: Image.Image) -> np.ndarray:
    """int32 (H, W, 4), red, green and blue multiplied by alpha: all that is see-through is one colour."""
    rgba = np.asarray(picture.convert("RGBA"), dtype=np.int32)
    rgba[:, :, :3] = rgba[:, :, :3] * rgba[:, :, 3:] // 255
    return rgba


def _uniform_sides(levels: np.ndarray) -> dict[str, int]:
    """How many lines at each side have one colour. A side is looked at again once another is off."""
    sides = {"left": 0, "right": 0, "top": 0, "bottom": 0}
    turned = {"left": levels.swapaxes(0, 1), "right": levels.swapaxes(0, 1)[::-1], "top": levels, "bottom": levels[::-1]}
    for _ in range(2):
        for name, lines in turned.items():
            across = ("top", "bottom") if name in ("left", "right") else ("left", "right")
            part = lines[:, sides[across[0]] : lines.shape[1] - sides[across[1]]]
            sides[name] = _uniform_lines(part)
            if sides[name] == len(part):
                return dict.fromkeys(sides, 0)  # one colour throughout: there is nothing to find
    return sides


def _uniform_lines(lines: np.ndarray) -> int:
    color = np.median(lines[0], axis=0)
    same = (np.abs(lines - color).max(axis=2) <= TOLERANCE).mean(axis=1) >= SAME
    return len(same) if same.all() else int(same.argmin())


def _backgrounds(levels: np.ndarray, box: Box, sides: dict[str, int]) -> dict[str, int]:
    """The lines of each border that is a background and not a bar."""
    left, top, width, height = box
    inside = levels[top : top + height, left : left + width]
    across, down = _just_inside(width), _just_inside(height)
    edges = {"left": inside[:, across], "right": inside[:, -1 - across], "top": inside[down], "bottom": inside[-1 - down]}
    corners = {"left": levels[top, 0], "right": levels[top, -1], "top": levels[0, left], "bottom": levels[-1, left]}
    like_border = {name: (np.abs(edges[name] - corners[name]).max(axis=1) <= TOLERANCE).mean() for name in sides}
    return {name: lines if like_border[name] > 0.5 else 0 for name, lines in sides.items()}


def _just_inside(length: int) -> int:
    """How deep to look: past the lines that compression blends with a bar, not yet where an object is wide."""
    return min(max(2, round(0.03 * length)), length // 2)


def _grown(box: Box, by: dict[str, int]) -> Box:
    left, top, width, height = box
    more = {name: by.get(name, 0) for name in OPPOSITE}
    return (left - more["left"], top - more["top"],
            width + more["left"] + more["right"], height + more["top"] + more["bottom"])


def _boxes_sheet(items: list[Item], raw: Path, most: int = 120) -> Image.Image:
    """The first `most` images, each with what is outside its box greyed."""
    tiles = []
    for item in items[:most]:
        picture = image.open_image(raw / item.path).convert("RGBA")
        left, top, width, height = parse_box(item.more["box"])
        shade = Image.new("RGBA", picture.size, (120, 120, 120, 255))
        shaded = Image.blend(picture, shade, 0.75)
        shaded.paste(picture.crop((left, top, left + width, top + height)), (left, top))
        tiles.append((shaded, f"{item.id[:9]}\n{item.more['box_by']}"))
    return contact_sheet(tiles)
