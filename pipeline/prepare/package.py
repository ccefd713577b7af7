"""The versioned dataset: tar shards in the WebDataset layout, an index, a card and the attributions.

A sample is <key>.png, <key>.cls.txt (its class) and <key>.json (its provenance), where the key is the
image's id, with the augmentation behind it where there is one. Which shard an image lies in follows
from its id alone, members are sorted and carry no time or owner: one changed image changes one shard.
"""

import io
import json
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline import params
from pipeline.errors import UserError
from pipeline.item import Item, read_index, write_index, write_table
from pipeline.prepare import card

__all__ = ["Packaged", "package"]

SPLITS = ("train", "holdout")
OWN_COLUMNS = ("key", "digest", "crop", "decision", "box_by")  # what only the stages before need
PROVENANCE = ("term", "source", "image_url", "page_url", "title", "creator", "license", "license_url", "fetched_at")


@dataclass(frozen=True)
class Packaged:
    """How many images each split has, augmented copies included."""

    counts: dict[str, int]

    def __str__(self) -> str:
        return ", ".join(f"{count} in {split}" for split, count in self.counts.items())


def package(
    rgb: Path, augmented: Path, curated: Path, out: Path, settings: params.Params
) -> Packaged:
    """Write the shards, index.csv, README.md and ATTRIBUTION.csv. Raises UserError where training would have no image."""
    out.mkdir(parents=True, exist_ok=True)
    entries = [(rgb / item.path, _packed(item)) for item in read_index(rgb / "index.csv")]
    entries += [(augmented / item.path, _packed(item)) for item in read_index(augmented / "index.csv")]
    counts = {split: sum(item.split == split for _, item in entries) for split in SPLITS}
    if not counts["train"]:
        raise UserError("package: no image is left to train on; see data/curated/rejected.csv for what was refused and why")
    for split in sorted({item.split for _, item in entries}):
        _write_shards([(path, item) for path, item in entries if item.split == split], out, split, settings.package.shards)
    items = [item for _, item in entries]
    originals = [item for item in items if not item.more.get("augmentation")]
    write_index(out / "index.csv", items)
    _write_attribution(out / "ATTRIBUTION.csv", originals)
    (out / "README.md").write_text(card.text(settings, items, curated), encoding="utf-8")
    return Packaged(counts)


def _packed(item: Item) -> Item:
    code = item.more.get("augmentation", "")
    more = {name: value for name, value in item.more.items() if name not in OWN_COLUMNS}
    return replace(item, path=Path(item.path).name, more={**more, "augmentation": code})


def _write_shards(entries: list[tuple[Path, Item]], out: Path, split: str, shards: int) -> None:
    piles: list[list[tuple[Path, Item]]] = [[] for _ in range(shards)]
    for path, item in entries:
        piles[int(item.id[1:9], 16) % shards].append((path, item))
    for number, pile in enumerate(piles):
        if pile:
            _write_tar(out / f"{split}-{number:06d}.tar", sorted(pile, key=lambda entry: entry[1].path))


def _write_tar(path: Path, entries: Iterable[tuple[Path, Item]]) -> None:
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
        for file, item in entries:
            key = item.path.removesuffix(".png")
            facts = {"id": item.id, "class": item.class_, "augmentation": item.more["augmentation"]}
            facts |= {name: getattr(item, name) for name in PROVENANCE}
            _add(archive, f"{key}.cls.txt", item.class_.encode())
            _add(archive, f"{key}.json", json.dumps(facts, sort_keys=True, ensure_ascii=False).encode())
            _add(archive, f"{key}.png", file.read_bytes())


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)  # its time, owner and group are 0
    member.size = len(data)
    archive.addfile(member, io.BytesIO(data))


def _write_attribution(path: Path, items: Iterable[Item]) -> None:
    columns = ("id", "class", "title", "creator", "license", "license_url", "page_url", "image_url")
    rows = [[i.id, i.class_, i.title, i.creator, i.license, i.license_url, i.page_url, i.image_url] for i in items]
    write_table(path, columns, sorted(rows))
