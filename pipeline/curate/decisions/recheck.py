"""Which judged images come back to a reviewer without what was said of them, to measure how far people agree."""

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta

from pipeline.curate.decisions.history import History
from pipeline.curate.decisions.word import State, moment

__all__ = ["falls", "rechecks"]

DECISIONS = 20
PAUSE = timedelta(minutes=10)


def falls(id_: str, reviewer: str, share: float) -> bool:
    """Whether the image is among the `share` that this reviewer is asked again: by a hash, so the same ones every time."""
    digest = hashlib.sha256(f"{id_} {reviewer}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64


def rechecks(states: Iterable[State], history: History, share: float, reviewer: str, now: datetime) -> list[str]:
    """The ids, sorted. One's own come back after 20 further decisions or ten minutes, others' at once; none comes back twice."""
    if share <= 0:
        return []
    said = [entry for entry in history.by(reviewer) if entry.action != "undo"]
    end = {entry.batch: number for number, entry in enumerate(said)}
    place = {entry.id: end[entry.batch] for entry in said}  # what was decided with it in one action came not after it
    time = {entry.id: entry.at for entry in said}
    blind = history.rechecked(reviewer)
    found = []
    for state in states:
        if not (state.decision or state.conflict) or state.id in blind or not falls(state.id, reviewer, share):
            continue
        own = [row.reviewed_at for row in state.words if row.reviewer == reviewer and row.decision]
        at = time.get(state.id, max(own, default=""))
        long_ago = now - moment(at) >= PAUSE or (state.id in place and len(said) - 1 - place[state.id] >= DECISIONS)
        if not (own or state.id in place) or long_ago:
            found.append(state.id)
    return sorted(found)
