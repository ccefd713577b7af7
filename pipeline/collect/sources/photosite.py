"""The demo's own image search, used as a person would: type, scroll, show more, open each picture's page."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

from bs4 import BeautifulSoup, Tag
from selenium.common.exceptions import TimeoutException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.support.wait import WebDriverWait

from pipeline import source_params
from pipeline.collect import browser
from pipeline.collect.answer import FetchError
from pipeline.collect.photosite import catalogue, server
from pipeline.collect.sources.source import About, Candidate, Context, Found, Page
from pipeline.collect.web import Web
from pipeline.errors import UserError

__all__ = ["ABOUT", "Photosite", "opened", "parse_photo"]

ABOUT = About(
    needs="Chromium and its driver", allows="everything: emoji by Twemoji, CC-BY 4.0, or the files of a folder of yours", public_web=False,
)

PUBLIC = "http://photosite"  # the site's name in provenance: its real address has a port that changes
PATIENCE = 20  # seconds without anything new on the page

READ_PAGE = """
const shown = name => document.getElementById(name)?.hidden === false;
return [[...document.querySelectorAll("#grid a")].map(link => link.href), shown("more"), shown("end")];
"""


class _Shown(NamedTuple):
    links: list[str]
    more: bool  # "Show more" is offered
    end: bool  # it says that this is everything

    def beyond(self, given: int) -> bool:
        return len(self.links) > given or self.end


@dataclass
class Photosite:
    """The site at `base`, seen through `window`; `public` stands for `base` in what is remembered."""

    base: str
    public: str
    window: WebDriver
    web: Web
    name: str = "photosite"
    takes_terms: bool = True
    local: bool = False
    _term: str | None = None  # the term whose results the window shows

    async def search(self, term: str, cursor: str | None) -> Page:
        return await asyncio.to_thread(self._beyond, term, int(cursor or 0))

    async def fetch(self, candidate: Candidate) -> Found:
        page_url = self.base + candidate.address.removeprefix(self.public)
        found = parse_photo((await self.web.get(page_url)).data, page_url)
        full = await self.web.image(found)
        image_url = self.public + found.image_url.removeprefix(self.base)
        return Found(full.data, replace(found, address=candidate.address, image_url=image_url, page_url=candidate.address))

    def _beyond(self, term: str, given: int) -> Page:
        """The results after the first `given`, as far as the page has or loads them."""
        if self._term != term:
            self._term = None
            self._ask(term)
            self._term = term
        while True:
            page = self._page()
            if page.beyond(given):
                candidates = [Candidate(self.public + link.removeprefix(self.base)) for link in page.links[given:]]
                return Page(candidates, None if page.end else str(len(page.links)))
            self._more(len(page.links))

    def _ask(self, term: str) -> None:
        self.window.get(self.base)
        box = self.window.find_element(By.NAME, "q")
        box.clear()
        box.send_keys(term, Keys.ENTER)
        self._wait(lambda: self.window.find_elements(By.CSS_SELECTOR, "#found"), f"the results for {term!r}")
        self._wait(lambda: self._page().links or self._page().end, f"the results for {term!r}")

    def _more(self, given: int) -> None:
        """Scroll down, press "Show more" where it is offered, until more than `given` are there or that was all."""
        self.window.execute_script("scrollTo(0, document.body.scrollHeight)")
        self._wait(lambda: self._page().beyond(given) or self._page().more, "more results")
        page = self._page()
        if page.more and not page.beyond(given):
            self.window.find_element(By.ID, "more").click()
            self._wait(lambda: self._page().beyond(given), "more results")

    def _page(self) -> _Shown:
        """All that the page shows, read at one moment: a batch may arrive between two questions."""
        return _Shown(*self.window.execute_script(READ_PAGE))

    def _wait(self, condition: object, what: str) -> None:
        try:
            WebDriverWait(self.window, PATIENCE, poll_frequency=0.05).until(lambda _: condition())  # type: ignore[operator]
        except TimeoutException:
            raise UserError(f"photosite: {what} did not come within {PATIENCE} s; run again") from None


def parse_photo(page: bytes, page_url: str) -> Candidate:
    """A picture's page to what it says; `image_url` is the full-size file. Raises FetchError."""
    soup = BeautifulSoup(page, "html.parser")
    full, licence = soup.select_one("a#full"), soup.select_one("a[rel~=license]")
    title, creator = soup.select_one("h1"), soup.select_one("[itemprop=creator]")
    day = soup.select_one("[itemprop=datePublished]")
    if not isinstance(full, Tag) or not title:
        raise FetchError("unreadable_page", f"{page_url}: the page has no full-size picture")
    return Candidate(
        page_url, urljoin(page_url, str(full["href"])), page_url, title.get_text(strip=True),
        creator.get_text(strip=True) if creator else "", licence.get_text(strip=True) if licence else "unknown",
        str(licence["href"]) if licence else "", published=str(day["datetime"]) if day else "",
    )


@contextmanager
def opened(options: source_params.Photosite, context: Context) -> Iterator[Photosite]:
    """Serve the site and open a browser on it, for the length of the block; at an endpoint, the one that is there."""
    if context.endpoint:
        with browser.opened() as window:
            yield Photosite(context.endpoint, context.endpoint, window, context.web)
        return
    photos = catalogue.of_folder(context.base / options.folder) if options.folder else catalogue.emoji()
    with server.served(photos) as base, browser.opened() as window:
        context.web.allow(urlsplit(base).netloc)
        yield Photosite(base, PUBLIC, window, context.web)
