import asyncio
import json
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest

from pipeline import params
from pipeline.collect.answer import FetchError
from pipeline.collect.sources import commons
from pipeline.collect.sources.source import Candidate, Context, Page, Refused, Stale
from pipeline.errors import UserError
from pipeline.source_params import Commons as Options
from tests.replay.commons import application
from tests.replay.serving import Served, jpeg, opened_web
from tests.replay.together import served_together

WIKI = "https://commons.wikimedia.org/wiki"
BUSY = {"ratelimited": "You've exceeded your rate limit", "maxlag": "6.2 seconds lagged", "readonly": "read-only mode"}
PAIR = application(2, together=True)


@pytest.fixture(scope="module")
def site() -> Iterator[Served]:
    wikis = {
        "new": application(5), "old": application(5, version=1), "long": application(120), "cut": application(60, split=20),
        "empty": application(0), "one": application(1), "pair": PAIR,
        "holes1": application(4, version=1, missing=(2,), bare=(3,)), "holes2": application(4, missing=(2,), bare=(3,)),
        "deleted": application(60, missing=tuple(range(1, 51))), "untold": application(2, bare=(1, 2)),
        "badvalue": application(5, error="badvalue"), **{error: application(5, error=error) for error in BUSY},
        **{f"status{status}": application(5, status=status) for status in (403, 404, 429)},
    }
    with served_together(**wikis) as server:
        yield server


async def pages(site: Served, wiki: str, category: str = "") -> list[Page]:
    """All pages of a search, each asked for by a source of its own, as after a kill."""
    found: list[Page] = []
    async with opened_web(site.host) as web:
        while not found or found[-1].next:
            with commons.opened(Options(category=category), Context(web, "barn", params.Scrape(), f"{site.base}/{wiki}")) as source:
                found.append(await source.search("red barn", found[-1].next if found else None))
            assert len(found) < 20
    return found


def asked(site: Served, wiki: str) -> list[dict[str, str]]:
    requests = [urlsplit(request) for request in site.requests]
    return [{key: values[0] for key, values in parse_qs(r.query).items()} for r in requests if r.path == f"/{wiki}/w/api.php"]


def file(number: int, base: str, title: str, creator: str, license: str, license_url: str) -> Candidate:
    page = f"{WIKI}/File:Picture_{number}.jpg"
    return Candidate(page, f"{base}/full/{number}.jpg", page, title, creator, license, license_url, 320, 240)


@pytest.mark.parametrize("wiki", ["new", "old"])
def test_originals_come_best_first_with_all_that_is_told_of_them(site: Served, wiki: str) -> None:
    [page] = asyncio.run(pages(site, wiki))
    base = f"{site.base}/{wiki}"
    assert page.candidates == [
        file(1, base, "Barn at dusk", "Anna Müller", "cc-by-sa", "https://creativecommons.org/licenses/by-sa/4.0"),
        file(2, base, "IMG_0042.jpg", "Smith & Sons", "cc0", "http://creativecommons.org/publicdomain/zero/1.0/deed.en"),
        file(3, base, "La ferme", "NASA", "pdm", ""),
        file(4, base, "Picture 4", "Bob", "other", "https://www.gnu.org/copyleft/fdl.html"),
        file(5, base, "Picture 5", "", "unknown", ""),
    ]


def test_a_search_goes_on_where_the_api_says_until_the_end(site: Served) -> None:
    found = asyncio.run(pages(site, "long"))
    addresses = [[candidate.address for candidate in page.candidates] for page in found]
    numbers = [range(1, 51), range(51, 101), range(101, 121)]
    assert addresses == [[f"{WIKI}/File:Picture_{number}.jpg" for number in part] for part in numbers]
    assert [(question.get("gsroffset"), question.get("continue")) for question in asked(site, "long")] == [
        (None, None), ("50", "gsroffset||"), ("100", "gsroffset||"),
    ]


def test_files_whose_imageinfo_comes_later_are_given_once(site: Served) -> None:
    found = asyncio.run(pages(site, "cut"))
    urls = [candidate.image_url for page in found for candidate in page.candidates]
    assert [len(page.candidates) for page in found] == [20, 20, 10, 10]
    assert urls == [f"{site.base}/cut/full/{number}.jpg" for number in range(1, 61)]


def test_the_search_is_for_bitmaps_and_in_a_category_where_one_is_named(site: Served) -> None:
    asyncio.run(pages(site, "one"))
    asyncio.run(pages(site, "one", category="Category:Houses in Vancouver"))
    assert [(question["gsrsearch"], question["gsrnamespace"]) for question in asked(site, "one")] == [
        ("filetype:bitmap red barn", "6"), ('filetype:bitmap incategory:"Houses in Vancouver" red barn', "6"),
    ]


def test_no_results_is_an_empty_last_page(site: Served) -> None:
    assert asyncio.run(pages(site, "empty")) == [Page([], None)]
    assert commons.parse(b'{"batchcomplete": ""}') == Page([], None)  # as in format version 1


@pytest.mark.parametrize("wiki", ["holes1", "holes2"])
def test_files_that_are_gone_or_untold_are_passed_over(site: Served, wiki: str) -> None:
    [page] = asyncio.run(pages(site, wiki))
    assert [candidate.image_url for candidate in page.candidates] == [f"{site.base}/{wiki}/full/{number}.jpg" for number in (1, 4)]


def test_a_page_of_deleted_files_is_empty_and_one_of_untold_files_is_stale(site: Served) -> None:
    assert [len(page.candidates) for page in asyncio.run(pages(site, "deleted"))] == [0, 10]
    with pytest.raises(Stale, match="commons is stale: no file has an image URL") as caught:
        asyncio.run(pages(site, "untold"))
    assert json.loads(caught.value.page)["query"]["pages"][0]["title"] == "File:Picture 2.jpg"


@pytest.mark.parametrize("error", BUSY)
def test_a_busy_wiki_refuses_in_its_own_words_though_the_status_is_200(site: Served, error: str) -> None:
    with pytest.raises(Refused, match=BUSY[error]):
        asyncio.run(pages(site, error))


def test_another_error_of_the_api_means_that_the_question_is_stale(site: Served) -> None:
    with pytest.raises(Stale, match='badvalue: Unrecognized value for parameter "generator"'):
        asyncio.run(pages(site, "badvalue"))


@pytest.mark.parametrize("status", [403, 429])
def test_a_blocked_agent_is_told_why(site: Served, status: int) -> None:
    with pytest.raises(Refused, match=rf"\(status {status}\): Please set a user-agent and respect our robot policy; run again"):
        asyncio.run(pages(site, f"status{status}"))


def test_a_server_without_an_api_is_no_refusal(site: Served) -> None:
    with pytest.raises(FetchError, match="status 404"):
        asyncio.run(pages(site, "status404"))


@pytest.mark.parametrize(
    "page", [b"<html>Wikimedia Error</html>", b"[]", b"{}", b'{"query": {"pages": 3}}', b'{"query": {"pages": [1]}}', b'{"error": "no"}'],
)
def test_an_answer_of_another_shape_is_stale(page: bytes) -> None:
    with pytest.raises(Stale) as caught:
        commons.parse(page)
    assert caught.value.page == page


def test_a_thumbnail_is_never_taken_for_the_original() -> None:
    def parsed(**info: object) -> Page:
        return commons.parse(json.dumps({"query": {"pages": [{"title": "File:X.jpg", "imageinfo": [info]}]}}).encode())

    host = "https://upload.wikimedia.org"
    [candidate] = parsed(thumburl=f"{host}/thumb/960px-X.jpg", url=f"{host}/X.jpg", width=5514, height=3102).candidates
    assert candidate == Candidate(f"{host}/X.jpg", f"{host}/X.jpg", title="X", width=5514, height=3102)
    with pytest.raises(Stale):
        parsed(thumburl=f"{host}/thumb/960px-X.jpg", width=5514, height=3102)


@pytest.mark.parametrize(
    ("told", "expected"), [
        ({"License": "cc-by-nd-2.0"}, "cc-by-nd"),
        ({"LicenseUrl": "https://creativecommons.org/licenses/by/2.0"}, "cc-by"),
        ({"LicenseShortName": "CC BY-NC 2.5"}, "cc-by-nc"),
        ({"License": "custom", "LicenseShortName": "<b>CC&nbsp;BY-SA</b> 3.0"}, "cc-by-sa"),
        ({"License": "attribution", "LicenseShortName": "Attribution"}, "other"),
        ({"License": 4}, "unknown"),
    ],
)
def test_a_licence_is_found_in_whichever_key_states_it(told: dict[str, object], expected: str) -> None:
    info = {"url": "https://upload.wikimedia.org/X.jpg", "extmetadata": {key: {"value": value} for key, value in told.items()}}
    [candidate] = commons.parse(json.dumps({"query": {"pages": {"7": {"imageinfo": [info]}}}}).encode()).candidates
    assert candidate.license == expected


def test_files_of_which_all_imageinfo_is_to_follow_are_no_reason_to_stop() -> None:
    follow = {"iicontinue": "X.jpg|20190901003847", "continue": "gsroffset||"}
    page = commons.parse(json.dumps({"continue": follow, "query": {"pages": [{"title": "File:X.jpg"}]}}).encode())
    assert page.candidates == [] and json.loads(page.next or "") == follow


def test_questions_are_asked_one_after_the_other(site: Served) -> None:
    async def two() -> list[Page]:
        async with opened_web(site.host) as web:
            with commons.opened(Options(), Context(web, "barn", params.Scrape(), f"{site.base}/pair")) as source:
                return await asyncio.gather(source.search("red barn", None), source.search("old barn", None))

    assert [len(page.candidates) for page in asyncio.run(two())] == [2, 2]
    assert PAIR.state.most == 1


def test_fetch_brings_the_bytes_of_the_original(site: Served) -> None:
    async def first() -> tuple[bytes, Candidate]:
        async with opened_web(site.host) as web:
            with commons.opened(Options(), Context(web, "barn", params.Scrape(), f"{site.base}/new")) as source:
                found = await source.fetch((await source.search("barn", None)).candidates[0])
                return found.data, found.candidate

    data, candidate = asyncio.run(first())
    assert data == jpeg(1) and candidate.title == "Barn at dusk"


def test_a_category_that_cannot_exist_is_an_error_of_one_sentence(site: Served) -> None:
    with pytest.raises(UserError, match=r"scrape.sources, commons: 'Houses\[1\]' is no category; its name has none of"):
        asyncio.run(pages(site, "one", category="Houses[1]"))


def test_a_source_says_what_it_is() -> None:
    source = commons.Commons(None, "")  # type: ignore[arg-type]
    assert (source.name, source.takes_terms, source.local) == ("commons", True, False)
    assert commons.ABOUT.public_web and commons.ABOUT.endpoint == "https://commons.wikimedia.org"
