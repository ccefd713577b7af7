"""The header of a HEIC file, read here: what reads the pixels can crash on a damaged one, and a header is read outside of bounds.

ISO/IEC 14496-12 (boxes) and 23008-12 (HEIF): items have types, references to each other, and properties by number.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.image.formats import ImageError

__all__ = ["boxes_end", "still_picture"]

PICTURES = {b"hvc1", b"hev1", b"grid", b"iovl", b"iden"}
HELPERS = {b"thmb", b"auxl"}  # who refers so is a thumbnail, or the alpha or depth of another


@dataclass
class _Bytes:
    """A place in bytes that moves on as numbers are read."""

    data: bytes
    place: int = 0

    def number(self, size: int) -> int:
        self.place += size
        return int.from_bytes(self.data[self.place - size : self.place], "big")

    def left(self) -> bool:
        return self.place < len(self.data)


def still_picture(data: bytes) -> tuple[int, int, int]:
    """Width and height upright of a HEIC's primary picture, and how many pictures it holds. Raises ImageError."""
    meta = _children(dict(_boxes(data)).get(b"meta", b"")[4:])
    primary = _full(meta.get(b"pitm", b""), short=2)
    width = height = 0
    for kind, body in _properties_of(primary, _children(meta.get(b"iprp", b""))):  # in the order in which they are to be applied
        numbers = [int.from_bytes(body[place : place + 4], "big") for place in range(0, len(body) - 3, 4)]
        if kind == b"ispe" and len(numbers) >= 3:
            width, height = numbers[1:3]
        elif kind == b"clap" and len(numbers) >= 4 and numbers[1] and numbers[3]:  # the part that is shown, as two fractions
            width, height = min(width, round(numbers[0] / numbers[1])), min(height, round(numbers[2] / numbers[3]))
        elif kind == b"irot" and body and body[0] & 1:  # by one or three quarters
            width, height = height, width
    if width * height == 0:
        raise ImageError("the HEIC header is damaged: it does not tell the size of a still picture")
    return width, height, _pictures(meta)


def boxes_end(data: bytes) -> bool:
    """Whether the last box is there to its end; what is no box, behind those that are, does no harm."""
    place = 0
    while place + 8 <= len(data):
        length = _length(data, place)
        if length < 8:
            return length == 0 or place > 0
        place += length
    return place <= len(data)


def _length(data: bytes, place: int) -> int:
    """14496-12, 4.2: 1 means that 64 bits follow the name, 0 that the box goes on to the end."""
    length = int.from_bytes(data[place : place + 4], "big")
    return int.from_bytes(data[place + 8 : place + 16], "big") if length == 1 else length


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = 0
    while place + 8 <= len(data):
        length = _length(data, place) or len(data) - place
        if length < 8:
            return
        head = 16 if data[place : place + 4] == b"\0\0\0\1" else 8
        yield data[place + 4 : place + 8], data[place + head : place + length]
        place += length


def _children(data: bytes) -> dict[bytes, bytes]:
    """The first box of each name."""
    return dict(reversed(list(_boxes(data))))


def _full(body: bytes, short: int) -> int:
    """The first number of a box with a version: wider from version 1 on."""
    return int.from_bytes(body[4 : 4 + (short * 2 if body[:1] > b"\0" else short)], "big")


def _properties_of(item: int, properties: dict[bytes, bytes]) -> list[tuple[bytes, bytes]]:
    known = list(_boxes(properties.get(b"ipco", b"")))
    read = _Bytes(properties.get(b"ipma", b""))
    version, wide = read.number(1), read.number(3) & 1
    read.number(4)  # how many entries; the box ends with the last
    while read.left():
        of, count = read.number(4 if version else 2), read.number(1)
        numbers = [read.number(2) & 0x7FFF if wide else read.number(1) & 0x7F for _ in range(count)]
        if of == item:
            return [known[number - 1] for number in numbers if 0 < number <= len(known)]
    return []


def _pictures(meta: dict[bytes, bytes]) -> int:
    """Those that are neither hidden nor a part, the thumbnail or the alpha of another."""
    shown, body = set(), meta.get(b"iinf", b"")
    for kind, entry in _boxes(body[8 if body[:1] > b"\0" else 6 :]):
        read = _Bytes(entry)
        version, hidden = read.number(1), read.number(3) & 1
        item = read.number(4 if version > 2 else 2)
        if kind == b"infe" and not hidden and entry[read.place + 2 : read.place + 6] in PICTURES:
            shown.add(item)
    references = meta.get(b"iref", b"")
    width = 4 if references[:1] > b"\0" else 2
    for kind, entry in _boxes(references[4:]):
        read = _Bytes(entry)
        origin = read.number(width)
        targets = [read.number(width) for _ in range(min(read.number(2), len(entry)))]
        shown -= {origin} if kind in HELPERS else set(targets) if kind == b"dimg" else set()
    return max(1, len(shown))
