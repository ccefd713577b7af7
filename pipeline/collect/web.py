"""The public web as sources see it: pages and images, with manners, past the guard, a few tries for what can pass."""

import asyncio
import email.utils
import random
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http.cookies import CookieError, SimpleCookie
from importlib.metadata import version
from urllib.parse import urlencode, urljoin

import pycurl
from multidict import CIMultiDict
from yarl import URL

from pipeline import params
from pipeline.collect.answer import REDIRECTS, Answer, FetchError, Limits
from pipeline.collect.candidate import Candidate, Found
from pipeline.collect.fetch import Fetcher, checked
from pipeline.collect.guard import Guard
from pipeline.collect.manners import AGENT, Robots, opt_out, tdm_reserved
from pipeline.collect.pace import LONGEST_WAIT, Pace
from pipeline.errors import UserError

__all__ = ["Web", "user_agent"]

TRIES = 4
WORTH_A_RETRY = frozenset({"connect", "dns", "reset", "bad_http", "length"})  # a timeout has cost enough: the next run asks again
ORIGINS = 4096  # whose robots.txt is remembered
NOTHING: Mapping[str, str] = {}
IMAGES = {"Accept": "image/*,*/*;q=0.5"}


@dataclass
class Web:
    """One session of downloads."""

    fetcher: Fetcher
    settings: params.Scrape
    pace: Pace
    limits: Limits = field(default_factory=Limits)
    _robots: dict[str, "asyncio.Task[_House]"] = field(default_factory=dict)

    @classmethod
    @asynccontextmanager
    async def opened(cls, settings: params.Scrape, pace: Pace | None = None, limits: Limits | None = None) -> AsyncIterator["Web"]:
        """A session for the length of the block, with the manners and the guard that `settings` ask for."""
        pace, limits = pace or Pace(), limits or Limits()
        guard = Guard(frozenset(settings.allow_hosts))
        async with Fetcher(user_agent(settings.contact), guard, pace.connections, limits) as fetcher:
            yield cls(fetcher, settings, pace, limits)

    async def get(
        self, url: str, params: Mapping[str, str] = NOTHING, headers: Mapping[str, str] = NOTHING, accept: tuple[int, ...] = (200,),
    ) -> Answer:
        """The answer of a source's own page or API. Raises FetchError for a status not in `accept`, and where nothing comes.

        robots.txt speaks of a site's pages to crawlers; a source that was chosen by name is asked all the same.
        """
        asked = f"{url}?{urlencode(params)}" if params else url
        return await self._tried(asked, {"Accept-Encoding": "gzip, deflate", **headers}, accept, crawling=False)

    async def image(self, candidate: Candidate) -> Found:
        """The original bytes at the candidate's `image_url`. Raises FetchError, also where the site opts out."""
        answer = await self._tried(candidate.image_url, IMAGES, (200,), crawling=True)
        return Found(answer.data, candidate)

    async def _tried(self, url: str, headers: Mapping[str, str], accept: tuple[int, ...], crawling: bool) -> Answer:
        for attempt in range(1, TRIES + 1):
            try:
                return await self._followed(url, headers, accept, crawling)
            except FetchError as error:
                wait = error.wait if error.wait is not None else random.uniform(0, 0.5 * 2**attempt)  # full jitter
                again = error.reason in WORTH_A_RETRY or (error.may_pass and error.status)
                if not again or attempt == TRIES or wait > LONGEST_WAIT:
                    raise
            await asyncio.sleep(wait)
        raise AssertionError("unreachable")

    async def _followed(self, url: str, headers: Mapping[str, str], accept: tuple[int, ...], crawling: bool) -> Answer:
        start, here, cookies = time.monotonic(), url, SimpleCookie()
        for _ in range(self.limits.redirects + 1):
            spent = time.monotonic() - start
            left = self.limits if here is url else replace(self.limits, total=max(0.1, self.limits.total - spent))
            try:
                answer = await self._hop(here, headers, cookies, accept, crawling, left)
            except FetchError as error:
                if here == url:
                    raise
                raise FetchError(error.reason, f"{url}: leads to {error}", error.status, error.body, error.wait) from None
            if answer.status not in REDIRECTS or "Location" not in answer.headers:
                return answer
            there = _joined(here, answer.headers["Location"])
            if _authority(there) == _authority(here):
                _remember(cookies, answer)
            else:
                cookies, headers = SimpleCookie(), {name: value for name, value in headers.items() if name != "Authorization"}
            here = there
        raise FetchError("redirects", f"{url}: more than {self.limits.redirects} redirects")

    async def _hop(
        self, url: str, headers: Mapping[str, str], cookies: SimpleCookie, accept: tuple[int, ...], crawling: bool, limits: Limits,
    ) -> Answer:
        """One request in its turn: an answer that is accepted, or a redirect. Raises FetchError."""
        self.check_contact(url)
        parsed = checked(url, self.fetcher.guard)
        if crawling:
            await self._permitted(url, parsed)
        sent = {**headers, "Cookie": cookies.output([], "", ";").strip()} if cookies else headers
        async with self.pace.slot(parsed.authority, url):
            answer = await self.fetcher.request(parsed, limits, sent, self._judge if crawling else None)
            moved = answer.status in REDIRECTS and "Location" in answer.headers
            if not moved and answer.status not in accept:
                raise _status_error(url, answer)
        return answer

    def allow(self, host: str) -> None:
        """Let this host:port of our own be reached too, such as a server that a source runs while it is open."""
        self.fetcher.guard = Guard(self.fetcher.guard.allow_hosts | {host})

    def check_contact(self, url: str) -> None:
        """Raises UserError where `url` is on the public web and the operator has not said how to be reached."""
        if not self.settings.contact and not self.fetcher.guard.is_named(url):
            raise UserError(
                "params.yaml: scrape.contact is empty; sites must be able to reach whoever runs this: give an e-mail address or "
                "a web page of yours, then run again"
            )

    def _judge(self, url: str, headers: "CIMultiDict[str]") -> None:
        if self.settings.opt_outs and (directive := opt_out(headers.items(), AGENT)):
            raise FetchError("opt_out", f"{url}: the site does not want it used ({directive})")

    async def _permitted(self, url: str, parsed: URL) -> None:
        """Raises FetchError where the site's robots.txt or TDM reservation forbids `url`."""
        if not (self.settings.robots or self.settings.opt_outs):
            return
        house = await self._house(url, f"{parsed.scheme}://{parsed.authority}")
        if self.settings.robots and not house.robots.allows(url):
            if house.status >= 500:
                raise FetchError("robots_unreachable", f"{url}: the site's robots.txt answers {house.status}; it may be had later")
            raise FetchError("robots", f"{url}: the site's robots.txt does not allow it")
        if self.settings.opt_outs and house.tdm and tdm_reserved(house.tdm, parsed.raw_path):
            raise FetchError("opt_out", f"{url}: the site reserves text and data mining (tdmrep.json)")

    async def _house(self, url: str, origin: str) -> "_House":
        asking = self._robots.get(origin)
        if asking is None:
            if len(self._robots) >= ORIGINS:
                self._robots.pop(next(iter(self._robots)))
            asking = self._robots[origin] = asyncio.create_task(self._ask_house(origin))
        try:
            return asking.result() if asking.done() else await asyncio.shield(asking)
        except FetchError as error:
            self._robots.pop(origin, None)  # so that the next image asks again; pace leaves a dead host alone
            raise FetchError(error.reason, f"{url}: its robots.txt could not be had ({error})", error.status, wait=error.wait) from None

    async def _ask_house(self, origin: str) -> "_House":
        anything = tuple(range(200, 600))
        small = replace(self, limits=replace(self.limits, bytes=2**20))
        try:
            answer = await small._followed(f"{origin}/robots.txt", NOTHING, anything, crawling=False)
            robots = Robots.of(answer.status, answer.data)
            status = answer.status
        except FetchError as error:
            if error.reason in ("redirects", "too_large"):  # RFC 9309, 2.3.1.2: as if there were none
                robots, status = Robots.of(404, b""), 404
            else:
                raise
        if robots.delay():
            self.pace.slow_down(origin.partition("://")[2], f"{origin}/", robots.delay())
        tdm = b""
        if self.settings.opt_outs:
            try:
                answer = await small._followed(f"{origin}/.well-known/tdmrep.json", NOTHING, (200,), crawling=False)
                tdm = answer.data
            except FetchError:
                tdm = b""  # most sites have none, and a broken one reserves nothing
        return _House(robots, status, tdm)


@dataclass(frozen=True)
class _House:
    """The rules of one origin."""

    robots: Robots
    status: int
    tdm: bytes


def user_agent(contact: str) -> str:
    """Who asks, and how to reach whoever runs it."""
    return f"{AGENT}/{version('darkroom')}" + (f" (+{contact})" if contact else "") + f" libcurl/{pycurl.version_info()[1]}"


def _joined(here: str, location: str) -> str:
    try:
        return urljoin(here, location)
    except ValueError:
        raise FetchError("bad_url", f"{here}: redirects to {location[:200]!r}, which is no address") from None


def _authority(url: str) -> str:
    return url.split("/", 3)[2] if url.count("/") > 1 else ""


def _remember(cookies: SimpleCookie, answer: Answer) -> None:
    for name, value in answer.headers.items():
        if name.lower() == "set-cookie":
            try:
                cookies.load(value)
            except CookieError:
                continue


def _status_error(url: str, answer: Answer) -> FetchError:
    wait = _seconds(answer.headers.get("Retry-After", "")) if answer.status in (429, 503) else None
    return FetchError(f"http_{answer.status}", f"{url}: status {answer.status}", answer.status, answer.data[:65536], wait)


def _seconds(retry_after: str) -> float | None:
    """RFC 9110, 10.2.3: seconds, or a date."""
    if retry_after.strip().isdecimal():
        return float(retry_after)
    try:
        date = email.utils.parsedate_to_datetime(retry_after)
    except (TypeError, ValueError):
        return None
    return max(0.0, ((date if date.tzinfo else date.replace(tzinfo=UTC)) - datetime.now(UTC)).total_seconds())
