"""One candidate to one image: out of the ledger where it was had before, else downloaded, checked and kept there."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime

from pipeline import image
from pipeline.collect.answer import FetchError
from pipeline.collect.candidate import Candidate, Found
from pipeline.collect.files import Files
from pipeline.collect.ledger import Ledger, Record
from pipeline.collect.sources.source import Source
from pipeline.item import image_id

__all__ = ["Download", "Obtained", "address_of", "download", "obtain", "read_here"]

LARGE = 2**20  # bytes from which hashing and writing go to a thread, so that the network goes on; below, a thread costs more


@dataclass(frozen=True)
class Obtained:
    """An image (`id`, `header`, and its bytes: in `data`, or kept under its id), or the `reason` why there is none."""

    candidate: Candidate
    day: str = ""
    id: str = ""
    size: int = 0
    header: image.Header | None = None
    data: bytes | None = None
    reason: str = ""
    detail: str = ""
    may_pass: bool = False
    fetched: bool = False


Download = Callable[[Candidate], Awaitable[Obtained]]


def address_of(source: Source, candidate: Candidate) -> str:
    """The candidate's key in the ledger: a web address is one and the same for every source that names it."""
    return candidate.address if candidate.address.startswith(("http://", "https://")) else f"{source.name} {candidate.address}"


async def obtain(ledger: Ledger, address: str, candidate: Candidate, download: Download) -> Obtained:
    """The candidate's original bytes by way of the ledger; never raises for what is wrong with one image."""
    record = ledger.get(address)
    if record and record.id and (known := _known(ledger, record, candidate)):
        return known
    if record and record.reason and not record.may_pass:
        return Obtained(candidate, record.day, reason=record.reason, detail=record.detail)
    got = await download(candidate)
    ledger.put(address, Record(got.candidate, got.day, got.id, got.reason, got.detail, got.may_pass))
    return got


async def download(files: Files, fetch: Callable[[Candidate], Awaitable[Found]], candidate: Candidate) -> Obtained:
    """Fetch the candidate and keep its file, if it is an image."""
    day = datetime.now(UTC).date().isoformat()
    try:
        found = await fetch(candidate)
    except FetchError as error:
        return Obtained(candidate, day, reason=error.reason, detail=str(error), may_pass=error.may_pass)
    if len(found.data) < LARGE:
        return _kept(files, found.data, found.candidate, day)
    return await asyncio.to_thread(_kept, files, found.data, found.candidate, day)


async def read_here(source: Source, candidate: Candidate) -> Obtained:
    """An image of this machine, which goes straight to where it is wanted."""
    try:
        found = await source.fetch(candidate)
        header = _header(found.data)
    except FetchError as error:
        return Obtained(candidate, reason=error.reason, detail=str(error))
    except image.ImageError as error:
        return Obtained(candidate, reason="unreadable", detail=str(error))
    return Obtained(found.candidate, "", image_id(found.data), len(found.data), header, found.data)


def _kept(files: Files, data: bytes, candidate: Candidate, day: str) -> Obtained:
    try:
        header = _header(data)
    except image.ImageError as error:
        return Obtained(candidate, day, size=len(data), reason="unreadable", detail=str(error), fetched=True)
    return Obtained(candidate, day, files.keep(data), len(data), header, fetched=True)


def _known(ledger: Ledger, record: Record, candidate: Candidate) -> Obtained | None:
    """The image that the ledger has, unless its file was changed."""
    path = ledger.files.path(record.id)
    data = path.read_bytes()
    if image_id(data) != record.id:
        path.unlink()
        return None
    return Obtained(_merged(record.candidate, candidate), record.day, record.id, len(data), _header(data))


def _header(data: bytes) -> image.Header:
    """Type and size by the content, and no missing end: nothing is decoded. Raises image.ImageError."""
    header = image.read_header(data)
    image.check_complete(data)
    return header


def _merged(before: Candidate, now: Candidate) -> Candidate:
    """What is said now, and where that is silent what was said when the image was fetched."""
    silent = ("", 0, "unknown")
    said = {f.name: getattr(now, f.name) for f in fields(now) if getattr(now, f.name) not in silent}
    return replace(before, **said)
