"""The candidates of one term at one source, in order: those the ledger knows, then page after page of the source."""

from collections.abc import AsyncGenerator

from pipeline.collect.candidate import Candidate
from pipeline.collect.ledger import Ledger
from pipeline.collect.sources.source import Source

__all__ = ["listing"]


async def listing(ledger: Ledger, class_: str, source: Source, term: str) -> AsyncGenerator[Candidate, None]:
    """Candidates as they are asked for. Each page is in the ledger, with the next page's cursor, before it is given out."""
    rank, cursor = 0, None
    if not source.local:
        while known := ledger.listed(class_, source.name, term, rank):
            for candidate in known:
                yield candidate
            rank += len(known)
        cursor, at_end = ledger.progress(class_, source.name, term)
        if at_end:
            return
    while True:
        page = await source.search(term, cursor)
        if not source.local:
            ledger.list(class_, source.name, term, page, rank)
        for candidate in page.candidates:
            yield candidate
        rank += len(page.candidates)
        if page.next is None or page.next == cursor:  # a cursor that stands still would ask for ever
            return
        cursor = page.next
