"""Find copies of one picture and say which is kept: exact bytes, exact pixels, near-duplicates.

Images are taken in order of preference (class as listed in params.yaml, then more pixels, more bytes,
smaller id). Each joins the first kept image that it is a copy of, or is kept itself. So groups are stars
around a kept image, and neither the order of input nor a chain of small steps changes them.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pipeline import engine as engines
from pipeline import params
from pipeline.curate.hashes import Features, Fingerprint, hamming
from pipeline.item import Item, Rejection, read_index, write_index, write_rejections, write_table

__all__ = ["Edge", "dedupe", "group", "prune"]

LEAST_QUALITY = 50  # PDQ's own advice: flatter pictures have hashes that mean nothing
MOST_DIFFERENCE = (6.0, 32.0)  # mean and largest difference, in 8-bit levels, of two 16 x 16 thumbnails


@dataclass(frozen=True)
class Edge:
    """`item` is a copy of `kept`: kind is exact, pixels or near; distance in bits of the hash."""

    item: Item
    kept: Item
    kind: str
    distance: int


def dedupe(
    raw: Path, out: Path, classes: Sequence[str], settings: params.Dedupe, engine: str = "local", workers: int = 0
) -> tuple[int, int]:
    """Read data/raw, write index.csv (images kept), groups.csv and rejected.csv; returns (kept, rejected)."""
    items = [item for name in classes for item in read_index(raw / name / "index.csv")]
    prints = engines.run(Features(), [raw / item.path for item in items], engine, workers)
    readable = [(i, p) for i, p in zip(items, prints, strict=True) if isinstance(p, Fingerprint)]
    unreadable = [Rejection(i.id, i.class_, "unreadable", p) for i, p in zip(items, prints, strict=True) if isinstance(p, str)]
    kept, edges = group(readable, classes, settings)
    named = _group_names(kept, edges)
    out.mkdir(parents=True, exist_ok=True)
    write_index(out / "index.csv", (replace(item, group=named[item.id]) for item in kept))
    _write_groups(out / "groups.csv", kept, edges, named)
    rejections = unreadable + [_rejection(edge) for edge in edges]
    write_rejections(out / "rejected.csv", rejections)
    return len(kept), len(rejections)


def group(
    images: Sequence[tuple[Item, Fingerprint]], classes: Sequence[str], settings: params.Dedupe
) -> tuple[list[Item], list[Edge]]:
    """The images to keep, and an edge for each that is a copy of one of them."""
    rank = {name: place for place, name in enumerate(classes)}
    ordered = sorted(images, key=lambda x: (rank[x[0].class_], -x[0].width * x[0].height, -x[0].bytes, x[0].id))
    kept: list[tuple[Item, Fingerprint]] = []
    by_id: dict[str, Item] = {}
    by_pixels: dict[str, Item] = {}
    hashes = np.empty((len(ordered), 32), np.uint8)
    edges = []
    for item, found in ordered:
        if item.id in by_id:
            edges.append(Edge(item, by_id[item.id], "exact", 0))
        elif found.pixels in by_pixels:
            edges.append(Edge(item, by_pixels[found.pixels], "pixels", 0))
        elif settings.near and (near := _nearest(found, kept, hashes[: len(kept)], settings.distance)):
            edges.append(Edge(item, near[0], "near", near[1]))
        else:
            hashes[len(kept)] = np.frombuffer(found.pdq, np.uint8)
            kept.append((item, found))
            by_id[item.id] = by_pixels[found.pixels] = item
    return [item for item, _ in kept], edges


def prune(raw: Path, classes: Sequence[str]) -> list[str]:
    """Delete the folders of classes that params.yaml no longer has; DVC alone keeps them for ever."""
    gone = sorted(path.name for path in raw.iterdir() if path.is_dir() and path.name not in classes)
    for name in gone:
        shutil.rmtree(raw / name)
    return gone


def _nearest(
    found: Fingerprint, kept: list[tuple[Item, Fingerprint]], hashes: np.ndarray, distance: int
) -> tuple[Item, int] | None:
    if found.quality < LEAST_QUALITY or not kept:
        return None
    distances = hamming(np.frombuffer(found.pdq, np.uint8), hashes)
    for place in np.flatnonzero(distances <= distance):
        item, other = kept[int(place)]
        if other.quality >= LEAST_QUALITY and _look_alike(found, other):
            return item, int(distances[place])
    return None


def _look_alike(one: Fingerprint, other: Fingerprint) -> bool:
    """A near hash is a hint; the thumbnails decide, so that a face and the same face without a mouth are two."""
    a, b = (np.frombuffer(x.thumb, np.uint8).astype(float) for x in (one, other))
    difference = np.abs(a - b)
    return bool(difference.mean() <= MOST_DIFFERENCE[0] and difference.max() <= MOST_DIFFERENCE[1])


def _group_names(kept: list[Item], edges: list[Edge]) -> dict[str, str]:
    """A group is named by the smallest id in it."""
    members = {item.id: [item.id] for item in kept}
    for edge in edges:
        members[edge.kept.id].append(edge.item.id)
    return {id_: min(ids) for id_, ids in members.items()}


def _write_groups(path: Path, kept: list[Item], edges: list[Edge], named: dict[str, str]) -> None:
    rows: list[tuple[object, ...]] = [(named[i.id], i.id, i.class_, i.path, "yes", "", 0, "") for i in kept]
    rows += [(named[e.kept.id], e.item.id, e.item.class_, e.item.path, "no", e.kind, e.distance, e.kept.id) for e in edges]
    write_table(path, ("group", "id", "class", "path", "kept", "kind", "distance", "copy_of"), sorted(rows, key=str))


def _rejection(edge: Edge) -> Rejection:
    rule = "other-class" if edge.item.class_ != edge.kept.class_ else f"duplicate-{edge.kind}"
    where = f"{edge.kept.id} ({edge.kept.class_}, {edge.kept.width}x{edge.kept.height})"
    return Rejection(edge.item.id, edge.item.class_, rule, f"copy of {where}: {edge.kind}, {edge.distance} bits apart")
