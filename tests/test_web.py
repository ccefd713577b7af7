"""Downloads from a server that misbehaves in every way: each ends in time with its own reason."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from pipeline import params
from pipeline.collect import web as module
from pipeline.collect.answer import FetchError, Limits
from pipeline.collect.pace import FAILURES, Pace
from pipeline.collect.sources.source import Candidate
from pipeline.collect.web import Web, user_agent
from pipeline.errors import UserError
from tests.replay import faults
from tests.replay.serving import jpeg

T = TypeVar("T")
TIGHT = Limits(connect=1, total=3, grace=1, rate=4096, bytes=2**20)


def with_web(host: str, work: Callable[[Web], Awaitable[T]], limits: Limits = TIGHT, **settings: object) -> T:
    async def run() -> T:
        checked = params.Scrape.model_validate({"contact": "tests@example.org", "allow_hosts": [host], **settings})
        async with Web.opened(checked, Pace(64, 64), limits) as web:
            return await work(web)

    return asyncio.run(run())


def candidate(url: str) -> Candidate:
    return Candidate(url, url)


async def reason_of(web: Web, url: str) -> str:
    try:
        found = await web.image(candidate(url))
    except FetchError as error:
        assert "\n" not in str(error) and url in str(error)
        return error.reason
    return "picture" if found.data == jpeg(1) else f"{len(found.data)} bytes"


ENDS = {
    "/ok.jpg": "picture", "/cookie-wall.jpg": "picture", "/hops/5": "picture", "/429/2": "picture", "/429/date": "picture",
    "/429/1?after=%C2%B2": "picture",  # a digit, but no number
    "/500/1": "picture", "/503/2": "picture", "/html.jpg": "89 bytes", "/empty": "0 bytes",
    "/429/always?after=0": "http_429", "/500/always?after=0": "http_500", "/nowhere": "http_404",
    "/silent": "timeout", "/slow-headers": "timeout", "/stall": "too_slow", "/drip": "too_slow",
    "/endless": "too_large", "/gzip-bomb": "too_large",
    "/reset": "reset", "/hangup": "reset", "/length/long": "length",
    "/bad-chunk": "bad_http", "/bad-chunk/late": "bad_http", "/http09": "bad_http", "/huge-headers": "bad_http",
    "/loop": "redirects", "/hops/6": "redirects",
    "/noai.jpg": "opt_out", "/noai-lf.jpg": "opt_out", "/tdm.jpg": "opt_out",
    "/to?url=file:///etc/passwd": "forbidden_address", "/to?url=http://169.254.169.254/latest/meta-data": "forbidden_address",
    "/to?url=ftp://example.org/x.jpg": "forbidden_address", "/to?url=http://127.0.0.1:1/x.jpg&status=307": "forbidden_address",
    "/to?url=http://localhost/x.jpg": "forbidden_address", "/to?url=http://[::1]/x.jpg": "forbidden_address",
    "/to?url=http://[127.0.0.1]/": "bad_url", "/to?url=http://[::1:80/": "bad_url",
    "/to?url=http://user:pass@example.org/": "forbidden_address", "/to?url=data:image/png;base64,AAAA": "forbidden_address",
}


def test_every_fault_ends_in_time_with_its_own_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.random, "uniform", lambda low, high: 0.01)
    with faults.served() as site:
        site.pause = 0.1

        async def all_at_once(web: Web) -> list[str]:
            return await asyncio.gather(*(reason_of(web, site.base + path) for path in ENDS))

        start = time.monotonic()
        assert dict(zip(ENDS, with_web(site.host, all_at_once), strict=True)) == ENDS
        assert time.monotonic() - start < 30
        assert site.hits["/500/always"] == module.TRIES and site.hits["/nowhere"] == 1 and site.hits["/stall"] == 1
        assert site.sent["/endless"] < 20 * 2**20


def test_a_redirect_written_in_raw_utf_8_is_followed() -> None:
    with faults.served() as site:
        with_web(site.host, lambda web: web.get(f"{site.base}/to?url=/gr%C3%B6%C3%9Fe.jpg", accept=(404,)))
        assert site.requests[-1].target == "/gr%C3%B6%C3%9Fe.jpg"


def test_a_host_that_asks_for_too_long_a_rest_gets_it_and_nobody_waits() -> None:
    with faults.served() as site:
        async def two(web: Web) -> list[str]:
            return [await reason_of(web, f"{site.base}/429/always?after=100000"), await reason_of(web, f"{site.base}/ok.jpg")]

        assert with_web(site.host, two) == ["http_429", "host_busy"]
        assert site.hits["/429/always"] == 1 and site.hits["/ok.jpg"] == 0


def test_retry_after_is_obeyed() -> None:
    with faults.served() as site:
        start = time.monotonic()
        assert with_web(site.host, lambda web: reason_of(web, f"{site.base}/429/1?after=1")) == "picture"
        assert time.monotonic() - start >= 0.9


def test_what_is_no_address_is_refused_like_any_other() -> None:
    async def refused(web: Web) -> list[str]:
        return [await reason_of(web, url) for url in ("http://[::1:80/", "http://[127.0.0.1]/", "no address", "", "http://")]

    assert with_web("x", refused) == ["forbidden_address"] * 5


@pytest.mark.parametrize(("robots", "reason"), [
    ((200, b"User-agent: *\nDisallow: /"), "robots"),
    ((200, b"User-agent: Darkroom\nDisallow: /ok\n\nUser-agent: *\nAllow: /"), "robots"),
    ((200, b"User-agent: *\nDisallow: /private"), "picture"),
    ((404, b"User-agent: *\nDisallow: /"), "picture"),
    ((403, b""), "picture"),
    ((503, b""), "robots_unreachable"),
])
def test_robots_txt_is_asked_once_and_obeyed(robots: tuple[int, bytes], reason: str) -> None:
    with faults.served() as site:
        site.robots = robots

        async def twice(web: Web) -> list[str]:
            return [await reason_of(web, f"{site.base}/ok.jpg") for _ in range(2)]

        assert with_web(site.host, twice) == [reason] * 2
        assert site.hits["/robots.txt"] == 1
        assert site.hits["/ok.jpg"] == (2 if reason == "picture" else 0)


def test_a_reservation_in_tdmrep_json_is_obeyed() -> None:
    with faults.served() as site:
        site.tdmrep = (200, b'[{"location": "/ok*", "tdm-reservation": 1}]')
        assert with_web(site.host, lambda web: reason_of(web, f"{site.base}/ok.jpg")) == "opt_out"
        assert site.hits["/ok.jpg"] == 0


def test_manners_can_be_switched_off_by_name() -> None:
    with faults.served() as site:
        site.robots = (200, b"User-agent: *\nDisallow: /")
        for path in ("/ok.jpg", "/noai.jpg", "/tdm.jpg"):
            reason = with_web(site.host, lambda web, path=path: reason_of(web, site.base + path), robots=False, opt_outs=False)
            assert reason == "picture"
        assert site.hits["/robots.txt"] == 0


def test_a_site_that_opts_out_sends_no_body() -> None:
    with faults.served() as site:
        with_web(site.host, lambda web: reason_of(web, f"{site.base}/noai.jpg"))
        assert site.hits["/noai.jpg"] == 1


def test_the_agent_says_who_asks_and_how_to_reach_them() -> None:
    assert user_agent("me@example.org").startswith("Darkroom/0.1.0 (+me@example.org) ")
    with faults.served() as site:
        with_web(site.host, lambda web: reason_of(web, f"{site.base}/ok.jpg"))
        assert {asked.headers["user-agent"] for asked in site.requests} == {user_agent("tests@example.org")}


def test_a_dead_host_is_left_alone_after_a_few_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.random, "uniform", lambda low, high: 0.0)

    async def many(web: Web) -> list[str]:
        return [await reason_of(web, f"http://127.0.0.1:1/{n}.jpg") for n in range(4)]

    reasons = with_web("127.0.0.1:1", many)
    assert reasons[0] == "connect" and reasons[-1] == "host_down" and FAILURES == 5


def test_dead_hosts_do_not_hold_up_the_others() -> None:
    async def race(web: Web) -> float:
        slow = [asyncio.create_task(reason_of(web, f"{site.base}/silent?{n}")) for n in range(20)]
        start = time.monotonic()
        assert await reason_of(web, f"{other.base}/ok.jpg") == "picture"
        seconds = time.monotonic() - start
        await asyncio.gather(*slow)
        return seconds

    with faults.served() as site, faults.served() as other:
        assert with_web(site.host, race, allow_hosts=[site.host, other.host]) < 1


def test_without_a_contact_only_named_hosts_are_asked() -> None:
    with faults.served() as site:
        assert with_web(site.host, lambda web: reason_of(web, f"{site.base}/ok.jpg"), contact="") == "picture"
        with pytest.raises(UserError, match=r"scrape\.contact is empty"):
            with_web(site.host, lambda web: reason_of(web, "http://example.org/ok.jpg"), contact="")


def test_pages_are_unpacked_and_a_status_that_is_expected_is_an_answer() -> None:
    async def answers(web: Web) -> None:
        missing = await web.get(f"{site.base}/nowhere", accept=(200, 404))
        assert (missing.status, missing.data) == (404, b"not here")
        with pytest.raises(FetchError) as caught:
            await web.get(f"{site.base}/500/always?after=0")
        assert (caught.value.status, caught.value.body) == (500, b"not now")
        assert (await web.get(f"{site.base}/ok.jpg", {"q": "a b&c"}, {"Referer": "http://x/"})).data == jpeg(1)
        assert site.requests[-1].target == "/ok.jpg?q=a+b%26c" and site.requests[-1].headers["referer"] == "http://x/"

    with faults.served() as site:
        with_web(site.host, answers)
