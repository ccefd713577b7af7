"""Through real Chromium, on a replay of the page; one browser for all."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from selenium.webdriver.remote.webdriver import WebDriver

from pipeline import params, source_params
from pipeline.collect.answer import FetchError
from pipeline.collect.sources import google
from pipeline.collect.sources.source import Candidate, Context, Page, Refused, Stale
from pipeline.errors import UserError
from tests.replay import google as replay
from tests.replay.serving import Served, jpeg, opened_web, served

COUNT = 47  # three batches by scrolling, two by the button, the last one short


@dataclass
class Desk:
    """The source on a replay, and the loop that its web lives in."""

    runner: asyncio.Runner
    source: google.Google
    site: Served

    def page(self, source: google.Google, term: str, cursor: str | None) -> Page:
        return self.runner.run(source.search(term, cursor))

    def pages(self, source: google.Google, term: str, cursor: str | None = None) -> list[Page]:
        pages = [self.page(source, term, cursor)]
        while pages[-1].next and len(pages) < 20:
            pages.append(self.page(source, term, pages[-1].next))
        return pages


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    with served(replay.application(COUNT)) as site, asyncio.Runner() as runner:
        opening = opened_web(site.host)
        web = runner.run(opening.__aenter__())
        options = source_params.Google(size="large", kind="photo", license="commercial", site="example.org")
        settings = params.Scrape(color="gray", allow_hosts=[site.host])
        with google.opened(options, Context(web, "cats", settings, endpoint=site.base)) as source:
            assert isinstance(source, google.Google)
            yield Desk(runner, source, site)
        runner.run(opening.__aexit__(None, None, None))


def expected(base: str, query: str, numbers: range) -> list[Candidate]:
    """By the replay's rules: every result once, in the order of the page, each eleventh without a size."""
    return [
        Candidate(
            address=f"{base}/full/{n}.jpg", image_url=f"{base}/full/{n}.jpg",
            page_url=f"https://site{n % 7}.example/öffentlich/{n}?a=1&b=2",
            title=f'{query} "{n}" & more', width=0 if n % 11 == 4 else 320, height=0 if n % 11 == 4 else 240,
        )
        for n in numbers
    ]


def test_scrolls_and_presses_to_the_end_in_the_page_s_order(desk: Desk) -> None:
    before = len(desk.site.requests)
    pages = desk.pages(desk.source, "Käse & <Brot>")
    found = [candidate for page in pages for candidate in page.candidates]
    assert found == expected(desk.site.base, "Käse & <Brot> site:example.org", range(COUNT))
    assert len(pages) >= 3
    searches = [request for request in desk.site.requests[before:] if request.startswith("/search")]
    assert len(searches) == 1  # one search, however many pages
    assert parse_qs(urlsplit(searches[0]).query) == {
        "q": ["Käse & <Brot> site:example.org"], "udm": ["2"], "hl": ["en"], "safe": ["active"],
        "tbs": ["isz:l,ic:gray,itp:photo,sur:ol"],
    }
    assert desk.runner.run(desk.source.fetch(found[3])).data == jpeg(3)


def test_a_new_browser_goes_on_where_the_cursor_says(desk: Desk) -> None:
    desk.source.window.get("about:blank")
    pages = desk.pages(desk.source, "cat", "23")
    assert [c for page in pages for c in page.candidates] == expected(desk.site.base, "cat site:example.org", range(23, COUNT))
    assert desk.page(desk.source, "cat", str(COUNT)) == Page()


def test_terms_in_turn_do_not_mix(desk: Desk) -> None:
    first = desk.page(desk.source, "cat", None)
    assert desk.page(desk.source, "dog", None).candidates[0].title == 'dog site:example.org "0" & more'
    more = desk.page(desk.source, "cat", first.next)
    given = len(first.candidates)
    assert more.candidates[0] == expected(desk.site.base, "cat site:example.org", range(given, given + 1))[0]


@dataclass
class Hasty:
    """A window whose page loads a further batch after each question, as on a slow machine."""

    window: WebDriver

    def execute_script(self, script: str, *arguments: object) -> object:
        answer = self.window.execute_script(script, *arguments)
        self.window.execute_async_script("const done = arguments[0]; typeof load === 'function' ? load().then(done) : done();")
        return answer

    def __getattr__(self, name: str) -> object:
        return getattr(self.window, name)


def test_a_batch_that_arrives_between_two_looks_at_the_page_is_not_lost(desk: Desk) -> None:
    hasty = replace(desk.source, window=Hasty(desk.source.window), suffix="")  # type: ignore[arg-type]
    found = [candidate for page in desk.pages(hasty, "cat") for candidate in page.candidates]
    assert sorted(found, key=lambda c: c.address) == sorted(expected(desk.site.base, "cat", range(COUNT)), key=lambda c: c.address)


@contextmanager
def elsewhere(desk: Desk, **faults: object) -> Iterator[google.Google]:
    """The same window on another replay, with little patience."""
    with served(replay.application(12, **faults)) as site:  # type: ignore[arg-type]
        yield replace(desk.source, base=site.base, suffix="", asked={"udm": "2"}, patience=1)


def test_no_results_is_an_empty_page(desk: Desk) -> None:
    assert desk.page(desk.source, "zeppelin", None) == Page()


def test_results_that_end_without_a_word_end(desk: Desk) -> None:
    with elsewhere(desk, silent_end=True) as source:
        pages = desk.pages(source, "cat")
        assert [c for page in pages for c in page.candidates] == expected(source.base, "cat", range(12))


def test_results_that_go_round_in_circles_end(desk: Desk) -> None:
    with elsewhere(desk, endless=True) as source:
        pages = desk.pages(source, "cat")
        assert [c for page in pages for c in page.candidates] == expected(source.base, "cat", range(12))
        assert pages[-1].next is None


@pytest.mark.parametrize(("faults", "message"), [
    ({"captcha": True}, "captcha"), ({"consent": "form"}, "consent to its cookies"), ({"consent": "path"}, "another source"),
])
def test_what_asks_for_a_person_is_refused(desk: Desk, faults: dict[str, object], message: str) -> None:
    with elsewhere(desk, **faults) as source, pytest.raises(Refused, match=message):
        desk.page(replace(source, patience=60), "cat", None)


def test_a_page_of_another_shape_is_stale_and_kept(desk: Desk) -> None:
    with elsewhere(desk, changed=True) as source, pytest.raises(Stale, match="no link to /imgres") as stale:
        desk.page(source, "cat", None)
    assert b'class="isv-r"' in stale.value.page


def test_thumbnails_alone_are_stale(desk: Desk) -> None:
    with elsewhere(desk, thumbnails_only=True) as source, pytest.raises(Stale, match="address of an original"):
        desk.page(source, "cat", None)


def test_a_site_that_is_not_there_is_an_error_to_try_again(desk: Desk) -> None:
    with elsewhere(desk) as source:
        pass
    with pytest.raises(FetchError, match="ERR_CONNECTION_REFUSED") as error:
        desk.page(source, "cat", None)
    assert error.value.may_pass


def test_the_public_site_is_not_asked_without_a_contact() -> None:
    async def without_contact() -> None:
        async with opened_web() as web:
            nameless = replace(web, settings=params.Scrape())
            with google.opened(source_params.Google(), Context(nameless, "cats", params.Scrape())):
                raise AssertionError("a browser was opened")

    with pytest.raises(UserError, match=r"scrape\.contact is empty"):
        asyncio.run(without_contact())


def test_links_are_read_whatever_their_classes_and_order() -> None:
    image = "https://images.example/a%20b.jpg?x=1&y=[2]"
    href = "/imgres?" + urlencode({"tbnid": "x", "w": "1200", "imgurl": image, "imgrefurl": "https://page.example/", "h": "800"})
    page = f"""<a data-x class="q1w2 e3" href="https://www.google.com{href.replace('&', '&amp;')}" aria-label="A gate"><b></b></a>
    <a href="/imgres?imgurl=data:image/png;base64,AAAA&amp;w=1&amp;h=1"><img alt="inlined"></a>
    <a href="/imgres?imgurl=x-raw-image:///abc"><img alt="raw"></a><a href="/imgres?imgurl=https://[broken"><img alt="broken"></a>
    <a href="{image}"><img alt="another link"></a>"""
    assert google.parse(page.encode()) == [Candidate(image, image, "https://page.example/", "A gate", width=1200, height=800)]


def test_a_saved_page_says_itself_what_it_is() -> None:
    nothing = b"<p>Your search - <em>qwzx</em> - did not match any image results.</p>"
    assert google.parse(nothing) == []
    with pytest.raises(Refused, match="consent"):
        google.parse(b"<p>Bevor du fortf\xc3\xa4hrst</p>", "https://consent.google.com/ml?continue=x")
    with pytest.raises(Refused, match="captcha"):
        google.parse(b"<p>unusual traffic</p>", "https://www.google.com/sorry/index?continue=x")
    with pytest.raises(Stale, match="the parser for google is stale"):
        google.parse(b"<p>Our new start page</p>", "https://www.google.com/search?q=cat")
