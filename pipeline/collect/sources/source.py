"""What a source is: it lists candidates for a term, page by page, and turns a candidate into bytes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pipeline import params
from pipeline.collect.candidate import Candidate, Found, Page
from pipeline.collect.web import Web

__all__ = ["About", "Candidate", "Context", "Found", "Page", "Refused", "Source", "Stale"]


class Source(Protocol):
    """A place that images come from. Both methods may wait; neither keeps state that a killed run would miss."""

    @property
    def name(self) -> str: ...

    @property
    def takes_terms(self) -> bool:
        """Whether a search term means anything to it; a folder is listed once, with the term ""."""

    @property
    def local(self) -> bool:
        """Whether its images are on this machine: they are then read again rather than remembered in the ledger."""

    async def search(self, term: str, cursor: str | None) -> Page:
        """The page of candidates at `cursor`, a string of this source's own; None asks for the first.

        No candidates and no `next` means "no results". Raises Stale where the answer has an unknown shape,
        Refused where the source will not answer (captcha, quota, key), answer.FetchError where it cannot be reached.
        """

    async def fetch(self, candidate: Candidate) -> Found:
        """The candidate's original bytes. Raises answer.FetchError."""


@dataclass(frozen=True)
class Context:
    """What a source is given to work with."""

    web: Web
    class_name: str
    settings: params.Scrape
    endpoint: str = ""  # instead of the source's own base URL, without a slash at its end
    base: Path = Path()  # what relative paths in params.yaml are relative to
    cache: Path = Path()  # a folder for what is unpacked or downloaded whole


@dataclass(frozen=True)
class About:
    """What `darkroom sources` says of a source. `terms_of_service` is the page that a search engine's users agree to.

    `direct` says that its images are plain downloads of their `image_url`, which any process can do.
    """

    needs: str = ""
    allows: str = ""
    public_web: bool = True
    terms_of_service: str = ""
    endpoint: str = ""
    direct: bool = False


class Stale(Exception):
    """The parser for a source no longer fits what it answers; `page` is the answer, to be saved and looked at."""

    def __init__(self, source: str, reason: str, page: bytes) -> None:
        super().__init__(f"the parser for {source} is stale: {reason}")
        self.page = page


class Refused(Exception):
    """A source will not answer now; the message says why, and what would change it."""
