"""What shows through where a picture is transparent: pixels over a stated background."""

import hashlib

import numpy as np

__all__ = ["Background", "backdrop", "border_color", "composed"]

Background = str | tuple[int, int, int]
"""white, black, checker, border, random, or 8-bit RGB."""

COLORS = {"white": (255, 255, 255), "black": (0, 0, 0)}
SQUARE = 8  # pixels of a side of the checkerboard's squares
LIGHT_GREY = 204
OPAQUE = 128  # alpha from which on a pixel is seen rather than seen through
VISIBLE = 32  # 8-bit levels from which on a colour is another one


def composed(pixels: np.ndarray, backdrop: np.ndarray) -> np.ndarray:
    """uint8 (H, W, 4) RGBA over a backdrop that broadcasts to (H, W, 3), rounded once; what is opaque is unchanged.

    Porter and Duff 1984, "over", on an opaque backdrop.
    """
    colors, alpha = pixels[:, :, :3].astype(np.int32), pixels[:, :, 3:].astype(np.int32)
    return ((2 * (colors * alpha + backdrop.astype(np.int32) * (255 - alpha)) + 255) // 510).astype(np.uint8)


def backdrop(pixels: np.ndarray, background: Background, seed: int, id_: str) -> np.ndarray:
    """uint8 (H, W, 3) or one colour, (3,), for RGBA `pixels`; only random looks at the seed and at the image's id."""
    if background == "checker":
        height, width = pixels.shape[:2]
        odd = (np.arange(height)[:, None] // SQUARE + np.arange(width) // SQUARE) % 2
        return np.where(odd, LIGHT_GREY, 255).astype(np.uint8)[:, :, None]
    if background == "border":
        return np.array(border_color(pixels), np.uint8)
    if background == "random":
        return np.frombuffer(hashlib.sha256(f"{seed} {id_}".encode()).digest()[:3], np.uint8)
    return np.array(COLORS[background] if isinstance(background, str) else background, np.uint8)


def border_color(pixels: np.ndarray) -> tuple[int, int, int]:
    """The colour around what an RGBA picture shows: the median, weighted by alpha, of its outermost opaque pixels.

    These are the first and the last of each row and of each column. Where nothing is opaque, all that can be seen counts;
    where nothing can be seen, it is white. A cut-out has no border: most of it is of that colour itself and would vanish. It gets
    white or black, whichever stands out.
    """
    opaque = pixels[:, :, 3] >= OPAQUE
    outermost = _ends(opaque) | _ends(opaque.T).T
    chosen = pixels[outermost] if opaque.any() else pixels[pixels[:, :, 3] > 0]
    if not len(chosen):
        return COLORS["white"]
    red, green, blue = (_median(chosen[:, channel], chosen[:, 3]) for channel in range(3))
    seen = pixels[pixels[:, :, 3] > 0].astype(int)
    others = np.abs(seen[:, :3] - (red, green, blue)).max(axis=1) > VISIBLE
    if 2 * np.count_nonzero(others) >= len(seen):
        return red, green, blue
    return COLORS["black"] if 299 * red + 587 * green + 114 * blue > 127_500 else COLORS["white"]  # luma of ITU-R 601


def _ends(inside: np.ndarray) -> np.ndarray:
    """Of a bool array (H, W), the first and the last True of each row."""
    first = inside & (np.cumsum(inside, axis=1) == 1)
    last = inside & (np.cumsum(inside[:, ::-1], axis=1)[:, ::-1] == 1)
    return first | last


def _median(levels: np.ndarray, weights: np.ndarray) -> int:
    """The lowest level that has half of all weight at or below it."""
    share = np.cumsum(np.bincount(levels, weights=weights, minlength=256))
    return int(np.searchsorted(2 * share, share[-1]))
