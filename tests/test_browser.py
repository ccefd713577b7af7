"""Through real Chromium, on the demo's own site."""

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from selenium.webdriver.remote.webdriver import WebDriver

from pipeline import params, source_params
from pipeline.collect import browser
from pipeline.collect.fetch import Fetcher
from pipeline.collect.photosite import catalogue, server
from pipeline.collect.scrape import scrape
from pipeline.collect.sources import photosite
from pipeline.collect.sources.source import Context
from pipeline.errors import UserError
from pipeline.item import read_index


class Unused:
    """No download happens here."""

    def allow(self, host: str) -> None:
        pass


CONTEXT = Context(Unused(), "faces", params.Scrape())  # type: ignore[arg-type]


def everything(site: photosite.Photosite, term: str, cursor: str | None = None) -> list[str]:
    addresses: list[str] = []
    while True:
        page = asyncio.run(site.search(term, cursor))
        addresses += [candidate.address for candidate in page.candidates]
        if page.next is None:
            return addresses
        cursor = page.next


def test_search_scrolls_and_shows_more_to_the_end_in_the_site_s_order() -> None:
    expected = [f"http://photosite/photo/{photo.slug}" for photo in catalogue.find(catalogue.emoji(), "face")]
    assert len(expected) > server.BATCH * server.BATCHES * 2  # so "Show more" is needed more than once
    with photosite.opened(source_params.Photosite(), CONTEXT) as site:
        assert everything(site, "face") == expected
        assert everything(site, "zeppelin") == []
        assert everything(site, "face", cursor="100") == expected[100:]


@dataclass
class Hasty:
    """A window whose page has loaded all it can between any two questions, as on a slow machine."""

    window: WebDriver

    def execute_script(self, script: str, *arguments: object) -> object:
        answer = self.window.execute_script(script, *arguments)
        self.window.execute_async_script("""
            const done = arguments[0];
            const busy = () => loading || bottomInView() && !finished && loaded < allowed;
            const settle = async () => { await load(); busy() ? setTimeout(settle, 20) : done(); };
            typeof load === "function" ? settle() : done();
        """)
        return answer

    def __getattr__(self, name: str) -> object:
        return getattr(self.window, name)


def test_a_batch_that_arrives_between_two_looks_at_the_page_is_not_lost() -> None:
    expected = [f"http://photosite/photo/{photo.slug}" for photo in catalogue.find(catalogue.emoji(), "face")]
    with photosite.opened(source_params.Photosite(), CONTEXT) as site:
        hasty = replace(site, window=Hasty(site.window))  # type: ignore[arg-type]
        assert everything(hasty, "face") == expected


def test_terms_share_the_count_and_a_raised_count_only_tops_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched = []
    once = Fetcher.request
    monkeypatch.setattr(Fetcher, "request", lambda self, url, *rest: fetched.append(str(url)) or once(self, url, *rest))

    def collect(count: int) -> list[str]:
        wanted = params.Class(terms=["cat", "zeppelin", "dog"], count=count)
        report = scrape("pets", wanted, params.Scrape(), tmp_path / "raw/pets", tmp_path / "ledger")
        assert report.warnings == ["classes.pets: photosite has no results for the term 'zeppelin'"]
        return [item.id for item in report.items]

    def images() -> list[str]:
        return [url for url in fetched if "/photo/" in url or "/files/" in url]

    first = collect(8)
    assert len(first) == 8 and len(images()) == 16  # a page and a file each
    terms = [item.term for item in read_index(tmp_path / "raw/pets/index.csv")]
    assert terms.count("cat") >= 3 and terms.count("dog") >= 3
    again = collect(10)
    assert set(first) < set(again) and len(images()) == 20
    item = read_index(tmp_path / "raw/pets/index.csv")[0]
    assert item.page_url.startswith("http://photosite/photo/") and "127.0.0.1" not in item.image_url
    assert item.license == "cc-by" and item.creator


def test_a_browser_that_will_not_start_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DARKROOM_CHROMIUM", "/nonexistent/chromium")
    with pytest.raises(UserError, match="the browser did not start .*install Chromium and its driver") as caught, browser.opened():
        pass
    assert "\n" not in str(caught.value)
