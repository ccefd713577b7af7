"""Which code did a piece of work, so that what an older one made is made anew; and which dataset something was made of."""

import hashlib
import inspect
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType

import cv2
import numpy
import PIL

__all__ = ["code_of", "digest", "version_in", "version_of"]

IMAGE = "pipeline.image"


def digest(data: bytes) -> str:
    """16 hex digits of the SHA-256."""
    return hashlib.sha256(data).hexdigest()[:16]


def version_of(shards: Mapping[str, str]) -> str:
    """The version of a dataset, 64 hex digits: the SHA-256 of what `sha256sum shards/*.tar` prints there; given are the sums by name.

    So it changes with the images, their classes, splits or provenance, and with nothing else.
    """
    listing = "".join(f"{shards[name]}  {name}\n" for name in sorted(shards))
    return hashlib.sha256(listing.encode()).hexdigest()


def version_in(folder: Path) -> str:
    """The version of the dataset whose shards lie in `folder`."""
    sums = {}
    for path in folder.glob("*.tar"):
        with path.open("rb") as file:
            sums[f"shards/{path.name}"] = hashlib.file_digest(file, "sha256").hexdigest()
    return version_of(sums)


def code_of(kind: type) -> str:
    """A digest of the module that defines `kind`, of what it imports from its own room and from `pipeline.image`, of a C file of the
    same name beside one of these, and of the versions of the libraries that touch pixels.

    The rest of the ground floor (params, item, folder, engine) carries pixels but does not change them.
    """
    return _code_of(kind.__module__)


@cache
def _code_of(name: str) -> str:
    room = ".".join(name.split(".")[:2])
    modules = {module.__name__: module for module in _reached(sys.modules[name], (room, IMAGE), {})}
    sources = [source for name in sorted(modules) for source in _sources(modules[name])]
    libraries = [PIL.__version__, cv2.__version__, numpy.__version__]
    return digest("\n".join([*sources, *libraries]).encode())


def _sources(module: ModuleType) -> list[str]:
    beside = Path(str(module.__file__)).with_suffix(".c")
    return [inspect.getsource(module), *([beside.read_text()] if beside.exists() else [])]


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
