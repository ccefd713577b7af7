import asyncio
import json
import logging
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from pipeline import params
from pipeline.collect.answer import FetchError
from pipeline.collect.sources import flickr
from pipeline.collect.sources.source import Candidate, Context, Page, Refused, Stale
from pipeline.errors import UserError
from pipeline.source_params import Flickr as Options
from tests.replay.flickr import KEY, application
from tests.replay.serving import Served, jpeg, opened_web
from tests.replay.together import served_together

CC = "https://creativecommons.org"
OTHER_KEY = "0" * 32


@pytest.fixture(scope="module")
def site() -> Iterator[Served]:
    sites = {
        "six": application(6), "strings": application(6, strings=True), "licences": application(18), "none": application(0),
        "many": application(4100, first_license=4), "three": application(600), "holes": application(3, broken=(2,)),
        "small": application(6, first_license=10), "broken": application(2, broken=(1, 2)), "renamed": application(2, listed="photos"),
        "html": application(2, page_of_html=True), **{f"fail{code}": application(2, failure=code) for code in (1, 10, 105, 112)},
        **{f"status{status}": application(2, status=status) for status in (403, 404, 429)},
    }
    with served_together(**sites) as server:
        yield server


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLICKR_API_KEY", KEY)


async def pages(site: Served, name: str, licenses: Any = "any", **options: Any) -> list[Page]:
    """All pages of a search, each asked for by a source of its own, as after a kill."""
    found: list[Page] = []
    async with opened_web(site.host) as web:
        context = Context(web, "barn", params.Scrape(licenses=licenses), f"{site.base}/{name}")
        while not found or found[-1].next:
            with flickr.opened(Options(**options), context) as source:
                found.append(await source.search("red barn", found[-1].next if found else None))
            assert len(found) < 30
    return found


def numbers(found: list[Page]) -> list[int]:
    return [int(candidate.address.rpartition("/")[2]) - 48499561000 for page in found for candidate in page.candidates]


def asked(site: Served, name: str) -> list[dict[str, str]]:
    requests = [urlsplit(request) for request in site.requests]
    return [{key: values[0] for key, values in parse_qs(r.query).items()} for r in requests if r.path == f"/{name}/services/rest/"]


def photo(number: int, base: str, size: str, width: int, height: int, license: str, license_url: str) -> Candidate:
    page = f"https://www.flickr.com/photos/{7702423 + number}@N04/{48499561000 + number}"
    url = f"{base}/full/{number}.jpg?size={size}"
    return Candidate(page, url, page, f"Barn {number}", f"Corey {number}", license, license_url, width, height)


@pytest.mark.parametrize("name", ["six", "strings"])
def test_the_largest_sizes_come_in_order_with_all_that_is_told_of_them(site: Served, name: str) -> None:
    base = f"{site.base}/{name}"
    assert asyncio.run(pages(site, name)) == [Page([
        photo(1, base, "o", 5514, 3102, "all-rights-reserved", ""),
        photo(2, base, "k", 2048, 1152, "cc-by-nc-sa", f"{CC}/licenses/by-nc-sa/2.0/"),
        photo(3, base, "h", 1600, 900, "cc-by-nc", f"{CC}/licenses/by-nc/2.0/"),
        photo(4, base, "l", 1024, 576, "cc-by-nc-nd", f"{CC}/licenses/by-nc-nd/2.0/"),
        photo(5, base, "c", 800, 450, "cc-by", f"{CC}/licenses/by/2.0/"),
    ])]  # the sixth has thumbnails only


def test_every_licence_of_flickr_has_its_name_and_its_page() -> None:
    told = {"owner": "1@N04", "url_o": "https://live.staticflickr.com/1_o.jpg"}
    photos = [{**told, "id": str(number), "license": number} for number in range(18)]
    unlicensed = {**told, "id": "18"}
    page = json.dumps({"photos": {"pages": 1, "photo": [*photos, unlicensed]}, "stat": "ok"}).encode()
    found = [(candidate.license, candidate.license_url) for candidate in flickr.parse(page, 1).candidates]
    by_version = [[(f"cc-{code}", f"{CC}/licenses/{code}/{version}/") for code in codes.split()] for version, codes in (
        ("2.0", "by-nc-sa by-nc by-nc-nd by by-sa by-nd"), ("4.0", "by by-sa by-nd by-nc by-nc-sa by-nc-nd"),
    )]
    assert found == [
        ("all-rights-reserved", ""), *by_version[0],
        ("pdm", "https://www.flickr.com/commons/usage/"), ("pdm", "https://www.usa.gov/government-copyright"),
        ("cc0", f"{CC}/publicdomain/zero/1.0/"), ("pdm", f"{CC}/publicdomain/mark/1.0/"), *by_version[1],
        ("other", ""), ("unknown", ""),
    ]


def test_wanted_licences_are_asked_for_by_their_numbers(site: Served) -> None:
    # photo n has licence n - 1; the photos 6, 12 and 18 have thumbnails only
    assert numbers(asyncio.run(pages(site, "licences", licenses=["cc-by", "cc0", "unknown"]))) == [5, 10]
    assert asked(site, "licences")[-1]["license"] == "4,9,11"
    assert numbers(asyncio.run(pages(site, "licences", licenses=["pdm", "cc-by-nc-nd"]))) == [4, 8, 9, 11, 17]
    assert numbers(asyncio.run(pages(site, "licences"))) == [1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 13, 14, 15, 16, 17]
    assert "license" not in asked(site, "licences")[-1]


def test_licences_that_flickr_cannot_be_asked_for_are_an_error_of_one_sentence(site: Served) -> None:
    with pytest.raises(UserError, match="scrape.licenses accepts only other, unknown, which flickr cannot be asked for; it has all"):
        asyncio.run(pages(site, "licences", licenses=["other", "unknown"]))


def test_a_search_goes_on_to_its_last_page(site: Served) -> None:
    found = asyncio.run(pages(site, "three"))
    assert numbers(found) == [number for number in range(1, 601) if number % 6]
    assert [(question["page"], question["per_page"]) for question in asked(site, "three")] == [("1", "250"), ("2", "250"), ("3", "250")]


def test_a_search_ends_at_4000_results_where_flickr_repeats_itself(site: Served) -> None:
    found = asyncio.run(pages(site, "many"))
    assert numbers(found) == [number for number in range(1, 4001) if number % 6]


def test_no_results_is_an_empty_last_page(site: Served) -> None:
    assert asyncio.run(pages(site, "none")) == [Page([], None)]


def test_the_term_is_text_or_tags_and_sorted_as_told(site: Served) -> None:
    asyncio.run(pages(site, "six"))
    asyncio.run(pages(site, "six", tags=True, sort="interestingness-desc"))
    text, tags = asked(site, "six")[-2:]
    assert (text["text"], text["sort"], "tags" in text) == ("red barn", "relevance", False)
    assert (tags["tags"], tags["tag_mode"], tags["sort"], "text" in tags) == ("red,barn", "all", "interestingness-desc", False)


def test_photos_without_sizes_are_passed_over_and_such_photos_alone_are_stale(site: Served) -> None:
    assert numbers(asyncio.run(pages(site, "holes"))) == [1, 3]
    with pytest.raises(Stale, match="flickr is stale: no photo has an id, an owner and an image URL"):
        asyncio.run(pages(site, "broken"))


def test_a_page_of_small_photos_is_empty_but_not_stale(site: Served) -> None:
    assert asyncio.run(pages(site, "small", licenses=["cc-by-nc-sa"])) == [Page([], None)]


def test_an_answer_of_another_shape_is_stale_and_kept(site: Served) -> None:
    with pytest.raises(Stale, match=r"no list photos\.photo") as caught:
        asyncio.run(pages(site, "renamed"))
    assert len(json.loads(caught.value.page)["photos"]["photos"]) == 2


@pytest.mark.parametrize(
    "page", [
        b'jsonFlickrApi({"stat": "ok"})', b"[]", b'{"stat": "ok"}', b'{"photos": {"photo": []}}', b'{"photos": {"photo": [1], "pages": 1}}',
        b'{"photos": {"photo": [{"id": "../1", "owner": "1@N04", "url_o": "https://example.org/1.jpg"}], "pages": 1}}',
        b'{"photos": {"photo": [{"id": "1", "owner": "1@N04", "url_o": "javascript:alert(1)"}], "pages": 1}}',
    ],
)
def test_what_is_no_answer_of_flickr_is_stale(page: bytes) -> None:
    with pytest.raises(Stale):
        flickr.parse(page, 1)


@pytest.mark.parametrize(
    ("code", "words"), [(1, "Too many tags in ALL query"), (10, "API is not currently available"), (105, "Service currently unavailable")],
)
def test_a_failure_is_refused_in_the_words_of_the_api(site: Served, code: int, words: str) -> None:
    with pytest.raises(Refused, match=rf"{words}.? \(code {code}\); run again later"):
        asyncio.run(pages(site, f"fail{code}"))


def test_a_method_that_is_gone_means_that_the_question_is_stale(site: Served) -> None:
    with pytest.raises(Stale, match="the API reports 112"):
        asyncio.run(pages(site, "fail112"))


@pytest.mark.parametrize("wrong", [OTHER_KEY, "not-of-the-right-form"])
def test_a_wrong_key_is_refused_with_where_to_get_one(site: Served, monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    monkeypatch.setenv("FLICKR_API_KEY", wrong)
    with pytest.raises(Refused, match=r"Invalid API Key .* \(code 100\); check FLICKR_API_KEY, or get a key at https:") as caught:
        asyncio.run(pages(site, "six"))
    assert wrong not in str(caught.value)


@pytest.mark.parametrize("value", ["", "  ", None])
def test_no_key_is_an_error_of_one_sentence(site: Served, monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    monkeypatch.delenv("FLICKR_API_KEY") if value is None else monkeypatch.setenv("FLICKR_API_KEY", value)
    with pytest.raises(UserError, match="flickr needs a key in the environment variable FLICKR_API_KEY: get one at https://www.flickr.com/serv"):
        asyncio.run(pages(site, "six"))


def test_what_can_be_no_key_is_an_error_that_does_not_repeat_it(site: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLICKR_API_KEY", "se&cret key")
    with pytest.raises(UserError, match="FLICKR_API_KEY holds no Flickr key") as caught:
        asyncio.run(pages(site, "six"))
    assert "se&cret" not in str(caught.value)


@pytest.mark.parametrize(("name", "error"), [("status403", Refused), ("status429", Refused), ("status404", FetchError), ("html", Stale)])
def test_the_key_is_in_no_error_and_no_log(site: Served, name: str, error: type[Exception], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(error) as caught:
        asyncio.run(pages(site, name))
    assert asked(site, name)[-1]["api_key"] == KEY  # it was sent, and the site repeats it in its page
    told = [str(caught.value), str(vars(caught.value)), caplog.text]
    assert not any(KEY in text for text in told)
    assert "FLICKR_API_KEY" in told[1] or error is Refused


def test_the_key_is_in_no_cursor_no_candidate_and_no_repr(site: Served) -> None:
    assert KEY not in repr(asyncio.run(pages(site, "three")))
    with flickr.opened(Options(), Context(None, "barn", params.Scrape())) as source:  # type: ignore[arg-type]
        assert KEY not in repr(source)


def test_fetch_brings_the_bytes_of_the_largest_size(site: Served) -> None:
    async def second() -> bytes:
        async with opened_web(site.host) as web:
            with flickr.opened(Options(), Context(web, "barn", params.Scrape(), f"{site.base}/six")) as source:
                return (await source.fetch((await source.search("barn", None)).candidates[1])).data

    assert asyncio.run(second()) == jpeg(2)


def test_a_source_says_what_it_is() -> None:
    with flickr.opened(Options(), Context(None, "barn", params.Scrape())) as source:  # type: ignore[arg-type]
        assert (source.name, source.takes_terms, source.local) == ("flickr", True, False)
    assert flickr.ABOUT.public_web and flickr.ABOUT.endpoint == "https://www.flickr.com"
