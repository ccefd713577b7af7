"""Many pictures on one: contact sheets with captions, and plain grids of samples."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

__all__ = ["contact_sheet", "grid"]

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


def _fitted(picture: Image.Image, side: int) -> Image.Image:
    scale = min(side / picture.width, side / picture.height)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    fitted = picture.convert("RGBA").resize(size, Image.Resampling.LANCZOS)
    rows, columns = np.indices((size[1], size[0])) // 8
    board = np.array(CHECKER, np.uint8)[(rows + columns) % 2]
    base = Image.fromarray(board).convert("RGBA")
    return Image.alpha_composite(base, fitted).convert("RGB")
