"""Pictures with next to nothing in them, which tell whether a tool merges what merely lacks detail."""

from collections.abc import Iterator

import numpy as np
from PIL import Image

__all__ = ["flats"]

# the corners of the RGB cube, greys between, and colours well apart from each other
COLOURS = ((0, 0, 0), (255, 255, 255), (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 255, 255), (255, 0, 255),
           (64, 64, 64), (128, 128, 128), (192, 192, 192), (128, 0, 0), (0, 128, 0), (0, 0, 128), (255, 128, 0), (128, 0, 255),
           (255, 192, 203), (139, 90, 43), (0, 128, 128), (240, 230, 200))
SIZES = ((256, 256), (320, 240), (240, 320), (400, 300))


def flats() -> Iterator[tuple[str, Image.Image]]:
    """40 pictures by name: 20 of one colour, 10 straight gradients and 10 round ones, no two of the same look."""
    for number, colour in enumerate(COLOURS):
        yield f"flat-{number:02}", Image.new("RGB", SIZES[number % len(SIZES)], colour)
    for number in range(10):
        x, y = _plane(number)
        yield f"gradient-{number:02}", _coloured(number, x * np.cos(number * np.pi / 5) + y * np.sin(number * np.pi / 5))
    for number in range(10, 20):
        x, y = _plane(number)
        yield f"round-{number - 10:02}", _coloured(number, np.hypot(x - (number % 5 - 2) / 3, y - (number % 3 - 1) / 2))


def _plane(number: int) -> tuple[np.ndarray, np.ndarray]:
    """x and y of every pixel, -1..1."""
    width, height = SIZES[number % len(SIZES)]
    x, y = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
    return x, y


def _coloured(number: int, values: np.ndarray) -> Image.Image:
    """From one of the colours, at the lowest value, to another, at the highest."""
    share = ((values - values.min()) / (values.max() - values.min()))[..., None]
    start, end = (np.array(COLOURS[place % len(COLOURS)]) for place in (number, number * 3 + 9))  # 20 different pairs
    return Image.fromarray(np.rint(start + (end - start) * share).astype(np.uint8))
