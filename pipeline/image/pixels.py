"""Whatever a decoder gives becomes eight bits a channel, in bands of rows, so that little is needed beside the picture."""

from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image

__all__ = ["FROM_BELOW", "FROM_THE_RIGHT", "eight_bit", "upright"]

BAND = 2**22  # pixels brought to eight bits at a time
READY = ("L", "LA", "RGB", "RGBA", "CMYK", "LAB")
PREMULTIPLIED = {"La": "LA", "RGBa": "RGBA", "PA": "RGBA"}
TURNS = {  # EXIF 2.32, tag 0x0112
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_90,
}
FROM_THE_RIGHT, FROM_BELOW = (2, 3, 6, 7), (3, 4, 7, 8)  # where the picture's left edge, its upper edge was the end of a row or column


def eight_bit(picture: Image.Image, bits: int = 16) -> Image.Image:
    """Mode L, LA, RGB, RGBA, CMYK or LAB, from a loaded picture of any mode. What is there already is returned itself.

    `bits`: how many of the 16 of a grey level the file uses.
    """
    if picture.mode.startswith("I") or picture.mode == "F":
        return _from_numbers(picture, bits)
    if "transparency" in picture.info:  # one colour, or palette entries, stand for "see through"
        return _keyed(picture)
    if picture.mode in READY:
        return picture
    if picture.mode == "1":
        return picture.convert("L")
    return picture.convert(PREMULTIPLIED.get(picture.mode, "RGB"))


def upright(picture: Image.Image, orientation: int) -> Image.Image:
    """Turned as EXIF's `orientation`, 1 to 8, says; a picture of its own that carries no metadata."""
    own = picture.transpose(TURNS[orientation]) if orientation in TURNS else picture
    if own is picture and type(picture) is not Image.Image:
        own = _apart(picture)
    own.info = {}
    return own


def _apart(picture: Image.Image) -> Image.Image:
    """The same pixels without the file they came from."""
    try:
        return Image.fromarrow(picture, picture.mode, picture.size)  # in the same memory
    except ValueError:
        return picture.copy()  # a large picture lies in several pieces of it


def _keyed(picture: Image.Image) -> Image.Image:
    key = picture.info["transparency"]
    if isinstance(key, tuple) and max(key) > 255:  # of a PNG with 16 bits, of which the high ones were read
        picture.info["transparency"] = tuple(level >> 8 for level in key)
    return picture.convert("LA" if picture.mode in ("1", "L") else "RGBA")


def _from_numbers(picture: Image.Image, bits: int) -> Image.Image:
    """Grey of 16 or 32 bits or in floating point: see `_scale`. One level that stands for "see through" becomes alpha."""
    key = picture.info.get("transparency")
    grey = Image.new("L", picture.size)
    alpha = Image.new("L", picture.size, 255) if isinstance(key, int) else None
    scaled = _scale(picture, bits)
    for top, levels in _bands(picture):
        grey.paste(Image.fromarray(scaled(levels)), (0, top))
        if alpha:
            alpha.paste(Image.fromarray(np.where(levels == key, 0, 255).astype(np.uint8)), (0, top))
    return Image.merge("LA", (grey, alpha)) if alpha else grey


def _scale(picture: Image.Image, bits: int) -> Callable[[np.ndarray], np.ndarray]:
    """From numbers to 0..255: the high eight of up to 16 bits; numbers up to 1 times 255; up to 255 as they are; else by the largest."""
    if picture.mode.startswith("I;16"):
        shift = bits - 8 if 8 < bits < 16 else 8
        return lambda levels: np.minimum(levels >> shift, 255).astype(np.uint8)
    finite = (levels[np.isfinite(levels)] for _, levels in _bands(picture))
    most = float(max((part.max() for part in finite if part.size), default=0))
    if picture.mode == "F":
        factor = 255.0 if most <= 1 else 1.0 if most <= 255 else 255 / most
    else:
        factor = 1.0 if most <= 255 else 1 / 256 if most <= 65535 else 255 / most
    return lambda levels: np.clip(np.nan_to_num(levels.astype(np.float64), posinf=most) * factor, 0, 255).astype(np.uint8)


def _bands(picture: Image.Image) -> Iterator[tuple[int, np.ndarray]]:
    """The rows from the top, some at a time, as (top, numbers (H, W))."""
    width, height = picture.size
    rows = max(1, BAND // width)
    for top in range(0, height, rows):
        yield top, np.asarray(picture.crop((0, top, width, min(top + rows, height))))
