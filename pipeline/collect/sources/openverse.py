"""Openverse, by its API: openly licensed images of many collections, for small, attributed sets."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pipeline import params
from pipeline.collect.answer import FetchError
from pipeline.collect.rights import LICENSES, license_of
from pipeline.collect.sources.source import About, Candidate, Context, Found, Page, Refused, Source, Stale
from pipeline.collect.web import Web
from pipeline.errors import UserError
from pipeline.source_params import Openverse as Options

__all__ = ["ABOUT", "Openverse", "opened", "parse"]

ABOUT = About(
    needs="Nothing; with a token in OPENVERSE_TOKEN it answers more often.",
    allows="The first 240 images a term, openly licensed, each with its creator and licence; its terms forbid scraping it whole.",
    public_web=True,
    terms_of_service="https://docs.openverse.org/terms_of_service.html",
    endpoint="https://api.openverse.org",
    direct=True,
)
PAGE_SIZE = 20  # the most without a token; the same with one, so that a cursor means the same place
LAST_PAGE = 20
TOKEN_PAGE = "https://api.openverse.org/v1/#tag/auth"
# As the API spells them: "by" for cc-by. Two retired licences are all that it has of "other".
CODES = {name: name.removeprefix("cc-") for name in LICENSES if name.startswith(("cc", "pdm"))} | {"other": "sampling+,nc-sampling+"}


@dataclass(frozen=True)
class Openverse:
    """The API at `base`; `filters` are the search's fixed parameters."""

    web: Web
    base: str
    filters: Mapping[str, str] = field(default_factory=dict)
    token: str = field(default="", repr=False)
    name: str = "openverse"
    takes_terms: bool = True
    local: bool = False

    async def search(self, term: str, cursor: str | None) -> Page:
        """A page of 20; the cursor is its number."""
        number = int(cursor or 1)
        question = {**self.filters, "q": term, "page": str(number), "page_size": str(PAGE_SIZE)}
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        try:
            answer = await self.web.get(f"{self.base}/v1/images/", question, headers)
        except FetchError as error:
            if error.status in (400, 401, 403, 404, 429):
                raise Refused(f"openverse: {_words(error)}; {_advice(error.status, bool(self.token))}") from None
            raise
        return parse(answer.data, number)

    async def fetch(self, candidate: Candidate) -> Found:
        """The image where its collection keeps it."""
        return await self.web.image(candidate)


def parse(page: bytes, number: int) -> Page:
    """Page `number` of a search. Raises Stale."""
    try:
        answer = json.loads(page)
    except ValueError:
        raise Stale("openverse", "the answer is no JSON", page) from None
    results = answer.get("results") if isinstance(answer, dict) else None
    if not isinstance(results, list) or not isinstance(answer.get("page_count"), int):
        raise Stale("openverse", "the answer has no list of results, or no page_count", page)
    candidates = [candidate for result in results if (candidate := _candidate(result))]
    if results and not candidates:
        raise Stale("openverse", "no result has an id and an image URL", page)
    return Page(candidates, str(number + 1) if number < min(answer["page_count"], LAST_PAGE) else None)


def _candidate(result: Any) -> Candidate | None:
    if not isinstance(result, dict):
        return None
    told = {key: value for key, value in result.items() if isinstance(value, str)}
    if not told.get("id") or not told.get("url", "").startswith(("http://", "https://")):
        return None
    license_url = told.get("license_url", "")
    return Candidate(
        address=f"https://openverse.org/image/{told['id']}",
        image_url=told["url"],
        page_url=told.get("foreign_landing_url", ""),
        title=told.get("title", ""),
        creator=told.get("creator", ""),
        license=license_of(told.get("license") or license_url),
        license_url=license_url,
        width=_pixels(result.get("width")),
        height=_pixels(result.get("height")),
    )


def _pixels(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _words(error: FetchError) -> str:
    """The API's own words: `detail` is a sentence, or lists of sentences by field."""
    try:
        detail = json.loads(error.body)["detail"]
    except (ValueError, LookupError, TypeError):
        return f"status {error.status}"
    if isinstance(detail, dict):
        return ", ".join(f"{name}: {' '.join(map(str, told)) if isinstance(told, list) else told}" for name, told in detail.items())
    return str(detail).rstrip(".")


def _advice(status: int, with_token: bool) -> str:
    if status == 400:
        return "change openverse's options in scrape.sources"
    if status == 404:
        return "check scrape.endpoints"
    if status == 429:
        return "run again later" if with_token else f"run again later, or put a token in OPENVERSE_TOKEN ({TOKEN_PAGE})"
    return f"{'renew the' if with_token else 'put a'} token in OPENVERSE_TOKEN ({TOKEN_PAGE})"


@contextmanager
def opened(options: Options, context: Context) -> Iterator[Source]:
    """Openverse, or the API at `context.endpoint`. Raises UserError where no wanted licence is one that it has."""
    token = os.environ.get("OPENVERSE_TOKEN", "").strip()
    if not re.fullmatch(r"[!-~]*", token):
        raise UserError(f"the environment variable OPENVERSE_TOKEN holds no token: letters, digits and signs in one word; see {TOKEN_PAGE}")
    asked = {
        "license": _codes(context.settings),
        "license_type": ",".join(options.use),
        "category": options.category, "size": options.size, "aspect_ratio": options.aspect, "source": options.source,
    }
    filters = {name: value for name, value in asked.items() if value not in ("", "any")}
    yield Openverse(context.web, context.endpoint or ABOUT.endpoint, filters, token)


def _codes(settings: params.Scrape) -> str:
    if settings.licenses == "any":
        return ""
    codes = [CODES[name] for name in settings.licenses if name in CODES]
    if not codes:
        raise UserError(
            f"scrape.licenses accepts only {', '.join(settings.licenses)}, of which openverse has none; "
            f"it has {', '.join(CODES)}: accept one of these, or take openverse out of scrape.sources"
        )
    return ",".join(codes)
