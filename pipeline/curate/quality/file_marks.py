"""What is wrong with a picture as a file: cut off, or in colours that are not what its numbers say."""

import struct
from functools import lru_cache

import numpy as np

from pipeline import image

__all__ = ["has_foreign_colours", "missing_share"]

MODES = frozenset(("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX"))  # 8 bits a channel, grey or RGB
SRGB = ((0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141))  # IEC 61966-2-1, adapted to D50
CLOSE = 0.015  # of an X, Y or Z; Adobe RGB and Display P3 are 0.07 and more away
GAMMA = (1.9, 2.6)  # sRGB's curve is near 2.2; Apple RGB had 1.8, linear light has 1
UNDECODED = 128  # the grey that libjpeg leaves where the data ended: all coefficients zero
GREY_NOISE = 2


def missing_share(data: bytes, pixels: np.ndarray) -> float:
    """1 where the file has no end; else the share of rows at the bottom that are the grey of a JPEG decoded halfway and saved again.

    `pixels` is uint8 (H, W) or (H, W, C). A picture that is all of this grey misses nothing.
    """
    try:
        image.check_complete(data)
    except image.ImageError:
        return 1.0
    if int(np.ptp(pixels[-1])) > 2 * GREY_NOISE:  # as nearly always: one row tells
        return 0.0
    rows = pixels.reshape(len(pixels), -1)[::-1].astype(np.int16)
    other = np.abs(rows - UNDECODED).max(1) > GREY_NOISE
    return float(np.argmax(other)) / len(rows)


def has_foreign_colours(mode: str, icc: bytes) -> bool:
    """Whether the file's mode is not 8-bit grey or RGB, or its profile is neither sRGB nor grey, or cannot be read."""
    return mode not in MODES or (icc != b"" and not _is_plain(icc))


@lru_cache(maxsize=256)
def _is_plain(icc: bytes) -> bool:
    """By ICC.1:2022, 7.2 (header: colour space at 16, `acsp` at 36) and 7.3 (tag table at 128)."""
    try:
        if icc[36:40] != b"acsp" or icc[16:20] not in (b"RGB ", b"GRAY"):
            return False
        if icc[16:20] == b"GRAY":
            return True
        count = struct.unpack_from(">I", icc, 128)[0]
        table = [struct.unpack_from(">4sII", icc, 132 + 12 * number) for number in range(min(count, 100))]
        tags = {name: icc[start : start + length] for name, start, length in table}
        if all(name in tags for name in (b"rXYZ", b"gXYZ", b"bXYZ")):
            colorants = [_xyz(tags[name]) for name in (b"rXYZ", b"gXYZ", b"bXYZ")]
            return bool(np.abs(np.subtract(colorants, SRGB)).max() <= CLOSE) and _is_usual_curve(tags.get(b"rTRC", b""))
        return b"sRGB" in tags.get(b"desc", b"").replace(b"\0", b"")  # a profile of tables; the name in ASCII or UTF-16
    except struct.error:
        return False


def _xyz(tag: bytes) -> list[float]:
    """XYZType, 10.31: three s15Fixed16 numbers after eight bytes."""
    return [number / 65536 for number in struct.unpack_from(">3i", tag, 8)]


def _is_usual_curve(tag: bytes) -> bool:
    """curveType, 10.6: no entry is linear light, one is a gamma as u8Fixed8; tables and formulas are taken as they are."""
    if tag[:4] != b"curv":
        return tag[:4] == b"para"
    count = struct.unpack_from(">I", tag, 8)[0]
    if count == 1:
        return GAMMA[0] <= struct.unpack_from(">H", tag, 12)[0] / 256 <= GAMMA[1]
    return bool(count > 1)
