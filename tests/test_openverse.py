import asyncio
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from pipeline import params
from pipeline.collect.answer import FetchError
from pipeline.collect.sources import openverse
from pipeline.collect.sources.source import Candidate, Context, Page, Refused, Stale
from pipeline.errors import UserError
from pipeline.source_params import Openverse as Options
from tests.replay.openverse import TOKEN, application
from tests.replay.serving import Served, jpeg, opened_web
from tests.replay.together import served_together

CC = "https://creativecommons.org"
MEMBERS = application(60, quota=1)


@pytest.fixture(scope="module")
def site() -> Iterator[Served]:
    sites = {
        "five": application(5), "many": application(1000), "none": application(0), "members": MEMBERS, "quota": application(60, quota=2),
        "holes": application(4, broken=(1, 3)), "broken": application(2, broken=(1, 2)), "renamed": application(2, results="items"),
        "forty": application(40), **{f"status{status}": application(5, status=status) for status in (403, 404, 410)},
    }
    with served_together(**sites) as server:
        yield server


@pytest.fixture(autouse=True)
def no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENVERSE_TOKEN", raising=False)


async def pages(site: Served, name: str, licenses: Any = "any", **options: Any) -> list[Page]:
    """All pages of a search, each asked for by a source of its own, as after a kill."""
    found: list[Page] = []
    async with opened_web(site.host) as web:
        context = Context(web, "barn", params.Scrape(licenses=licenses), f"{site.base}/{name}")
        while not found or found[-1].next:
            with openverse.opened(Options(**options), context) as source:
                found.append(await source.search("red barn", found[-1].next if found else None))
            assert len(found) < 30
    return found


def numbers(found: list[Page]) -> list[int]:
    return [int(candidate.address.rpartition("-")[2]) for page in found for candidate in page.candidates]


def asked(site: Served, name: str) -> list[dict[str, str]]:
    requests = [urlsplit(request) for request in site.requests]
    return [{key: values[0] for key, values in parse_qs(r.query).items()} for r in requests if r.path == f"/{name}/v1/images/"]


def work(number: int, base: str, license: str, license_url: str, told: bool = True) -> Candidate:
    address = f"https://openverse.org/image/4bc43a04-ef46-4544-a0c1-{number:012}"
    title, creator, width, height = (f"Barn {number}", "Tim Sullivan", 320, 240) if told else ("", "", 0, 0)
    page_url = f"https://stocksnap.io/photo/{number}"
    return Candidate(address, f"{base}/full/{number}.jpg", page_url, title, creator, license, license_url, width, height)


def test_originals_come_in_order_with_all_that_is_told_of_them(site: Served) -> None:
    [page] = asyncio.run(pages(site, "five"))
    base = f"{site.base}/five"
    assert page == Page([
        work(1, base, "cc-by-sa", f"{CC}/licenses/by-sa/2.0/"),
        work(2, base, "cc0", f"{CC}/publicdomain/zero/1.0/"),
        work(3, base, "pdm", f"{CC}/publicdomain/mark/1.0/", told=False),
        work(4, base, "cc-by-nc-nd", f"{CC}/licenses/by-nc-nd/4.0/"),
        work(5, base, "other", f"{CC}/licenses/sampling+/1.0/"),
    ])


def test_a_search_ends_where_openverse_lets_nobody_see_more(site: Served) -> None:
    found = asyncio.run(pages(site, "many"))
    assert numbers(found) == list(range(1, 241))
    assert [(question["page"], question["page_size"], question["q"]) for question in asked(site, "many")] == [
        (str(number), "20", "red barn") for number in range(1, 13)
    ]


def test_a_search_ends_with_the_last_page_and_at_page_20_at_the_latest(site: Served) -> None:
    assert [len(page.candidates) for page in asyncio.run(pages(site, "forty"))] == [20, 20]
    result = {"id": "1", "url": "https://example.org/1.jpg"}
    page = json.dumps({"page_count": 500, "results": [result]}).encode()
    assert (openverse.parse(page, 19).next, openverse.parse(page, 20).next) == ("20", None)


def test_no_results_is_an_empty_last_page(site: Served) -> None:
    assert asyncio.run(pages(site, "none")) == [Page([], None)]


def test_wanted_licences_are_asked_for_as_openverse_spells_them(site: Served) -> None:
    assert numbers(asyncio.run(pages(site, "five", licenses=["cc-by-sa", "cc0", "unknown"]))) == [1, 2]
    assert asked(site, "five")[-1]["license"] == "by-sa,cc0"
    assert numbers(asyncio.run(pages(site, "five", licenses=["other"]))) == [5]
    everything = ["cc0", "pdm", "cc-by", "cc-by-sa", "cc-by-nc", "cc-by-nc-sa", "cc-by-nd", "cc-by-nc-nd", "other"]
    assert numbers(asyncio.run(pages(site, "five", licenses=everything))) == [1, 2, 3, 4, 5]


def test_licences_that_openverse_has_nothing_of_are_an_error_of_one_sentence(site: Served) -> None:
    with pytest.raises(UserError, match="scrape.licenses accepts only all-rights-reserved, unknown, of which openverse has none; it has"):
        asyncio.run(pages(site, "five", licenses=["all-rights-reserved", "unknown"]))


def test_options_become_filters(site: Served) -> None:
    assert numbers(asyncio.run(pages(site, "five", use=["commercial", "modification"]))) == [1, 2, 3, 5]
    assert numbers(asyncio.run(pages(site, "five", category="illustration"))) == [2, 4]
    assert numbers(asyncio.run(pages(site, "five", source="flickr"))) == [2, 4]
    asyncio.run(pages(site, "five", size="large", aspect="tall"))
    assert asked(site, "five")[-1] == {"q": "red barn", "page": "1", "page_size": "20", "size": "large", "aspect_ratio": "tall"}


def test_a_wrong_option_is_refused_in_the_words_of_the_api(site: Served) -> None:
    with pytest.raises(Refused, match=r"source: Invalid source parameter 'nowhere'. Use one of .*; change openverse's options in"):
        asyncio.run(pages(site, "five", source="nowhere"))


def test_the_older_form_of_an_input_error_is_understood_too(site: Served) -> None:
    async def asked_wrongly() -> None:
        async with opened_web(site.host) as web:
            await openverse.Openverse(web, f"{site.base}/five", {"license": "PDMNBCG"}).search("barn", None)

    with pytest.raises(Refused, match="openverse: Invalid input given for fields. 'license' -> License 'PDMNBCG' does not exist; change"):
        asyncio.run(asked_wrongly())


def test_a_spent_quota_is_refused_with_what_would_change_it(site: Served) -> None:
    with pytest.raises(Refused, match="throttled. Expected available in 86399 seconds; run again later, or put a token in OPENVERSE_TOKEN"):
        asyncio.run(pages(site, "quota"))
    assert len(asked(site, "quota")) == 3  # the third is refused, and is not asked again


def test_a_token_is_sent_and_goes_no_further(site: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENVERSE_TOKEN", f" {TOKEN}\n")
    assert len(numbers(asyncio.run(pages(site, "members")))) == 60  # more than the quota without
    assert MEMBERS.state.tokens == [f"Bearer {TOKEN}"] * 3
    with openverse.opened(Options(), Context(None, "barn", params.Scrape())) as source:  # type: ignore[arg-type]
        assert TOKEN not in repr(source)


def test_a_token_that_is_none_or_no_longer_one_is_an_error(site: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENVERSE_TOKEN", "outdated")
    with pytest.raises(Refused, match="Invalid token; renew the token in OPENVERSE_TOKEN") as caught:
        asyncio.run(pages(site, "five"))
    assert "outdated" not in str(caught.value)
    monkeypatch.setenv("OPENVERSE_TOKEN", "two words")
    with pytest.raises(UserError, match="the environment variable OPENVERSE_TOKEN holds no token") as worded:
        asyncio.run(pages(site, "five"))
    assert "two words" not in str(worded.value)


def test_a_page_too_deep_is_refused(site: Served) -> None:
    async def deep() -> None:
        async with opened_web(site.host) as web:
            await openverse.Openverse(web, f"{site.base}/many").search("barn", "13")

    with pytest.raises(Refused, match="pagination depth may not exceed 240 for anonymous requests; put a token in OPENVERSE_TOKEN"):
        asyncio.run(deep())


@pytest.mark.parametrize(("status", "advice"), [(403, "put a token in OPENVERSE_TOKEN"), (404, "check scrape.endpoints")])
def test_a_refusal_without_words_of_the_api_tells_the_status(site: Served, status: int, advice: str) -> None:
    with pytest.raises(Refused, match=f"openverse: status {status}; {advice}"):
        asyncio.run(pages(site, f"status{status}"))


def test_another_status_is_no_refusal(site: Served) -> None:
    with pytest.raises(FetchError, match="status 410"):
        asyncio.run(pages(site, "status410"))


def test_one_broken_result_is_passed_over_and_broken_ones_alone_are_stale(site: Served) -> None:
    assert numbers(asyncio.run(pages(site, "holes"))) == [2, 4]
    with pytest.raises(Stale, match="openverse is stale: no result has an id and an image URL"):
        asyncio.run(pages(site, "broken"))


def test_an_answer_of_another_shape_is_stale_and_kept(site: Served) -> None:
    with pytest.raises(Stale, match="no list of results") as caught:
        asyncio.run(pages(site, "renamed"))
    assert len(json.loads(caught.value.page)["items"]) == 2


@pytest.mark.parametrize(
    "page", [b"<html></html>", b"[]", b'{"results": {}, "page_count": 1}', b'{"results": []}', b'{"results": [1, null], "page_count": 1}'],
)
def test_what_is_no_answer_of_openverse_is_stale(page: bytes) -> None:
    with pytest.raises(Stale):
        openverse.parse(page, 1)


def test_fetch_brings_the_bytes_of_the_original(site: Served) -> None:
    async def second() -> bytes:
        async with opened_web(site.host) as web:
            with openverse.opened(Options(), Context(web, "barn", params.Scrape(), f"{site.base}/five")) as source:
                return (await source.fetch((await source.search("barn", None)).candidates[1])).data

    assert asyncio.run(second()) == jpeg(2)


def test_a_source_says_what_it_is() -> None:
    with openverse.opened(Options(), Context(None, "barn", params.Scrape())) as source:  # type: ignore[arg-type]
        assert (source.name, source.takes_terms, source.local) == ("openverse", True, False)
    assert openverse.ABOUT.public_web and openverse.ABOUT.endpoint == "https://api.openverse.org"
