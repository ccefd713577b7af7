"""Tar shards in the WebDataset layout: the same samples give the same bytes, and a shard that is right already is not touched.

A sample is <key>.png, <key>.cls.txt (its class) and <key>.json (its provenance); a pair has <key>.input.png and <key>.target.png instead
of the one picture. Which shard an image lies in follows from its id alone, members are sorted and carry no time or owner: one changed
image changes one shard.
"""

import hashlib
import json
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pipeline.files import written
from pipeline.item import Item
from pipeline.prepare.dataset.samples import Sample

__all__ = ["FACTS", "FOLDER", "SHARD", "facts", "member", "shard_name", "write_shards", "write_tar"]

FOLDER = "shards"  # of the dataset: what is trained on, apart from what is said of it, so that another sentence trains nothing anew
SHARD = r"\w+-\d{6}\.tar"
PROVENANCE = ("term", "source", "image_url", "page_url", "title", "creator", "license", "license_url", "fetched_at")
FACTS = ("id", "class", "augmentation", *PROVENANCE)
NAME = 100  # bytes that POSIX.1-1988 has for a name without folders
LARGEST = 8**11  # bytes; its header has no room for more
HEADER = tarfile.TarInfo().tobuf(tarfile.USTAR_FORMAT)
END = bytes(2 * tarfile.BLOCKSIZE)


def write_shards(samples: Sequence[Sample], out: Path, shards: int, workers: int = 1) -> dict[str, str]:
    """Write the shards of every split into the folder FOLDER of `out`; gives the SHA-256 of each by its path in `out`, in order.

    So many `workers` are threads: reading, hashing and writing leave the others free to go on.
    """
    piles: dict[str, list[Sample]] = {}
    for sample in samples:
        name = shard_name(sample.item.split, int(sample.item.id[1:9], 16) % shards)
        piles.setdefault(f"{FOLDER}/{name}", []).append(sample)

    def shard(name: str) -> tuple[str, str]:
        members = [part for sample in piles[name] for part in _members(sample)]
        return name, _same(out / name, members) or write_tar(out / name, members)

    with ThreadPoolExecutor(workers) as pool:
        return dict(pool.map(shard, sorted(piles)))


def shard_name(split: str, number: int) -> str:
    """The name of a shard; it matches SHARD."""
    return f"{split}-{number:06d}.tar"


def write_tar(path: Path, members: Iterable[tuple[str, bytes | Path]]) -> str:
    """Make `path` the archive of `members`, names with their bytes or the file that has them; gives the SHA-256 of the archive."""
    seen = hashlib.sha256()
    with written(path) as file:
        for part in _archive(members):
            seen.update(part)
            file.write(part)
    return seen.hexdigest()


def member(name: str, size: int) -> bytes:
    """The header of one file, whose time, owner and group are 0, as tarfile makes it; of short names several times faster."""
    coded = name.encode()
    if len(coded) > NAME or size >= LARGEST:  # GNU's is the other format that every reader knows
        info = tarfile.TarInfo(name)
        info.size = size
        return info.tobuf(tarfile.GNU_FORMAT)
    head = bytearray(HEADER)
    head[: len(coded)] = coded
    head[124:135] = b"%011o" % size
    head[148:156] = b" " * 8  # the checksum counts its own place as spaces
    head[148:156] = b"%06o\0 " % sum(head)
    return bytes(head)


def facts(item: Item) -> dict[str, str]:
    """What a sample's .json says."""
    named = {"id": item.id, "class": item.class_, "augmentation": item.more["augmentation"]}
    return {name: named[name] if name in named else getattr(item, name) for name in FACTS}


def _members(sample: Sample) -> list[tuple[str, bytes | Path]]:
    told = json.dumps(facts(sample.item), sort_keys=True, ensure_ascii=False).encode()
    contents: dict[str, bytes | Path] = {"cls.txt": sample.item.class_.encode(), "json": told, **sample.pictures}
    return [(f"{sample.key}.{end}", contents[end]) for end in sorted(contents)]


def _archive(members: Iterable[tuple[str, bytes | Path]]) -> Iterator[bytes]:
    """The bytes of the archive, one part for each file and one for the end."""
    length = 0
    for name, content in members:
        data = content if isinstance(content, bytes) else content.read_bytes()
        part = member(name, len(data)) + data + bytes(-len(data) % tarfile.BLOCKSIZE)
        length += len(part)
        yield part
    yield END + bytes(-(length + len(END)) % tarfile.RECORDSIZE)


def _same(path: Path, members: Iterable[tuple[str, bytes | Path]]) -> str:
    """The SHA-256 of `path` where it is the archive of `members`, else "". Stops at the first byte that differs."""
    if not path.is_file():
        return ""
    seen = hashlib.sha256()
    with path.open("rb") as file:
        for part in _archive(members):
            if file.read(len(part)) != part:
                return ""
            seen.update(part)
        return "" if file.read(1) else seen.hexdigest()
