"""How far people agree: between two reviewers, and of one with themselves.

What counts is a reviewer's first own word on an image, and with themselves a later blind one; never one that was taken back or that
settles a conflict. Whether the first word was said with the other's before the eyes, nobody wrote down: blind rechecks are sure.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from pipeline.curate.decisions.decision import Decision
from pipeline.curate.decisions.history_file import Entry
from pipeline.item import write_table

__all__ = ["COLUMNS", "Agreement", "agreements", "kappa", "share", "write_agreement"]

COLUMNS = ("kind", "reviewer", "other", "images", "agree", "kappa")
Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Agreement:
    """`kind` is between (two reviewers) or within (one, asked again blind; `other` is blank); `agree` and `kappa` may be undefined."""

    kind: str
    reviewer: str
    other: str
    images: int
    agree: float | None
    kappa: float | None


def share(pairs: Pairs) -> float | None:
    """The share of pairs that are equal, 0..1; None without a pair."""
    return sum(one == other for one, other in pairs) / len(pairs) if pairs else None


def kappa(pairs: Pairs) -> float | None:
    """Cohen's kappa, -1..1: (p_o - p_e) / (1 - p_e), with p_o the share of equal pairs and p_e what it would be by chance.

    J. Cohen, A coefficient of agreement for nominal scales, Educational and Psychological Measurement 20 (1960), equation 1.
    None without a pair, and where both said one and the same of all, which makes p_e 1.
    """
    observed = share(pairs)
    if observed is None:
        return None
    ones, others = Counter(one for one, _ in pairs), Counter(other for _, other in pairs)
    chance = sum(ones[word] * others[word] for word in ones)  # times len(pairs) squared, so that 1 is met exactly
    total = len(pairs) ** 2
    return None if chance == total else (observed - chance / total) / (1 - chance / total)


def agreements(entries: Iterable[Entry], rows: Iterable[Decision]) -> list[Agreement]:
    """Each pair of reviewers who judged the same images, then each reviewer who was asked again; sorted by name.

    `rows` are those of the class files, which count where the history has nothing of that reviewer on that image.
    """
    first: dict[str, dict[str, str]] = {}
    again: dict[str, list[tuple[str, str]]] = {}
    ordered = sorted(entries, key=lambda entry: entry.at)
    last = {entry.undoes: entry.action for entry in ordered if entry.undoes}
    for entry in ordered:
        taken_back = last.get(entry.batch) == "undo"
        if entry.action not in ("decide", "merge") or taken_back or not entry.decision:
            continue
        of_one = first.setdefault(entry.reviewer, {})
        if entry.blind and entry.id in of_one:
            again.setdefault(entry.reviewer, []).append((of_one[entry.id], entry.decision))
        of_one.setdefault(entry.id, entry.decision)
    spoken = {(entry.reviewer, entry.id) for entry in ordered}
    for row in rows:
        if row.reviewer and row.decision and (row.reviewer, row.id) not in spoken:
            first.setdefault(row.reviewer, {}).setdefault(row.id, row.decision)
    found = []
    for one, other in combinations(sorted(first), 2):
        both = [(first[one][id_], first[other][id_]) for id_ in sorted(first[one].keys() & first[other].keys())]
        if both:
            found.append(Agreement("between", one, other, len(both), share(both), kappa(both)))
    return found + [Agreement("within", name, "", len(pairs), share(pairs), kappa(pairs)) for name, pairs in sorted(again.items())]


def write_agreement(path: Path, found: Iterable[Agreement]) -> None:
    """Write agreement.csv; what is undefined is blank."""
    numbers = [(a.kind, a.reviewer, a.other, a.images, _digits(a.agree), _digits(a.kappa)) for a in found]
    write_table(path, COLUMNS, numbers)


def _digits(value: float | None) -> str | float:
    return "" if value is None else round(value, 3)
