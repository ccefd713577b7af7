"""A contact sheet of what differs between two versions: added, removed, moved, changed; the last old beside new."""

from collections.abc import Callable, Sequence
from itertools import groupby, zip_longest

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pipeline import image
from pipeline.item import Item
from pipeline.release.versions.compare import Change, Comparison

__all__ = ["MOST", "sheet", "spread"]

MOST = 60  # images of each kind
SIDE, GAP, COLUMNS = 104, 12, 12
PAPER, INK, FAINT = (250, 250, 250), (34, 34, 34), (120, 120, 120)
CHECKER = ((255, 255, 255), (226, 226, 226))
COLORS = {"added": (34, 125, 69), "removed": (184, 48, 48), "moved": (124, 82, 168), "changed": (38, 98, 178)}
LINES = 4  # of a caption: cause and class, id, two of the reason

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

Find = Callable[[Item], bytes | None]
"""The bytes of an image of one version, None where they are out of reach."""


def sheet(found: Comparison, title: str, old: Find, new: Find) -> Image.Image:
    """Draw at most MOST images of each kind, spread over their causes; an image that nobody has is a grey tile."""
    sections = [(kind, [change for change in found.changes if change.kind == kind]) for kind in COLORS]
    sections = [(kind, changes) for kind, changes in sections if changes]
    pages = [_section(kind, changes, old, new) for kind, changes in sections]
    head = _head(title, found)
    page = Image.new("RGB", (head.width, head.height + sum(part.height for part in pages) + GAP), PAPER)
    top = 0
    for part in (head, *pages):
        page.paste(part, (0, top))
        top += part.height
    return page


def spread(changes: Sequence[Change], most: int) -> list[Change]:
    """At most `most` of them, in turn from each cause and reason, in the given order."""
    groups = [list(group) for _, group in groupby(changes, key=lambda change: change.why.reason)]
    turns = [change for turn in zip_longest(*groups) for change in turn if change is not None][:most]
    chosen = {id(change) for change in turns}
    return [change for change in changes if id(change) in chosen]


def _head(title: str, found: Comparison) -> Image.Image:
    head = Image.new("RGB", (COLUMNS * (SIDE + GAP) + GAP, 64), PAPER)
    draw = ImageDraw.Draw(head)
    draw.text((GAP, 12), title.replace("→", "to"), INK, ImageFont.load_default(20))
    draw.text((GAP, 40), f"{found.total.before} images before, {found.total.after} after", FAINT, ImageFont.load_default(13))
    return head


def _section(kind: str, changes: Sequence[Change], old: Find, new: Find) -> Image.Image:
    chosen = spread(changes, MOST)
    tiles = [(_tile(change, old, new), _caption(change)) for change in chosen]
    rows = _rows([tile.width for tile, _ in tiles])
    tall = SIDE + 6 + 13 * LINES + GAP
    part = Image.new("RGB", (COLUMNS * (SIDE + GAP) + GAP, 44 + len(rows) * tall), PAPER)
    draw = ImageDraw.Draw(part)
    draw.rectangle((GAP, 8, part.width - GAP, 33), COLORS[kind])
    few = f", {len(chosen)} of them here" if len(chosen) < len(changes) else ""
    beside = ", before and after side by side" if any(tile.width > SIDE for tile, _ in tiles) else ""
    draw.text((GAP + 8, 12), f"{kind.capitalize()}: {len(changes)}{few}{beside}", PAPER, ImageFont.load_default(14))
    font = ImageFont.load_default(10)
    for number, row in enumerate(rows):
        left, top = GAP, 44 + number * tall
        for tile, caption in (tiles[place] for place in row):
            part.paste(tile, (left, top))
            for line, text in enumerate(_fitting(caption, tile.width, font, draw)):
                draw.text((left, top + SIDE + 4 + 13 * line), text, COLORS[kind] if line == 0 else FAINT, font)
            left += tile.width + GAP
    return part


def _rows(widths: Sequence[int]) -> list[list[int]]:
    """Which tiles lie in each row, from left to right, where tiles have several widths."""
    rows: list[list[int]] = []
    left = 0
    for place, width in enumerate(widths):
        if not rows or left + width > COLUMNS * (SIDE + GAP) - GAP:
            rows.append([])
            left = 0
        rows[-1].append(place)
        left += width + GAP
    return rows


def _tile(change: Change, old: Find, new: Find) -> Image.Image:
    """One picture, or two where the pixels differ."""
    if change.pixels and change.old and change.new:
        pair = Image.new("RGB", (2 * SIDE + GAP, SIDE), PAPER)
        pair.paste(_square(old(change.old)), (0, 0))
        pair.paste(_square(new(change.new)), (SIDE + GAP, 0))
        middle = SIDE // 2
        ImageDraw.Draw(pair).polygon([(SIDE + 3, middle - 5), (SIDE + 3, middle + 5), (SIDE + GAP - 4, middle)], COLORS["changed"])
        return pair
    if change.why.cause == "takedown" and change.new is None:
        return _square(None, "taken down")  # who asked for that does not want to be on a sheet
    return _square(new(change.new) if change.new else old(change.item))


def _square(data: bytes | None, instead: str = "not here") -> Image.Image:
    """The picture within a square, transparency on a checkerboard; a small one is enlarged without smoothing, as its pixels are."""
    square = Image.new("RGB", (SIDE, SIDE), (238, 238, 238))
    try:
        picture = image.decode(data).convert("RGBA") if data else None
    except image.ImageError:
        picture = None
    if picture is None:
        ImageDraw.Draw(square).text((SIDE // 2, SIDE // 2), instead, FAINT, ImageFont.load_default(11), anchor="mm")
        return square
    scale = min(SIDE / picture.width, SIDE / picture.height)
    scale = int(scale) if scale >= 2 else scale
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    fitted = picture.resize(size, Image.Resampling.NEAREST if scale >= 2 else Image.Resampling.LANCZOS)
    rows, columns = np.indices((size[1], size[0])) // 8
    board = Image.fromarray(np.array(CHECKER, np.uint8)[(rows + columns) % 2]).convert("RGBA")
    square.paste(Image.alpha_composite(board, fitted).convert("RGB"), ((SIDE - size[0]) // 2, (SIDE - size[1]) // 2))
    return square


def _caption(change: Change) -> tuple[str, str, str]:
    item = change.item
    where = f"{change.old.class_} to {item.class_}" if change.kind == "moved" and change.old else item.class_
    return f"{change.why.cause}: {where}", item.id, change.why.reason.replace("→", "to")


def _fitting(caption: tuple[str, str, str], width: int, font: Font, draw: ImageDraw.ImageDraw) -> list[str]:
    """Each line cut to the tile's width, the last after it was broken into two."""
    *lines, reason = caption
    first, words = "", reason.split(" ")
    while words and draw.textlength(f"{first} {words[0]}".strip(), font) <= width:
        first = f"{first} {words.pop(0)}".strip()
    lines += [first, " ".join(words)] if first else [reason]
    found = []
    for text in lines:
        cut = text
        while draw.textlength(cut, font) > width:
            cut = f"{cut[:-2].rstrip()}…"
        found.append(cut)
    return found
