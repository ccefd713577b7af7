"""What is remembered of every file that was ever looked at, so that a top-up costs only what is new.

One SQLite file, which may be deleted at any time: pictures by the id of their bytes, comparisons by the ids of two. Both also by
the code that made them, so a change of the code starts anew.
"""

import hashlib
import inspect
import sqlite3
import sys
from collections.abc import Iterable, Iterator, MutableMapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import orjson
import PIL

from pipeline import bounded, image
from pipeline.bounded import Lost
from pipeline.curate.copies import crops, hashes, views
from pipeline.curate.copies import match as matching
from pipeline.curate.copies.match import Match
from pipeline.curate.copies.views import LOOK, Fingerprint, View, fingerprint
from pipeline.curate.quality import file_marks, measure, pixel_marks
from pipeline.errors import UserError

__all__ = ["Comparisons", "Looked", "Memory", "forget_looks"]

SCHEMA = """
create table if not exists looked (id text, code text, data blob, primary key (id, code)) without rowid;
create table if not exists compared (one text, other text, turn integer, code text, match text,
                                     primary key (one, other, turn, code)) without rowid;
"""
CHUNK = 16384  # files looked at between two commits

Comparisons = MutableMapping[tuple[str, str, int], Match | None]
"""What comparing two files gave: by the ids of both and the orientation tried, -1 for strangers, -2 for every pixel."""


@dataclass(frozen=True)
class Looked:
    """A readable file: its fingerprint, and the score 0..1 of each quality flag (empty where they were not asked for)."""

    fingerprint: Fingerprint
    scores: dict[str, float]


@dataclass(frozen=True)
class Look:
    """The work of looking at one file; an unreadable one gives its reason instead."""

    quality: bool

    def __call__(self, path: Path) -> Looked | str:
        data = path.read_bytes()
        try:
            look = image.reduced(data, LOOK)
        except image.ImageError as error:
            return str(error)
        return Looked(fingerprint(look), measure.measure(data, look) if self.quality else {})


class Memory:
    """Looks at files and remembers. Use as a context; one process at a time gains from one file, others wait for it."""

    def __init__(self, path: Path | None, with_quality: bool = True) -> None:
        """`path`: of the SQLite file; None remembers nothing. Raises UserError where it cannot be used."""
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._path, self._quality = path, with_quality
        try:
            self._files = sqlite3.connect(path or ":memory:", timeout=60)
            self._files.execute("pragma journal_mode = wal")
            self._files.execute("pragma synchronous = off")  # what is lost is looked at again
            self._files.executescript(SCHEMA)
        except sqlite3.DatabaseError as error:
            raise self._unusable(error) from None
        self._pixels = _code(views, hashes, measure, file_marks, pixel_marks, image)
        self._pairs = _code(matching, crops, hashes, views, image)
        if with_quality:
            self._pixels += "+quality"

    def __enter__(self) -> "Memory":
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        with closing(self._files):
            if isinstance(error, sqlite3.DatabaseError):
                raise self._unusable(error) from error
            self._files.commit()

    def _unusable(self, error: sqlite3.DatabaseError) -> UserError:
        """Whoever gave another file by mistake must not lose it, so it is never started anew unasked."""
        return UserError(f"{self._path} cannot keep what was seen ({error}); delete it, for it is made again, or name another file")

    def look(self, files: Sequence[tuple[str, Path]], engine: str = "local", workers: int = 0) -> list[Looked | str]:
        """Look at files, given as (id, path); for one that cannot be read, or costs too much to read, its reason."""
        known = self._known({id_ for id_, _ in files})
        todo = {id_: path for id_, path in files if id_ not in known}
        ids = sorted(todo)
        for start in range(0, len(ids), CHUNK):
            some = ids[start : start + CHUNK]
            results = bounded.run(Look(self._quality), [todo[id_] for id_ in some], engine, workers)
            found = [each.reason if isinstance(each, Lost) else each for each in results]
            seen = zip(some, results, strict=True)  # what was lost is tried again next time: this machine may have been busy
            rows = ((id_, self._pixels, _packed(looked)) for id_, looked in seen if not isinstance(looked, Lost))
            self._files.executemany("insert or replace into looked values (?, ?, ?)", rows)
            self._files.commit()
            known.update(zip(some, found, strict=True))
        return [known[id_] for id_, _ in files]

    def comparisons(self, ids: Iterable[str], turned: str = "all") -> Comparisons:
        """The comparisons among these files that are remembered, made with `turned` (see `Seen`); what is added is remembered too."""
        return _Compared(self._files, f"{self._pairs} {turned}", set(ids))

    def _known(self, ids: set[str]) -> dict[str, Looked | str]:
        if len(ids) < 500:
            rows = (row for id_ in ids for row in self._files.execute(
                "select id, data from looked where code = ? and id = ?", (self._pixels, id_)))
        else:
            rows = (row for row in self._files.execute("select id, data from looked where code = ?", (self._pixels,)) if row[0] in ids)
        return {id_: _unpacked(data) for id_, data in rows}


def forget_looks(path: Path, ids: Iterable[str]) -> None:
    """Forget what was seen of files, for a takedown; `path` may be missing."""
    if not path.exists():
        return
    with closing(sqlite3.connect(path, timeout=60)) as files:
        files.executescript(SCHEMA)
        files.executemany("delete from looked where id = ?", ((id_,) for id_ in ids))
        files.commit()
        files.execute("vacuum")  # so that nothing of it is left in the file


class _Compared(MutableMapping[tuple[str, str, int], Match | None]):
    def __init__(self, files: sqlite3.Connection, code: str, ids: set[str]) -> None:
        self._files, self._code = files, code
        rows = files.execute("select one, other, turn, match from compared where code = ?", (code,))
        self._known = {(row[0], row[1], row[2]): _match(row[3]) for row in rows if row[0] in ids and row[1] in ids}

    def __getitem__(self, key: tuple[str, str, int]) -> Match | None:
        return self._known[key]

    def __setitem__(self, key: tuple[str, str, int], match: Match | None) -> None:
        self._known[key] = match
        text = orjson.dumps(asdict(match)).decode() if match else ""
        self._files.execute("insert or replace into compared values (?, ?, ?, ?, ?)", (*key[:3], self._code, text))

    def __delitem__(self, key: tuple[str, str, int]) -> None:
        del self._known[key]

    def __iter__(self) -> Iterator[tuple[str, str, int]]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


def _match(text: str) -> Match | None:
    return Match(**orjson.loads(text)) if text else None


def _packed(looked: Looked | str) -> bytes:
    """A JSON line of the numbers, then the arrays of each view one after the other; of an unreadable file the reason alone."""
    if isinstance(looked, str):
        return orjson.dumps(looked)
    print_ = looked.fingerprint
    plain = [[v.ground, v.core, v.share, v.quality, *v.thumb.shape[:2]] for v in print_.views]
    head = [print_.width, print_.height, print_.lossless, print_.digest, looked.scores, plain]
    body = b"".join(part.tobytes() for v in print_.views for part in (v.hashes, v.thumb, v.colours))
    return orjson.dumps(head) + b"\n" + body


def _unpacked(data: bytes) -> Looked | str:
    head, _, body = data.partition(b"\n")
    plain = orjson.loads(head)
    if isinstance(plain, str):
        return plain
    width, height, lossless, digest, scores, numbers = plain
    found, place = [], 0
    for ground, core, share, quality_, tall, wide in numbers:
        sizes = ((np.uint8, (8, 32)), (np.uint8, (tall, wide, 3)), (np.float16, (views.COLOURS,)))
        parts = []
        for kind, shape in sizes:
            part = np.frombuffer(body, kind, int(np.prod(shape)), place).reshape(shape)
            place += part.nbytes
            parts.append(part)
        found.append(View(ground, core, share, parts[0], quality_, parts[1], parts[2]))
    return Looked(Fingerprint(width, height, lossless, digest, tuple(found)), scores)


def _code(*modules: object) -> str:
    """A hash of the modules, of the parts of those that are packages, and of the libraries that touch pixels."""
    names = [module.__name__ for module in modules]  # type: ignore[attr-defined]
    parts = [sys.modules[name] for name in sorted(sys.modules) if name in names or name.rpartition(".")[0] in names]
    sources = [inspect.getsource(part) for part in parts]
    libraries = [PIL.__version__, cv2.__version__, np.__version__]
    return hashlib.sha256("\n".join([*sources, *libraries]).encode()).hexdigest()[:16]
