"""Parquet files with the images in them, as Hugging Face `datasets` stores its own: the column image is a struct of bytes and path, label
a class number, and the schema says so to those who know to read it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet

from pipeline.release.export.packed import Packed, Sample, piles
from pipeline.release.export.readme import write_readme
from pipeline.release.export.wish import Wish

__all__ = ["write"]

TEXTS = ("id", "augmentation", "term", "source", "image_url", "page_url", "title", "creator", "license", "license_url", "fetched_at")
ROWS = 100  # in a group, which is what a reader loads at once
IMAGE = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])


def write(packed: Packed, target: Path, wish: Wish) -> str:
    """Write data/<split>-00000.parquet and so on."""
    (target / "data").mkdir(parents=True)
    roles = {"input.png": "input", "target.png": "target"} if packed.paired else {"png": "image"}
    schema = _schema(list(roles.values()), packed.classes)
    for split in packed.chosen(wish):
        for number, pile in enumerate(piles(packed.samples(split, wish.originals_only), wish)):
            with pyarrow.parquet.ParquetWriter(target / "data" / f"{split}-{number:05d}.parquet", schema, compression="zstd") as file:
                for start in range(0, len(pile), ROWS):
                    file.write_table(_table(pile[start : start + ROWS], roles, packed.classes, schema))
    write_readme(packed, target, {split: f"data/{split}-*.parquet" for split in packed.chosen(wish)})
    return 'datasets.load_dataset("FOLDER")'


def _table(samples: Sequence[Sample], roles: dict[str, str], classes: Sequence[str], schema: pyarrow.Schema) -> pyarrow.Table:
    columns: dict[str, list[Any]] = {
        name: [{"bytes": sample.read(role), "path": f"{sample.key}.{role}"} for sample in samples] for role, name in roles.items()
    }
    columns["label"] = [classes.index(sample.facts["class"]) for sample in samples]
    columns |= {name: [sample.facts[name] for sample in samples] for name in TEXTS}
    return pyarrow.table(columns, schema=schema)


def _schema(images: Sequence[str], classes: Sequence[str]) -> pyarrow.Schema:
    fields = [*((name, IMAGE) for name in images), ("label", pyarrow.int64()), *((name, pyarrow.string()) for name in TEXTS)]
    features = {
        **{name: {"_type": "Image"} for name in images}, "label": {"names": list(classes), "_type": "ClassLabel"},
        **{name: {"dtype": "string", "_type": "Value"} for name in TEXTS},
    }
    return pyarrow.schema(fields, metadata={"huggingface": json.dumps({"info": {"features": features}}, ensure_ascii=False)})
