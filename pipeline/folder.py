"""mirror(): bring a folder of images in line with an index, doing only what changed.

Every output carries a key: the hash of what it was made from (the input's own key, or its id), of the
work and its parameters, and of the code that did it. What has the right key and whose bytes are still
the recorded ones is kept; the rest is made; what nobody wants is deleted. So the folder is byte for
byte what a run from scratch would have made.
"""

import hashlib
import inspect
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy
import PIL

from pipeline import engine as engines
from pipeline import image
from pipeline.errors import UserError
from pipeline.item import Item, Rejection, read_index, write_index, write_rejections

__all__ = ["Made", "Task", "Work", "mirror"]

Work = Callable[[Path, Item], bytes]
"""From the input's path and its item to the bytes of the output file. Raises image.ImageError."""


@dataclass(frozen=True)
class Task:
    """One output to have: the input file, its item, the work, and the item that describes the output."""

    source: Path
    item: Item
    work: Work
    result: Item


@dataclass(frozen=True)
class Made:
    """What mirror() did, in numbers of files."""

    made: int
    kept: int
    removed: int
    rejected: int

    def __str__(self) -> str:
        text = f"made {self.made}, kept {self.kept}, removed {self.removed}"
        return text + (f", rejected {self.rejected} (see rejected.csv)" if self.rejected else "")


def mirror(tasks: Sequence[Task], target: Path, engine: str = "local", workers: int = 0) -> Made:
    """Make `target` hold exactly the results of `tasks`, an index.csv of them and a rejected.csv.

    Adds the columns `key` (see above) and `digest` (of the output's bytes) to each item.
    """
    target.mkdir(parents=True, exist_ok=True)
    wanted = [_keyed(task) for task in tasks]
    paths = {task.result.path for task in wanted}
    if len(paths) != len(wanted):
        raise UserError(f"two outputs in {target} would have the same name; this is a bug worth reporting")
    before = _recorded(target)
    kept = [before[t.result.path] for t in wanted if _is_good(before.get(t.result.path), t, target)]
    done = {item.path for item in kept}
    todo = [task for task in wanted if task.result.path not in done]
    outcomes = engines.run(_Make(target), todo, engine, workers)
    made = [o for o in outcomes if isinstance(o, Item)]
    rejected = [o for o in outcomes if isinstance(o, Rejection)]
    described = {task.result.path: task.result for task in wanted}
    items = [described[i.path].with_more(digest=i.more["digest"]) for i in [*kept, *made]]
    removed = _remove_others(target, {item.path for item in items})
    write_index(target / "index.csv", items)
    write_rejections(target / "rejected.csv", rejected)
    return Made(len(made), len(kept), removed, len(rejected))


@dataclass(frozen=True)
class _Make:
    target: Path

    def __call__(self, task: Task) -> Item | Rejection:
        try:
            data = task.work(task.source, task.item)
        except image.ImageError as error:
            return Rejection(task.item.id, task.item.class_, "unreadable", str(error))
        path = self.target / task.result.path
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.part")
        draft.write_bytes(data)
        draft.replace(path)  # a new file: DVC may have linked the old one to its cache
        return task.result.with_more(digest=_digest(data))


def _keyed(task: Task) -> Task:
    made_from = task.item.more.get("key") or task.item.id
    key = _digest("\n".join((made_from, repr(task.work), _code_of(task.work))).encode())
    return Task(task.source, task.item, task.work, task.result.with_more(key=key))


_code_cache: dict[type, str] = {}


def _code_of(work: Work) -> str:
    """A hash of the module that does the work, of image.py, and of the libraries that touch pixels."""
    kind = type(work)
    if kind not in _code_cache:
        sources = [inspect.getsource(sys.modules[kind.__module__]), inspect.getsource(image)]
        libraries = [PIL.__version__, cv2.__version__, numpy.__version__]
        _code_cache[kind] = _digest("\n".join([*sources, *libraries]).encode())
    return _code_cache[kind]


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def _recorded(target: Path) -> dict[str, Item]:
    if not (target / "index.csv").exists():
        return {}
    try:
        return {item.path: item for item in read_index(target / "index.csv")}
    except UserError:
        return {}  # an index of another shape describes nothing that can be kept


def _is_good(item: Item | None, task: Task, target: Path) -> bool:
    if item is None or item.more.get("key") != task.result.more["key"]:
        return False
    path = target / item.path
    return path.is_file() and _digest(path.read_bytes()) == item.more.get("digest")


def _remove_others(target: Path, wanted: Iterable[str]) -> int:
    keep = {*wanted, "index.csv", "rejected.csv"}
    others = [p for p in target.rglob("*") if not p.is_dir() and p.relative_to(target).as_posix() not in keep]
    for path in others:
        path.unlink()
    for folder in sorted((p for p in target.rglob("*") if p.is_dir()), reverse=True):
        if not any(folder.iterdir()):
            shutil.rmtree(folder)
    return len(others)
