"""What decisions about other images propose for one that nobody has judged: copies of it, and pictures that have gone."""

import threading
from collections.abc import Iterable, Mapping

from pipeline.curate.decisions.inherit import Proposal, proposals
from pipeline.curate.decisions.store import State, Store
from pipeline.curate.review.catalogue import Catalogue

__all__ = ["Offers"]

PATIENCE = 1.0  # seconds to wait at the start; where thousands of judged images have gone, comparing takes longer, and goes on


class Offers:
    """Proposals by id, of `inherit.proposals`. Its groups are looked at when asked for; what has gone is compared once."""

    def __init__(self, catalogue: Catalogue, store: Store) -> None:
        self._catalogue = catalogue
        self._gone: Mapping[str, Proposal] = {}
        self._shared = [catalogue.ids[row] for rows in catalogue.members.values() if len(rows) > 1 for row in rows]
        thread = threading.Thread(target=self._recall, args=(store.states(), store.looks()), daemon=True)
        thread.start()
        thread.join(PATIENCE)

    def _recall(self, states: Mapping[str, State], remembered: Mapping[str, str]) -> None:
        here = self._catalogue.rows_of
        known = {id_: look for id_, look in remembered.items() if id_ in states and id_ not in here}
        if known:
            looks = dict(zip(self._catalogue.ids, self._catalogue.looks, strict=True))
            gone = {id_: states[id_] for id_ in known}
            self._gone = proposals(self._group_of(range(len(self._catalogue))), gone, looks, known)

    def about(self, ids: Iterable[str], states: Mapping[str, State]) -> dict[str, Proposal]:
        """What is proposed for images, given what holds: their group's word first, then that on a picture that has gone."""
        found = {}
        groups = {self._catalogue.groups[row] for id_ in ids for row in self._catalogue.rows_of[id_]}
        shared = (row for group in groups for row in self._catalogue.members[group] if len(self._catalogue.members[group]) > 1)
        from_groups = proposals(self._group_of(shared), states, {}, {})
        for id_ in {self._catalogue.ids[row] for group in groups for row in self._catalogue.members[group]}:
            offer = from_groups.get(id_) or self._gone.get(id_)
            if offer and not (id_ in states and (states[id_].decision or states[id_].conflict)):
                found[id_] = offer
        return found

    def all(self, states: Mapping[str, State]) -> dict[str, Proposal]:
        """Everything that is proposed now."""
        judged = [id_ for id_ in self._shared if id_ in states and states[id_].decision]
        return self.about([*judged, *self._gone], states)

    def _group_of(self, rows: Iterable[int]) -> dict[str, str]:
        return {self._catalogue.ids[row]: self._catalogue.groups[row] for row in rows}
