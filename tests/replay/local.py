"""What the tests of sources on this machine share: a context without a web, and whole listings."""

import asyncio
from pathlib import Path

from pipeline import params
from pipeline.collect.sources.source import Candidate, Context, Page, Source

__all__ = ["context", "fetched", "listed", "page"]


def context(base: Path, class_name: str = "things") -> Context:
    """As a scrape makes it, for a project in `base`."""
    return Context(web=None, class_name=class_name, settings=params.Scrape(), base=base, cache=base / "cache")


def page(source: Source, cursor: str | None = None) -> Page:
    return asyncio.run(source.search("", cursor))


def listed(source: Source) -> list[Candidate]:
    """All candidates, over all pages."""
    found, cursor = [], None
    for _ in range(1000):
        part = page(source, cursor)
        found += part.candidates
        cursor = part.next
        if cursor is None:
            return found
    raise AssertionError("the listing does not end")


def fetched(source: Source, address: str) -> bytes:
    return asyncio.run(source.fetch(Candidate(address))).data
