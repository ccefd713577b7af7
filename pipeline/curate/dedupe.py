"""Find the copies of each picture and say which is kept: in data/raw, or in any folder."""

import os
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline import params
from pipeline.curate.copies.fingerprints import Looked, Memory
from pipeline.curate.copies.grouping import Edge, Entry, grouped
from pipeline.curate.quality.measure import FLAGS, flagged
from pipeline.errors import UserError
from pipeline.item import Item, Rejection, image_id, read_index, write_index, write_rejections, write_table

__all__ = ["GROUP_COLUMNS", "Deduped", "dedupe", "dedupe_folder", "prune"]

GROUP_COLUMNS = ("group", "id", "class", "path", "kept", "kind", "distance", "correlation", "margin", "copy_of", "pdq")


@dataclass(frozen=True)
class Deduped:
    """How many images are kept and, by rule, how many are not."""

    kept: int
    rejected: Mapping[str, int]

    def __str__(self) -> str:
        rules = ", ".join(f"{count} {rule}" for rule, count in sorted(self.rejected.items()))
        return f"kept {self.kept}, rejected {sum(self.rejected.values())}" + (f": {rules}" if rules else "")


def dedupe(
    raw: Path, out: Path, memory: Path, classes: Sequence[str], settings: params.Dedupe, engine: str = "local", workers: int = 0
) -> Deduped:
    """Read data/raw, write index.csv (images kept), groups.csv and quality.csv (every readable image) and rejected.csv.

    `memory` is the file in which what was seen is remembered.
    """
    items = [item for name in classes for item in read_index(raw / name / "index.csv")]
    rank = {name: place for place, name in enumerate(classes)}
    with Memory(memory) as remembered:
        looked = remembered.look([(item.id, raw / item.path) for item in items], engine, workers)
        seen = [(item, found) for item, found in zip(items, looked, strict=True) if isinstance(found, Looked)]
        entries = [
            Entry(item.id, raw / item.path, item.bytes, found.fingerprint, (bool(_broken_rules(found, settings)), rank[item.class_]))
            for item, found in seen
        ]
        known = remembered.comparisons((item.id for item, _ in seen), settings.turned)
        edges = grouped(entries, settings, known, engine, workers)
    pairs = zip(items, looked, strict=True)
    unreadable = [Rejection(item.id, item.class_, "unreadable", found) for item, found in pairs if isinstance(found, str)]
    kept, rejected = _judged(seen, edges, settings)
    out.mkdir(parents=True, exist_ok=True)
    write_index(out / "index.csv", kept)
    _write_groups(out / "groups.csv", seen, edges)
    _write_quality(out / "quality.csv", seen)
    write_rejections(out / "rejected.csv", unreadable + rejected)
    return Deduped(len(kept), Counter(rejection.rule for rejection in unreadable + rejected))


def dedupe_folder(
    folder: Path, out: Path, memory: Path | None, settings: params.Dedupe, workers: int = 0, quality: Path | None = None
) -> Deduped:
    """The same for any folder: `out` gets path, group, kept, kind and distance of every readable file, and rejected.csv beside it
    the others. `quality`: a table of the scores, if they are wanted. Raises UserError where there is no such folder."""
    if not folder.is_dir():
        raise UserError(f"{folder} is no folder; give one that holds image files")
    if out.is_dir():
        raise UserError(f"{out} is a folder; name the file that the table goes to, such as {out / 'groups.csv'}")
    beside = out.with_name("rejected.csv")
    others = {path.resolve() for path in (out, beside, quality) if path}
    found = (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith("."))
    files = [path for path in found if path.resolve() not in others]
    if not files:
        raise UserError(f"{folder} holds no files; give a folder that holds image files")
    items = [_item(path, folder) for path in files]
    with Memory(memory, quality is not None) as remembered:
        looked = remembered.look([(item.id, path) for item, path in zip(items, files, strict=True)], workers=workers)
        seen = [(item, found) for item, found in zip(items, looked, strict=True) if isinstance(found, Looked)]
        readable = [path for path, found in zip(files, looked, strict=True) if isinstance(found, Looked)]
        entries = [Entry(item.id, path, item.bytes, found.fingerprint) for (item, found), path in zip(seen, readable, strict=True)]
        known = remembered.comparisons((item.id for item, _ in seen), settings.turned)
        edges = grouped(entries, settings, known, workers=workers)
    copies = {edge.number: edge for edge in edges}
    numbered = enumerate(item for item, _ in seen)
    rows: list[tuple[str, ...]] = [(item.path, _group(n, seen, copies), *_how(copies.get(n))) for n, item in numbered]
    write_table(out, ("path", "group", "kept", "kind", "distance"), sorted(rows))
    unreadable = [(item.path, "unreadable", found) for item, found in zip(items, looked, strict=True) if isinstance(found, str)]
    write_table(beside, ("path", "rule", "detail"), unreadable)
    if quality:
        _write_quality(quality, seen)
    return Deduped(len(seen) - len(edges), Counter([f"duplicate-{edge.kind}" for edge in edges] + ["unreadable" for _ in unreadable]))


def prune(raw: Path, classes: Sequence[str]) -> list[str]:
    """Delete the folders of classes that params.yaml no longer has; DVC alone keeps them for ever."""
    gone = sorted(path.name for path in raw.iterdir() if path.is_dir() and path.name not in classes)
    for name in gone:
        shutil.rmtree(raw / name)
    return gone


def _item(path: Path, folder: Path) -> Item:
    data = path.read_bytes()
    name = os.fsencode(path.relative_to(folder).as_posix()).decode(errors="backslashreplace")  # it may be no text, and a table is
    return Item(image_id(data), "", name, 0, 0, len(data), "")


def _broken_rules(looked: Looked, settings: params.Dedupe) -> list[str]:
    """The flags of `reject_if` that the image has."""
    return [flag for flag, limit in settings.reject_if.items() if looked.scores[flag] >= limit]


def _judged(
    seen: Sequence[tuple[Item, Looked]], edges: Sequence[Edge], settings: params.Dedupe
) -> tuple[list[Item], list[Rejection]]:
    """The images kept, and a row with its rule for each that is not."""
    copies = {edge.number: edge for edge in edges}
    spread: dict[int, set[str]] = {}
    for edge in edges:
        spread.setdefault(edge.kept, {seen[edge.kept][0].class_}).add(seen[edge.number][0].class_)
    kept, rejected = [], []
    for number, (item, looked) in enumerate(seen):
        if number in copies:
            rejected.append(_rejection(item, copies[number], seen))
        elif rules := _broken_rules(looked, settings):
            detail = ", ".join(f"{rule} {looked.scores[rule]:g}, from {settings.reject_if[rule]:g} on" for rule in rules)  # type: ignore[index]
            rejected.append(Rejection(item.id, item.class_, f"flag-{rules[0]}", f"{detail} (dedupe.reject_if)"))
        elif settings.across == "none" and len(spread.get(number, ())) > 1:
            rejected.append(Rejection(item.id, item.class_, "other-class", f"also in {', '.join(sorted(spread[number] - {item.class_}))}"))
        else:
            kept.append(replace(item, group=item.id).with_more(flags=" ".join(flagged(looked.scores))))
    return kept, rejected


def _rejection(item: Item, edge: Edge, seen: Sequence[tuple[Item, Looked]]) -> Rejection:
    kept = seen[edge.kept][0]
    rule = "other-class" if item.class_ != kept.class_ else f"duplicate-{edge.kind}"
    where = f"{kept.id} ({kept.class_}, {kept.width}x{kept.height})"
    how = f"{edge.kind}, {edge.distance} bits apart, alike to {edge.correlation:.2f}"
    return Rejection(item.id, item.class_, rule, f"copy of {where}: {how}")


def _group(number: int, seen: Sequence[tuple[Item, Looked]], copies: Mapping[int, Edge]) -> str:
    """A group is named by the image that is kept."""
    return seen[copies[number].kept if number in copies else number][0].id


def _how(edge: Edge | None) -> tuple[str, str, str]:
    return ("no", edge.kind, str(edge.distance)) if edge else ("yes", "", "0")


def _write_groups(path: Path, seen: Sequence[tuple[Item, Looked]], edges: Sequence[Edge]) -> None:
    copies = {edge.number: edge for edge in edges}
    rows: list[tuple[str, ...]] = []
    for number, (item, looked) in enumerate(seen):
        edge = copies.get(number)
        close = (f"{edge.correlation:.3f}", f"{edge.margin:.3f}", seen[edge.kept][0].id) if edge else ("", "", "")
        pdq = looked.fingerprint.views[0].hashes[0].tobytes().hex()
        rows.append((_group(number, seen, copies), item.id, item.class_, item.path, *_how(edge), *close, pdq))
    ordered = sorted(rows, key=lambda row: (row[0], row[4] == "no", *row))
    write_table(path, GROUP_COLUMNS, ordered)


def _write_quality(path: Path, seen: Sequence[tuple[Item, Looked]]) -> None:
    rows = {(item.id, item.class_ or item.path): looked.scores for item, looked in seen}
    write_table(path, ("id", "class" if seen and seen[0][0].class_ else "path", "flags", *FLAGS),
                ((*key, " ".join(flagged(scores)), *(scores[flag] for flag in FLAGS)) for key, scores in sorted(rows.items())))
