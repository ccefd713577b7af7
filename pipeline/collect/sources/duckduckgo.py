"""DuckDuckGo Images, by the JSON that its own page loads: first a token for the query, then results with it."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode

from pipeline import source_params
from pipeline.collect.answer import FetchError
from pipeline.collect.sources.bing import original
from pipeline.collect.sources.source import About, Candidate, Context, Found, Page, Refused, Source, Stale
from pipeline.collect.web import Web
from pipeline.errors import UserError

__all__ = ["ABOUT", "DuckDuckGo", "opened", "parse", "parse_token"]

ABOUT = About(
    needs="No key; automated queries may be against DuckDuckGo's terms of service.",
    allows="Pictures of any site on the web; their licence is unknown, whatever filter is set.",
    terms_of_service="https://duckduckgo.com/terms",
    endpoint="https://duckduckgo.com",
    direct=True,
)
TOKEN = re.compile(rb"""vqd=["']?([\w-]+)["'&]""")
CHALLENGE = re.compile(rb"anomaly-modal|bots use duckduckgo too", re.IGNORECASE)
REFUSING = (202, 403, 418, 429)  # the first three are its ways to say "Ratelimit"
LICENSES = {
    "creative-commons": "any", "public-domain": "Public", "share": "Share", "share-commercially": "ShareCommercially",
    "modify": "Modify", "modify-commercially": "ModifyCommercially",
}
COLORS = {"color": "color:color", "gray": "color:Monochrome"}
SAFETY = {"strict": ("1", "p=1"), "moderate": ("1", ""), "off": ("-1", "p=-2")}  # the parameter p; a cookie of that name


@dataclass(frozen=True)
class DuckDuckGo:
    """The site at `base`, asked with `filters`: further parameters of every query."""

    web: Web
    base: str
    filters: Mapping[str, str]
    cookie: str = ""
    name: str = "duckduckgo"
    takes_terms: bool = True
    local: bool = False

    async def search(self, term: str, cursor: str | None) -> Page:
        at = dict(parse_qsl(cursor or "s=0"))
        try:
            if "vqd" in at:
                try:
                    return await self._page(term, int(at["s"]), at["vqd"])
                except FetchError as error:
                    if error.status != 403:
                        raise  # with 403 the token has expired, or is another machine's
            return await self._page(term, int(at["s"]), await self._token(term))
        except FetchError as error:
            if error.status in REFUSING:
                raise Refused(f"duckduckgo answers with status {error.status} (rate limit); wait an hour, or use another source") from None
            raise

    async def fetch(self, candidate: Candidate) -> Found:
        return await self.web.image(candidate)

    async def _token(self, term: str) -> str:
        return parse_token((await self.web.get(f"{self.base}/", {"q": term}, self._headers())).data)

    async def _page(self, term: str, start: int, token: str) -> Page:
        asked = {"o": "json", "q": term, "vqd": token, **self.filters, **({"s": str(start)} if start else {})}
        page = parse((await self.web.get(f"{self.base}/i.js", asked, self._headers())).data, start)
        return Page(page.candidates, urlencode({"s": page.next, "vqd": token}) if page.next else None)

    def _headers(self) -> dict[str, str]:
        return {"Referer": f"{self.base}/", **({"Cookie": self.cookie} if self.cookie else {})}


def parse_token(page: bytes) -> str:
    """The token of a query, from the page of its search. Raises Refused for a captcha, Stale where there is none."""
    if found := TOKEN.search(page):
        return found.group(1).decode()
    if CHALLENGE.search(page):
        raise Refused("duckduckgo shows a captcha; wait an hour, or use another source")
    raise Stale("duckduckgo", "the search page has no vqd, the token that results are asked for with", page)


def parse(page: bytes, start: int = 0) -> Page:
    """The results of an answer asked for from number `start` on; its `next` is the number that the next one starts with."""
    try:
        answer = json.loads(page)
    except ValueError:
        if CHALLENGE.search(page):
            raise Refused("duckduckgo shows a captcha; wait an hour, or use another source") from None
        raise Stale("duckduckgo", "the answer is not JSON", page) from None
    results = answer.get("results") if isinstance(answer, dict) else None
    if not isinstance(results, list):
        raise Stale("duckduckgo", 'the answer has no list "results"', page)
    found = {candidate.address: candidate for result in results if (candidate := _candidate(result))}
    if results and not found:
        raise Stale("duckduckgo", "no result has the address of an image", page)
    following = _start(answer.get("next"))
    return Page(list(found.values()), str(following) if found and following > start else None)  # or it would go round in circles


def _candidate(result: Any) -> Candidate | None:
    """None for a result that cannot be used."""
    if not isinstance(result, dict) or not (address := original(result.get("image"))):
        return None
    width, height = (size if isinstance(size, int) and size > 0 else 0 for size in (result.get("width"), result.get("height")))
    return Candidate(address, address, str(result.get("url") or ""), str(result.get("title") or ""), width=width, height=height)


def _start(following: object) -> int:
    """The number s in "i.js?q=…&s=100&…", 0 where there is none."""
    if not isinstance(following, str):
        return 0
    start = parse_qs(following.partition("?")[2]).get("s", [""])[0]
    return int(start) if start.isdecimal() else 0


def _filters(options: source_params.DuckDuckGo, color: str) -> dict[str, str]:
    kind = "transparent" if color == "transparent" else options.kind
    places = [  # their order is fixed, and each has its comma
        "",  # when the picture appeared
        f"size:{options.size.capitalize()}" if options.size != "any" else "",
        COLORS.get(color, ""),
        f"type:{kind}" if kind != "any" else "",
        f"layout:{options.aspect.capitalize()}" if options.aspect != "any" else "",
        f"license:{LICENSES[options.license]}" if options.license != "any" else "",
    ]
    return {"l": options.region, "p": SAFETY[options.safe][0], "f": ",".join(places)}


@contextmanager
def opened(options: source_params.DuckDuckGo, context: Context) -> Iterator[Source]:
    """DuckDuckGo with these filters, for the length of the block. Raises UserError for filters that exclude each other."""
    color = context.settings.color
    if color == "transparent" and options.kind not in ("any", "transparent"):
        raise UserError(
            "params.yaml: duckduckgo has one filter for what is transparent and for kinds, so scrape.color: transparent does not go "
            f"with kind: {options.kind}; leave one of the two out"
        )
    yield DuckDuckGo(context.web, context.endpoint or ABOUT.endpoint, _filters(options, color), SAFETY[options.safe][1])
