"""What people have said, as columns beside the catalogue's rows, brought up to date by what the store reports as changed."""

import threading
import time
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from pipeline.curate.decisions.inherit import Proposal
from pipeline.curate.decisions.store import State, Store
from pipeline.curate.review.catalogue import Catalogue
from pipeline.curate.review.offers import Offers

__all__ = ["CODES", "Standing"]

CODES = {"": 0, "keep": 1, "reject": 2}
REST = 20  # a costly answer is used again for this many times as long as it took, so it takes a twentieth of the time at most


class Standing:
    """Decisions (N,) as CODES, conflicts (N,) and who spoke, for every row of the catalogue. Thread-safe."""

    def __init__(self, catalogue: Catalogue, store: Store, share: float) -> None:
        self._catalogue, self._store, self._share = catalogue, store, share
        self._lock = threading.Lock()
        self._states: dict[str, State] = {}
        self.decisions: NDArray[np.int8] = np.zeros(len(catalogue), np.int8)
        self.conflicts: NDArray[np.bool_] = np.zeros(len(catalogue), np.bool_)
        self._speakers: list[tuple[str, ...]] = [()] * len(catalogue)
        self._second_looks: dict[str, tuple[float, frozenset[str]]] = {}
        self._offers = Offers(catalogue, store)
        self._since = store.changes(0)[0]
        self._take(store.states().values())

    def _take(self, states: Iterable[State]) -> None:
        for state in states:
            self._states[state.id] = state
            for row in self._catalogue.rows_of.get(state.id, ()):
                self.decisions[row] = CODES[state.decision]
                self.conflicts[row] = state.conflict
                self._speakers[row] = tuple(word.reviewer for word in state.words)

    def fresh(self) -> int:
        """Take in what was said since; returns the store's counter."""
        with self._lock:
            self._since, states = self._store.changes(self._since)
            self._take(states)
            return self._since

    def state(self, id_: str) -> State:
        """What held of the image when `fresh` was last called."""
        return self._states.get(id_) or State(id_)

    def spoken_by(self, reviewer: str) -> NDArray[np.bool_]:
        """(N,) the rows of which this reviewer has said something that stands."""
        return np.array([reviewer in names for names in self._speakers], dtype=np.bool_)

    def reviewers(self) -> list[str]:
        """Everyone whose word stands somewhere, in alphabetical order."""
        return sorted({name for names in set(self._speakers) for name in names if name})

    def rechecks(self, who: str) -> frozenset[str]:
        """Ids that come back to this reviewer without the earlier decision, as far as they are here; some seconds old at most."""
        if not who:
            return frozenset()
        until, found = self._second_looks.get(who, (0.0, frozenset[str]()))
        start = time.monotonic()
        if start >= until:
            found = frozenset(id_ for id_ in self._store.rechecks(self._share, who) if id_ in self._catalogue.rows_of)
            self._second_looks[who] = (time.monotonic() + REST * (time.monotonic() - start), found)
        return found

    def counts(self, who: str) -> dict[str, int]:
        """How far the review is, over the kept images, for one reviewer."""
        kept = self._catalogue.kept
        said = np.bincount(self.decisions[kept], minlength=len(CODES)).tolist()
        images = int(kept.sum())
        return {
            "images": images, "decided": said[CODES["keep"]] + said[CODES["reject"]], "keep": said[CODES["keep"]],
            "reject": said[CODES["reject"]], "undecided": said[CODES[""]], "conflicts": int(self.conflicts.sum()),
            "rechecks": len(self.rechecks(who)), "copies": len(self._catalogue) - images,
        }

    def by_class(self) -> dict[str, tuple[int, int]]:
        """Class name -> kept images, and how many of them nobody has decided."""
        names, places = self._catalogue.classes
        kept = self._catalogue.kept
        images = np.bincount(places[kept], minlength=len(names)).tolist()
        undecided = np.bincount(places[kept & (self.decisions == CODES[""])], minlength=len(names)).tolist()
        return dict(zip(names, zip(images, undecided, strict=True), strict=True))

    def proposals(self, ids: Iterable[str]) -> dict[str, Proposal]:
        """What is proposed for these images, and perhaps for others, by id."""
        return self._offers.about(ids, self._states)

    def all_proposals(self) -> dict[str, Proposal]:
        """What is proposed for any image, by id."""
        with self._lock:
            return self._offers.all(self._states)
