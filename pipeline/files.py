"""Writing files so that nobody sees half of one, and nothing is written where nothing changed."""

import filecmp
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

__all__ = ["put", "written"]


@contextmanager
def written(path: Path) -> Iterator[IO[bytes]]:
    """A file to write to, which becomes `path` at the end, unless that holds the same bytes already; on an error nothing changes.

    The new file takes the old one's place rather than its content: DVC may have linked the old one to its cache.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.part")
    try:
        with draft.open("wb") as file:
            yield file
        if path.is_file() and filecmp.cmp(draft, path, shallow=False):
            draft.unlink()
        else:
            draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def put(path: Path, data: bytes) -> None:
    """Make `path` hold `data`."""
    if not (path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data):
        with written(path) as file:
            file.write(data)
