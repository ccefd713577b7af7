"""A JPEG at full size or at a half, a quarter or an eighth, straight from its coefficients."""

from PIL import Image, ImageFile

__all__ = ["SHRINKS", "jpeg_at"]

SHRINKS = (8, 4, 2, 1)


def jpeg_at(data: bytes, picture: ImageFile.ImageFile, shrink: int) -> Image.Image:
    """The pixels of the JPEG `data`, which is opened as `picture`, `shrink` (1, 2, 4 or 8) times smaller, rounded up.

    As they lie in the file: not turned, in the file's own mode (L, RGB or CMYK) and colours. Raises what the decoder raises.
    """
    if shrink > 1:
        width, height = picture.size
        picture.draft(None, (width // shrink, height // shrink))  # Pillow takes the strongest of the four that is no smaller
    picture.decodermaxblock = len(data)  # all at once: fed in pieces, what is left of each is copied before the next
    picture.load()
    return picture
