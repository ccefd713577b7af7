"""Wikimedia Commons, by its API: free files with their creators and licences."""

import asyncio
import html
import json
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from bs4 import BeautifulSoup

from pipeline.collect.answer import FetchError
from pipeline.collect.rights import license_of
from pipeline.collect.sources.source import About, Candidate, Context, Found, Page, Refused, Source, Stale
from pipeline.collect.web import Web
from pipeline.errors import UserError
from pipeline.source_params import Commons as Options

__all__ = ["ABOUT", "Commons", "opened", "parse"]

ABOUT = About(
    needs="scrape.contact, so that Wikimedia knows whom to write to.",
    allows="Free files of everything that is on Commons, each with its creator and licence; one request at a time.",
    public_web=True,
    endpoint="https://commons.wikimedia.org",
    direct=True,
)
QUESTION = {
    "action": "query", "format": "json", "formatversion": "2",
    "generator": "search", "gsrnamespace": "6", "gsrlimit": "50",
    "prop": "imageinfo", "iiprop": "url|size|extmetadata",
    "iiextmetadatafilter": "Artist|License|LicenseUrl|LicenseShortName|ObjectName",
}
BUSY = frozenset({"ratelimited", "maxlag", "readonly", "cirrussearch-too-busy-error"})
GONE = ("missing", "filemissing", "filehidden")  # deleted, or hidden, since the search index was made


@dataclass(frozen=True)
class Commons:
    """The wiki at `base`. `within` is what every search begins with."""

    web: Web
    base: str
    within: str = "filetype:bitmap"
    name: str = "commons"
    takes_terms: bool = True
    local: bool = False
    turn: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False, compare=False)  # Wikimedia asks for requests in series

    async def search(self, term: str, cursor: str | None) -> Page:
        """One page of files, best match first; the cursor is the API's own `continue`, whole, as JSON."""
        question = {**QUESTION, "gsrsearch": f"{self.within} {term}", **(json.loads(cursor) if cursor else {})}
        try:
            async with self.turn:
                answer = await self.web.get(f"{self.base}/w/api.php", question)
        except FetchError as error:
            if error.status in (403, 429):
                words = " ".join(error.body.decode(errors="replace").split())[:200]
                raise Refused(f"commons will not answer (status {error.status}): {words or 'no reason given'}; run again later") from None
            raise
        return parse(answer.data)

    async def fetch(self, candidate: Candidate) -> Found:
        """The full-size file, as it was uploaded."""
        return await self.web.image(candidate)


def parse(page: bytes) -> Page:
    """An answer of the API, in formatversion 1 or 2. Raises Stale, and Refused where the wiki is too busy."""
    try:
        answer = json.loads(page)
    except ValueError:
        raise Stale("commons", "the answer is no JSON", page) from None
    if not isinstance(answer, dict) or not {"query", "batchcomplete", "continue", "error"} & set(answer):
        raise Stale("commons", "the answer has none of query, batchcomplete, continue and error", page)
    if "error" in answer:
        raise _error(answer["error"], page)
    follow = answer.get("continue") or {}
    files = _files(answer.get("query") or {"pages": []}, page)
    candidates = [candidate for file in files if (candidate := _candidate(file))]
    rest_follows = any(key.startswith("ii") for key in follow)  # a large answer is cut between files and their imageinfo
    if not candidates and not rest_follows and not all(_gone(file) for file in files):
        raise Stale("commons", "no file has an image URL", page)
    return Page(candidates, json.dumps({key: str(value) for key, value in follow.items()}, sort_keys=True) if follow else None)


def _error(error: Any, page: bytes) -> Exception:
    code, info = (error.get("code"), error.get("info")) if isinstance(error, dict) else (None, None)
    if code in BUSY:
        return Refused(f"commons will not answer ({code}): {info}; run again later")
    return Stale("commons", f"the API reports {code}: {info}", page)


def _files(query: Any, page: bytes) -> list[dict[str, Any]]:
    pages = query.get("pages") if isinstance(query, dict) else None
    files = list(pages.values()) if isinstance(pages, dict) else pages
    if not isinstance(files, list) or not all(isinstance(file, dict) for file in files):
        raise Stale("commons", "query.pages is neither a list nor an object of files", page)
    return sorted(files, key=lambda file: file["index"] if isinstance(file.get("index"), int) else math.inf)


def _info(file: dict[str, Any]) -> dict[str, Any]:
    infos = file.get("imageinfo")
    return infos[0] if isinstance(infos, list) and infos and isinstance(infos[0], dict) else {}


def _gone(file: dict[str, Any]) -> bool:
    return any(word in place for word in GONE for place in (file, _info(file)))


def _candidate(file: dict[str, Any]) -> Candidate | None:
    info = _info(file)
    url, page_url = str(info.get("url", "")), str(info.get("descriptionurl", ""))
    if not url.startswith(("http://", "https://")) or _gone(file):
        return None
    told = info.get("extmetadata")
    texts = {key: _text(entry) for key, entry in told.items()} if isinstance(told, dict) else {}
    return Candidate(
        address=page_url or url,
        image_url=url,
        page_url=page_url,
        title=texts.get("ObjectName") or re.sub(r"^File:|\.\w+$", "", str(file.get("title", ""))),
        creator=texts.get("Artist", ""),
        license=_license(texts),
        license_url=texts.get("LicenseUrl", ""),
        width=_pixels(info.get("width")),
        height=_pixels(info.get("height")),
    )


def _license(texts: dict[str, str]) -> str:
    """From the first statement that names a licence; a site's own code, such as "attribution", is "other"."""
    stated = [license_of(texts.get(key, "")) for key in ("License", "LicenseUrl", "LicenseShortName")]
    return next((name for name in stated if name not in ("other", "unknown")), "other" if "other" in stated else "unknown")


def _text(entry: Any) -> str:
    """The words of a metadata value, which is HTML."""
    value = entry.get("value") if isinstance(entry, dict) else None
    if not isinstance(value, str):
        return ""
    text = BeautifulSoup(value, "html.parser").get_text(" ") if "<" in value else html.unescape(value)
    return " ".join(text.split())


def _pixels(value: Any) -> int:
    return value if isinstance(value, int) else 0


@contextmanager
def opened(options: Options, context: Context) -> Iterator[Source]:
    """Commons, or the wiki at `context.endpoint`. Raises UserError for a category that cannot exist."""
    category = options.category.removeprefix("Category:").strip()
    if re.search(r'[#<>\[\]{}"\n]', category):
        raise UserError(
            f"scrape.sources, commons: {category!r} is no category; its name has none of # < > [ ] {{ }} and double quotes, "
            "copy it from the category's page, such as Houses in Vancouver"
        )
    within = f'filetype:bitmap incategory:"{category}"' if category else "filetype:bitmap"
    yield Commons(context.web, context.endpoint or ABOUT.endpoint, within)
