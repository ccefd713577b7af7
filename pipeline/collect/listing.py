"""The candidates of one term at one source, in order: those the ledger knows, then page after page of the source."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

from pipeline.collect.candidate import Candidate
from pipeline.collect.ledger import Ledger
from pipeline.collect.sources.source import Source

__all__ = ["listing"]


async def listing(ledger: Ledger, class_: str, source: Source, term: str, question: str = "") -> AsyncGenerator[Candidate, None]:
    """Candidates as they are asked for. Each page is in the ledger, with the next page's cursor, before it is given out.

    `question` tells apart what one source may be asked for one term: its options, its endpoint.
    """
    rank, cursor, asked = 0, None, f"{source.name} {question}".strip()
    if not source.local:
        while known := ledger.listed(class_, asked, term, rank):
            for candidate in known:
                yield candidate
            rank += len(known)
        cursor, at_end = ledger.progress(class_, asked, term)
        if at_end:
            return
    while True:
        page = await source.search(term, cursor)
        page = replace(page, candidates=[_writable(candidate) for candidate in page.candidates])
        if not source.local:
            ledger.note_page(class_, asked, term, page, rank)
        for candidate in page.candidates:
            yield candidate
        rank += len(page.candidates)
        if page.next is None or page.next == cursor:  # a cursor that stands still would ask for ever
            return
        cursor = page.next


def _writable(candidate: Candidate) -> Candidate:
    """The candidate; half a character, where a site cut a title within a surrogate pair, becomes "?", since no file can hold it."""
    texts: dict[str, Any] = {name: value for name, value in vars(candidate).items() if isinstance(value, str)}
    try:
        "".join(texts.values()).encode()
    except UnicodeEncodeError:
        return replace(candidate, **{name: text.encode("utf-8", "replace").decode() for name, text in texts.items()})
    return candidate
