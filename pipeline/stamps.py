"""What bytes a file had when it was last read, so that nobody reads it again as long as it looks the same: size, time, inode.

What git and DVC do, with the one exception of git's: a file that was written to just before its stamp was kept is read once more, for
the clock of its file system may not tell a second time.
"""

import json
import time
from pathlib import Path

from pipeline.files import put
from pipeline.identity import digest

__all__ = ["Stamps"]

SETTLED = 2 * 10**9  # nanoseconds, the coarsest clock in use (FAT)
Stamp = tuple[int, int, int, str]  # size, time of the last change in nanoseconds, inode, digest


class Stamps:
    """Digests of the files that were asked for, or noted, since it was made; those before are kept in a file, which may be deleted."""

    def __init__(self, path: Path | None) -> None:
        """`path`: of the file; None reads everything anew."""
        self._path = path
        self._before = _kept(path) if path else {}
        self._now: dict[str, Stamp] = {}

    def digest(self, path: Path) -> str:
        """Of the file's bytes; "" where there is no such file."""
        try:
            looks = _looks(path)
            before = self._before.get(str(path))
            found = before[3] if before and before[:3] == looks else digest(path.read_bytes())
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            return ""
        self._now[str(path)] = (*looks, found)
        return found

    def note(self, path: Path, found: str) -> None:
        """That the file was written, with this digest."""
        self._now[str(path)] = (*_looks(path), found)

    def keep(self) -> None:
        """Write what is known now, where it is not what was known before."""
        if self._path and self._now.items() ^ self._before.items():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            put(self._path, json.dumps({"at": time.time_ns(), "files": dict(sorted(self._now.items()))}).encode())


def _looks(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns, found.st_ino


def _kept(path: Path) -> dict[str, Stamp]:
    """The stamps of files that had rested when they were kept; none where that cannot be read."""
    try:
        kept = json.loads(path.read_bytes())
        rested = kept["at"] - SETTLED
        return {name: (size, changed, inode, found) for name, (size, changed, inode, found) in kept["files"].items() if changed < rested}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
