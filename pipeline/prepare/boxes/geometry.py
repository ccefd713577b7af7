"""Boxes: the geometry of choosing a part of a picture, without any pixels."""

from dataclasses import dataclass
from math import ceil

__all__ = ["Box", "Target", "around", "box_text", "centered", "enlargement", "from_shares", "grown", "left_half", "parse_box",
           "scaled", "within"]

Box = tuple[int, int, int, int]
"""left, top, width, height in pixels of the upright image."""


@dataclass(frozen=True)
class Target:
    """What a box becomes: (width, height) in pixels, how it fits (params.Resize), and how many times it may be enlarged."""

    size: tuple[int, int]
    fit: str
    times: float

    def least(self) -> tuple[int, int]:
        """The smallest (width, height) of a box that is not enlarged more than `times`, where both sides count."""
        return ceil(self.size[0] / self.times), ceil(self.size[1] / self.times)


def parse_box(text: str) -> Box:
    """The column `box` of an index."""
    left, top, width, height = (int(part) for part in text.split(","))
    return left, top, width, height


def box_text(box: Box) -> str:
    """What `parse_box` reads."""
    return ",".join(map(str, box))


def left_half(size: tuple[int, int]) -> Box:
    """Half A of a sheet of (width, height) with two pictures side by side; an odd middle column belongs to neither."""
    return 0, 0, max(1, size[0] // 2), size[1]


def centered(content: Box, room: Box, aspect: float) -> Box:
    """The box of shape `aspect` (width / height) around the content's centre: grown where there is room, else cut."""
    _, _, width, height = content
    if width / height < aspect:
        width = min(round(height * aspect), room[2])
        height = min(height, round(width / aspect))
    else:
        height = min(round(width / aspect), room[3])
        width = min(width, round(height * aspect))
    size = max(1, width), max(1, height)
    return around((content[0] + content[2] / 2, content[1] + content[3] / 2), size, room)


def around(point: tuple[float, float], size: tuple[int, int], room: Box) -> Box:
    """The box of `size` (width, height, not more than the room's) with its middle as near to `point` (x, y) as the room allows."""
    return within((round(point[0] - size[0] / 2), round(point[1] - size[1] / 2), *size), room)


def within(box: Box, room: Box) -> Box:
    """The box moved, and cut where it is larger, so that it lies in the room."""
    width, height = min(box[2], room[2]), min(box[3], room[3])
    left = min(max(box[0], room[0]), room[0] + room[2] - width)
    top = min(max(box[1], room[1]), room[1] + room[3] - height)
    return left, top, width, height


def grown(box: Box, least: tuple[int, int], room: Box) -> Box:
    """The box of the same shape and middle, where it can be, that is at least `least` (width, height) or as large as the room allows."""
    factor = min(max(least[0] / box[2], least[1] / box[3]), room[2] / box[2], room[3] / box[3])
    if factor <= 1:
        return box
    size = min(ceil(box[2] * factor - 1e-6), room[2]), min(ceil(box[3] * factor - 1e-6), room[3])  # rounded up, but not for a last digit
    return around((box[0] + box[2] / 2, box[1] + box[3] / 2), size, room)


def scaled(box: Box, factor: float, room: Box) -> Box:
    """The box in a picture `factor` times larger, of which it may use `room`; what it covered stays covered but for rounding."""
    left, top = round(box[0] * factor), round(box[1] * factor)
    right, bottom = round((box[0] + box[2]) * factor), round((box[1] + box[3]) * factor)
    return within((left, top, max(1, right - left), max(1, bottom - top)), room)


def from_shares(text: str, size: tuple[int, int], sheet: bool = False) -> Box:
    """A person's box, "x,y,width,height" in shares of the upright picture of `size` (width, height), in pixels.

    On a sheet of two pictures it belongs to the half in which its middle lies, is cut to it, and is given in half A.
    """
    x, y, width, height = (float(part) for part in text.split(","))
    left, top = min(round(x * size[0]), size[0] - 1), min(round(y * size[1]), size[1] - 1)
    right, bottom = min(round((x + width) * size[0]), size[0]), min(round((y + height) * size[1]), size[1])
    half = left_half(size)
    shift = size[0] - half[2] if sheet and left + right > size[0] else 0
    room = half if sheet else (0, 0, *size)
    left, right = (min(max(edge - shift, 0), room[2]) for edge in (left, right))
    left = min(left, room[2] - 1)
    return left, top, max(1, right - left), max(1, bottom - top)


def enlargement(size: tuple[int, int], target: Target) -> float:
    """How many times larger a part of `size` (width, height) is made: 4.0 where 16 pixels become 64.

    `fit` and `pad` keep it whole, so the longer way decides; `fill` and `stretch` reach the target on both sides.
    """
    across, down = target.size[0] / size[0], target.size[1] / size[1]
    return min(across, down) if target.fit in ("fit", "pad") else max(across, down)
