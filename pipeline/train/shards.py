"""Where the samples of a packaged dataset lie in its tar shards, and the pixels of one of their pictures.

One pass over the archives' headers tells all but the pixels, so whatever is wrong with a dataset is said before training begins. The
pictures are PNGs that the stage package has let through, 8-bit grey or RGB; several threads decode at once, for which
`pipeline.image`, made for the formats of strangers, is no place.
"""

import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from pipeline.errors import UserError
from pipeline.image import MAX_PIXELS, ImageError

__all__ = ["Index", "Pictures", "pixels", "read_index"]

AGAIN = "run `dvc repro package`, or `dvc pull package` where it was made elsewhere"
ROLES = ("png", "input.png", "target.png")
PNG, HEAD = b"\x89PNG\r\n\x1a\n", 33  # the signature, and how long that and the first chunk, IHDR, are
COLORS = {0: 1, 2: 3}  # PNG specification, 11.2.1: colour type to channels; what package lets through


@dataclass(frozen=True)
class Pictures:
    """The PNGs of one role, all of `shape` (C, H, W): `where` is int64 (N, 3), the number of the file, the first byte and the length."""

    files: list[Path]
    keys: list[str]
    where: np.ndarray
    shape: tuple[int, int, int]

    def bytes_of(self, place: int) -> bytes:
        """The PNG of sample number `place`."""
        number, start, length = self.where[place].tolist()
        with self.files[number].open("rb", buffering=0) as file:
            file.seek(start)
            return file.read(length)

    def told(self, place: int) -> str:
        """How to name a picture to a person."""
        return f"{self.files[self.where[place, 0]]}: {self.keys[place]}"


@dataclass(frozen=True)
class Index:
    """The samples of one split in the order of the shards: the key and the class of each, and where its pictures lie."""

    keys: list[str]
    names: list[str]
    images: Pictures
    given: Pictures | None


def read_index(folder: Path, split: str) -> Index:
    """Read the headers of `split`, such as train or holdout. Raises UserError where there is none or it cannot be learned from."""
    files = sorted(folder.glob(f"{split}-*.tar"))
    names: dict[str, str] = {}
    found: dict[str, dict[str, _Place]] = {role: {} for role in ROLES}
    for number, file in enumerate(files):
        for key, end, place, content in _members(file, number):
            into = names if end == "cls.txt" else found[end]
            if key in into:
                raise UserError(f"{file}: {key}.{end} is there twice; {AGAIN}")
            if end == "cls.txt":
                names[key] = content.decode("utf-8", "replace").strip()
            else:
                found[end][key] = place._replace(shape=_shape(content, f"{file}: {key}.{end}"))
    paired = bool(found["input.png"] or found["target.png"])
    wanted = ROLES[1:] if paired else ROLES[:1]
    keys = list(dict.fromkeys(key for role in ROLES for key in found[role]))
    if not keys:
        raise UserError(f"{folder} has no images in its split {split!r}; see data/curated/rejected.csv for why")
    for key in keys:
        for role in wanted:
            if key not in found[role]:
                raise UserError(f"{folder}: {key} has no {role}, which the others have; {AGAIN}")
        if not names.get(key):
            raise UserError(f"{folder}: {key} has no class, for its cls.txt is missing or empty; {AGAIN}")
    pictures = [_pictures(files, keys, found[role]) for role in wanted]
    return Index(keys, [names[key] for key in keys], pictures[-1], pictures[0] if paired else None)


def pixels(data: bytes) -> np.ndarray:
    """The pixels of a PNG as uint8 (C, H, W). May run in several threads at once. Raises ImageError where it is damaged."""
    _check_chunks(data)
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if decoded is None:
        raise ImageError("the PNG data is damaged")
    return decoded[None] if decoded.ndim == 2 else decoded[:, :, ::-1].transpose(2, 0, 1)  # from blue, green, red


class _Place(NamedTuple):
    """Where a file lies, and what its header says."""

    number: int
    start: int
    length: int
    shape: tuple[int, int, int] = (0, 0, 0)


def _members(path: Path, number: int) -> Iterator[tuple[str, str, _Place, bytes]]:
    """(key, end of the name, place, first bytes) of what is a picture or a class."""
    try:
        with path.open("rb") as file, tarfile.open(fileobj=file, mode="r:") as archive:
            for member in archive:
                key, _, end = member.name.partition(".")
                if member.isfile() and (end == "cls.txt" or end in ROLES):
                    file.seek(member.offset_data)
                    head = file.read(member.size if end == "cls.txt" else min(member.size, HEAD))
                    yield key, end, _Place(number, member.offset_data, member.size), head
    except (tarfile.TarError, OSError) as error:
        raise UserError(f"{path} is not a whole tar archive ({error}); {AGAIN}") from None


def _shape(head: bytes, told: str) -> tuple[int, int, int]:
    """(C, H, W) that a PNG's first bytes say."""
    if len(head) < HEAD or not head.startswith(PNG) or head[12:16] != b"IHDR" or head[24] != 8 or head[25] not in COLORS:
        raise UserError(f"{told} is not a PNG of 8-bit grey or RGB, the only kind that is learned from; {AGAIN}")
    width, height = int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")
    if not 0 < width * height <= MAX_PIXELS:
        raise UserError(f"{told} says that it has {width}x{height} pixels, which no packaged picture has; {AGAIN}")
    return COLORS[head[25]], height, width


def _pictures(files: list[Path], keys: list[str], places: dict[str, _Place]) -> Pictures:
    first = places[keys[0]].shape
    for key in keys:
        shape, file = places[key].shape, files[places[key].number]
        if shape[1:] != first[1:]:
            sizes = [f"{width}x{height}" for _, height, width in (shape, first)]
            raise UserError(f"{file}: {key} is {sizes[0]} pixels and {keys[0]} is {sizes[1]}, and a generator learns one size; "
                            "set resize.fit in params.yaml to fill or pad and run `dvc repro`")
        if shape != first:
            modes = ["grey" if colors == 1 else "in colour" for colors, _, _ in (shape, first)]
            raise UserError(f"{file}: {key} is {modes[0]} and {keys[0]} is {modes[1]}, and a generator learns one of them; "
                            "set rgb.mode in params.yaml to RGB or L and run `dvc repro`")
    where = np.array([places[key][:3] for key in keys], np.int64)
    return Pictures(files, keys, where, first)


def _check_chunks(data: bytes) -> None:
    """Every chunk with its checksum (PNG specification, 5.3), for the decoder gives what it has of a damaged file."""
    place, kind = len(PNG), b""
    while kind != b"IEND":
        length, kind = int.from_bytes(data[place : place + 4], "big"), data[place + 4 : place + 8]
        end = place + 8 + length
        if len(data) < end + 4 or zlib.crc32(memoryview(data)[place + 4 : end]) != int.from_bytes(data[end : end + 4], "big"):
            raise ImageError("the PNG data is damaged" if len(data) >= end + 4 else "the file is cut off before its end")
        place = end + 4
