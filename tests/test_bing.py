import asyncio
import html
import json
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import params, source_params
from pipeline.collect.sources import bing
from pipeline.collect.sources.source import Candidate, Context, Page, Refused, Stale
from pipeline.errors import UserError
from tests.replay import bing as replay
from tests.replay.serving import Served, jpeg, opened_web, served

TERM = "Käse & <Brot> 100%+"
DEFAULTS = source_params.Bing()


async def pages(site: Served, term: str, options: source_params.Bing = DEFAULTS, color: str = "any") -> list[Page]:
    """All pages, each by a source of its own: only the cursor goes from one to the next."""
    found: list[Page] = []
    async with opened_web(site.host) as web:
        while len(found) < 10 and (not found or found[-1].next):
            with bing.opened(options, Context(web, "cats", params.Scrape(color=color), endpoint=site.base)) as source:
                found.append(await source.search(term, found[-1].next if found else None))
    return found


def expected(base: str, term: str, number: int) -> Candidate:
    """By the replay's rules: of three results, one tells its size in the link, one below it, one nowhere."""
    width, height = (0, 0) if number % 3 == 2 else (320, 240)
    return Candidate(
        address=f"{base}/full/{number}.jpg", image_url=f"{base}/full/{number}.jpg", title=f'{term} – nº {number} "&" <b>',
        page_url=f"https://site{number % 7}.example/{number}?a=1&b=2", width=width, height=height,
    )


@pytest.mark.parametrize("repeats", [False, True])
def test_every_result_in_order_to_the_end(repeats: bool) -> None:
    with served(replay.application(80, repeats=repeats)) as site:
        found = asyncio.run(pages(site, TERM))
        # 35 places a page, three of the first without a usable result; the second begins with the first one's last
        assert [len(page.candidates) for page in found] == [32, 35, 14, 0]
        numbers = [*range(32), *range(31, 66), *range(66, 80)]
        assert [candidate for page in found for candidate in page.candidates] == [expected(site.base, TERM, n) for n in numbers]
        asked = [parse_qs(urlsplit(request).query) for request in site.requests]
        assert [query["first"] for query in asked] == [["1"], ["36"], ["71"], ["85"]]
        assert asked[0] == {"q": [TERM], "async": ["1"], "first": ["1"], "count": ["35"], "setlang": ["en"]}


def test_fetch_gives_the_original_bytes() -> None:
    async def fetched(site: Served) -> bytes:
        async with opened_web(site.host) as web:
            with bing.opened(DEFAULTS, Context(web, "cats", params.Scrape(), endpoint=site.base)) as source:
                return (await source.fetch((await source.search("cat", None)).candidates[7])).data

    with served(replay.application(8)) as site:
        assert asyncio.run(fetched(site)) == jpeg(7)


def test_filters_are_asked_in_bing_s_words() -> None:
    options = source_params.Bing(size="wallpaper", kind="photo", aspect="tall", license="modify", safe="strict")
    with served(replay.application(3)) as site:
        asyncio.run(pages(site, "cat", options, color="gray"))
        asyncio.run(pages(site, "cat", source_params.Bing(kind="transparent", license="creative-commons", safe="off"), color="transparent"))
        asked = [parse_qs(urlsplit(request).query) for request in site.requests if "first=1&" in request]
    assert [(query["qft"][0].split("+filterui:"), query["adlt"]) for query in asked] == [
        (["", "imagesize-wallpaper", "color2-bw", "photo-photo", "aspect-tall", "license-L2_L3_L5_L6"], ["strict"]),
        (["", "photo-transparent", "licenseType-Any"], ["off"]),
    ]


def test_filters_that_exclude_each_other_are_the_user_s_error() -> None:
    with served(replay.application(3)) as site, pytest.raises(UserError, match="scrape.color: transparent does not go with kind: photo"):
        asyncio.run(pages(site, "cat", source_params.Bing(kind="photo"), color="transparent"))


def test_no_results_is_an_empty_page() -> None:
    with served(replay.application(3)) as site:
        assert asyncio.run(pages(site, "zeppelin")) == [Page()]


@pytest.mark.parametrize(("faults", "message"), [({"captcha": True}, "captcha"), ({"status": 403}, "status 403")])
def test_a_captcha_and_a_closed_door_are_refusals(faults: dict[str, int], message: str) -> None:
    with served(replay.application(3, **faults)) as site, pytest.raises(Refused, match=message):  # type: ignore[arg-type]
        asyncio.run(pages(site, "cat"))


@pytest.mark.parametrize(("fault", "message"), [("changed", "no link of the class iusc"), ("all_broken", "with a murl")])
def test_an_answer_of_another_shape_is_stale_and_kept(fault: str, message: str) -> None:
    with served(replay.application(3, **{fault: True})) as site, pytest.raises(Stale, match=message) as stale:  # type: ignore[arg-type]
        asyncio.run(pages(site, "cat"))
    assert stale.value.page.startswith(b"<div class=") and stale.value.page.endswith(b"</div>")


def test_what_asks_whether_one_is_human_is_only_a_captcha_where_no_results_are() -> None:
    result = html.escape(json.dumps({"murl": "https://a.example/robot.png", "t": "Verify you are human"}))
    assert len(bing.parse(f'<a class="iusc" m="{result}"></a>'.encode()).candidates) == 1


def test_a_piece_without_a_declared_encoding_is_utf_8() -> None:
    piece = """<a class="iusc" m='{"murl": "https://a.example/1.png", "t": "ÅÄÖ åäö"}'></a>""".encode()  # taken for Korean where guessed
    assert bing.parse(piece).candidates[0].title == "ÅÄÖ åäö"


def test_a_search_is_never_followed_beyond_a_thousand_results() -> None:
    told = [html.escape(json.dumps({"murl": f"https://a.example/{n}.png"})) for n in range(35)]
    piece = "".join(f'<a class="iusc" m="{m}"></a>' for m in told).encode()
    assert bing.parse(piece, 900).next == "first=935&last=https%3A%2F%2Fa.example%2F34.png"
    assert bing.parse(piece, 980).next is None


@pytest.mark.parametrize(("url", "is_original"), [
    ("https://a.example/th?id=OIP.x", True),
    ("http://bing.net.example/th/1.jpg", True),
    ("https://th.bing.com/th/id/R.0a?rik=x&pid=ImgRaw&r=0", True),  # a picture that Bing alone has, in full
    ("https://th.bing.com/th/id/OIP.0a?w=200&pid=1.7", False),
    ("https://tse4.mm.bing.net/th?id=OIP.x&pid=15.1", False),
    ("data:image/png;base64,AAAA", False), ("//a.example/1.jpg", False), ("https://[broken", False), ("", False), (None, False), (7, False),
])
def test_only_originals_on_the_web_count(url: object, is_original: bool) -> None:
    assert bing.original(url) == (url if is_original else "")


@given(st.text(), st.text(), st.integers(0, 10**9))
def test_any_text_survives_the_escaping(title: str, tail: str, width: int) -> None:
    told = html.escape(json.dumps({"murl": f"https://a.example/{tail.encode().hex()}", "t": f"x{title}x"}))
    found = bing.parse(f'<a href="/x?expw={width}&amp;exph=7" m="{told}" class="b iusc c"></a>'.encode()).candidates
    shown = f"x{title}x".replace("\ue000", "").replace("\ue001", "")
    address = f"https://a.example/{tail.encode().hex()}"
    assert found == [Candidate(address, address, title=shown, width=width, height=7)]


@given(st.binary(max_size=300))
def test_no_bytes_break_the_parser(page: bytes) -> None:
    try:
        assert bing.parse(page).candidates == []
    except (Stale, Refused) as error:
        assert str(error)
