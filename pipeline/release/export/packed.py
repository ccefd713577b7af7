"""A packaged dataset as it lies on the disk: where in which shard each sample is, so that any of them can be read at any time."""

import json
import re
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

from pipeline.errors import UserError
from pipeline.params import CLASS_NAME
from pipeline.prepare.dataset.shards import FACTS, FOLDER, SHARD
from pipeline.release.export.wish import Wish

__all__ = ["Packed", "Sample", "piles"]

KEY = re.compile(r"[A-Za-z0-9_-]+")  # of a sample: a dataset may come from anybody, and keys and classes become names of files
ENDS = ({"png", "cls.txt", "json"}, {"input.png", "target.png", "cls.txt", "json"})


@dataclass(frozen=True)
class Sample:
    """One sample: its key, and for each end of a member's name (png, cls.txt …) where in `shard` its bytes begin, and their number."""

    key: str
    shard: Path
    members: Mapping[str, tuple[int, int]]

    def read(self, end: str) -> bytes:
        """The bytes of one member."""
        start, size = self.members[end]
        with self.shard.open("rb") as file:
            file.seek(start)
            return file.read(size)

    @property
    def pictures(self) -> list[str]:
        """The ends of the names of its pictures: png, or input.png and target.png."""
        return sorted(end for end in self.members if end.endswith("png"))

    @property
    def size(self) -> int:
        """Bytes of its pictures."""
        return sum(self.members[end][1] for end in self.pictures)

    @cached_property
    def class_(self) -> str:
        """The name of its class. Raises UserError where it is none."""
        name = self.read("cls.txt").decode(errors="replace")
        if not CLASS_NAME.fullmatch(name):
            raise _foreign(self.shard, f"the class {name!r} of {self.key} is no name")
        return name

    @cached_property
    def facts(self) -> dict[str, str]:
        """Its provenance, with "class", "id" and "augmentation". Raises UserError where it is told otherwise than `package` does."""
        try:
            found = json.loads(self.read("json"))
        except ValueError:
            found = None
        if not isinstance(found, dict) or found.keys() != set(FACTS) or found["class"] != self.class_:
            raise _foreign(self.shard, f"the provenance of {self.key} is not of the class {self.class_} and {', '.join(FACTS)}")
        return {name: str(value) for name, value in found.items()}


@dataclass(frozen=True)
class Packed:
    """A dataset: the samples of each split, ordered by key."""

    folder: Path
    splits: Mapping[str, Sequence[Sample]]

    @classmethod
    def opened(cls, folder: Path) -> "Packed":
        """Look through the shards. Raises UserError where there are none, or one is damaged."""
        found: dict[str, list[Sample]] = {}
        for shard in sorted(path for path in folder.glob(f"{FOLDER}/*.tar") if re.fullmatch(SHARD, path.name)):
            found.setdefault(shard.name.rsplit("-", 1)[0], []).extend(_samples(shard))
        if not any(found.values()):
            raise UserError(f"{folder} holds no packaged dataset (shards/train-000000.tar …); "
                            "run `dvc repro package`, or name the folder of one")
        if len({tuple(sample.pictures) for samples in found.values() for sample in samples}) > 1:
            raise UserError(f"{folder} holds both pairs and single images; only what `dvc repro package` made can be exported")
        first = ("train", "holdout")
        names = [*(name for name in first if name in found), *(name for name in sorted(found) if name not in first)]
        return cls(folder, {name: sorted(found[name], key=lambda sample: sample.key) for name in names})

    def samples(self, split: str, originals_only: bool = False) -> list[Sample]:
        """The samples of a split, ordered by key; `originals_only` leaves augmented copies out."""
        return [sample for sample in self.splits[split] if not (originals_only and sample.facts["augmentation"])]

    def chosen(self, wish: Wish) -> list[str]:
        """The splits that are asked for."""
        return [wish.split] if wish.split else list(self.splits)

    def check(self, wish: Wish) -> None:
        """Raise UserError where the split that is asked for is not there."""
        if wish.split and wish.split not in self.splits:
            raise UserError(f"{self.folder} has no split {wish.split!r}; it has {', '.join(self.splits)}")

    @cached_property
    def classes(self) -> list[str]:
        """The names of all classes, in order; a label is a place in this list, the same in every split."""
        return sorted({sample.class_ for samples in self.splits.values() for sample in samples})

    @cached_property
    def paired(self) -> bool:
        """Whether its samples are pairs."""
        return any("input.png" in sample.members for samples in self.splits.values() for sample in samples[:1])


def piles(samples: Sequence[Sample], wish: Wish) -> Iterator[Sequence[Sample]]:
    """Samples in order, in as many runs as are wished; none is empty."""
    if wish.shards:
        edges = [number * len(samples) // wish.shards for number in range(wish.shards + 1)]
        yield from (samples[start:stop] for start, stop in pairwise(edges) if stop > start)
        return
    start, filled = 0, 0
    for number, sample in enumerate(samples):
        if filled and filled + sample.size > wish.shard_bytes:
            yield samples[start:number]
            start, filled = number, 0
        filled += sample.size
    if samples:
        yield samples[start:]


def _samples(shard: Path) -> Iterator[Sample]:
    members: dict[str, dict[str, tuple[int, int]]] = {}
    try:
        with tarfile.open(shard, "r:") as archive:
            for member in archive:
                key, end = member.name.split(".", 1)
                members.setdefault(key, {})[end] = (member.offset_data, member.size)
    except (tarfile.TarError, ValueError, EOFError) as error:
        raise UserError(f"{shard} is damaged ({error}); run `dvc repro package` to make it again") from None
    for key, ends in members.items():
        if not KEY.fullmatch(key):
            raise _foreign(shard, f"{key!r} is no key")
        if ends.keys() not in ENDS:
            raise _foreign(shard, f"{key} has {', '.join(sorted(ends))}, and not a picture or two, a class and a provenance")
        yield Sample(key, shard, ends)


def _foreign(shard: Path, why: str) -> UserError:
    return UserError(f"{shard}: {why}; only what `dvc repro package` made can be exported")
