"""Any picture as a network takes it: at its size and in its colours, by the steps that make a dataset.

Without torch, so that worker processes start soon.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.errors import UserError
from pipeline.image import ImageError, flatten, read_header
from pipeline.prepare.resize import Resize

__all__ = ["Sized", "in_colors"]

WHITE = (255, 255, 255)


@dataclass(frozen=True)
class Sized:
    """A file to uint8 (H, W, colors) at `size` (height, width); 1: grey, 3: RGB.

    What hangs over is cut off, as much at either end, resized by Lanczos with antialiasing, and transparency becomes white: what
    `resize` and `rgb` make of a whole picture, unless params.yaml says otherwise. In the place of what cannot be read, the reason.
    """

    size: tuple[int, int]
    colors: int

    def __call__(self, path: Path) -> np.ndarray | str:
        try:
            return self.pixels(path.read_bytes())
        except ImageError as error:
            return str(error)
        except OSError as error:
            return error.strerror or "it cannot be read"

    def pixels(self, data: bytes) -> np.ndarray:
        """The same of a file's bytes. Raises ImageError."""
        header, (height, width) = read_header(data), self.size
        return in_colors(Resize((width, height), "lanczos", (0, 0, header.width, header.height)).pixels(data), self.colors)


def in_colors(picture: Image.Image, colors: int) -> np.ndarray:
    """uint8 (H, W, colors) of a picture over white; 1: grey, 3: RGB."""
    if colors not in (1, 3):
        raise UserError(f"this model takes pictures of {colors} channels, and files have 1 or 3; train it with rgb.mode RGB or L")
    flat = flatten(picture, WHITE) if picture.mode in ("LA", "RGBA") else picture
    return np.asarray(flat.convert("L" if colors == 1 else "RGB")).reshape(picture.height, picture.width, colors)
