"""Group copies around the picture that is kept: every member of a group is a copy of that one, compared with it on its pixels.

First each picture looks for one that it is a copy of, the most alike first: that joins what belongs together cheaply. Then each such
family chooses who is kept, and everyone in it is compared with that one; who is no copy of it makes a family of its own. So no
chain of small steps joins what is not alike, and the groups are the same in whatever order the files came.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from pipeline.curate.copies.fingerprints import Comparisons
from pipeline.curate.copies.hashes import ORIENTATIONS, turned
from pipeline.curate.copies.match import Match, Seen, match
from pipeline.curate.copies.search import BLOCK, Shelf
from pipeline.curate.copies.views import Fingerprint

__all__ = ["Member", "stars"]

MOST_LOOKED_AT = 24  # faces that are compared on their pixels, the nearest first
MOST_FACES = 2  # of one family
SLACK = 0.005  # how much farther than one family another may be and still be compared, beside half as far again
ENOUGH = 0.8  # of the copies that one knew who gives way
QUITE_ALIKE = 0.5  # margin of a copy that is no face of its own
STRANGERS = -1  # in place of an orientation, in what is remembered of a comparison
REMEMBERED = 8192  # pictures kept ready for comparing


Rank = tuple[float, ...]


@dataclass(frozen=True)
class Member:
    """`number` is a copy of the picture `kept`, in the way that `match` says (first the kept one)."""

    number: int
    kept: int
    match: Match


@dataclass(frozen=True)
class _Relative:
    """A picture of a family and its orientation: turned by it, it stands as the family's first."""

    number: int
    orientation: int


def stars(
    prints: Sequence[Fingerprint], ids: Sequence[str], ranks: Sequence[Rank], slack: Rank, distance: int, uncropped: bool = True,
    turned: str = "all", known: Comparisons | None = None,
) -> list[Member]:
    """The copies among pictures; who is in no row is kept.

    `ids` are different, and pictures come in an order that does not depend on chance. `ranks`: number by number the smallest is kept,
    and all that are within its `slack`; with `uncropped`, after pictures that are cut out of another or framed. Equals are told apart
    by how typical a picture is of its family, then by place. `turned`: see `Seen`. `known`: comparisons of an earlier run, made with
    the same `turned`, to which those of this one are added.
    """
    compare = _Comparer(prints, ids, turned, {} if known is None else known)
    members = []
    for family in _families(prints, distance, compare):
        while len(family) > 1:
            kept, found = _around_the_best(family, _Choice(ranks, slack, uncropped), compare)
            members += found
            joined = {kept.number, *(member.number for member in found)}
            family = [relative for relative in family if relative.number not in joined]
    return sorted(members, key=lambda member: member.number)


class _Comparer:
    """`match` for pictures by number, each question asked once, also of an earlier run."""

    def __init__(self, prints: Sequence[Fingerprint], ids: Sequence[str], turned: str, known: Comparisons) -> None:
        self._ids, self._known = ids, known
        self.seen = lru_cache(maxsize=REMEMBERED)(lambda number: Seen(prints[number], turned))

    def __call__(self, one: int, other: int) -> Match | None:
        """Of two strangers."""
        key = self._ids[one], self._ids[other], STRANGERS
        if key not in self._known:
            self._known[key] = match(self.seen(one), self.seen(other))
        return self._known[key]

    def related(self, one: int, other: int, orientation: int) -> Match | None:
        """Of two of a family."""
        found = self._known.get((self._ids[one], self._ids[other], STRANGERS))
        key = self._ids[one], self._ids[other], orientation
        if not found and key not in self._known:
            self._known[key] = match(self.seen(one), self.seen(other), orientation, related=True)
        return found or self._known[key]


def _families(prints: Sequence[Fingerprint], distance: int, compare: _Comparer) -> list[list[_Relative]]:
    """Pictures joined by a comparison each with one face of the family: its first, or one that is not quite like those before.

    A picture that is a copy of faces of two families makes them one.
    """
    shelf = Shelf(distance)
    family_of: dict[int, list[_Relative]] = {}
    for start in range(0, len(prints), BLOCK):
        block = range(start, min(start + BLOCK, len(prints)))
        some = prints[start : start + BLOCK]
        faces: set[int] = set()
        for number, known, beside in zip(block, shelf.near(some), shelf.among(block, some), strict=True):
            near = known | {other: far for other, far in beside.items() if other in faces}
            found = list(_copies(number, near, family_of, compare))
            family_of[number] = [_Relative(number, 0)]
            for other, how in found:
                _unite(family_of, other, number, how.orientation)
            if not any(how.margin >= QUITE_ALIKE and how.kind != "crop" for _, how in found):
                faces.add(number)
        shelf.add(sorted(faces), [prints[number] for number in sorted(faces)])
    return [family for number, family in family_of.items() if family[0].number == number]


def _copies(
    number: int, near: Mapping[int, float], family_of: Mapping[int, list[_Relative]], compare: _Comparer
) -> Iterator[tuple[int, Match]]:
    """A face of each family that the picture is a copy of; after the first, only of families about as near."""
    tried = Counter[int]()
    limit = math.inf
    for other in sorted(near, key=lambda other: (near[other], other))[:MOST_LOOKED_AT]:
        family = family_of[other][0].number
        if near[other] > limit or tried[family] >= MOST_FACES:
            continue
        tried[family] += 1
        found = compare(other, number)
        if found:
            tried[family] = MOST_FACES
            limit = min(limit, 1.5 * near[other] + SLACK)
            yield other, found


def _unite(family_of: dict[int, list[_Relative]], one: int, other: int, orientation: int) -> None:
    """Make two families one; `other` turned by `orientation` stands as `one`."""
    into, out_of = family_of[one], family_of[other]
    if into is out_of:
        return
    standing = {relative.number: relative.orientation for relative in (*into, *out_of)}
    turn = _after(_INVERSE[standing[other]], _after(orientation, standing[one]))
    for relative in out_of:
        into.append(_Relative(relative.number, _after(relative.orientation, turn)))
        family_of[relative.number] = into


@dataclass(frozen=True)
class _Choice:
    ranks: Sequence[Rank]
    slack: Rank
    uncropped: bool


def _around_the_best(family: Sequence[_Relative], choice: _Choice, compare: _Comparer) -> tuple[_Relative, list[Member]]:
    """The one of a family that is kept, and its copies.

    Who proves to be cut out of another or framed gives way to the next best, unless that one knows far fewer of the family.
    """
    lesser: set[int] = set()
    chosen: tuple[_Relative, list[Member]] | None = None
    while True:
        kept = _best(family, choice, lesser, compare)
        found = [
            Member(other.number, kept.number, how) for other in family if other is not kept
            if (how := compare.related(kept.number, other.number, _after(other.orientation, _INVERSE[kept.orientation])))
        ]
        if chosen is None or len(found) >= ENOUGH * len(chosen[1]):
            chosen = kept, found
        gives_way = any(member.match.lesser == 0 and member.number not in lesser for member in found)
        if not choice.uncropped or not gives_way or kept.number in lesser:
            return chosen
        lesser.add(kept.number)


def _best(family: Sequence[_Relative], choice: _Choice, lesser: set[int], compare: _Comparer) -> _Relative:
    equal = [relative for relative in family if relative.number not in lesser] or list(family)
    for place, slack in enumerate(choice.slack):
        least = min(choice.ranks[relative.number][place] for relative in equal) + slack
        equal = [relative for relative in equal if choice.ranks[relative.number][place] <= least]
    if len(equal) == 1:
        return equal[0]
    return min(equal, key=lambda relative: (_strangeness(relative.number, family, compare), relative.number))


def _strangeness(number: int, family: Sequence[_Relative], compare: _Comparer) -> float:
    """How far a picture is from all of its family, in colour and in what is where."""
    own = compare.seen(number).sights[0]
    others = [compare.seen(relative.number).sights[0] for relative in family]
    colours = np.stack([sight.view.colours for sight in others]).astype(np.float32) - own.view.colours
    places = np.stack([sight.unit.ravel() for sight in others]) @ own.unit.ravel()
    return float(np.round((colours**2).sum() + (1 - places).sum(), 3))


def _after(first: int, second: int) -> int:
    """The orientation that is `first` and then `second`."""
    return _TOGETHER[first][second]


def _table() -> list[list[int]]:
    square = np.arange(4).reshape(2, 2)
    names = {turned(square, o).tobytes(): o for o in range(ORIENTATIONS)}
    return [[names[turned(turned(square, a), b).tobytes()] for b in range(ORIENTATIONS)] for a in range(ORIENTATIONS)]


_TOGETHER = _table()
_INVERSE = [row.index(0) for row in _TOGETHER]
