"""A sheet of what augmentation makes: a few originals down, every entry across."""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from pipeline import image
from pipeline.folder import Task

__all__ = ["drawn"]

ORIGINALS = 6
ACROSS = 8  # tiles beside the original before a new block begins
SIDE, GAP = 128, 8
PAPER, INK, FAINT = (250, 250, 250), (40, 40, 40), (130, 130, 130)
FONT = ImageFont.load_default(11)
LINE = 14


def drawn(tasks: Sequence[Task], out: Path) -> Image.Image:
    """The sheet, from the files in `out` (the results) and from the tasks' sources; what could not be made is left blank."""
    by_source: dict[str, list[Task]] = {}
    for task in tasks:
        if task.result.more.get("copy", "1") == "1":
            by_source.setdefault(f"{task.item.class_}/{task.item.id}", []).append(task)
    rows = _spread(list(by_source.values()))
    entries = [task.result.more["augmentation"] for task in next(iter(by_source.values()))]
    blocks = [range(start, min(start + ACROSS, len(entries))) for start in range(0, len(entries), ACROSS)]
    tiles = [tile for row in rows if (tile := _tile(row[0].source))]
    width, height = max((tile.width for tile in tiles), default=SIDE), max((tile.height for tile in tiles), default=SIDE)
    heads = [[_wrapped(entries[number], width) for number in block] for block in blocks]
    sizes = [max(len(head) for head in block) * LINE + GAP + len(rows) * (height + GAP) + 2 * GAP for block in heads]
    sheet = Image.new("RGB", ((1 + max(map(len, blocks))) * (width + GAP) + GAP, sum(sizes) + GAP), PAPER)
    top = GAP
    for block, head, size in zip(blocks, heads, sizes, strict=True):
        files = [[row[0].source, *(out / row[number].result.path for number in block)] for row in rows]
        _block(sheet, top, (width, height), [["original"], *head], files)
        top += size
    return sheet


def _spread(groups: list[list[Task]]) -> list[list[Task]]:
    """At most ORIGINALS that can be read, in turn from each class."""
    turns: dict[str, int] = {}
    numbered = []
    for group in groups:
        class_ = group[0].item.class_
        turns[class_] = turns.get(class_, -1) + 1
        numbered.append((turns[class_], class_, group))
    in_turn = (group for _, _, group in sorted(numbered, key=lambda entry: entry[:2]))
    return list(islice((group for group in in_turn if _tile(group[0].source)), ORIGINALS))


def _block(sheet: Image.Image, top: int, tile_size: tuple[int, int], heads: list[list[str]], rows: list[list[Path]]) -> None:
    draw, (width, height) = ImageDraw.Draw(sheet), tile_size
    lines = max(map(len, heads))
    for column, head in enumerate(heads):
        left = GAP + column * (width + GAP)
        for number, text in enumerate(head):
            draw.text((left, top + (lines - len(head) + number) * LINE), text, FAINT if column == 0 else INK, FONT)
        for number, row in enumerate(rows):
            tile = _tile(row[column])
            if tile:
                down = top + lines * LINE + GAP // 2 + number * (height + GAP)
                sheet.paste(tile, (left + (width - tile.width) // 2, down + (height - tile.height) // 2))


def _tile(path: Path) -> Image.Image | None:
    """At most SIDE high and twice as wide: a small picture enlarged by a whole factor, a large one made smaller."""
    try:
        picture = image.open_image(path).convert("RGB")
    except (image.ImageError, OSError):
        return None
    scale = min(SIDE / picture.height, 2 * SIDE / picture.width)
    if scale >= 2:
        return picture.resize((picture.width * int(scale), picture.height * int(scale)), Image.Resampling.NEAREST)
    if scale >= 1:
        return picture
    return picture.resize((max(1, round(picture.width * scale)), max(1, round(picture.height * scale))), Image.Resampling.LANCZOS)


def _wrapped(text: str, width: int) -> list[str]:
    """The entry as lines that fit above its tiles; at most five, the last cut short."""
    lines = [""]
    for piece in _pieces(text):
        if lines[-1] and FONT.getlength(lines[-1] + piece) > width:
            lines.append("")
        lines[-1] += piece
    shown = lines[:5]
    if len(lines) > 5:
        shown[-1] = shown[-1][:-1] + "…"
    return [line.strip() for line in shown]


def _pieces(text: str) -> list[str]:
    """Where a line may end: after a comma, colon, underscore or space, and before a capital."""
    plain = text.replace(":{}", "").replace('":{', " ").translate({ord(sign): None for sign in '{}[]"'})
    pieces = [""]
    for before, sign in zip(" " + plain, plain, strict=False):
        if before in ",:_ " or (sign.isupper() and before.islower()):
            pieces.append("")
        pieces[-1] += sign + (" " if sign in ",:" else "")
    return pieces
