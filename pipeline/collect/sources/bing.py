"""Bing Images, by the pieces of HTML that its own page loads as one scrolls."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from bs4 import BeautifulSoup, Tag

from pipeline import source_params
from pipeline.collect.answer import FetchError
from pipeline.collect.sources.source import About, Candidate, Context, Found, Page, Refused, Source, Stale
from pipeline.collect.web import Web
from pipeline.errors import UserError

__all__ = ["ABOUT", "Bing", "opened", "original", "parse"]

ABOUT = About(
    needs="No key; automated queries may be against Bing's terms of service.",
    allows="Pictures of any site on the web; their licence is unknown, whatever filter is set.",
    terms_of_service="https://www.microsoft.com/servicesagreement",
    endpoint="https://www.bing.com",
    direct=True,
)
COUNT = 35  # results a page, as Bing's own page asks for
DEPTH = 1000  # Bing knows fewer results than that for a search, and then begins to repeat itself
LICENSES = {
    "creative-commons": "licenseType-Any", "public-domain": "license-L1", "share": "license-L2_L3_L4_L5_L6_L7",
    "share-commercially": "license-L2_L3_L4", "modify": "license-L2_L3_L5_L6", "modify-commercially": "license-L2_L3",
}
COLORS = {"color": "color2-color", "gray": "color2-bw", "transparent": "photo-transparent"}
MARKS = dict.fromkeys((0xE000, 0xE001))  # private characters around the words of a title that matched
CHALLENGE = re.compile(r"turing/captcha|b_captcha|solve the challenge|verify (?:that )?you are (?:a )?human", re.IGNORECASE)
NO_RESULTS = re.compile(r"\bno results (?:found )?for\b|did not match any|(?:couldn.t|could not) find any", re.IGNORECASE)
SIZE = re.compile(r"(\d+)\s*[×x]\s*(\d+)")


@dataclass(frozen=True)
class Bing:
    """The site at `base`, asked with `filters`: further parameters of every query."""

    web: Web
    base: str
    filters: Mapping[str, str]
    name: str = "bing"
    takes_terms: bool = True
    local: bool = False

    async def search(self, term: str, cursor: str | None) -> Page:
        at = dict(parse_qsl(cursor or "first=1"))
        # "setlang" makes what the page says of no results and of captchas English; the results stay those of the place.
        asked = {"q": term, "async": "1", "first": at["first"], "count": str(COUNT), "setlang": "en", **self.filters}
        try:
            answer = await self.web.get(f"{self.base}/images/async", asked)
        except FetchError as error:
            if error.status in (403, 429):
                raise Refused(f"bing answers with status {error.status}; wait some hours, or use another source") from None
            raise
        return parse(answer.data, int(at["first"]), at.get("last", ""))

    async def fetch(self, candidate: Candidate) -> Found:
        return await self.web.image(candidate)


def parse(page: bytes, first: int = 1, last: str = "") -> Page:
    """The results of a page asked for from number `first` on; `last` is the last address of the page before.

    The cursor is "first=36&last=https…". Beyond its last result Bing answers with nothing, or with its last page again.
    """
    soup = BeautifulSoup(page, "html.parser", from_encoding="utf-8")  # the pieces do not say so
    links = soup.select("a.iusc")
    if not links:
        _check_empty(soup, page)
        return Page()
    found = {candidate.address: candidate for link in links if (candidate := _candidate(link))}
    if not found:
        raise Stale("bing", 'no result has a readable attribute "m" with a murl', page)
    if (newest := list(found)[-1]) == last:
        return Page()
    following = first + len(links)
    return Page(list(found.values()), urlencode({"first": following, "last": newest}) if following <= DEPTH else None)


def original(url: object) -> str:
    """`url` where it is the web address of an image, "" where it is none, or one of Bing's own reduced copies."""
    address = url.strip() if isinstance(url, str) else ""
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError:
        return ""
    reduced = re.search(r"(^|\.)bing\.(net|com)$", host) and parts.path.startswith("/th") and "pid=ImgRaw" not in parts.query
    return address if parts.scheme in ("http", "https") and host and not reduced else ""


def _check_empty(soup: BeautifulSoup, page: bytes) -> None:
    """Raises Refused for a captcha, and Stale for what is neither nothing nor Bing's word for it."""
    text = soup.get_text(" ", strip=True)
    if CHALLENGE.search(page.decode("utf-8", "replace")):
        raise Refused("bing shows a captcha; wait some hours, or use another source")
    if text and not NO_RESULTS.search(text):
        raise Stale("bing", "the page has text, but no link of the class iusc", page)


def _candidate(link: Tag) -> Candidate | None:
    """None for a result that cannot be used."""
    try:
        told = json.loads(str(link.get("m", "")))
    except ValueError:
        return None
    address = original(told.get("murl")) if isinstance(told, dict) else ""
    if not address:
        return None
    width, height = _size(link)
    return Candidate(address, address, str(told.get("purl") or ""), _title(told, link), width=width, height=height)


def _title(told: Mapping[str, Any], link: Tag) -> str:
    tile = link.find_parent("li")
    below = tile.select_one(".infnmpt a") if tile else None
    title = str(told.get("t") or "") or (below.get_text(strip=True) if below else "")
    return title.translate(MARKS).strip()


def _size(link: Tag) -> tuple[int, int]:
    """Width and height of the original in pixels, (0, 0) where nothing tells."""
    query = parse_qs(str(link.get("href", "")).partition("?")[2])
    width, height = (query.get(name, [""])[0] for name in ("expw", "exph"))
    if width.isdecimal() and height.isdecimal():
        return int(width), int(height)
    box = link.find_parent(class_="imgpt")
    below = box.select_one(".img_info .nowrap") if box else None
    told = SIZE.search(below.get_text()) if below else None
    return (int(told.group(1)), int(told.group(2))) if told else (0, 0)


def _filters(options: source_params.Bing, color: str) -> dict[str, str]:
    chosen = [
        f"imagesize-{options.size}" if options.size != "any" else "",
        COLORS.get(color, ""),
        f"photo-{options.kind}" if options.kind != "any" and color != "transparent" else "",
        f"aspect-{options.aspect}" if options.aspect != "any" else "",
        LICENSES.get(options.license, ""),
    ]
    filters = "".join(f"+filterui:{name}" for name in chosen if name)
    safety = {} if options.safe == "moderate" else {"adlt": options.safe}  # moderate is what Bing does unasked
    return {**({"qft": filters} if filters else {}), **safety}


@contextmanager
def opened(options: source_params.Bing, context: Context) -> Iterator[Source]:
    """Bing with these filters, for the length of the block. Raises UserError for filters that exclude each other."""
    color = context.settings.color
    if color == "transparent" and options.kind not in ("any", "transparent"):
        raise UserError(
            "params.yaml: bing has one filter for what is transparent and for kinds, so scrape.color: transparent does not go "
            f"with kind: {options.kind}; leave one of the two out"
        )
    yield Bing(context.web, context.endpoint or ABOUT.endpoint, _filters(options, color))
