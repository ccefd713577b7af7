"""Files that are whole after a kill or a power cut: written beside and put in place, or appended and flushed."""

import os
from collections.abc import Iterable
from pathlib import Path

__all__ = ["Signature", "append", "replace", "signature"]

Signature = tuple[int, int, int]


def signature(path: Path) -> Signature | None:
    """What changes when anybody writes the file: time of change, size, inode; None where there is no file."""
    try:
        return _signature(path.stat())
    except FileNotFoundError:
        return None


def replace(path: Path, chunks: Iterable[bytes]) -> Signature:
    """Put `chunks` in the place of the file, all or nothing; the signature it has then. Raises OSError."""
    part = path.with_name(f".{path.name}.part")
    with part.open("wb") as file:
        file.write(b"".join(chunks))
        file.flush()
        os.fsync(file.fileno())
        found = _signature(os.fstat(file.fileno()))
    part.replace(path)
    _keep_names(path.parent)
    return found


def append(path: Path, data: bytes, size: int) -> None:
    """Cut the file to `size` bytes, which takes a torn line off, and write `data` behind them. Raises OSError."""
    new = not path.exists()
    with path.open("ab") as file:
        file.truncate(size)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    if new:
        _keep_names(path.parent)


def _signature(found: os.stat_result) -> Signature:
    return found.st_mtime_ns, found.st_size, found.st_ino


def _keep_names(folder: Path) -> None:
    """A renamed or new file survives a power cut only when its folder is flushed too; Windows does that by itself."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
