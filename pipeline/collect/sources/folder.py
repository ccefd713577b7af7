"""Images that are already on this machine: the files of a folder that match a pattern, by name."""

import asyncio
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pipeline.collect.answer import MAX_BYTES, FetchError
from pipeline.collect.sources.source import About, Candidate, Context, Found, Page, Source
from pipeline.errors import UserError
from pipeline.source_params import Folder

__all__ = ["ABOUT", "FolderSource", "addresses_below", "opened", "page_after", "printable", "split_of"]

ABOUT = About(
    needs="A folder of image files on this machine.",
    allows="Any number of files; their licence is recorded as unknown.",
    public_web=False,
)
PAGE = 500
TRAIN = ("train", "training")
HOLDOUT = ("valid", "val", "validation", "test", "testing", "holdout")


@dataclass(frozen=True)
class FolderSource:
    """Nothing is known of the files but their names: the licence is unknown, the title is the name."""

    folder: Path
    addresses: Sequence[str]  # sorted, relative to the folder
    page_url: str = ""
    name: str = "folder"
    takes_terms: bool = False
    local: bool = True

    async def search(self, term: str, cursor: str | None) -> Page:
        """The files after the one that `cursor` names."""
        return page_after(self.addresses, cursor, self.page_url)

    async def fetch(self, candidate: Candidate) -> Found:
        """The file's bytes. Raises FetchError, also for a link that leads out of the folder: it is not followed."""
        return Found(await asyncio.to_thread(self._read, candidate.address), candidate)

    def _read(self, address: str) -> bytes:
        path = self.folder / address  # errors name the address: where the folder lies is nobody's business but the user's
        try:
            inside, size = path.resolve(strict=True).is_relative_to(self.folder.resolve()), path.stat().st_size
            data = path.read_bytes() if inside and size <= MAX_BYTES else b""
        except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle, up to Python 3.12
            raise FetchError("read_error", f"{address}: {getattr(error, 'strerror', None) or error}") from None
        if not inside:
            raise FetchError("outside", f"{address}: this link leads out of the folder and is not followed; copy the file instead")
        if size > MAX_BYTES:
            raise FetchError("too_large", f"{address}: more than {MAX_BYTES // 2**20} MiB")
        return data


def addresses_below(folder: Path, glob: str, source: str = "folder") -> list[str]:
    """The files of `folder` that match `glob`, as sorted paths relative to it, "/" between folders. Raises UserError."""
    try:
        if ".." in PurePosixPath(glob).parts:
            raise ValueError(".. leads out of the folder")
        found = {path.relative_to(folder).as_posix() for path in folder.glob(glob) if path.is_file()}
    except (ValueError, NotImplementedError) as error:
        raise UserError(f"params.yaml: sources: {source}: glob {glob!r} is no pattern ({error})") from None
    return sorted(printable(address) for address in found)


def page_after(addresses: Sequence[str], cursor: str | None, page_url: str = "") -> Page:
    """The part of sorted `addresses` after the one that `cursor` names: files that come or go meanwhile shift nothing."""
    start = 0 if cursor is None else bisect_right(addresses, cursor)
    part = addresses[start : start + PAGE]
    candidates = [Candidate(address, title=address, page_url=page_url, split=split_of(address)) for address in part]
    return Page(candidates, part[-1] if start + PAGE < len(addresses) else None)


def split_of(address: str) -> str:
    """Train or holdout, as the outermost of the folders above the file that is named for a split says; "" where none is.

    >>> split_of("birds/Training/1.jpg"), split_of("test/train/2.jpg"), split_of("train.jpg")
    ('train', 'holdout', '')
    """
    for folder in address.lower().split("/")[:-1]:
        if folder in TRAIN or folder in HOLDOUT:
            return "train" if folder in TRAIN else "holdout"
    return ""


def printable(name: str) -> str:
    """The name with bytes that are no UTF-8 spelled out, since no table could hold them."""
    return name.encode("utf-8", "backslashreplace").decode()


@contextmanager
def opened(options: Folder, context: Context) -> Iterator[Source]:
    """The folder as a source. Raises UserError where there is none."""
    folder = context.base / Path(options.path).expanduser()
    if not folder.is_dir():
        raise UserError(f"params.yaml: sources: folder: path {options.path!r} is no folder (looked for {folder.resolve()})")
    yield FolderSource(folder, addresses_below(folder, options.glob))
