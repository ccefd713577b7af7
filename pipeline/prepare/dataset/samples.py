"""The samples of a dataset, gathered from the folders of the stages before: which files and facts belong together."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from pipeline import params
from pipeline.errors import UserError
from pipeline.item import Item, read_index

__all__ = ["OWN_COLUMNS", "Look", "Sample", "gather", "look"]

OWN_COLUMNS = ("key", "digest", "crop", "decision", "box_by", "half")  # what only the stages before need
CHANNELS = {0: "L", 2: "RGB"}  # PNG specification, 11.2.1: colour types without a palette and without transparency
PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Sample:
    """One sample. `pictures` is its files by the end of their name in a shard: png alone, or input.png and target.png.

    The key names its members, up to the first dot; `item` is its row of the index, whose path is the member that is the image itself.
    """

    key: str
    item: Item
    pictures: Mapping[str, Path]


@dataclass(frozen=True)
class Look:
    """What pictures of one role look like: how many there are of each (width, height) in pixels, and their mode, L or RGB."""

    sizes: Mapping[tuple[int, int], int]
    mode: str

    def __str__(self) -> str:
        (least, most) = (tuple(part(side) for side in zip(*self.sizes, strict=True)) for part in (min, max))
        several = f"{least[0]}x{least[1]} to " if least != most else ""
        return f"{several}{most[0]}x{most[1]} pixels, {self.mode}"


def gather(rgb: Path, augmented: Path, pairs: Path, settings: params.Pair) -> list[Sample]:
    """All images and their augmented copies, ordered by key. With pairs, the samples of which both halves were made."""
    images = [(folder / item.path, item) for folder in (rgb, augmented) for item in read_index(folder / "index.csv")]
    if not settings.paired:
        samples = [_sample(item, {"png": file}) for file, item in images]
    else:
        halves = {(item.path.removesuffix(f".{half}.png"), half): pairs / item.path
                  for item in read_index(pairs / "index.csv") if (half := item.more.get("half", ""))}
        samples = [_sample(item, pictures) for file, item in images if (pictures := _pictures(file, item, halves, settings))]
    _check_names(samples)
    return sorted(samples, key=lambda sample: sample.key)


def look(samples: Iterable[Sample]) -> dict[str, Look]:
    """Sizes and mode for each role, from the files' headers. Raises UserError where grey and colour lie together, or one is see-through."""
    sizes: dict[str, Counter[tuple[int, int]]] = {}
    modes: dict[str, tuple[str, Path]] = {}
    for sample in samples:
        for role, file in sample.pictures.items():
            size, mode = _header(file)
            sizes.setdefault(role, Counter())[size] += 1
            known, first = modes.setdefault(role, (mode, file))
            if known != mode:
                raise UserError(f"package: {file} is {mode} and {first} is {known}; a dataset holds either grey or colour: "
                                "set rgb.mode in params.yaml to RGB or L and run `dvc repro`")
    return {role: Look(sizes[role], modes[role][0]) for role in sizes}


def _pictures(file: Path, item: Item, halves: Mapping[tuple[str, str], Path], settings: params.Pair) -> dict[str, Path]:
    """Input and target of one image; none where a half could not be made, which pairs/rejected.csv tells."""
    stem = item.path.removesuffix(".png")
    first, second = halves.get((stem, "a")), halves.get((stem, "b"))
    if not settings.on_sheets:
        second = file
    if first is None or second is None:
        return {}
    given, wanted = (first, second) if settings.direction == "AtoB" else (second, first)
    return {"input.png": given, "target.png": wanted}


def _sample(item: Item, pictures: Mapping[str, Path]) -> Sample:
    key = PurePosixPath(item.path).name.removesuffix(".png")
    more = {name: value for name, value in item.more.items() if name not in OWN_COLUMNS}
    paired = {"sample": key} if "input.png" in pictures else {}
    member = f"{key}.{max(pictures)}"  # png, or target.png
    return Sample(key, replace(item, path=member, more={"augmentation": "", **more, **paired}), pictures)


def _check_names(samples: Iterable[Sample]) -> None:
    seen: dict[str, Sample] = {}
    for sample in samples:
        if "." in sample.key:
            raise UserError(f"package: the name {sample.key!r} has a dot, where shards end the key; this is a bug worth reporting")
        if not (sample.item.split.isidentifier() and sample.item.split.isascii()):
            raise UserError(f"package: {sample.key} is in the split {sample.item.split!r}; a split is letters, digits and _, such as "
                            "train, holdout or test: correct it in the source's list and run `dvc repro`")
        if seen.setdefault(sample.key, sample) is not sample:
            raise UserError(f"package: {sample.key} is in {seen[sample.key].item.class_} and in {sample.item.class_}; "
                            "one image belongs to one class: run `dvc repro dedupe`")


def _header(file: Path) -> tuple[tuple[int, int], str]:
    """(size, mode) of a PNG that this pipeline wrote, without decoding it."""
    with file.open("rb") as opened:
        head = opened.read(26)
    if len(head) < 26 or not head.startswith(PNG):
        raise UserError(f"package: {file} is not a PNG; delete its folder and run `dvc repro`")
    mode = CHANNELS.get(head[25])
    if mode is None:
        raise UserError(f"package: {file} is neither grey nor RGB; only what the stage rgb made can be packaged: run `dvc repro`")
    return (int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")), mode
