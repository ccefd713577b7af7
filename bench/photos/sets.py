"""JPEG files of one size, made of photographs out of packages; licences: see bench/copies/originals.py.

640x480: photographs of 1500x1000 and 1600x1067 made smaller. 3000x2000: those of lomiri-wallpapers that are as large, and
photographs of 1500x1000 in fours, two by two; enlarged ones would hold less detail than a camera's, and so decode faster.
All are written baseline and 4:2:0 by Pillow, at a quality of one's choice. Of 535 photographs of houses that were scraped from the
web, 94 % are baseline and 93 % 4:2:0; their quality is 80 in the median, 75 and 94 at the tenth and ninetieth percentile.
"""

import csv
import io
import sys
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, ImageOps

from bench.copies.archives import ArchiveError, members
from bench.copies.originals import ARCHIVES, CHOSEN

__all__ = ["LARGE", "SMALL", "photographs"]

SMALL, LARGE = (640, 480), (3000, 2000)
QUARTER = (1500, 1000)
MIXED = (0, 13, 29, 37)  # the four of a picture: this many further on in the list each


def photographs(cache: Path, size: tuple[int, int], quality: int) -> tuple[Path, list[bytes]]:
    """(folder, contents) of fifty to a hundred JPEG files of SMALL or LARGE; kept in `cache`, where the archives are fetched to once."""
    folder = cache / "{}x{}-{}".format(*size, quality)
    if not (folder / "complete").exists():
        folder.mkdir(parents=True, exist_ok=True)
        for number, picture in enumerate(_small(cache) if size == SMALL else _large(cache)):
            picture.save(folder / f"{number:03}.jpg", quality=quality)
        (folder / "complete").touch()
    return folder, [path.read_bytes() for path in sorted(folder.glob("*.jpg"))]


def _small(cache: Path) -> Iterator[Image.Image]:
    for picture in (*_of(cache, "tabler-ui"), *_of(cache, "@vendure/create")):
        if min(picture.size) >= 1000:
            yield ImageOps.fit(picture, SMALL, Image.Resampling.LANCZOS)


def _large(cache: Path) -> Iterator[Image.Image]:
    for picture in _of(cache, "lomiri-wallpapers-16.04"):
        if picture.width >= LARGE[0] and picture.height >= LARGE[1]:
            yield ImageOps.fit(picture, LARGE, Image.Resampling.LANCZOS)
    quarters = [picture for picture in _of(cache, "tabler-ui") if picture.size == QUARTER]
    for number in range(len(quarters)):
        whole = Image.new("RGB", LARGE)
        for place, further in enumerate(MIXED):
            whole.paste(quarters[(number + further) % len(quarters)], (place % 2 * QUARTER[0], place // 2 * QUARTER[1]))
        yield whole


def _of(cache: Path, name: str) -> Iterator[Image.Image]:
    archive = next(archive for archive in ARCHIVES if archive.name == name)
    with CHOSEN.open(newline="", encoding="utf-8") as file:
        chosen = {row["member"] for row in csv.DictReader(file) if row["archive"] == name}
    try:
        for _, data in members(archive, cache / "archives", chosen):
            yield Image.open(io.BytesIO(data)).convert("RGB")
    except ArchiveError as error:
        print(f"not to be had here, so the set is smaller: {error}", file=sys.stderr)
