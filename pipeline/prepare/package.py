"""The versioned dataset: tar shards, their tables, a card, a description for machines, the attributions and a contact sheet."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline import image, params
from pipeline.engine import at_once
from pipeline.errors import UserError
from pipeline.files import put
from pipeline.prepare.dataset import card
from pipeline.prepare.dataset.croissant import croissant
from pipeline.prepare.dataset.samples import gather, look
from pipeline.prepare.dataset.shards import FOLDER, SHARD, write_shards
from pipeline.prepare.dataset.sheet import contents_sheet
from pipeline.prepare.dataset.summary import Summary, refusals
from pipeline.prepare.dataset.tables import write_attribution, write_tables

__all__ = ["Packaged", "package"]


@dataclass(frozen=True)
class Packaged:
    """How many images each split has, augmented copies included."""

    counts: dict[str, int]

    def __str__(self) -> str:
        return ", ".join(f"{count} in {split}" for split, count in self.counts.items())


def package(
    rgb: Path, augmented: Path, pairs: Path, curated: Path, out: Path, settings: params.Params, between: Sequence[Path] = ()
) -> Packaged:
    """Bring `out` in line with the images in `rgb` and `augmented`, or with their `pairs`; what is there already is not touched.

    `between`: the folders of the stages after `curated` and before `rgb`, for the card tells what each stage refused.
    Raises UserError where training would have no image, and where grey and colour would lie together.
    """
    samples = gather(rgb, augmented, pairs, settings.pair)
    if not any(sample.item.split == "train" for sample in samples):
        last = pairs if settings.pair.paired else rgb
        raise UserError(f"package: no image is left to train on; {_why_none(len(samples), curated, last)}")
    looks = look(samples)
    workers = at_once(settings.run.engine, settings.run.workers)
    shards = write_shards(samples, out, settings.package.shards, workers)
    summary = Summary(settings, [sample.item for sample in samples], looks, shards)
    write_tables(out, summary.items)
    write_attribution(out / "ATTRIBUTION.csv", summary.originals)
    put(out / "sheet.png", image.encode_png(contents_sheet(samples, summary.splits)))
    put(out / "croissant.json", croissant(summary, out))
    put(out / "README.md", card.text(summary, refusals(curated, *between, rgb, augmented, pairs), curated).encode())
    _remove_stale(out, shards)
    return Packaged(summary.counts)


def _why_none(held_out: int, curated: Path, last: Path) -> str:
    if held_out:
        those = "the only one is" if held_out == 1 else f"all {held_out} are"
        return f"{those} held out: give review.holdout in params.yaml a smaller share"
    return f"the rejected.csv of each stage, from {curated} to {last}, says what was refused and why"


def _remove_stale(out: Path, shards: Collection[str]) -> None:
    """Take away the shards of an earlier run, and what a run that was cut off began."""
    for path in [*out.iterdir(), *(out / FOLDER).iterdir()]:
        name = path.relative_to(out).as_posix()
        if (re.fullmatch(f"{FOLDER}/{SHARD}", name) and name not in shards) or re.fullmatch(r"\..+\.part", path.name):
            path.unlink()
