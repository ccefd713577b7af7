"""Uniform bars, borders and backgrounds: where a picture really begins.

A side is uniform as far as its lines have one colour. If across its inner edge little changes, it is a background around an
object: the box closes in on the object but may grow back. Else it is a bar beside a picture, and goes for good; under it
there may be another. A background on one side alone, such as an even sky, stays.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image

from pipeline.prepare.boxes.geometry import Box

__all__ = ["TOLERANCE", "trimmed"]

TOLERANCE = 24  # 8-bit levels by which a pixel may differ from the bar's colour; JPEG makes bars uneven
SAME = 0.995  # share of a line that must have the bar's colour; a few pixels may be dirt
MOST = 0.5  # share of the line just inside that looks as before the edge, from which on the side is a background
ROUGH = 0.2  # the same share from which on an edge is not that of a frame but of an object
STRAIGHT = 0.05  # the same share at most for a bar with no bar opposite: its edge is straight from end to end
LEAST = 0.1  # a trim that leaves less than this share of a side is no trim: the picture is nearly flat
LAYERS = 4  # bars within bars
BLOCK = 8  # lines of a JPEG block
CHUNK = 64  # lines looked at in one go

OPPOSITE = {"left": "right", "right": "left", "top": "bottom", "bottom": "top"}


@dataclass(frozen=True)
class _Side:
    """A uniform side: how many lines, their colour, and the share of the line just inside that still looks like it."""

    lines: int
    color: np.ndarray
    inside: float = 1.0


def trimmed(picture: Image.Image, tolerance: int = TOLERANCE) -> tuple[Box, Box]:
    """(content, room): the box without bars and backgrounds, and the box that the content may grow into.

    `tolerance`: see above. Transparent pixels are one colour. The whole picture twice where nothing is uniform.
    """
    levels = _levels(picture)
    region: Box = (0, 0, picture.width, picture.height)
    for _ in range(LAYERS):
        left, top, width, height = region
        content, room = _peeled(levels[top : top + height, left : left + width], tolerance)
        content, room = (_moved(box, left, top) for box in (content, room))
        if room == region:
            break
        region = room
    return content, room


def _peeled(levels: np.ndarray, tolerance: int) -> tuple[Box, Box]:
    """(content, room) after one layer of bars, in pixels of `levels`, uint8 (H, W, C)."""
    height, width = levels.shape[:2]
    whole: Box = (0, 0, width, height)
    sides = _uniform_sides(levels, tolerance)
    inner = _without({name: side.lines for name, side in sides.items()}, whole)
    if not sides or inner[2] < max(1, LEAST * width) or inner[3] < max(1, LEAST * height):
        return whole, whole
    sides = _looked_inside(sides, levels, inner, tolerance)
    grounds, bars = _grounds_and_bars(sides, max(2, min(width, height) // 50), tolerance)
    room = _without({name: lines + _ringing(levels, name, lines, sides, tolerance) for name, lines in bars.items()}, whole)
    if bars:
        return room, room  # under the bars lies another picture
    return _without({name: _ground(levels, name, sides[name], tolerance) for name in grounds}, whole), room


def _grounds_and_bars(sides: Mapping[str, _Side], slack: int, tolerance: int) -> tuple[set[str], dict[str, int]]:
    """(sides whose background is taken off, lines of bar by side); `slack`: by how many lines the two bars of a pair may differ."""
    grounds = [name for name, side in sides.items() if side.inside > MOST]
    first = next(iter(grounds or sides))
    alike = {name for name, side in sides.items() if _alike(side, sides[first], tolerance)}
    rough = len(alike) == 4 and sum(side.inside for side in sides.values()) / 4 > ROUGH
    if alike.issuperset(grounds) and (len(grounds) >= 3 or rough):  # an object, though some of its edges may be straight
        return alike, {}
    bars = {name: side.lines for name, side in sides.items() if side.inside <= STRAIGHT}
    paired = set()
    for name, opposite in (("left", "right"), ("top", "bottom")):
        if name in sides and opposite in sides and _alike(sides[name], sides[opposite], tolerance):
            paired |= {name, opposite}
            bars |= _pair(sides, name, opposite, slack)
    return paired.intersection(grounds), bars


def _pair(sides: Mapping[str, _Side], name: str, opposite: str, slack: int) -> dict[str, int]:
    """The lines of bar on two sides of one colour. Bars come in pairs, and a dark picture can hide the edge of a black one."""
    one, other = sides[name], sides[opposite]
    level = abs(one.lines - other.lines) <= slack
    if max(one.inside, other.inside) <= MOST or (level and min(one.inside, other.inside) <= MOST):
        return {name: one.lines, opposite: other.lines}
    if min(one.inside, other.inside) > STRAIGHT:
        return {}
    both = min(one.lines, other.lines)
    return {name: one.lines if one.inside <= STRAIGHT else both, opposite: other.lines if other.inside <= STRAIGHT else both}


def _alike(one: _Side, other: _Side, tolerance: int) -> bool:
    return bool(np.abs(one.color - other.color).max() <= tolerance)


def _levels(picture: Image.Image) -> np.ndarray:
    """uint8 (H, W, C), colours multiplied by alpha: all that is see-through is one colour."""
    levels = np.array(picture)
    if picture.mode not in ("LA", "RGBA"):
        return levels.reshape(picture.height, picture.width, -1)
    for band in np.array_split(levels, max(1, len(levels) // 256)):  # views: in place, for a picture may be large
        band[:, :, :-1] = band[:, :, :-1].astype(np.uint16) * band[:, :, -1:] // 255
    return levels


def _turned(levels: np.ndarray) -> dict[str, np.ndarray]:
    """For each side the lines (N, length, C), from the edge inwards."""
    return {"left": levels.swapaxes(0, 1), "right": levels.swapaxes(0, 1)[::-1], "top": levels, "bottom": levels[::-1]}


def _uniform_sides(levels: np.ndarray, tolerance: int) -> dict[str, _Side]:
    """The sides that are uniform; none where all is. A side is looked at again once another is off."""
    found: dict[str, _Side] = {}
    for _ in range(2):
        for name, lines in _turned(levels).items():
            part = _between(lines, name, found)
            color = _color(part)
            count = _uniform_lines(part, color, tolerance)
            across = found.get(OPPOSITE[name])
            if count + (across.lines if across else 0) >= len(part):
                return {}
            if count:
                found[name] = _Side(count, color)
    return found


def _between(lines: np.ndarray, name: str, sides: Mapping[str, _Side]) -> np.ndarray:
    """The part of the lines that the sides across them leave."""
    across = ("top", "bottom") if name in ("left", "right") else ("left", "right")
    start, end = (sides[side].lines if side in sides else 0 for side in across)
    return lines[:, start : lines.shape[1] - end]


def _color(lines: np.ndarray) -> np.ndarray:
    return np.round(np.median(lines[0], axis=0)).astype(np.int16)


def _uniform_lines(lines: np.ndarray, color: np.ndarray, tolerance: int, same: float = SAME) -> int:
    """How many lines, from the first on, have the colour in the share `same` of their pixels."""
    for start in range(0, len(lines), CHUNK):
        apart = np.abs(lines[start : start + CHUNK].astype(np.int16) - color).max(axis=2)
        good = (apart <= tolerance).mean(axis=1) >= same
        if not good.all():
            return start + int(good.argmin())
    return len(lines)


def _looked_inside(sides: Mapping[str, _Side], levels: np.ndarray, inner: Box, tolerance: int) -> dict[str, _Side]:
    looked = {}
    for name, lines in _turned(levels).items():
        if name in sides:
            side = sides[name]
            depth = inner[2] if name in ("left", "right") else inner[3]
            # past the lines that compression blends with a bar, not yet where an object is wide
            step = min(max(2, round(0.03 * depth)), depth // 2)
            part = _between(lines, name, sides)
            inside, outside = (part[place].astype(np.int16) for place in (side.lines + step, max(0, side.lines - 1 - step)))
            apart = np.minimum(np.abs(inside - side.color).max(axis=1), np.abs(inside - outside).max(axis=1))  # a sky changes slowly
            looked[name] = _Side(side.lines, side.color, float((apart <= tolerance).mean()))
    return looked


def _ringing(levels: np.ndarray, name: str, start: int, sides: Mapping[str, _Side], tolerance: int) -> int:
    """How many lines further a bar goes: JPEG rings within 8 pixels of its edge, so that a few of them are off."""
    if sides[name].inside > ROUGH:
        return 0
    part = _between(_turned(levels)[name], name, sides)[start : start + BLOCK]
    return _uniform_lines(part, sides[name].color, tolerance, np.nextafter(MOST, 1))


def _ground(levels: np.ndarray, name: str, side: _Side, tolerance: int) -> int:
    """The lines of a background: without a single pixel of the object, and as far as it is even; a sky is so for a few lines only."""
    return min(_uniform_lines(_turned(levels)[name], side.color, tolerance // 2, 1.0), side.lines)


def _without(lines: Mapping[str, int], whole: Box) -> Box:
    left, top = lines.get("left", 0), lines.get("top", 0)
    return left, top, whole[2] - left - lines.get("right", 0), whole[3] - top - lines.get("bottom", 0)


def _moved(box: Box, left: int, top: int) -> Box:
    return box[0] + left, box[1] + top, box[2], box[3]
