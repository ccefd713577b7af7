"""The search for one class under way: which candidates are tried, which images are taken, and when there are enough."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from math import ceil
from typing import Any, Protocol

from pipeline import params
from pipeline.collect.answer import FetchError
from pipeline.collect.candidate import Candidate
from pipeline.collect.crew import Crew
from pipeline.collect.ledger import Ledger
from pipeline.collect.listing import listing
from pipeline.collect.obtain import Obtained, address_of, download, obtain, read_here
from pipeline.collect.sources.source import Refused, Source, Stale
from pipeline.collect.tally import Tally
from pipeline.errors import UserError
from pipeline.forgotten import Forgotten
from pipeline.item import Item

__all__ = ["Filling", "Shelf"]

AT_ONCE = 256  # candidates under way; Pace says how many of them may be on the network
AT_ONCE_HERE = 16  # of this machine's own files, whose bytes wait in memory


class Shelf(Protocol):
    """Takes what was accepted and what was refused."""

    def put(self, item: Item, found: Obtained) -> None: ...

    def refuse(self, id_: str, rule: str, detail: str) -> None: ...


@dataclass
class Filling:
    """One class being filled. Images are taken in the order of the search, however the downloads overtake each other."""

    name: str
    wanted: params.Class
    settings: params.Scrape
    ledger: Ledger
    forgotten: Forgotten
    shelf: Shelf
    tally: Tally
    on_change: Callable[[Tally], object]
    without_results: list[str] = field(default_factory=list)
    _crew: Crew | None = None
    _addresses: set[str] = field(default_factory=set)
    _ids: set[str] = field(default_factory=set)

    @property
    def terms(self) -> list[str]:
        """What is typed into search boxes: every term in every form."""
        templates = self.wanted.templates or self.settings.templates
        return [template.replace("{term}", term) for term in self.wanted.terms for template in templates]

    def missing(self) -> int:
        """How many images are still wanted."""
        return self.wanted.count - self.tally.kept

    async def from_source(self, source: Source, crew: Crew | None = None, question: str = "") -> None:
        """Take what is missing from one source, its terms sharing the number. Raises what its search raises.

        A crew downloads the images where there is one; it can for sources whose images are plain downloads. `question` is
        listing's.
        """
        self._crew = crew
        terms = self.terms if source.takes_terms else [""]
        searches = [_Search(term, listing(self.ledger, self.name, source, term, question)) for term in terms]
        try:
            for number, search in enumerate(searches):
                await self._from_search(source, search, ceil(self.missing() / (len(searches) - number)))
            for search in searches:  # others found less than their share
                await self._from_search(source, search, self.missing())
        finally:
            for search in searches:
                await search.candidates.aclose()

    async def _from_search(self, source: Source, search: "_Search", share: int) -> None:
        """Take up to `share` images: never more candidates under way than are still wanted, so nothing is fetched in vain."""
        goal, most = self.tally.kept + share, AT_ONCE_HERE if source.local else AT_ONCE
        waiting: deque[asyncio.Task[Obtained]] = deque()
        try:
            while self.tally.kept < goal:
                while not search.ended and len(waiting) < min(most, goal - self.tally.kept):
                    candidate = await self._next(search)
                    if candidate is None:
                        search.ended = True
                    elif self._worth_trying(source, search, candidate):
                        waiting.append(asyncio.create_task(self._obtain(source, candidate)))
                if not waiting:
                    break
                self._settle(await waiting.popleft(), search.term, source.name)
        except BaseException:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
            raise
        if search.failure and self.tally.kept < goal:
            raise search.failure
        if search.ended and not search.failure and not search.found and not search.told:
            search.told = True
            where = f"the term {search.term!r}" if search.term else "what was asked for"
            self.without_results.append(f"classes.{self.name}: {source.name} has no results for {where}")

    async def _next(self, search: "_Search") -> Candidate | None:
        """The next candidate, if there is one. A page that fails ends the search, but what was found before it is still taken."""
        try:
            return await anext(search.candidates, None)
        except (UserError, Refused, Stale, FetchError) as error:
            search.failure = error
            return None

    def _obtain(self, source: Source, candidate: Candidate) -> Coroutine[Any, Any, Obtained]:
        if source.local:
            return read_here(source, candidate)
        here = partial(download, self.ledger.files, source.fetch)
        by = partial(self._crew.download, here) if self._crew else here
        return obtain(self.ledger, address_of(source, candidate), candidate, by)

    def _worth_trying(self, source: Source, search: "_Search", candidate: Candidate) -> bool:
        search.found += 1
        address = address_of(source, candidate)
        if address in self._addresses:
            return False
        self._addresses.add(address)
        self.tally.found += 1
        label = candidate.title or candidate.image_url or candidate.address
        if self.forgotten.has(candidate.address, candidate.image_url, candidate.page_url):
            return self._refuse("", "forgotten", f"{label}: it was taken down (forgotten.csv)")
        if candidate.width and candidate.height and (refusal := self._shape(candidate.width, candidate.height)):
            return self._refuse("", *refusal, label=f"{label} (size as the source says)")
        told = candidate.image_url or candidate.license != "unknown"  # without an address, the candidate's own page is still to come
        if told and self.settings.licenses != "any" and candidate.license not in self.settings.licenses:
            return self._refuse("", "licenses", f"{label}: licence {candidate.license}")
        return True

    def _settle(self, found: Obtained, term: str, source: str) -> None:
        """Take the image, or say why not."""
        self.tally.fetched += found.fetched
        self.tally.bytes += found.size if found.fetched else 0
        self.tally.known += not found.fetched and bool(found.id) and found.data is None
        refusal = self._refusal(found)
        candidate = found.candidate
        if refusal:
            self._refuse(found.id, *refusal, label=candidate.title or candidate.image_url or candidate.address)
            return
        assert found.header is not None
        self._ids.add(found.id)
        self.tally.kept += 1
        self.shelf.put(Item(
            id=found.id, class_=self.name, path=f"{self.name}/{found.id}.{found.header.extension}", width=found.header.width,
            height=found.header.height, bytes=found.size, format=found.header.format, term=term, source=source,
            image_url=candidate.image_url, page_url=candidate.page_url, title=candidate.title, creator=candidate.creator,
            license=candidate.license, license_url=candidate.license_url,
            fetched_at=candidate.published or found.day, split=candidate.split,
        ), found)
        self.on_change(self.tally)

    def _refusal(self, found: Obtained) -> tuple[str, str] | None:
        """The rule and the detail by which an image is not taken."""
        if found.reason or found.header is None:
            return found.reason, found.detail
        if self.forgotten.has(found.id, found.candidate.image_url, found.candidate.page_url):
            return "forgotten", "it was taken down (forgotten.csv)"
        if found.id in self._ids:
            return "exact", "the same file was already collected"
        if self.settings.formats != "any" and found.header.format.lower() not in self.settings.formats:
            return "formats", f"a {found.header.format} file"
        if refusal := self._shape(found.header.width, found.header.height):
            return refusal
        if self.settings.licenses != "any" and found.candidate.license not in self.settings.licenses:
            return "licenses", f"licence {found.candidate.license}"
        return None

    def _shape(self, width: int, height: int) -> tuple[str, str] | None:
        if min(width, height) < self.settings.min_side:
            return "min_side", f"{width}x{height} pixels, scrape.min_side is {self.settings.min_side}"
        if self.settings.max_aspect and max(width, height) > self.settings.max_aspect * min(width, height):
            return "max_aspect", f"{width}x{height} pixels, scrape.max_aspect is {self.settings.max_aspect:g}"
        return None

    def _refuse(self, id_: str, rule: str, detail: str, label: str = "") -> bool:
        """Record why; always False."""
        if rule == "exact":
            self.tally.same += 1
        else:
            self.tally.refused[rule] += 1
        self.shelf.refuse(id_, rule, f"{label}: {detail}" if label and label not in detail else detail)
        self.on_change(self.tally)
        return False


@dataclass
class _Search:
    term: str
    candidates: AsyncGenerator[Candidate, None]
    found: int = 0
    ended: bool = False
    told: bool = False
    failure: Exception | None = None
