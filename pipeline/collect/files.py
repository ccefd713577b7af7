"""The original bytes of every download, each under its id, complete or not there."""

import os
import shutil
import threading
from pathlib import Path

from pipeline.item import image_id

__all__ = ["Files"]


class Files:
    """A folder of files by id. Many processes may keep files in it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = str(folder)

    def keep(self, data: bytes) -> str:
        """Write the bytes under their id, which is returned."""
        id_ = image_id(data)
        path = self._place(id_)
        draft = f"{path}.{os.getpid()}.{threading.get_ident()}.part"  # threads may have the same image at a time
        try:
            file = open(draft, "wb", buffering=0)  # noqa: PTH123, SIM115  # plain calls: this runs once an image
        except FileNotFoundError:
            Path(path).parent.mkdir(exist_ok=True)
            file = open(draft, "wb", buffering=0)  # noqa: PTH123, SIM115
        with file:
            left = memoryview(data)
            while left:  # a disk that is nearly full takes a part, and says why at the next
                left = left[file.write(left):]
        os.replace(draft, path)  # noqa: PTH105
        return id_

    def path(self, id_: str) -> Path:
        """Where the file of an image is kept."""
        return Path(self._place(id_))

    def link(self, id_: str, target: str) -> None:
        """Give a kept file another name: the same bytes, once on the disk where that can be."""
        try:
            os.link(self._place(id_), target)
        except FileExistsError:
            Path(target).unlink()
            self.link(id_, target)
        except OSError:
            shutil.copyfile(self._place(id_), target)

    def sweep(self) -> None:
        """Delete what killed processes left half written."""
        for draft in Path(self._folder).glob("*/i*.*.part"):
            if not _alive(int(draft.suffixes[0].removeprefix("."))):
                draft.unlink(missing_ok=True)

    def _place(self, id_: str) -> str:
        return f"{self._folder}/{id_[1:3]}/{id_}"


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
