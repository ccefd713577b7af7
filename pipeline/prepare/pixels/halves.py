"""A sheet of two pictures side by side, and its halves."""

from PIL import Image

__all__ = ["halves", "joined"]


def halves(sheet: Image.Image) -> tuple[Image.Image, Image.Image]:
    """Left and right half of a sheet, of the same width: the middle column of an odd width is in neither."""
    width, height = sheet.width // 2, sheet.height
    return sheet.crop((0, 0, width, height)), sheet.crop((sheet.width - width, 0, sheet.width, height))


def joined(left: Image.Image, right: Image.Image) -> Image.Image:
    """The inverse of `halves`, for two pictures of one size and mode."""
    sheet = Image.new(left.mode, (left.width + right.width, left.height))
    sheet.paste(left, (0, 0))
    sheet.paste(right, (left.width, 0))
    return sheet
