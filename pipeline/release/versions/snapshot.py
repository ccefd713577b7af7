"""One version of the dataset as its tables tell it: what was collected, refused, decided, made and packaged."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from pipeline.curate.decisions.decision import Decision, decision_files, joined, read_file
from pipeline.forgotten import COLUMNS as TAKEDOWN_COLUMNS
from pipeline.forgotten import FILE as TAKEDOWNS
from pipeline.item import Item, Rejection, read_index, read_rejections, read_table
from pipeline.spreadsheet import read_rows

__all__ = ["FOLDERS", "PIXELS", "SECTIONS", "TABLES", "Refusal", "Snapshot", "Takedown", "built_with", "flat", "live_stages",
           "read_snapshot"]

SECTIONS = ("classes", "scrape", "dedupe", "review", "crop", "resize", "rgb", "pair", "augment", "package")
"""The sections of params.yaml that decide what is in the dataset."""

PIXELS = {"crop": "crops", "resize": "resized", "rgb": "rgb", "pair": "pairs"}
"""The stages that decide an image's pixels, in order, each with the folder it writes."""

FOLDERS = ("deduped", "curated", *PIXELS.values(), "augmented", "dataset")
TABLES = ("index.csv", "rejected.csv", "groups.csv")
"""The tables that a snapshot is read from, wherever a folder has them."""


@dataclass(frozen=True)
class Refusal:
    """A row of a rejected.csv and the stage that wrote it."""

    stage: str
    rule: str
    detail: str
    class_: str


@dataclass(frozen=True)
class Takedown:
    """A row of forgotten.csv."""

    day: str
    reason: str


@dataclass(frozen=True, eq=False)
class Snapshot:
    """What the tables of one version say. Maps are by image id. A snapshot equals itself alone.

    `images` are the packaged originals and `copies` the augmented ones, by file name, with their digests. `pixels` has for each stage
    of PIXELS what it made: a box, or a digest of the bytes. `params` and `code` are what it was built with (see `built_with`).
    """

    images: Mapping[str, Item]
    collected: Mapping[str, Item] = field(default_factory=dict)
    curated: Mapping[str, Item] = field(default_factory=dict)
    refusals: Mapping[str, tuple[Refusal, ...]] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)
    decisions: Mapping[str, Decision] = field(default_factory=dict)
    takedowns: Mapping[str, Takedown] = field(default_factory=dict)
    pixels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    copies: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    code: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def takedown(self, item: Item) -> Takedown | None:
        """The takedown of this image, by its id or an address of it."""
        found = (self.takedowns.get(name) for name in (item.id, item.image_url, item.page_url) if name)
        return next((one for one in found if one), None)

    def refusal(self, item: Item) -> Refusal | None:
        """Why the image is not in the dataset: the row of its class, where there are several."""
        rows = sorted(self.refusals.get(item.id, ()), key=lambda row: (row.class_ != item.class_, row.rule == "other-class"))
        return rows[0] if rows else None

    @cached_property
    def classes(self) -> set[str]:
        """The classes of its params."""
        return {key.split(".")[1] for key in self.params if key.startswith("classes.")}

    @cached_property
    def addresses(self) -> set[tuple[str, str]]:
        """(class, address) of what was collected."""
        return {(item.class_, item.image_url) for item in self.collected.values() if item.image_url}

    @cached_property
    def members(self) -> dict[str, set[str]]:
        """The ids of each group of near-duplicates."""
        found: dict[str, set[str]] = {}
        for id_, group in self.groups.items():
            found.setdefault(group, set()).add(id_)
        return found


def read_snapshot(
    data: Path, decisions: Path, params: Mapping[str, Any], code: Mapping[str, Mapping[str, str]] | None = None
) -> Snapshot:
    """Read the tables under `data` (folders raw, deduped … dataset) and `decisions`. A folder that is not there has no rows.

    `params` is flat (see `flat`), `code` has for each stage the digests of the code it ran. Raises UserError for a table that is none.
    """
    raw = sorted((data / "raw").glob("*/index.csv"))
    packaged = _index(data / "dataset")
    made = {stage: _index(data / folder) for stage, folder in PIXELS.items()}
    copies = _index(data / "augmented")
    digests = {Path(item.path).name: item.more.get("digest", "") for item in copies}
    augmented = [Path(item.path).name for item in packaged if item.more.get("augmentation")]
    return Snapshot(
        images=_by_id(item for item in packaged if not item.more.get("augmentation")),
        collected=_by_id(item for path in raw for item in read_index(path)),
        curated=_by_id(_index(data / "curated")),
        refusals=_refusals(data),
        groups=_groups(data / "deduped" / "groups.csv"),
        decisions=_decisions(decisions),
        takedowns=_takedowns(decisions / TAKEDOWNS),
        pixels={stage: _pixels(items, "box" if stage == "crop" else "digest") for stage, items in made.items()},
        copies={name: digests.get(name, "") for name in augmented},
        params=params,
        code=code or {},
    )


def flat(tree: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Nested sections as one map: {"resize": {"size": 32}} becomes {"resize.size": 32}. Lists are values; an empty section is one too."""
    found: dict[str, Any] = {}
    for name, value in tree.items():
        key = f"{above}{name}"
        found |= flat(value, f"{key}.") if isinstance(value, Mapping) and value else {key: value}
    return found


def built_with(lock: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, dict[str, str]]]:
    """(params, code) that the stages of a dvc.lock ran with; params.yaml may have been edited since.

    params is flat; code is, by stage, {path: digest} of what a stage depends on outside data/.
    """
    params: dict[str, Any] = {}
    code: dict[str, dict[str, str]] = {}
    for name, stage in live_stages(lock).items():
        for sections in (stage.get("params") or {}).values():
            params |= {key: value for key, value in flat(sections).items() if key.split(".")[0] in SECTIONS}
        deps = {dep["path"]: str(dep.get("md5", "")) for dep in stage.get("deps") or []}
        code[name] = {path: digest for path, digest in deps.items() if path.startswith(("pipeline/", "stages/"))}
    return params, code


def live_stages(lock: Mapping[str, Any]) -> dict[str, Any]:
    """The stages of a dvc.lock, without the scraping of classes that were gone when copies were last looked for: DVC keeps those."""
    stages = lock.get("stages") or {}
    classes = {name for sections in (stages.get("dedupe", {}).get("params") or {}).values() for name in sections.get("classes", ())}
    return {name: stage for name, stage in stages.items() if not (classes and name.startswith("scrape@") and name[7:] not in classes)}


def _by_id(items: Iterable[Item]) -> dict[str, Item]:
    found: dict[str, Item] = {}
    for item in items:
        found.setdefault(item.id, item)  # halves of a pair share their id
    return found


def _index(folder: Path) -> list[Item]:
    path = folder / "index.csv"
    return read_index(path) if path.exists() else []


def _pixels(items: Iterable[Item], column: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for item in items:
        if item.more.get("augmentation"):
            continue
        said = item.more.get(column, "")
        found[item.id] = f"{found[item.id]} {said}" if item.id in found else said
    return found


def _refusals(data: Path) -> dict[str, tuple[Refusal, ...]]:
    """By id, the rows of later stages first. Curation repeats those of deduplication: it is the earlier stage that has refused."""
    found: dict[str, tuple[Refusal, ...]] = {}
    repeated: set[Rejection] = set()
    stages = [("scrape", path.parent) for path in sorted((data / "raw").glob("*/rejected.csv"))]
    stages += [("dedupe", data / "deduped"), ("review", data / "curated")]
    stages += [(stage, data / folder) for stage, folder in PIXELS.items()]
    for stage, folder in stages:
        path = folder / "rejected.csv"
        rows = read_rejections(path) if path.exists() else []
        for row in rows:
            if row not in repeated:
                found[row.id] = (Refusal(stage, row.rule, row.detail, row.class_), *found.get(row.id, ()))
        repeated |= set(rows)
    return found


def _groups(path: Path) -> dict[str, str]:
    return {row["id"]: row["group"] for row in read_table(path, ("group", "id"))} if path.exists() else {}


def _decisions(folder: Path) -> dict[str, Decision]:
    """What people said; rows that disagree or are malformed stop a build, not a look back."""
    rows: dict[str, list[Decision]] = {}
    for path in decision_files(folder):
        for row in read_file(path, []):
            rows.setdefault(row.id, []).append(row)
    return {id_: joined(sorted(of_one, key=lambda row: row.order)) for id_, of_one in rows.items()}


def _takedowns(path: Path) -> dict[str, Takedown]:
    if not path.exists():
        return {}
    found = {}
    for _, row in read_rows(path, ("id", "url"), TAKEDOWN_COLUMNS):
        for name in (row["id"], row["url"]):
            if name:
                found[name] = Takedown(row.get("forgotten_at", ""), row.get("reason", ""))
    return found
