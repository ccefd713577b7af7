"""Which code did a piece of work: so that what an older one made is made anew."""

import hashlib
import inspect
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

import cv2
import numpy
import PIL

__all__ = ["code_of", "digest", "folder_hash"]

IMAGE = "pipeline.image"


def digest(data: bytes) -> str:
    """16 hex digits of the SHA-256."""
    return hashlib.sha256(data).hexdigest()[:16]


def folder_hash(folder: Path) -> str:
    """SHA-256 over the names and contents of a folder's files: the version of a dataset in one word."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(folder).as_posix()}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def code_of(kind: type) -> str:
    """A digest of the module that defines `kind`, of what it imports from its own room and from `pipeline.image`, and of the
    versions of the libraries that touch pixels.

    The rest of the ground floor (params, item, folder, engine) carries pixels but does not change them.
    """
    return _code_of(kind.__module__)


@cache
def _code_of(name: str) -> str:
    room = ".".join(name.split(".")[:2])
    modules = {module.__name__: module for module in _reached(sys.modules[name], (room, IMAGE), {})}
    sources = [inspect.getsource(modules[name]) for name in sorted(modules)]
    libraries = [PIL.__version__, cv2.__version__, numpy.__version__]
    return digest("\n".join([*sources, *libraries]).encode())


def _reached(module: ModuleType, rooms: tuple[str, ...], seen: dict[str, ModuleType]) -> Iterator[ModuleType]:
    """The module and, through what stands in it, those of `rooms` that it uses."""
    if module.__name__ in seen:
        return
    seen[module.__name__] = module
    yield module
    for value in list(vars(module).values()):
        name = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
        if isinstance(name, str) and name in sys.modules and any(name == room or name.startswith(f"{room}.") for room in rooms):
            yield from _reached(sys.modules[name], rooms, seen)
