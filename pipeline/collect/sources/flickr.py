"""Flickr, by its API: members' photos with their owners and licences."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pipeline import params
from pipeline.collect.answer import FetchError
from pipeline.collect.sources.source import About, Candidate, Context, Found, Page, Refused, Source, Stale
from pipeline.collect.web import Web
from pipeline.errors import UserError
from pipeline.source_params import Flickr as Options

__all__ = ["ABOUT", "LICENSES", "Flickr", "opened", "parse"]

KEY = "FLICKR_API_KEY"
KEY_PAGE = "https://www.flickr.com/services/apps/create/"
ABOUT = About(
    needs=f"A Flickr API key in {KEY}, from {KEY_PAGE}",
    allows="The first 4000 photos a term, each with its owner and licence, in the largest size that its owner offers.",
    public_web=True,
    terms_of_service="https://www.flickr.com/help/terms/api",
    endpoint="https://www.flickr.com",
    direct=True,
)
PAGE_SIZE = 250
MOST = 4000  # beyond it, the API gives the last page again and again
SIZES = ("o", "k", "h", "l", "c")  # the original, then 2048, 1600, 1024 and 800 pixels on the longer side
EXTRAS = ",".join(["license", "owner_name", "o_dims", *(f"url_{size}" for size in SIZES), "url_sq"])
CC = "https://creativecommons.org"
# flickr.photos.licenses.getInfo; 11 to 16 are there since June 2025, and there may be more.
LICENSES = {
    "0": ("all-rights-reserved", ""),
    "1": ("cc-by-nc-sa", f"{CC}/licenses/by-nc-sa/2.0/"),
    "2": ("cc-by-nc", f"{CC}/licenses/by-nc/2.0/"),
    "3": ("cc-by-nc-nd", f"{CC}/licenses/by-nc-nd/2.0/"),
    "4": ("cc-by", f"{CC}/licenses/by/2.0/"),
    "5": ("cc-by-sa", f"{CC}/licenses/by-sa/2.0/"),
    "6": ("cc-by-nd", f"{CC}/licenses/by-nd/2.0/"),
    "7": ("pdm", "https://www.flickr.com/commons/usage/"),  # no known copyright restrictions
    "8": ("pdm", "https://www.usa.gov/government-copyright"),  # a work of the government of the United States
    "9": ("cc0", f"{CC}/publicdomain/zero/1.0/"),
    "10": ("pdm", f"{CC}/publicdomain/mark/1.0/"),
    "11": ("cc-by", f"{CC}/licenses/by/4.0/"),
    "12": ("cc-by-sa", f"{CC}/licenses/by-sa/4.0/"),
    "13": ("cc-by-nd", f"{CC}/licenses/by-nd/4.0/"),
    "14": ("cc-by-nc", f"{CC}/licenses/by-nc/4.0/"),
    "15": ("cc-by-nc-sa", f"{CC}/licenses/by-nc-sa/4.0/"),
    "16": ("cc-by-nc-nd", f"{CC}/licenses/by-nc-nd/4.0/"),
}


@dataclass(frozen=True)
class Flickr:
    """The API at `base`; `filters` are the search's fixed parameters."""

    web: Web
    base: str
    key: str = field(repr=False)
    filters: Mapping[str, str] = field(default_factory=dict)
    tags: bool = False
    name: str = "flickr"
    takes_terms: bool = True
    local: bool = False

    async def search(self, term: str, cursor: str | None) -> Page:
        """A page of 250; the cursor is its number."""
        number = int(cursor or 1)
        words = {"tags": ",".join(term.split()), "tag_mode": "all"} if self.tags else {"text": term}
        question = {
            "method": "flickr.photos.search", "format": "json", "nojsoncallback": "1", "media": "photos", "extras": EXTRAS,
            **self.filters, **words, "per_page": str(PAGE_SIZE), "page": str(number), "api_key": self.key,
        }
        try:
            answer = await self.web.get(f"{self.base}/services/rest/", question)
        except FetchError as error:
            if error.status in (403, 429):
                raise Refused(f"flickr will not answer (status {error.status}): 3600 questions an hour are allowed; run later") from None
            told = str(error).replace(self.key, KEY)  # the address that was asked is in it
            raise FetchError(error.reason, told, error.status, self._without_key(error.body), error.wait) from None
        return parse(self._without_key(answer.data), number)

    async def fetch(self, candidate: Candidate) -> Found:
        """The photo in the size that was found."""
        return await self.web.image(candidate)

    def _without_key(self, data: bytes) -> bytes:
        return data.replace(self.key.encode(), KEY.encode())


def parse(page: bytes, number: int) -> Page:
    """Page `number` of a search. Raises Stale, and Refused with the API's own words."""
    try:
        answer = json.loads(page)
    except ValueError:
        raise Stale("flickr", "the answer is no JSON", page) from None
    if isinstance(answer, dict) and answer.get("stat") == "fail":
        raise _failure(answer, page)
    found = answer.get("photos") if isinstance(answer, dict) else None
    photos = found.get("photo") if isinstance(found, dict) else None
    if not isinstance(found, dict) or not isinstance(photos, list) or "pages" not in found:
        raise Stale("flickr", "the answer has no list photos.photo, or no photos.pages", page)
    candidates = [candidate for photo in photos if (candidate := _candidate(photo))]
    # Small photos, and those whose owner offers no large size, are passed over; each of them has a square thumbnail though.
    if photos and not candidates and not any(isinstance(photo, dict) and photo.get("url_sq") for photo in photos):
        raise Stale("flickr", "no photo has an id, an owner and an image URL", page)
    return Page(candidates, str(number + 1) if number < min(_whole(found["pages"]), MOST // PAGE_SIZE) else None)


def _failure(answer: dict[str, Any], page: bytes) -> Exception:
    code, message = _whole(answer.get("code")), answer.get("message")
    if code in (111, 112):  # format, method not found
        return Stale("flickr", f"the API reports {code}: {message}", page)
    advice = f"check {KEY}, or get a key at {KEY_PAGE}" if code == 100 else "run again later"
    return Refused(f"flickr will not answer: {message} (code {code}); {advice}")


def _candidate(photo: Any) -> Candidate | None:
    if not isinstance(photo, dict):
        return None
    number, owner = str(photo.get("id", "")), str(photo.get("owner", ""))
    size = next((size for size in SIZES if str(photo.get(f"url_{size}", "")).startswith(("http://", "https://"))), None)
    if not size or not re.fullmatch(r"\d+", number) or not re.fullmatch(r"[\w@-]+", owner):
        return None
    page_url = f"https://www.flickr.com/photos/{owner}/{number}"
    license_, license_url = LICENSES.get(str(photo["license"]), ("other", "")) if "license" in photo else ("unknown", "")
    return Candidate(
        address=page_url,
        image_url=str(photo[f"url_{size}"]),
        page_url=page_url,
        title=str(photo.get("title", "")),
        creator=str(photo.get("ownername", "")),
        license=license_,
        license_url=license_url,
        width=_whole(photo.get(f"width_{size}")),
        height=_whole(photo.get(f"height_{size}")),
    )


def _whole(value: Any) -> int:
    """A number that the API has given as a number in some years, and as a string in others."""
    return int(value) if re.fullmatch(r"\d+", str(value), re.ASCII) else 0


@contextmanager
def opened(options: Options, context: Context) -> Iterator[Source]:
    """Flickr, or the API at `context.endpoint`. Raises UserError without a key, and where no wanted licence is one that it has."""
    key = os.environ.get(KEY, "").strip()
    if not key:
        raise UserError(f"flickr needs a key in the environment variable {KEY}: get one at {KEY_PAGE}, or take it out of scrape.sources")
    if not re.fullmatch(r"[\w-]{8,}", key, re.ASCII):
        raise UserError(f"the environment variable {KEY} holds no Flickr key, which is 32 letters and digits; get one at {KEY_PAGE}")
    filters = {"sort": options.sort, **_wanted(context.settings)}
    yield Flickr(context.web, context.endpoint or ABOUT.endpoint, key, filters, options.tags)


def _wanted(settings: params.Scrape) -> dict[str, str]:
    if settings.licenses == "any":
        return {}
    numbers = [number for number, (name, _) in LICENSES.items() if name in settings.licenses]
    if not numbers:
        raise UserError(
            f"scrape.licenses accepts only {', '.join(settings.licenses)}, which flickr cannot be asked for; "
            f"it has {', '.join(sorted({name for name, _ in LICENSES.values()}))}: accept one of these, or take it out of scrape.sources"
        )
    return {"license": ",".join(numbers)}
