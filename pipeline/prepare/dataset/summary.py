"""What can be said of a dataset as a whole: counts, splits, licences, its version, how it was made. The card and croissant.json say it."""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pipeline.identity import version_of
from pipeline.item import Item, Rejection, read_rejections
from pipeline.params import Params
from pipeline.prepare.dataset.samples import Look

__all__ = ["Summary", "entry_text", "refusals"]

DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class Summary:
    """`items` are all images with their augmented copies; `looks` says for each role of a picture how it looks; `shards` has the SHA-256
    of each shard by name."""

    settings: Params
    items: Sequence[Item]
    looks: Mapping[str, Look]
    shards: Mapping[str, str]

    @cached_property
    def originals(self) -> list[Item]:
        """The images without their augmented copies."""
        return [item for item in self.items if not item.more.get("augmentation")]

    @cached_property
    def counts(self) -> dict[str, int]:
        """Images of each split, augmented copies included: train and holdout first, then what else there is."""
        found = Counter(item.split for item in self.items)
        return {split: found[split] for split in ("train", "holdout", *sorted(set(found) - {"train", "holdout"}))}

    @property
    def splits(self) -> list[str]:
        """The splits that have images."""
        return [split for split, count in self.counts.items() if count]

    @property
    def version(self) -> str:
        """The version of the content, 64 hex digits; see `version_of`."""
        return version_of(self.shards)

    @property
    def title(self) -> str:
        """The name people read."""
        return self.settings.package.title or self.settings.package.name

    @property
    def description(self) -> str:
        """What the maker says of it, or else what it consists of."""
        given = " ".join(self.settings.package.description.split())
        return given or f"{len(self.originals)} images of {', '.join(map(self.settings.title, self.settings.classes))}."

    @cached_property
    def newest(self) -> str:
        """The day on which the newest image was fetched; "" where nothing was."""
        return max((item.fetched_at for item in self.items if DAY.fullmatch(item.fetched_at)), default="")

    @cached_property
    def licenses(self) -> list[tuple[str, str, int]]:
        """(licence, its address or "", images), the most frequent first."""
        found = Counter((item.license or "unknown", item.license_url) for item in self.originals)
        return [(*key, count) for key, count in sorted(found.items(), key=lambda entry: (-entry[1], entry[0]))]

    @property
    def steps(self) -> list[str]:
        """How the images were made, a line for each step."""
        s = self.settings
        width, height = s.resize.width_height
        shape = "" if s.crop.mode == "none" else f", aspect {s.crop.aspect:g}"
        trim = f"uniform borders off (tolerance {s.crop.tolerance})" if s.crop.trim else "borders stay on"
        pad = f", padded with {_color(s.resize.pad)}" if s.resize.fit == "pad" else ""
        largest = f"; what would be enlarged more than {s.crop.max_upscale:g} times is refused" if s.crop.max_upscale else ""
        seed = f", seed {s.rgb.seed}" if s.rgb.background == "random" else ""
        random = f", {s.augment.copies} of each that is random" if s.augment.copies > 1 else ""
        entries = "; ".join(map(entry_text, s.augment.ops)) or "none"
        lines = [
            f"crop: {s.crop.mode}{shape}, {trim}{largest}",
            f"resize: {width}x{height}, {s.resize.filter}, {s.resize.fit}{pad}; antialiased, alpha premultiplied",
            f"rgb: {s.rgb.mode} on background {_color(s.rgb.background)}{seed}",
            f"augmentation: {entries} (training split only), seed {s.augment.seed}{random}, fill {_color(s.augment.fill)}",
        ]
        if s.pair.paired:
            origin = "input and target from the halves of a sheet" if s.pair.on_sheets else f"one half derived by {s.pair.derive}"
            smaller = f", {s.pair.scale} times smaller" if s.pair.derive == "low_resolution" else ""
            lines.append(f"pair: {origin}{smaller}; direction {s.pair.direction}")
        return [*lines, f"holdout: {s.review.holdout:.0%} of groups of near-duplicates, by the hash of their ids"]


def entry_text(entry: object) -> str:
    """An entry of augment.ops as one line: a code as it is, a transform with its arguments as JSON."""
    if isinstance(entry, str):
        return entry
    return json.dumps(entry, sort_keys=True, ensure_ascii=False)


def refusals(*folders: Path) -> list[Rejection]:
    """What the stages that wrote these folders refused."""
    return [row for folder in folders if (folder / "rejected.csv").exists() for row in read_rejections(folder / "rejected.csv")]


def _color(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
