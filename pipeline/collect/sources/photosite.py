"""The demo's own image search, used as a person would: type, scroll, show more, open each picture's page."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

from bs4 import BeautifulSoup, Tag
from selenium.common.exceptions import TimeoutException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.support.wait import WebDriverWait

from pipeline.collect import browser
from pipeline.collect.fetch import Fetcher, FetchError
from pipeline.collect.photosite import catalogue, server
from pipeline.collect.sources.source import Candidate, Found
from pipeline.errors import UserError

__all__ = ["Photosite", "opened", "parse_photo"]

PUBLIC = "http://photosite"  # the site's name in provenance: its real address has a port that changes
PATIENCE = 20  # seconds without anything new on the page

READ_PAGE = """
const shown = name => document.getElementById(name)?.hidden === false;
return [[...document.querySelectorAll("#grid a")].map(link => link.href), shown("more"), shown("end")];
"""


class _Page(NamedTuple):
    links: list[str]
    more: bool  # "Show more" is offered
    end: bool  # it says that this is everything

    def beyond(self, given: int) -> bool:
        return len(self.links) > given or self.end


@dataclass(frozen=True)
class Photosite:
    """The site at `base`, seen through `window`."""

    base: str
    window: WebDriver
    fetcher: Fetcher = field(default_factory=Fetcher)
    name: str = "photosite"
    takes_terms: bool = True
    remembers: bool = True

    def search(self, term: str) -> Iterator[Candidate]:
        self._ask(term)
        given = 0
        while True:
            page = self._page()
            for link in page.links[given:]:
                yield Candidate(PUBLIC + urlsplit(link).path)
            given = len(page.links)
            if page.end:
                return
            self._more(given)

    def fetch(self, candidate: Candidate) -> Found:
        page_url = self.base + candidate.address.removeprefix(PUBLIC)
        found = parse_photo(self.fetcher.get(page_url), page_url)
        data = self.fetcher.get(found.pop("full"))
        path = urlsplit(page_url).path
        return Found(data, **{**found, "image_url": PUBLIC + urlsplit(found["image_url"]).path, "page_url": PUBLIC + path})

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

    def _page(self) -> "_Page":
        """All that the page shows, read at one moment: a batch may arrive between two questions."""
        return _Page(*self.window.execute_script(READ_PAGE))

    def _wait(self, condition: object, what: str) -> None:
        try:
            WebDriverWait(self.window, PATIENCE, poll_frequency=0.05).until(lambda _: condition())  # type: ignore[operator]
        except TimeoutException:
            raise UserError(f"photosite: {what} did not come within {PATIENCE} s; run again") from None


def parse_photo(page: bytes, page_url: str) -> dict[str, str]:
    """A picture's page to its provenance, with `full`, the address of the full-size file. Raises FetchError."""
    soup = BeautifulSoup(page, "html.parser")
    full, licence = soup.select_one("a#full"), soup.select_one("a[rel~=license]")
    title, creator = soup.select_one("h1"), soup.select_one("[itemprop=creator]")
    day = soup.select_one("[itemprop=datePublished]")
    if not isinstance(full, Tag) or not title:
        raise FetchError(f"{page_url}: the page has no full-size picture")
    address = urljoin(page_url, str(full["href"]))
    return {
        "full": address,
        "image_url": address,
        "title": title.get_text(strip=True),
        "creator": creator.get_text(strip=True) if creator else "",
        "license": licence.get_text(strip=True) if licence else "unknown",
        "license_url": str(licence["href"]) if licence else "",
        "fetched_at": str(day["datetime"]) if day else "",
    }


@contextmanager
def opened() -> Iterator[Photosite]:
    """Serve the site and open a browser on it, for the length of the block."""
    with server.served(catalogue.emoji()) as base, browser.opened() as window:
        yield Photosite(base, window)
