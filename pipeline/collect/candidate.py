"""What a search finds: candidates, page by page, and the bytes that one turns into."""

from dataclasses import dataclass, field

__all__ = ["Candidate", "Found", "Page"]


@dataclass(frozen=True)
class Candidate:
    """Something that may become an image, and what the source says of it; see item.Item for the fields.

    `address` names it for good within its source: no port, no token, no date. For most it is the image's URL.
    `width` and `height` are as claimed, in pixels, 0 where nothing is: what is surely too small is not downloaded.
    `split` is the source's own, "" where it has none. `published` is a day, for images that came out of a package.
    """

    address: str
    image_url: str = ""
    page_url: str = ""
    title: str = ""
    creator: str = ""
    license: str = "unknown"
    license_url: str = ""
    width: int = 0
    height: int = 0
    split: str = ""
    published: str = ""


@dataclass(frozen=True)
class Page:
    """Candidates, best first, and the cursor that asks for the next page; None where this is the last."""

    candidates: list[Candidate] = field(default_factory=list)
    next: str | None = None


@dataclass(frozen=True)
class Found:
    """The original bytes, untouched, and the candidate with all that is known by now."""

    data: bytes
    candidate: Candidate
