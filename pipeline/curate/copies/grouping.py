"""The groups of a set of files: the same bytes, the same pixels, and near-duplicates, each group around the one that is kept."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from pipeline import engine as engines
from pipeline import image, params
from pipeline.curate.copies.fingerprints import Comparisons
from pipeline.curate.copies.match import Match
from pipeline.curate.copies.search import perhaps_same_pixels
from pipeline.curate.copies.stars import Member, stars
from pipeline.curate.copies.views import Fingerprint, digest_of

__all__ = ["Edge", "Entry", "grouped"]

PIXEL_BY_PIXEL = -2  # in place of an orientation, in what is remembered of a comparison
SAME_LEVELS = 0.7  # margin of a match from which on files of different formats may have the same pixels


@dataclass(frozen=True)
class Entry:
    """One file among those to group: its id, where it lies, its bytes, its fingerprint. `before`: what is preferred before
    anything else, smaller first, such as the place of its class."""

    id: str
    path: Path
    bytes: int
    fingerprint: Fingerprint
    before: tuple[int, ...] = ()


@dataclass(frozen=True)
class Edge:
    """The entry `number` is a copy of the entry `kept`: kind is exact, pixels, near, flip, turn, alpha, border or crop; `distance` of
    the hashes in bits of 256; `correlation` of detail, 0..1; `margin` from 0, only just taken, to 1."""

    number: int
    kept: int
    kind: str
    distance: int = 0
    correlation: float = 1.0
    margin: float = 1.0


def grouped(
    entries: Sequence[Entry], settings: params.Dedupe, known: Comparisons, engine: str = "local", workers: int = 0
) -> list[Edge]:
    """An edge for each entry that is a copy of one that is kept; the same whatever the order of the entries."""
    ranks = [_rank(entry, settings.prefer) for entry in entries]
    order = sorted(range(len(entries)), key=lambda number: (ranks[number], entries[number].id, str(entries[number].path)))
    edges = _same(order, entries)
    taken = {edge.number for edge in edges}
    left = [number for number in order if number not in taken]
    if settings.near:
        with threadpool_limits(1):  # the arrays are small: a second thread of NumPy's or faiss's would only spin
            found = stars([entries[number].fingerprint for number in left], [entries[number].id for number in left],
                          [ranks[number] for number in left], _slack(entries, settings.prefer), settings.distance,
                          "uncropped" in settings.prefer, settings.turned, known)
        near = [Member(left[member.number], left[member.kept], member.match) for member in found]
    else:
        pairs = perhaps_same_pixels([entries[number].fingerprint for number in left])
        near = [Member(left[later], left[first], Match("near", bits, 1.0, 1.0)) for first, later, bits in pairs]
    near_edges = _told_apart(near, entries, settings.near, known, engine, workers)
    return _around_kept([*edges, *near_edges])


def _rank(entry: Entry, prefer: Sequence[str]) -> tuple[float, ...]:
    print_ = entry.fingerprint
    values: Mapping[str, float] = {
        "pixels": -print_.width * print_.height, "lossless": not print_.lossless, "bytes": -math.log2(max(entry.bytes, 1)),
    }
    return (*entry.before, *(values[name] for name in prefer if name in values))


def _slack(entries: Sequence[Entry], prefer: Sequence[str]) -> tuple[float, ...]:
    """How far behind the best each number of a rank may be without deciding: bytes by a factor of two, the others not at all."""
    before = len(entries[0].before) if entries else 0
    return (*[0.0] * before, *(float(name == "bytes") for name in prefer if name in ("pixels", "lossless", "bytes")))


def _same(order: Sequence[int], entries: Sequence[Entry]) -> list[Edge]:
    """The same bytes, and the same pixels where a fingerprint tells them."""
    by_id: dict[str, int] = {}
    by_pixels: dict[str, int] = {}
    edges = []
    for number in order:
        id_, digest = entries[number].id, entries[number].fingerprint.digest
        if id_ in by_id:
            edges.append(Edge(number, by_id[id_], "exact"))
        elif digest and digest in by_pixels:
            edges.append(Edge(number, by_pixels[digest], "pixels"))
            by_id[id_] = by_pixels[digest]
        else:
            by_id[id_] = by_pixels[digest] = number
    return edges


@dataclass(frozen=True)
class _SamePixels:
    """The work of decoding two files in full to compare every pixel."""

    def __call__(self, paths: tuple[Path, Path]) -> bool:
        try:
            one, other = (digest_of(image.decode(path.read_bytes())) for path in paths)
        except image.ImageError:
            return False
        return one == other


def _told_apart(
    members: Sequence[Member], entries: Sequence[Entry], near: bool, known: Comparisons, engine: str, workers: int
) -> list[Edge]:
    """Edges of kind pixels where all pixels are the same, and the others as they were found, if near ones are asked for."""
    def may_be(member: Member) -> bool:
        one, other = entries[member.number].fingerprint, entries[member.kept].fingerprint
        same_size = (one.width, one.height) == (other.width, other.height)
        if member.match.kind != "near" or not same_size or (one.digest and other.digest):
            return False
        by_decoder = one.lossless != other.lossless and member.match.margin >= SAME_LEVELS
        return by_decoder or np.array_equal(one.views[0].thumb, other.views[0].thumb)

    keys = {m.number: (entries[m.number].id, entries[m.kept].id, PIXEL_BY_PIXEL) for m in members if may_be(m)}
    asked = [member for member in members if member.number in keys and keys[member.number] not in known]
    answers = engines.run(_SamePixels(), [(entries[m.number].path, entries[m.kept].path) for m in asked], engine, workers)
    for member, yes in zip(asked, answers, strict=True):
        known[keys[member.number]] = member.match if yes else None
    same = {number for number, key in keys.items() if known[key]}
    edges = [Edge(m.number, m.kept, "pixels", m.match.distance) for m in members if m.number in same]
    if near:
        edges += [Edge(m.number, m.kept, m.match.kind, m.match.distance, m.match.correlation, m.match.margin)
                  for m in members if m.number not in same]
    return edges


def _around_kept(edges: Sequence[Edge]) -> list[Edge]:
    """Copies of the same bytes or pixels as a copy belong to what that one is a copy of, in its way."""
    by_number = {edge.number: edge for edge in edges}
    found = []
    for edge in edges:
        via = by_number.get(edge.kept)
        found.append(Edge(edge.number, via.kept, via.kind, via.distance, via.correlation, via.margin) if via else edge)
    return sorted(found, key=lambda edge: edge.number)
