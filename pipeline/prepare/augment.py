"""Further copies of the training images, by codes (see codes.py) and by transforms of Albumentations; each entry makes one."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pipeline import image, params
from pipeline.files import put
from pipeline.folder import Made, Task, mirror
from pipeline.item import Item, read_index
from pipeline.prepare.augmentation.copies import copies_of
from pipeline.prepare.augmentation.entries import checked
from pipeline.prepare.augmentation.preview import drawn

__all__ = ["augment"]

PREVIEW = "preview.png"


def augment(
    rgb: Path, out: Path, settings: params.Augment, pair: params.Pair, engine: str, workers: int, seen: Path | None = None
) -> Made:
    """Bring `out` in line with the training images and the entries: <class>/<id>__<suffix>.png, and a preview of some.

    Adds the columns `augmentation` (the entry) and, from the second on, `copy`. Raises UserError for entries that cannot be used.
    """
    given = ("left" if pair.direction == "AtoB" else "right") if pair.on_sheets else ""
    items = [item for item in read_index(rgb / "index.csv") if item.split == "train"]
    entries = checked(settings.ops, _size_of_one(rgb, items, bool(given)), "augment.ops") if settings.ops else []
    tasks = []
    for item in items:
        for suffix, work in copies_of(entries, settings.seed, settings.copies, settings.fill, given):
            result = replace(item, path=f"{item.class_}/{item.id}__{suffix}.png").with_more(augmentation=work.entry.text)
            result = result.with_more(copy=str(work.copy)) if work.copy > 1 else result
            tasks.append(Task(rgb / item.path, item, work, result))
    made = mirror(tasks, out, engine, workers, beside=(PREVIEW,) if tasks else (), seen=seen)
    if tasks:
        put(out / PREVIEW, image.encode_png(drawn(tasks, out)))
    return made


def _size_of_one(folder: Path, items: Sequence[Item], halved: bool) -> tuple[int, int]:
    """(width, height) of the first readable picture, or of half of it."""
    for item in items:
        try:
            header = image.read_header((folder / item.path).read_bytes())
        except (image.ImageError, OSError):
            continue
        return (max(1, header.width // 2) if halved else header.width), header.height
    return 64, 64
