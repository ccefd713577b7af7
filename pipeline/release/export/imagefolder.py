"""Folders of images: <split>/<class>/<key>.png, as torchvision's ImageFolder and many others read them, and beside the classes the
provenance, as Hugging Face `datasets` reads it. metadata.parquet and not .csv, where it guesses types: a column that is empty in one
split alone is a number there, and loading fails. index.csv has the same for people."""

from pathlib import Path

import pyarrow

from pipeline.item import write_table
from pipeline.prepare.dataset.tables import parquet
from pipeline.release.export.packed import Packed
from pipeline.release.export.readme import write_readme
from pipeline.release.export.wish import Wish

__all__ = ["write"]

COLUMNS = ("id", "augmentation", "term", "source", "image_url", "page_url", "title", "creator", "license", "license_url", "fetched_at")


def write(packed: Packed, target: Path, wish: Wish) -> str:
    """Write the folders; pairs are <key>.input.png and <key>.target.png."""
    everything = []
    names = {"png": "file_name", "input.png": "input_file_name", "target.png": "target_file_name"}
    for split in packed.chosen(wish):
        rows: list[list[str]] = []
        roles = ["input.png", "target.png"] if packed.paired else ["png"]
        columns = [*(names[role] for role in roles), "label", *COLUMNS]
        for name in packed.classes:  # also those without an image here: a label is a place among the folders
            (target / split / name).mkdir(parents=True)
        for sample in packed.samples(split, wish.originals_only):
            name = sample.facts["class"]
            for role in roles:
                (target / split / name / f"{sample.key}.{role}").write_bytes(sample.read(role))
            rows.append([*(f"{name}/{sample.key}.{role}" for role in roles), name, *(sample.facts[column] for column in COLUMNS)])
        table = pyarrow.table({name: pyarrow.array([row[at] for row in rows], pyarrow.string()) for at, name in enumerate(columns)})
        (target / split / "metadata.parquet").write_bytes(parquet(table))
        everything += [[split, *row] for row in rows]
    write_table(target / "index.csv", ["split", *columns], everything)
    write_readme(packed, target, {split: f"{split}/**" for split in packed.chosen(wish)})
    shown = packed.chosen(wish)[0]
    empty = [f"{split}/{name}" for split in packed.chosen(wish) for name in packed.classes if not any((target / split / name).iterdir())]
    if packed.paired:
        return 'datasets.load_dataset("FOLDER")'
    allowed = f", allow_empty=True) (no image: {', '.join(empty)}" if empty else ""
    return f'torchvision.datasets.ImageFolder("FOLDER/{shown}"{allowed}), or datasets.load_dataset("FOLDER")'
