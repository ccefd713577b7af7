"""Are two files one picture? Decided on their pixels; a hash that is near only says where to look.

Photographs bear a watermark, another brightness or a few degrees of tilt and stay what they are. In a drawing a mouth is a few
pixels, and colour is meaning, so drawings and flat pictures must agree everywhere.
"""

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from pipeline.curate.copies.crops import Fit, detail, find_part, luma_of, tint_apart
from pipeline.curate.copies.hashes import ORIENTATIONS, averaged, hamming, turned
from pipeline.curate.copies.views import Fingerprint, View

__all__ = ["LEAST_QUALITY", "NEAR_COLOURS", "Match", "Seen", "match"]

SIDE = 32  # two pictures of the same frame are compared at 32 x 32
LEAST_QUALITY = 50  # PDQ's own advice: flatter pictures have hashes that mean nothing
LEAST_CORRELATION = 0.85  # of brightness, from which on it is worth looking closer
LEAST_TO_SEE = 2.0  # levels between the darkest and the lightest place of a picture that shows something on its ground
SAME_ASPECT = 1.08  # at most, between two pictures of the same frame
DRAWING_LEVELS = (5.0, 40.0)  # mean and largest difference of two copies of a drawing, 8-bit levels
FLAT_LEVELS = (2.5, 8.0)  # of two copies of a flat picture
SMOOTH = (3.0, 24.0, 0.85)  # the same of two flat pictures whose detail agrees: clouds, sand
PHOTO_DETAIL = 0.65  # correlation of detail from which on two photographs are one
PHOTO_AGREEING = 0.8  # and the share of places that agree
PHOTO_TINT = 27.0  # and the most difference of tint: two eggs on one stand are two
DRAWING_PART = (0.65, 36.0, 26.0)  # detail, and the most difference in 3 x 3 and in 6 x 6 places, where one is cut out of the other
FLAT_PART = (0.85, 10.0)  # detail, and the most difference in 3 x 3 places, where it is flat
FLAT_STEP = 1  # levels between neighbours of a flat place
FLAT_SHARE = 0.3  # of flat places in a photograph at most
GROUND_COLOUR, GROUND_RIM = 28, 0.3  # levels from the border's colour, and the share of such places along the rim of an object's ground
FRAME_SHARE = 0.05  # of the area, by which a part may differ from what lies within a border
WHOLE_SHARE = {False: 0.97, True: 0.9}  # of the area, from which on neither is a part of the other; judged without borders, roughly
MOST_PAIRS = 2  # of views, the nearest in colour, in which a part is looked for
NEAR_COLOURS = 0.16  # squared Hellinger distance of colours up to which a part is looked for


@dataclass(frozen=True)
class Match:
    """How the second picture is a copy of the first.

    `kind`: near, flip, turn, alpha, border or crop; `distance` of the hashes in bits, 0..256; `correlation` of detail, 0..1;
    `margin`: from 0, only just taken, to 1; `orientation`: the second has the first's after `turned` by it; `lesser`: 0 or 1 if the
    first or the second is cut out of the other or has a frame added.
    """

    kind: str
    distance: int
    correlation: float
    margin: float
    orientation: int = 0
    lesser: int | None = None


class Sight:
    """A view made ready for comparing: at 32 x 32, and whether it is a photograph."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.pixels = averaged(view.thumb, SIDE, SIDE)
        self.luma = averaged(luma_of(view.thumb), SIDE, SIDE)
        flat = self.luma - self.luma.mean()
        self.unit = flat / max(float(np.linalg.norm(flat)), 1.0)  # of one colour nothing is left but the noise of rounding

    @cached_property
    def turns(self) -> np.ndarray:
        """The unit-length brightness in each orientation, float32 (8, 1024)."""
        return np.stack([turned(self.unit, orientation).ravel() for orientation in range(ORIENTATIONS)])

    @cached_property
    def photo(self) -> bool:
        """Photographs have few places without any change of brightness; drawings, and objects on a plain ground, are full of them."""
        luma = luma_of(self.view.thumb)
        steps = np.maximum(np.abs(np.diff(luma, axis=0))[:, :-1], np.abs(np.diff(luma, axis=1))[:-1])
        return bool((steps <= FLAT_STEP).mean() <= FLAT_SHARE)


class Seen:
    """A fingerprint whose views are made ready for comparing.

    `turned`: whether a mirrored or turned copy counts as one: of "all", of "photos", or of "none" (a drawing of an arrow does not).
    """

    def __init__(self, fingerprint: Fingerprint, turned: str = "all") -> None:
        self.sights = tuple(Sight(view) for view in fingerprint.views)
        for sight in self.sights:
            if sight.view.core and not self.framed(sight.view.ground):
                sight.photo = False  # an object cut out of its ground has no flat places left and may be a drawing all the same
        self.may_turn = turned == "all" or (turned == "photos" and self.sights[0].photo)

    def framed(self, ground: str) -> bool:
        """Whether its border is a frame around a picture, and not the ground on which an object lies and which goes on within."""
        whole, core = (next(s.view.thumb for s in self.sights if s.view.ground == ground and s.view.core is c) for c in (False, True))
        rim = np.concatenate([core[0], core[-1], core[:, 0], core[:, -1]]).astype(np.int16)
        return bool((np.abs(rim - whole[0, 0]).max(1) <= GROUND_COLOUR).mean() < GROUND_RIM)


def match(one: Seen, other: Seen, orientation: int = 0, related: bool = False) -> Match | None:
    """How `other` is a copy of `one`; None if it is not.

    A part is looked for upright and, where given, in one more `orientation`; in another colour only if they are `related` by others.
    """
    best: Match | None = None
    may_turn = one.may_turn and other.may_turn
    for a, b in _comparable(one, other):
        found = _same_frame(a, b, may_turn)
        if found and found.kind == "border":
            found = replace(found, lesser=_framed(one, other, a.view, b.view))
        if found and a.view.ground and b.view.ground and not _grounds_agree(one, other, a.view, b.view):
            found = None
        if found and (best is None or (found.kind != "border", found.margin) > (best.kind != "border", best.margin)):
            best = found
    return best or _part(one, other, orientation if may_turn else 0, math.inf if related else NEAR_COLOURS)


def _comparable(one: Seen, other: Seen) -> list[tuple[Sight, Sight]]:
    """Views on the same ground, or one of them opaque."""
    pairs = ((a, b) for a in one.sights for b in other.sights)
    return [(a, b) for a, b in pairs if a.view.ground == b.view.ground or not (a.view.ground and b.view.ground)]


def _grounds_agree(one: Seen, other: Seen, a: View, b: View) -> bool:
    """Two transparent pictures must agree over light and over dark: one ground alone can hide either."""
    return any(
        _same_frame(x, y, one.may_turn and other.may_turn) is not None
        for x in one.sights for y in other.sights
        if x.view.ground == y.view.ground != a.ground and x.view.core == a.core and y.view.core == b.core
    )


def _same_frame(a: Sight, b: Sight, may_turn: bool) -> Match | None:
    correlations = (b.turns if may_turn else b.turns[:1]) @ a.unit.ravel()
    flat = min(a.view.quality, b.view.quality) < LEAST_QUALITY
    if flat and (a.view.core or b.view.core):  # what is left within a border is one colour
        return None
    if a.view.ground != b.view.ground and min(np.ptp(a.luma), np.ptp(b.luma)) < LEAST_TO_SEE:  # white on transparent, over white
        return None
    for orientation in map(int, np.argsort(-correlations.round(4), kind="stable")[:2]):  # of equals the first: upright
        if correlations[orientation] < LEAST_CORRELATION and not flat:
            break
        close = _close(a, b, orientation, flat)
        if close:
            distance = int(hamming(a.view.hashes[0], b.view.hashes[orientation][None])[0])
            kind = _kind(a.view, b.view, orientation)
            return Match(kind, distance, *close, orientation=orientation)
    return None


def _close(a: Sight, b: Sight, orientation: int, flat: bool) -> tuple[float, float] | None:
    """(correlation of detail, margin) of two views in one frame, if they are one picture."""
    height, width = b.view.thumb.shape[:2]
    if orientation % 2:
        height, width = width, height
    aspect = (a.view.thumb.shape[1] / a.view.thumb.shape[0]) / (width / height)
    if not 1 / SAME_ASPECT <= aspect <= SAME_ASPECT:
        return None
    difference = np.abs(a.pixels.astype(np.int16) - turned(b.pixels, orientation))
    mean, largest = float(difference.mean()), float(difference.max())
    correlation, agreeing = detail(a.luma, np.ascontiguousarray(turned(b.luma, orientation)))
    correlation = max(0.0, correlation)
    most = FLAT_LEVELS if flat else DRAWING_LEVELS
    if mean <= most[0] and largest <= most[1]:
        return correlation, 1 - max(mean / most[0], largest / most[1])
    if flat and mean <= SMOOTH[0] and largest <= SMOOTH[1] and correlation >= SMOOTH[2]:
        return correlation, 1 - largest / SMOOTH[1]
    if flat or not (a.photo and b.photo) or correlation < PHOTO_DETAIL or agreeing < PHOTO_AGREEING:
        return None
    if tint_apart(a.pixels, np.ascontiguousarray(turned(b.pixels, orientation))) <= PHOTO_TINT:
        return correlation, (correlation - PHOTO_DETAIL) / (1 - PHOTO_DETAIL)
    return None


def _part(one: Seen, other: Seen, orientation: int, most: float) -> Match | None:
    """One is cut out of the other. Transparent pictures are not looked at: what they are cut to is seen without their border."""
    pairs = [(a, b) for a, b in _comparable(one, other) if not (a.view.ground or b.view.ground)]
    far = [(float(((a.view.colours - b.view.colours).astype(np.float32) ** 2).sum()), place) for place, (a, b) in enumerate(pairs)]
    for distance, place in sorted(far)[:MOST_PAIRS]:
        a, b = pairs[place]
        for turn in sorted({0, orientation}) if distance <= most else ():
            fit = find_part(a.view.thumb, np.ascontiguousarray(turned(b.view.thumb, turn)))
            needed = _part_needs(a, b, fit) if fit else 1.0
            if fit and fit.correlation >= needed:
                bits = int(hamming(a.view.hashes[0], b.view.hashes[turn][None])[0])
                kind, lesser = _cut_or_framed(one, other, a.view, b.view, fit)
                return Match(kind, bits, fit.correlation, (fit.correlation - needed) / (1 - needed), turn, lesser)
    return None


def _part_needs(a: Sight, b: Sight, fit: Fit) -> float:
    """The correlation of detail that is asked for; more than 1 where the levels differ too much."""
    if min(a.view.quality, b.view.quality) < LEAST_QUALITY:
        return FLAT_PART[0] if fit.local <= FLAT_PART[1] else 2.0
    if a.photo and b.photo:
        return PHOTO_DETAIL if fit.agreeing >= PHOTO_AGREEING and fit.tint <= PHOTO_TINT else 2.0
    return DRAWING_PART[0] if fit.local <= DRAWING_PART[1] and fit.broad <= DRAWING_PART[2] else 2.0


def _cut_or_framed(one: Seen, other: Seen, a: View, b: View, fit: Fit) -> tuple[str, int | None]:
    """(kind, which is the lesser): a part that is all that lies within the border of the whole is not cut out of it."""
    whole, outer, inner = ((other, b, a), (one, a, b))[fit.part]
    within = [sight.view.share for sight in whole.sights if sight.view.core and sight.view.ground == inner.ground]
    if not (outer.core or inner.core) and any(abs(share - fit.share) <= FRAME_SHARE for share in within):
        return "border", 1 - fit.part if whole.framed(outer.ground) else None
    share = fit.share * outer.share / inner.share  # of the whole file's area that the part's file shows
    least = WHOLE_SHARE[outer.core or inner.core]
    if least <= share <= 1 / least:
        return "near", None
    if outer.core != inner.core and fit.share >= WHOLE_SHARE[True]:
        return "border", _framed(one, other, a, b)
    return "crop", fit.part if share < 1 else 1 - fit.part


def _kind(a: View, b: View, orientation: int) -> str:
    if a.core != b.core:
        return "border"
    if orientation:
        return "flip" if orientation in (4, 6) else "turn"
    return "alpha" if a.ground != b.ground else "near"


def _framed(one: Seen, other: Seen, a: View, b: View) -> int | None:
    """Which of the two had to be freed from a frame to match."""
    if a.core == b.core:
        return None
    freed, view, number = (one, a, 0) if a.core else (other, b, 1)
    return number if freed.framed(view.ground) else None
