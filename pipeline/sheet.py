"""Many pictures on one: contact sheets with captions, plain grids of samples, and tables with names and headings."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

__all__ = ["captioned", "contact_sheet", "grid", "table"]

PAPER, INK, CHECKER = (250, 250, 250), (40, 40, 40), ((255, 255, 255), (226, 226, 226))


def contact_sheet(tiles: Sequence[tuple[Image.Image, str]], columns: int = 10, side: int = 112) -> Image.Image:
    """Each picture fitted into a square of `side` pixels, transparency on a checkerboard, its caption below.

    A caption has as many lines as it has line breaks; each is cut to the width of its tile.
    """
    lines = max((caption.count("\n") + 1 for _, caption in tiles), default=1)
    gap, height = 8, side + 4 + 13 * lines
    rows = -(-len(tiles) // columns)
    sheet = Image.new("RGB", (columns * (side + gap) + gap, max(rows, 1) * (height + gap) + gap), PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(10)
    for number, (picture, caption) in enumerate(tiles):
        left = gap + (number % columns) * (side + gap)
        top = gap + (number // columns) * (height + gap)
        fitted = _fitted(picture, side)
        sheet.paste(fitted, (left + (side - fitted.width) // 2, top + (side - fitted.height) // 2))
        for line, text in enumerate(caption.split("\n")):
            while text and draw.textlength(text, font) > side:
                text = text[:-1]
            draw.text((left, top + side + 3 + 13 * line), text, INK, font)
    return sheet


def grid(images: np.ndarray, columns: int, scale: int = 1, gap: int = 2) -> Image.Image:
    """uint8 images (N, H, W, 3) or (N, H, W, 1) row by row, enlarged by a whole factor without smoothing."""
    count, height, width, _ = images.shape
    rows = -(-count // columns)
    step = (height * scale + gap, width * scale + gap)
    page = Image.new("RGB", (columns * step[1] + gap, rows * step[0] + gap), PAPER)
    for number, pixels in enumerate(images):
        tile = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
        tile = tile.resize((width * scale, height * scale), Image.Resampling.NEAREST)
        page.paste(tile, (gap + (number % columns) * step[1], gap + (number // columns) * step[0]))
    return page


def table(
    rows: Sequence[Sequence[Image.Image]], names: Sequence[str] = (), headings: Sequence[str] = (), blocks: int = 1, gap: int = 4,
    margin: int = 12, type_size: int = 14,
) -> Image.Image:
    """Pictures of one size in rows, with a name at the left of each row and a heading over each column, where there are any.

    A long table is broken into `blocks` side by side, each with the headings. A heading is cut to the width of its column.
    """
    font = ImageFont.load_default(type_size)
    width, height = rows[0][0].size
    side = max((round(font.getlength(name)) for name in names), default=0)
    left, top = side + 2 * gap if names else 0, type_size + 2 * gap if headings else 0
    across, down = max(map(len, rows)), -(-len(rows) // blocks)
    block = left + across * (width + gap) - gap
    between = margin * 2
    page = Image.new("RGB", (2 * margin + blocks * block + (blocks - 1) * between, 2 * margin + top + down * (height + gap) - gap), PAPER)
    draw = ImageDraw.Draw(page)
    for number, row in enumerate(rows):
        x, y = margin + number // down * (block + between), margin + top + number % down * (height + gap)
        if names:
            draw.text((x + side, y + height / 2), names[number], INK, font, anchor="rm")
        for column, picture in enumerate(row):
            page.paste(picture, (x + left + column * (width + gap), y))
        for column, heading in enumerate(headings if number % down == 0 else ()):
            middle = x + left + column * (width + gap) + width / 2
            draw.text((middle, margin + type_size / 2), _cut(heading, font, width), INK, font, anchor="mm")
    return page


def captioned(picture: Image.Image, caption: str, type_size: int = 14, margin: int = 12) -> Image.Image:
    """The picture with a line of small type below its left edge."""
    page = Image.new("RGB", (picture.width, picture.height + type_size + margin // 2), PAPER)
    page.paste(picture)
    draw = ImageDraw.Draw(page)
    draw.text((margin, picture.height + type_size / 2), caption, INK, ImageFont.load_default(type_size), anchor="lm")
    return page


def _cut(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    while text and font.getlength(text) > width:
        text = text[:-1]
    return text


def _fitted(picture: Image.Image, side: int) -> Image.Image:
    scale = min(side / picture.width, side / picture.height)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    fitted = picture.convert("RGBA").resize(size, Image.Resampling.LANCZOS)
    rows, columns = np.indices((size[1], size[0])) // 8
    board = np.array(CHECKER, np.uint8)[(rows + columns) % 2]
    base = Image.fromarray(board).convert("RGBA")
    return Image.alpha_composite(base, fitted).convert("RGB")
