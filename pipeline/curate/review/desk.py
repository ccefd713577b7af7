"""What the page can ask and say, without HTTP: the catalogue, what holds of it, and the store, behind one face."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from pipeline.curate.decisions.store import State, Store, Word
from pipeline.curate.decisions.word import checked, checked_name
from pipeline.curate.review import listing
from pipeline.curate.review.answers import blank_state, history_answer, row_answer, state_answer
from pipeline.curate.review.catalogue import read_catalogue
from pipeline.curate.review.listing import Query
from pipeline.curate.review.standing import Standing
from pipeline.curate.review.thumbs import Shower
from pipeline.errors import UserError
from pipeline.forgotten import read_forgotten

__all__ = ["Desk", "NotAllowed", "NotHere", "Project"]


class NotHere(UserError):
    """What was asked for does not exist; asking again will not help."""


class NotAllowed(UserError):
    """What was said may not be said; saying it again will not help."""


@dataclass(frozen=True)
class Project:
    """Where a dataset project keeps what is reviewed.

    `raw`, `deduped` and `review` are the folders of that name, `cache` may be deleted at any time, `lock` is the file
    that writers of `review` hold. `titles` are the classes, with titles for people, in order. `reviewer` is the name
    offered to someone who gave none, `recheck` the share 0..1 of judged images that come back.
    """

    raw: Path
    deduped: Path
    review: Path
    cache: Path
    lock: Path
    titles: Mapping[str, str]
    reviewer: str
    recheck: float


class Desk:
    """Thread-safe. Raises NotHere for an image that does not exist, NotAllowed for words that may not be said."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.catalogue = read_catalogue(project.raw, project.deduped, read_forgotten(project.review))
        self.store = Store(project.review, project.lock)
        self.standing = Standing(self.catalogue, self.store, project.recheck)
        self.shower = Shower(project.raw, project.cache)

    def about(self, reasons: Sequence[str], who: str) -> dict[str, Any]:
        """The classes with their counts, and what can be filtered by."""
        since = self.standing.fresh()
        counts = self.standing.by_class()
        names = [*self.project.titles, *sorted(set(counts) - set(self.project.titles))]
        classes = [{"name": name, "title": self.project.titles.get(name, name), "images": counts.get(name, (0, 0))[0],
                    "undecided": counts.get(name, (0, 0))[1]} for name in names]
        return {
            "classes": classes, "flags": list(self.catalogue.flags), "reasons": list(reasons), "reviewers": self.standing.reviewers(),
            "reviewer": self.project.reviewer, "counts": self.standing.counts(who or self.project.reviewer), "since": since,
        }

    def listed(self, query: Query) -> NDArray[Any]:
        """The numbers of the rows that fit the query, in its order."""
        return listing.listed(self.catalogue, self.standing, query)

    def rows(self, numbers: Sequence[int], who: str = "", recheck: bool = False) -> list[dict[str, Any]]:
        """Rows by number; with `recheck`, what comes back to `who` is shown as if nothing had been said."""
        for number in numbers:
            self.checked(number)
        self.standing.fresh()
        hidden = self.standing.rechecks(who) if recheck else frozenset[str]()
        proposals = self.standing.proposals([self.catalogue.ids[number] for number in numbers])
        rows = []
        for number in numbers:
            id_ = self.catalogue.ids[number]
            state = self.standing.state(id_)
            blind = id_ in hidden
            offered = None if blind else proposals.get(id_)
            shown = blank_state(id_, state.version) if blind else state_answer(state)
            rows.append(row_answer(self.catalogue, number, shown, offered))
        return rows

    def group(self, name: str, who: str = "", recheck: bool = False) -> list[dict[str, Any]]:
        """The rows of a group, the kept one first."""
        if name not in self.catalogue.members:
            raise NotHere(f"there is no group {name[:40]!r} here; a group is named by the id of its kept image")
        return self.rows(self.catalogue.members[name], who, recheck)

    def history(self, id_: str) -> list[dict[str, Any]]:
        """What was said of an image, oldest first."""
        self._row_of(id_)
        return history_answer(self.store.history(id_))

    def decide(self, words: Sequence[Word], reviewer: str, session: str, blind: bool) -> dict[str, Any]:
        """Record words; they are on disk when this returns."""
        placed = self._placed(words, reviewer, session)
        return self._said(self.store.decide(placed, reviewer, session, blind=blind), reviewer)

    def settle(self, word: Word, reviewer: str, session: str) -> dict[str, Any]:
        """End a disagreement by one word that replaces all others."""
        [placed] = self._placed([word], reviewer, session)
        return self._said([self.store.settle(placed, reviewer, session)], reviewer)

    def step(self, how: Callable[[Store, str, str], list[State]], reviewer: str, session: str) -> dict[str, Any]:
        """Undo or redo one step; `done` is false where there was none."""
        with _judged():
            checked_name(reviewer, session)
        states = how(self.store, reviewer, session)
        return {**self._said(states, reviewer), "done": bool(states)}

    def changes(self, since: int, who: str) -> dict[str, Any]:
        """What was said after `since`, by anyone."""
        counter, states = self.store.changes(since)
        self.standing.fresh()
        return {"since": counter, "states": self._known(states), "counts": self.standing.counts(who or self.project.reviewer)}

    def checked(self, number: int) -> int:
        """The number, if a row has it."""
        if not 0 <= number < len(self.catalogue):
            raise NotHere(f"there is no row {number} here; rows are numbered from 0 to {len(self.catalogue) - 1}")
        return number

    def _said(self, states: Sequence[State], who: str) -> dict[str, Any]:
        since = self.standing.fresh()
        return {"states": self._known(states), "counts": self.standing.counts(who), "since": since}

    def _known(self, states: Sequence[State]) -> list[dict[str, Any]]:
        return [state_answer(state) for state in states if state.id in self.catalogue.rows_of]

    def _row_of(self, id_: str) -> int:
        if id_ not in self.catalogue.rows_of:
            raise NotHere(f"no image here has the id {id_[:40]!r}; load the page again, the dataset may have changed")
        return self.catalogue.rows_of[id_][0]

    def _placed(self, words: Sequence[Word], reviewer: str, session: str) -> list[Word]:
        """The words, each with the class in whose file it belongs and its image's perceptual hash."""
        classes, looks = self.catalogue.texts["class"], self.catalogue.looks
        rows = [self._row_of(word.id) for word in words]
        placed = [replace(word, class_=classes[row].as_py(), look=looks[row]) for word, row in zip(words, rows, strict=True)]
        with _judged():
            checked_name(reviewer, session)
            return [checked(word) for word in placed]


@contextmanager
def _judged() -> Iterator[None]:
    """What is wrong with the words themselves is told apart from files that are in no state to take them."""
    try:
        yield
    except UserError as error:
        raise NotAllowed(str(error)) from None
