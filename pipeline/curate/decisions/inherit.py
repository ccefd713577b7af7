"""What was decided about one copy of a picture says something about the others: held back by the gate, proposed by the page."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from pipeline.curate.copies.hashes import hamming

__all__ = ["Judgement", "Proposal", "inherited", "members", "proposals"]

NEAREST = 16  # bits of 256 within which the image that has gone and the new one count as one picture; PDQ's own advice is 31
DUPLICATE = "duplicate"


class Judgement(Protocol):
    """What holds of one image: a Decision, or a State of the store."""

    @property
    def decision(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def reviewer(self) -> str: ...


@dataclass(frozen=True)
class Proposal:
    """What to decide, because it was decided so about the image `id`, by `reviewer`."""

    decision: str
    id: str
    reviewer: str


def members(group_of: Mapping[str, str]) -> dict[str, list[str]]:
    """The ids of each group, sorted."""
    found: dict[str, list[str]] = {}
    for id_ in sorted(group_of):
        found.setdefault(group_of[id_], []).append(id_)
    return found


def inherited(group: Iterable[str], said: Mapping[str, Judgement]) -> str | None:
    """The member of the group that a person rejected for what the picture is, not for being a copy; None where nobody did."""
    rejected = [id_ for id_ in group if id_ in said and said[id_].decision == "reject" and said[id_].reason != DUPLICATE]
    return min(rejected, default=None)


def proposals(
    group_of: Mapping[str, str], said: Mapping[str, Judgement], looks: Mapping[str, str], remembered: Mapping[str, str]
) -> dict[str, Proposal]:
    """What to decide about images that nobody judged, by id.

    `group_of` has the group of every image that is here, named by its kept image; a rejection is proposed for all of a group, a keep
    for the kept image. `looks` are their PDQ hashes, 64 hex digits, `remembered` those of judged images, of which some have gone:
    a site that encodes its pictures anew gives them other ids.
    """
    found: dict[str, Proposal] = {}
    for name, ids in members(group_of).items():
        rejected = inherited(ids, said)
        kept = min((id_ for id_ in ids if id_ in said and said[id_].decision == "keep"), default=None)
        for id_ in [] if rejected and kept else ids if rejected else [name] if kept else []:
            _propose(found, id_, rejected or kept or "", said)
    gone = sorted(id_ for id_ in remembered if id_ not in group_of and id_ in said and said[id_].decision and said[id_].reason != DUPLICATE)
    here = [id_ for id_ in group_of if looks.get(id_) and id_ not in found and not _judged(id_, said)]
    if gone and here:
        hashes = np.frombuffer(bytes.fromhex("".join(looks[id_] for id_ in here)), np.uint8).reshape(len(here), -1)
        nearest = np.full(len(here), NEAREST + 1)
        for id_ in gone:
            distances = hamming(np.frombuffer(bytes.fromhex(remembered[id_]), np.uint8), hashes)
            for place in np.flatnonzero(distances < nearest):
                found.pop(here[place], None)
                _propose(found, here[place], id_, said)
            nearest = np.minimum(nearest, distances)
    return found


def _propose(found: dict[str, Proposal], id_: str, source: str, said: Mapping[str, Judgement]) -> None:
    if not _judged(id_, said):
        found[id_] = Proposal(said[source].decision, source, said[source].reviewer)


def _judged(id_: str, said: Mapping[str, Judgement]) -> bool:
    return id_ in said and bool(said[id_].decision)
