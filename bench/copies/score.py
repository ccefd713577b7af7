"""How right a grouping of labelled files is: pairs, copies found by kind, and originals that would be lost."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb

from bench.copies.variants import ORIGINAL, Labelled
from pipeline.errors import UserError

__all__ = ["Score", "score"]


@dataclass(frozen=True)
class Score:
    """`precision`: of the pairs of files put in one group, the share that shows one original; 1 where no two files are together.

    `recall`: by (class, kind), the share of copies that are in their original's group. `lost`: originals none of whose
    files is kept. `false_pairs`: by the two classes, in alphabetical order. `largest`: files in the largest group.
    """

    precision: float
    recall: dict[tuple[str, str], float]
    lost: list[str]
    false_pairs: Counter[tuple[str, str]]
    largest: int


def score(labels: Sequence[Labelled], groups: Mapping[str, str], kept: Collection[str] | None = None) -> Score:
    """Judge `groups`, path to the name of a group; a path it does not name is in a group of its own.

    `kept` are the paths that deduplication keeps; None keeps the first path of every group in alphabetical order, as
    tools do that only list pairs. Raises UserError for a path without a label, and where a group keeps no file or two.
    """
    _check(labels, groups, kept)
    members: dict[object, list[Labelled]] = defaultdict(list)
    for label in labels:
        members[_group(label.path, groups)].append(label)
    together = sum(comb(len(group), 2) for group in members.values())
    false_pairs = sum((_false_pairs(group) for group in members.values()), Counter[tuple[str, str]]())
    saved = set(kept) if kept is not None else {min(label.path for label in group) for group in members.values()}
    if any(sum(label.path in saved for label in group) != 1 for group in members.values()):
        raise UserError("score: a group keeps no file or more than one; name exactly one kept path of every group")
    shown = {label.original for label in labels if label.path in saved}
    return Score(
        1 - false_pairs.total() / together if together else 1.0,
        _recall(labels, groups),
        sorted({label.original for label in labels} - shown),
        false_pairs,
        max((len(group) for group in members.values()), default=0),
    )


def _group(path: str, groups: Mapping[str, str]) -> object:
    return groups.get(path, (path,))  # a tuple, which no name of a group can be


def _check(labels: Sequence[Labelled], groups: Mapping[str, str], kept: Collection[str] | None) -> None:
    unknown = sorted((set(groups) | set(kept or ())) - {label.path for label in labels})
    if unknown:
        raise UserError(f"score: {unknown[0]} has no label; group and keep only paths that labels.csv names")


def _recall(labels: Sequence[Labelled], groups: Mapping[str, str]) -> dict[tuple[str, str], float]:
    home = {label.original: _group(label.path, groups) for label in labels if label.kind == ORIGINAL}
    found, all_ = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for label in labels:
        if label.kind != ORIGINAL:
            all_[label.class_, label.kind] += 1
            found[label.class_, label.kind] += _group(label.path, groups) == home[label.original]
    return {kind: found[kind] / count for kind, count in all_.items()}


def _false_pairs(group: Sequence[Labelled]) -> Counter[tuple[str, str]]:
    """Counted, not listed: a careless tool makes groups of hundreds."""
    files = Counter(label.class_ for label in group)
    true = Counter[str]()
    for (_, class_), count in Counter((label.original, label.class_) for label in group).items():
        true[class_] += comb(count, 2)
    pairs = Counter({(class_, class_): comb(count, 2) - true[class_] for class_, count in files.items()})
    pairs.update({(a, b): files[a] * files[b] for a, b in combinations(sorted(files), 2)})
    return +pairs
