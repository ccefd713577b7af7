"""What a source is: it names candidates for a term, and turns a candidate into bytes with provenance."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Candidate", "Found", "Source"]


@dataclass(frozen=True)
class Candidate:
    """Something that may become an image. `address` names it for good: no port, no token, no date."""

    address: str


@dataclass(frozen=True)
class Found:
    """The original bytes and what the source says of them; see item.Item for the fields."""

    data: bytes
    image_url: str = ""
    page_url: str = ""
    title: str = ""
    creator: str = ""
    license: str = "unknown"
    license_url: str = ""
    fetched_at: str = ""


class Source(Protocol):
    """A place that images come from. `remembers` says whether its downloads belong in the ledger."""

    @property
    def name(self) -> str: ...

    @property
    def takes_terms(self) -> bool: ...

    @property
    def remembers(self) -> bool: ...

    def search(self, term: str) -> Iterator[Candidate]:
        """Candidates for `term`, best first, found as they are asked for. Raises UserError."""

    def fetch(self, candidate: Candidate) -> Found:
        """The candidate's original bytes. Raises fetch.FetchError."""
