"""WebDataset shards of another size, with the class as a number beside its name: <key>.png, <key>.cls (a place in classes.txt),
<key>.cls.txt and <key>.json."""

from pathlib import Path

from pipeline.prepare.dataset.shards import shard_name, write_tar
from pipeline.release.export.packed import Packed, Sample, piles
from pipeline.release.export.readme import write_readme
from pipeline.release.export.wish import Wish

__all__ = ["write"]


def write(packed: Packed, target: Path, wish: Wish) -> str:
    """Write <split>-000000.tar and so on, and classes.txt."""
    target.mkdir(parents=True)
    numbers = {name: str(number).encode() for number, name in enumerate(packed.classes)}
    for split in packed.chosen(wish):
        for number, pile in enumerate(piles(packed.samples(split, wish.originals_only), wish)):
            write_tar(target / shard_name(split, number), (part for sample in pile for part in _members(sample, numbers)))
    (target / "classes.txt").write_text("".join(f"{name}\n" for name in packed.classes), encoding="utf-8")
    write_readme(packed, target, {split: f"{split}-*.tar" for split in packed.chosen(wish)})
    shown = packed.chosen(wish)[0]
    members = '"input.png", "target.png"' if packed.paired else '"png", "cls"'
    return f'webdataset.WebDataset(sorted(glob.glob("FOLDER/{shown}-*.tar")), shardshuffle=False).decode("pil").to_tuple({members})'


def _members(sample: Sample, numbers: dict[str, bytes]) -> list[tuple[str, bytes]]:
    contents = {end: sample.read(end) for end in sample.members}
    contents["cls"] = numbers[contents["cls.txt"].decode()]
    return [(f"{sample.key}.{end}", contents[end]) for end in sorted(contents)]
