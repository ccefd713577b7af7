"""A folder as deduplication leaves it, made up for the review page; `python -m tests.review_project FOLDER` serves it.

Every tenth kept image has two copies, every seventh is flagged as blurry.
"""

import hashlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PIL import ImageOps

from pipeline.curate.review.server import Project, serve
from pipeline.image import decode, read_header
from pipeline.item import Item, write_index, write_table
from tests.conftest import ROOT, encoded, picture

GROUPS = ("group", "id", "class", "path", "kept", "kind", "distance", "correlation", "margin", "copy_of", "pdq")
SCORES = ("small", "blurry", "dark", "bright", "flat", "aspect", "text", "bars", "watermark", "screenshot", "grey", "animated",
          "truncated", "colorspace")
QUALITY = ("id", "class", "flags", *SCORES)
KINDS = ("", "near", "flip")
TITLES = {"barns": "Barns", "cabins": "Cabins & huts"}

File = tuple[str, int, int, int, str]
"""path, width, height, bytes, format: as the columns of an Item."""


@dataclass(frozen=True)
class Member:
    """One collected image: what it is, which group it is in, and how it came there."""

    item: Item
    group: str
    kind: str
    number: int


def build(folder: Path, rows: int, files: Sequence[bytes] = (), titles: dict[str, str] | None = None, **more: str) -> Path:
    """Write raw/ and deduped/ with `rows` kept images, evenly over the classes, that repeat `files` (or 40 drawn ones).

    The ids are made up from numbers, so that few files stand for many images. `more` goes into every Item.
    """
    classes = list(titles or TITLES)
    bodies = list(files) or [encoded(picture(seed, (120, 90 if seed % 3 else 150)), "JPEG") for seed in range(40)]
    names = [{kind: _stored(folder / "raw", f"{n:04}{kind}", _copy(body, kind)) for kind in KINDS} for n, body in enumerate(bodies)]
    members = list(_members(rows, classes, names, more))
    for name in classes:
        write_index(folder / "raw" / name / "index.csv", (member.item for member in members if member.item.class_ == name))
    kept = (member for member in members if not member.kind)
    write_index(folder / "deduped/index.csv", (m.item.with_more(flags=_flags(m)) for m in kept))
    write_table(folder / "deduped/groups.csv", GROUPS, map(_group_row, members))
    write_table(folder / "deduped/quality.csv", QUALITY, map(_quality_row, members))
    copies = ((m.item.id, m.item.class_, f"duplicate-{m.kind}", f"a copy of {m.group}") for m in members if m.kind)
    write_table(folder / "deduped/rejected.csv", ("id", "class", "rule", "detail"), copies)
    (folder / "review").mkdir(exist_ok=True)
    return folder


def project(folder: Path, reviewer: str = "ann", recheck: float = 0.2, titles: dict[str, str] | None = None) -> Project:
    """What the server wants to know about a folder that `build` made."""
    cache = folder / ".cache/review"
    return Project(folder / "raw", folder / "deduped", folder / "review", cache, cache / "lock", titles or TITLES, reviewer, recheck)


@dataclass
class Server:
    """The review server of a folder, in a process of its own that can be killed and started again on the same port."""

    folder: Path
    port: int = 0
    process: subprocess.Popen[str] | None = field(default=None, repr=False)

    def start(self) -> str:
        """Returns the page's address, with its token, when the server answers there."""
        command = [sys.executable, "-m", "tests.review_project", str(self.folder), str(self.port)]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        found = re.search(r"http://127\.0\.0\.1:(\d+)/\?token=\S+", self.process.stdout.readline())
        assert found is not None
        self.port = int(found[1])
        return found[0]

    def kill(self) -> None:
        """As a power cut would: the process has no chance to write anything more."""
        assert self.process is not None and self.process.stdout is not None
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()


def _members(rows: int, classes: list[str], names: list[dict[str, File]], more: dict[str, str]) -> Iterator[Member]:
    for number in range(rows):
        kept = _id("kept", number)
        class_ = classes[number * len(classes) // rows]
        for kind in KINDS if number % 10 == 3 else KINDS[:1]:
            id_ = _id(kind, number) if kind else kept
            about = {"title": f"photo {number}", "creator": "Somebody", "license": "cc-by", "source": "photosite",
                     "license_url": "https://creativecommons.org/licenses/by/4.0/", "page_url": f"https://example.org/{number}",
                     "image_url": f"https://example.org/{number}.jpg", "term": class_, **more}
            item = Item(id_, class_, *names[number % len(names)][kind], group=kept, **about)
            yield Member(item, kept, kind, number)


def _id(kind: str, number: int) -> str:
    return "i" + hashlib.sha256(f"{kind}{number}".encode()).hexdigest()[:16]


def _copy(body: bytes, kind: str) -> bytes:
    """The bytes as they are, or what a site makes of them: smaller, or mirrored."""
    if not kind:
        return body
    shrunk = decode(body).convert("RGB").reduce(2)
    return encoded(ImageOps.mirror(shrunk) if kind == "flip" else shrunk, "JPEG", quality=40)


def _stored(raw: Path, name: str, body: bytes) -> File:
    header = read_header(body)
    path = raw / "shared" / f"{name}.{header.extension}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    return path.relative_to(raw).as_posix(), header.width, header.height, len(body), header.format


def _flags(member: Member) -> str:
    return "blurry" if member.number % 7 == 0 else ""


def _group_row(member: Member) -> tuple[object, ...]:
    item, copy = member.item, bool(member.kind)
    pdq = hashlib.sha256(str(member.number // 3).encode()).hexdigest()
    near = (12, "0.981", "0.62", member.group) if copy else ("", "", "", "")
    return (member.group, item.id, item.class_, item.path, "no" if copy else "yes", member.kind, *near, pdq)


def _quality_row(member: Member) -> tuple[object, ...]:
    scores = dict.fromkeys(SCORES, 0.05)
    scores["blurry"] = 0.9 - member.number % 5 / 20 if _flags(member) else member.number % 40 / 100
    return (member.item.id, member.item.class_, _flags(member), *(f"{scores[name]:.3f}" for name in SCORES))


if __name__ == "__main__":
    port = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    serve(project(Path(sys.argv[1])), port=port, announce=lambda text: print(text, flush=True), opened=False)
