import asyncio
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from pipeline import params, source_params
from pipeline.collect.sources import duckduckgo
from pipeline.collect.sources.source import Candidate, Context, Page, Refused, Stale
from pipeline.errors import UserError
from tests.replay import duckduckgo as replay
from tests.replay.serving import Served, jpeg, opened_web, served

TERM = "Käse & <Brot> 100%+"
DEFAULTS = source_params.DuckDuckGo()


async def page(
    site: Served, term: str, cursor: str | None = None, options: source_params.DuckDuckGo = DEFAULTS, color: str = "any",
) -> Page:
    """One page by a source of its own."""
    async with opened_web(site.host) as web:
        with duckduckgo.opened(options, Context(web, "cats", params.Scrape(color=color), endpoint=site.base)) as source:
            return await source.search(term, cursor)


def pages(site: Served, term: str) -> list[Page]:
    found = [asyncio.run(page(site, term))]
    while found[-1].next and len(found) < 10:
        found.append(asyncio.run(page(site, term, found[-1].next)))
    return found


def expected(base: str, term: str, number: int) -> Candidate:
    """By the replay's rules: one result of nine has no size."""
    width, height = (0, 0) if number % 9 == 5 else (320, 240)
    return Candidate(
        address=f"{base}/full/{number}.jpg", image_url=f"{base}/full/{number}.jpg", title=f'{term} "{number}" & more',
        page_url=f"https://site{number % 7}.example/{number}?a=1&b=2", width=width, height=height,
    )


@pytest.mark.parametrize("spelling", range(len(replay.SPELLINGS)))
def test_every_result_in_order_to_the_end_with_one_token(spelling: int) -> None:
    with served(replay.application(230, spelling=spelling)) as site:
        found = pages(site, TERM)
        assert [len(page.candidates) for page in found] == [100, 100, 30]
        assert [c for page in found for c in page.candidates] == [expected(site.base, TERM, n) for n in range(230)]
        paths = [urlsplit(request).path for request in site.requests]
        assert paths == ["/", "/i.js", "/i.js", "/i.js"]
        queries = [parse_qs(urlsplit(request).query) for request in site.requests]
        assert queries[0] == {"q": [TERM]}
        assert [query.get("s") for query in queries[1:]] == [None, ["100"], ["200"]]


def test_fetch_gives_the_original_bytes() -> None:
    async def fetched(site: Served) -> bytes:
        async with opened_web(site.host) as web:
            with duckduckgo.opened(DEFAULTS, Context(web, "cats", params.Scrape(), endpoint=site.base)) as source:
                return (await source.fetch((await source.search("cat", None)).candidates[7])).data

    with served(replay.application(8)) as site:
        assert asyncio.run(fetched(site)) == jpeg(7)


def test_an_expired_token_is_asked_anew() -> None:
    app: FastAPI = replay.application(130)
    with served(app) as site:
        cursor = asyncio.run(page(site, "cat")).next
        app.state.expired += 1
        last = asyncio.run(page(site, "cat", cursor))
        assert last == Page([expected(site.base, "cat", n) for n in range(100, 130)])
        assert [urlsplit(request).path for request in site.requests] == ["/", "/i.js", "/i.js", "/", "/i.js"]


def test_the_token_of_another_query_is_not_kept() -> None:
    with served(replay.application(130)) as site:
        first = asyncio.run(page(site, "cat"))
        assert asyncio.run(page(site, "dog", first.next)).candidates[0] == expected(site.base, "dog", 100)


def test_filters_are_asked_in_duckduckgo_s_words() -> None:
    options = source_params.DuckDuckGo(
        size="large", kind="photo", aspect="wide", license="share-commercially", region="de-de", safe="off",
    )
    app: FastAPI = replay.application(3)
    with served(app) as site:
        asyncio.run(page(site, "cat", options=options, color="gray"))
        asyncio.run(page(site, "cat", options=source_params.DuckDuckGo(license="creative-commons", safe="strict"), color="transparent"))
        asyncio.run(page(site, "cat"))
        asked = [parse_qs(urlsplit(request).query) for request in site.requests if request.startswith("/i.js")]
    assert [(query["f"], query["l"], query["p"]) for query in asked] == [
        ([",size:Large,color:Monochrome,type:photo,layout:Wide,license:ShareCommercially"], ["de-de"], ["-1"]),
        ([",,,type:transparent,,license:any"], ["us-en"], ["1"]),
        ([",,,,,"], ["us-en"], ["1"]),
    ]
    assert app.state.cookies == ["p=-2", "p=1", ""]  # only the cookie tells strict from moderate


def test_filters_that_exclude_each_other_are_the_user_s_error() -> None:
    options = source_params.DuckDuckGo(kind="gif")
    with served(replay.application(3)) as site, pytest.raises(UserError, match="scrape.color: transparent does not go with kind: gif"):
        asyncio.run(page(site, "cat", options=options, color="transparent"))


def test_no_results_is_an_empty_page() -> None:
    with served(replay.application(3)) as site:
        assert pages(site, "zeppelin") == [Page()]


def test_a_page_that_names_itself_as_the_next_is_the_last() -> None:
    with served(replay.application(130, circles=True)) as site:
        assert [len(page.candidates) for page in pages(site, "cat")] == [100, 30]


@pytest.mark.parametrize("status", [202, 403, 418])
@pytest.mark.parametrize("cursor", [None, "s=100&vqd=4-1"])
def test_a_rate_limit_is_a_refusal(status: int, cursor: str | None) -> None:
    with served(replay.application(3, ratelimit=status)) as site, pytest.raises(Refused, match=rf"status {status} \(rate limit\)"):
        asyncio.run(page(site, "cat", cursor))


def test_a_captcha_is_a_refusal() -> None:
    with served(replay.application(3, challenge=True)) as site, pytest.raises(Refused, match="captcha"):
        asyncio.run(page(site, "cat"))
    with pytest.raises(Refused, match="captcha"):
        duckduckgo.parse(replay.CHALLENGE.encode())


def test_a_search_page_without_a_token_is_stale_and_kept() -> None:
    with served(replay.application(3, tokenless=True)) as site, pytest.raises(Stale, match="no vqd") as stale:
        asyncio.run(page(site, "cat"))
    assert b"DDG.ready()" in stale.value.page


@pytest.mark.parametrize(("answer", "message"), [
    ("<html>Our new site</html>", "not JSON"), ('{"resul', "not JSON"),
    ("[1]", 'no list "results"'), ('{"results": {}}', 'no list "results"'),
    ('{"results": [{"picture": "https://a.example/1.jpg"}, 7, null, {"image": 3}]}', "no result has the address"),
])
def test_an_answer_of_another_shape_is_stale_and_kept(answer: str, message: str) -> None:
    with served(replay.application(3, answer=answer)) as site, pytest.raises(Stale, match=message) as stale:
        asyncio.run(page(site, "cat"))
    assert stale.value.page == answer.encode()


@given(st.from_regex(r"[34]-[0-9]{10,40}(-[0-9]{10,40})?", fullmatch=True), st.sampled_from(replay.SPELLINGS))
def test_a_token_is_found_in_each_spelling(token: str, spelling: str) -> None:
    assert duckduckgo.parse_token(f"<script>{spelling.format(token=token)}</script>".encode()) == token
