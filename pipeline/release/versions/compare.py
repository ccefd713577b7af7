"""What differs between two versions of the dataset. Every image counts once, under one cause, and the numbers add up."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pipeline.item import Item
from pipeline.release.versions.causes import (
    CAUSES,
    Why,
    changed_params,
    why_added,
    why_facts,
    why_moved,
    why_pixels,
    why_removed,
    why_split,
)
from pipeline.release.versions.snapshot import Snapshot

__all__ = ["KINDS", "Change", "Comparison", "Count", "compare", "unbuilt"]

KINDS = ("added", "removed", "moved", "changed", "described")
"""described: the same pixels in the same class and split, of which the index tells something else, such as the licence."""


@dataclass(frozen=True)
class Change:
    """One image: `old` and `new` are its rows in the two datasets, one of them None where it was added or removed."""

    kind: str
    why: Why
    old: Item | None
    new: Item | None
    pixels: bool = False
    """Whether the pixels differ, where both are there."""

    @property
    def item(self) -> Item:
        """The image as it is now, or as it was."""
        item = self.new or self.old
        assert item is not None
        return item


@dataclass(frozen=True)
class Count:
    """Images of one class: before + added - removed + moved = after. `moved` is who came from other classes less who went."""

    name: str
    before: int
    added: int
    removed: int
    moved: int
    changed: int
    after: int


@dataclass(frozen=True)
class Comparison:
    """`changes` are sorted by kind, cause, reason and id. `splits` has (before, after) by split, `flows` the images that changed
    sides by (from, to). `copies` are the augmented ones: before, added, removed, changed, after."""

    changes: list[Change]
    counts: list[Count]
    splits: dict[str, tuple[int, int]]
    flows: dict[tuple[str, str], int]
    copies: Count
    params: dict[str, tuple[str, str]]
    code: list[str]

    @property
    def same(self) -> bool:
        """Whether both hold the same images and copies, described alike."""
        return not (self.changes or self.copies.added or self.copies.removed or self.copies.changed)

    @property
    def total(self) -> Count:
        """All classes together; who moved is in both numbers."""
        columns = ("before", "added", "removed", "moved", "changed", "after")
        return Count("all", *(sum(getattr(count, column) for count in self.counts) for column in columns))


def compare(before: Snapshot, after: Snapshot) -> Comparison:
    """The changes from one version to another, each with its cause."""
    changes = sorted(_changes(before, after), key=_order)
    flows = Counter((c.old.split, c.new.split) for c in changes if c.old and c.new and c.old.split != c.new.split)
    sides = [Counter(item.split for item in side.images.values()) for side in (before, after)]
    stages = sorted({*before.code, *after.code})
    code = {path for stage in stages for path in {*before.code.get(stage, {}), *after.code.get(stage, {})}
            if stage in before.code and stage in after.code and before.code[stage].get(path) != after.code[stage].get(path)}
    return Comparison(
        changes=changes,
        counts=_counts(changes, before, after),
        splits={split: (sides[0][split], sides[1][split]) for split in sorted({*sides[0], *sides[1]}, reverse=True)},
        flows=dict(sorted(flows.items())),
        copies=_copies(before, after),
        params=changed_params(before.params, after.params),
        code=sorted(code),
    )


def unbuilt(snapshot: Snapshot, params: Mapping[str, Any]) -> list[str]:
    """What was edited after the snapshot was built and is not in it: `params` is params.yaml, flat. One sentence each."""
    told = []
    if edits := changed_params(snapshot.params, params):
        told.append("params.yaml has other values than the dataset was built with: "
                    + ", ".join(f"{key} {old} → {new}" for key, (old, new) in edits.items()))
    waiting = 0
    for item in snapshot.collected.values():
        said = snapshot.decisions.get(item.id)
        decision = said.decision if said else ""
        here = item.id in snapshot.curated
        if decision == "reject" or snapshot.takedown(item):
            waiting += here
        elif decision == "keep" and not here:  # a file that nothing can read is not let in by anybody's word
            refusal = snapshot.refusal(item)
            waiting += refusal is None or refusal.rule != "unreadable"
    if waiting:
        told.append(f"judged or taken down after the dataset was built: {waiting}")
    return told


def _changes(before: Snapshot, after: Snapshot) -> Iterator[Change]:
    for id_ in sorted({*before.images, *after.images}):
        old, new = before.images.get(id_), after.images.get(id_)
        if old is None and new is not None:
            yield Change("added", why_added(new, before, after), None, new)
        elif new is None and old is not None:
            yield Change("removed", why_removed(old, before, after), old, None)
        elif old is not None and new is not None:
            yield from _between(old, new, before, after)


def _between(old: Item, new: Item, before: Snapshot, after: Snapshot) -> Iterator[Change]:
    """The change of an image that both hold: its class before its split before its pixels before what is told of it."""
    pixels = _packed(new.id, before) != _packed(new.id, after)
    if old.class_ != new.class_:
        yield Change("moved", why_moved(old, new, before, after), old, new, pixels)
    elif old.split != new.split:
        why = why_split(old, new, before, after)
        also = "its pixels changed too" if pixels else ""
        yield Change("changed", replace(why, detail="; ".join(part for part in (why.detail, also) if part)), old, new, pixels)
    elif pixels:
        yield Change("changed", why_pixels(new, before, after), old, new, pixels)
    elif facts := why_facts(old, new):
        yield Change("described", facts, old, new)


def _packed(id_: str, side: Snapshot) -> tuple[str, ...]:
    """Digests of the picture and of the halves made from it: edges may stay the same where colours change."""
    return tuple(side.pixels.get(stage, {}).get(id_, "") for stage in ("rgb", "pair"))


def _order(change: Change) -> tuple[int, int, str, str]:
    return KINDS.index(change.kind), CAUSES.index(change.why.cause), change.why.reason, change.item.id


def _counts(changes: list[Change], before: Snapshot, after: Snapshot) -> list[Count]:
    sides = [Counter(item.class_ for item in side.images.values()) for side in (before, after)]
    by = Counter((change.kind, change.item.class_) for change in changes)
    left = Counter(change.old.class_ for change in changes if change.kind == "moved" and change.old)
    return [
        Count(name, sides[0][name], by["added", name], by["removed", name], by["moved", name] - left[name], by["changed", name],
              sides[1][name])
        for name in sorted({*sides[0], *sides[1]})
    ]


def _copies(before: Snapshot, after: Snapshot) -> Count:
    old, new = before.copies, after.copies
    changed = sum(old[name] != new[name] for name in old.keys() & new.keys())
    return Count("copies", len(old), len(new.keys() - old.keys()), len(old.keys() - new.keys()), 0, changed, len(new))
