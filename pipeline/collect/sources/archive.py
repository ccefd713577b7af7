"""Image files in a zip or tar file, read where they lie: nothing is ever written under a member's name."""

import asyncio
import hashlib
import io
import lzma
import os
import re
import stat
import tarfile
import threading
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import IO, Protocol, cast

from pipeline.collect.answer import MAX_BYTES, FetchError
from pipeline.collect.sources.folder import page_after, printable
from pipeline.collect.sources.source import About, Candidate, Context, Found, Page, Source
from pipeline.errors import UserError
from pipeline.source_params import Archive

__all__ = ["ABOUT", "ArchiveSource", "matches", "opened"]

ABOUT = About(
    needs="A zip or tar file on this machine: .zip, .tar, .tar.gz, .tgz, .tar.bz2 or .tar.xz.",
    allows="Any number of files; their licence is recorded as unknown.",
    public_web=False,
)
KINDS = ".zip, .tar, .tar.gz, .tgz, .tar.bz2, .tar.xz"
UNPACK = "unpack the archive and use the source folder"
ABSOLUTE = re.compile(r"[/\\]|[A-Za-z]:[/\\]")
DAMAGE = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError, NotImplementedError)
GROWTH = 100  # a compressed tar of images grows a little; one that grows more than this is a bomb,
SMALL = 2**30  # unless it is small all the same


class Members(Protocol):
    """The files in an archive, by number."""

    def names(self) -> Iterator[tuple[str, int]]: ...

    def is_encrypted(self, number: int) -> bool: ...

    def read(self, number: int) -> bytes:
        """Raises FetchError for a file that is too large or encrypted, DAMAGE for one that is broken."""


@dataclass(frozen=True)
class ArchiveSource:
    """Members by name. The title is the name, the split is that of a folder in it."""

    path: Path
    members: Members
    numbers: Mapping[str, int]  # by address, sorted by it
    addresses: Sequence[str]
    name: str = "archive"
    takes_terms: bool = False
    local: bool = True

    async def search(self, term: str, cursor: str | None) -> Page:
        """The members after the one that `cursor` names."""
        return page_after(self.addresses, cursor)

    async def fetch(self, candidate: Candidate) -> Found:
        """The member's bytes. Raises FetchError."""
        return Found(await asyncio.to_thread(self._read, candidate.address), candidate)

    def _read(self, address: str) -> bytes:
        where = f"{self.path}: {address}"
        if address not in self.numbers:
            raise FetchError("not_found", f"{where}: no such file in the archive")
        try:
            return self.members.read(self.numbers[address])
        except FetchError as error:
            raise FetchError(error.reason, f"{where}: {error}") from None
        except DAMAGE as error:
            raise FetchError("damaged", f"{where}: {error or type(error).__name__}") from None


@dataclass(frozen=True)
class Zip:
    """zipfile may be read from several threads."""

    file: zipfile.ZipFile

    def names(self) -> Iterator[tuple[str, int]]:
        for number, info in enumerate(self.file.infolist()):
            if not info.is_dir() and not stat.S_ISLNK(info.external_attr >> 16):
                yield info.filename, number

    def is_encrypted(self, number: int) -> bool:
        return bool(self.file.infolist()[number].flag_bits & 1)  # APPNOTE.TXT, 4.4.4

    def read(self, number: int) -> bytes:
        info = self.file.infolist()[number]
        if self.is_encrypted(number):
            raise FetchError("encrypted", f"it is encrypted; {UNPACK}")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # zipfile bounds a read of these two only
            raise FetchError("unsupported", f"compression method {info.compress_type} is not read; {UNPACK}")
        _check_size(info.file_size)
        with self.file.open(info) as member:
            return _bounded(member)


@dataclass(frozen=True)
class Tar:
    """A plain tar; its members share one position in one file, so one is read at a time."""

    file: tarfile.TarFile
    lock: threading.Lock = field(default_factory=threading.Lock)

    def names(self) -> Iterator[tuple[str, int]]:
        for number, info in enumerate(self.file.getmembers()):
            if info.isreg():  # no links, devices, pipes
                yield info.name, number

    def is_encrypted(self, number: int) -> bool:
        return False

    def read(self, number: int) -> bytes:
        info = self.file.getmembers()[number]
        _check_size(info.size)
        with self.lock:
            member = self.file.extractfile(info)
            return _bounded(member) if member else b""


def matches(name: Sequence[str], glob: Sequence[str]) -> bool:
    """Whether the parts of a path match those of a pattern: `*`, `?` and `[ab]` within one part, `**` for any number of parts.

    >>> matches("train/cats/1.jpg".split("/"), "train/**/*.jpg".split("/")), matches(["train", "1.jpg"], ["*.jpg"])
    (True, False)
    """
    if not glob:
        return not name
    if glob[0] == "**":
        return matches(name, glob[1:]) or (bool(name) and matches(name[1:], glob))
    return bool(name) and fnmatchcase(name[0], glob[0]) and matches(name[1:], glob[1:])


@contextmanager
def opened(options: Archive, context: Context) -> Iterator[Source]:
    """The archive as a source. Raises UserError where it is missing, damaged, encrypted as a whole or no archive at all."""
    path = context.base / Path(options.path).expanduser()
    if not path.is_file():
        raise UserError(f"params.yaml: sources: archive: path {options.path!r} is no file (looked for {path.resolve()})")
    with ExitStack() as stack:
        members = _members(path, options.path, context.cache, stack)
        numbers = _chosen(members, options.glob)
        if numbers and all(members.is_encrypted(number) for number in numbers.values()):
            raise UserError(f"params.yaml: sources: archive: {options.path} is encrypted; {UNPACK}")
        yield ArchiveSource(path, members, numbers, sorted(numbers))


def _chosen(members: Members, glob: str) -> dict[str, int]:
    """The numbers of the members that match, by address; of several with one name the last, as unpacking would leave."""
    pattern = glob.split("/")
    if pattern[-1] == "**":
        pattern.append("*")
    chosen = {}
    for name, number in members.names():
        if ABSOLUTE.match(name):
            continue
        # Old Windows programs write "\\"; tar writes "./" before each name, macOS its own notes under __MACOSX.
        parts = [part for part in printable(name).replace("\\", "/").split("/") if part not in ("", ".")]
        if parts and ".." not in parts and parts[0] != "__MACOSX" and matches(parts, pattern):
            chosen["/".join(parts)] = number
    return chosen


def _members(path: Path, shown: str, cache: Path, stack: ExitStack) -> Members:
    try:
        if tarfile.is_tarfile(path):
            tar = Tar(stack.enter_context(tarfile.TarFile(_plain(path, shown, cache))))
            tar.file.getmembers()  # all headers are read here, and so is the damage in them
            return tar
        if zipfile.is_zipfile(path):
            return Zip(stack.enter_context(zipfile.ZipFile(path)))
    except DAMAGE as error:
        raise UserError(
            f"params.yaml: sources: archive: {shown} cannot be read ({error or type(error).__name__}); download or copy it again"
        ) from None
    raise UserError(f"params.yaml: sources: archive: {shown} is no archive; allowed are {KINDS}")


def _plain(path: Path, shown: str, cache: Path) -> Path:
    """The tar itself, or where it is compressed its unpacked form in `cache`, made once: in a stream every read starts over."""
    with tarfile.open(path) as tar, path.open("rb") as file:
        packed = cast(IO[bytes], tar.fileobj)  # the file itself, or the decompressor that reads it
        if isinstance(packed, io.BufferedReader):
            return path
        plain = cache / f"{hashlib.file_digest(file, 'sha256').hexdigest()}.tar"
        if not plain.exists():
            cache.mkdir(parents=True, exist_ok=True)
            draft = cache / f".{plain.name}.{os.getpid()}.part"
            packed.seek(0)
            try:
                with draft.open("wb") as out:
                    _copy(packed, out, max(SMALL, GROWTH * path.stat().st_size), shown)
                draft.replace(plain)
            finally:
                draft.unlink(missing_ok=True)
        return plain


def _copy(packed: IO[bytes], out: IO[bytes], limit: int, shown: str) -> None:
    size = 0
    while part := packed.read(2**20):
        size += len(part)
        if size > limit:
            raise UserError(
                f"params.yaml: sources: archive: {shown} grows to more than {limit // 2**20} MiB, as no archive of images does; "
                "unpack it yourself if you trust it, and use the source folder"
            )
        out.write(part)


def _check_size(size: int) -> None:
    if size > MAX_BYTES:
        raise FetchError("too_large", f"more than {MAX_BYTES // 2**20} MiB")


def _bounded(member: IO[bytes]) -> bytes:
    parts, size = [], 0
    while part := member.read(2**20):
        size += len(part)
        _check_size(size)
        parts.append(part)
    return b"".join(parts)
