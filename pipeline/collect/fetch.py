"""One request by HTTP: past the guard, with limits on time, rate and size, the body as it was sent."""

import asyncio
import os
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import aiohttp
from yarl import URL

from pipeline.collect.guard import Forbidden, Guard

__all__ = ["MAX_BYTES", "REDIRECTS", "Answer", "FetchError", "Limits", "checked", "request"]

MAX_BYTES = 64 * 2**20  # larger files than any photograph for a training set
REDIRECTS = frozenset({301, 302, 303, 307, 308})
Headers = Mapping[str, str]
Judge = Callable[[str, aiohttp.ClientResponse], None]


class FetchError(OSError):
    """This address gave no usable answer.

    `reason` is the short word that is recorded and counted, such as "http_404" or "timeout"; `status` is the
    HTTP status where there was one, 0 otherwise, and `body` the start of what came with it.
    """

    def __init__(self, reason: str, detail: str, status: int = 0, body: bytes = b"", wait: float | None = None) -> None:
        super().__init__(detail)
        self.reason, self.status, self.body = reason, status, body
        self.wait = wait  # seconds that the server asks for (Retry-After)

    @property
    def may_pass(self) -> bool:
        """Whether the same request may succeed later."""
        return self.status in (408, 425, 429) or self.status >= 500 or self.reason in PASSING


PASSING = frozenset({"connect", "dns", "timeout", "reset", "bad_http", "length", "too_slow", "host_down", "host_busy",
                     "robots_unreachable"})


@dataclass(frozen=True)
class Limits:
    """Of one download: seconds, bytes, bytes per second (measured once `grace` seconds have gone), redirects."""

    connect: float = 10
    read: float = 15
    total: float = 60
    grace: float = 10
    rate: int = 4096
    bytes: int = MAX_BYTES
    redirects: int = 5


@dataclass(frozen=True)
class Answer:
    """What came back: the URL that answered, headers by name in any case, the body."""

    status: int
    url: str
    headers: Mapping[str, str]
    data: bytes


async def request(
    session: aiohttp.ClientSession, url: URL, limits: Limits, headers: Headers, judge: Judge = lambda url, answer: None,
) -> Answer:
    """The answer at `url`, whatever its status; a redirect is not followed. Raises FetchError.

    The URL has been checked by `checked`, and the session resolves names past the guard. `judge` sees the headers
    before a byte of the body is read, and may refuse by a FetchError.
    """
    text = str(url)
    try:
        async with asyncio.timeout(limits.total), session.get(url, headers=headers, allow_redirects=False) as answer:
            judge(text, answer)
            data = b"" if answer.status in REDIRECTS else await _body(text, answer, limits)
            return Answer(answer.status, text, answer.headers, data)
    except TimeoutError:  # ours, or aiohttp's of one read
        raise FetchError("timeout", f"{url}: no complete answer within the time allowed ({limits.total:g} s in all)") from None
    except aiohttp.ClientError as error:
        raise _worded(text, error) from None
    except (ValueError, UnicodeError) as error:  # what yarl and idna refuse
        raise FetchError("bad_url", f"{url}: {error}") from None


def checked(url: str, guard: Guard) -> URL:
    """The URL, if it may be asked for. Raises FetchError."""
    try:
        return guard.check_url(url)
    except Forbidden as error:
        raise FetchError("forbidden_address", f"{url}: {error}") from None


async def _body(url: str, answer: aiohttp.ClientResponse, limits: Limits) -> bytes:
    if (answer.content_length or 0) > limits.bytes:
        raise _too_large(url, limits)
    parts, size, start = [], 0, time.monotonic()
    async for part in answer.content.iter_any():
        parts.append(part)
        size += len(part)
        seconds = time.monotonic() - start
        if size > limits.bytes:
            raise _too_large(url, limits)
        if seconds > limits.grace and size < limits.rate * seconds:
            raise FetchError("too_slow", f"{url}: {size} bytes in {seconds:.0f} s; at least {limits.rate} a second are expected")
    data = parts[0] if len(parts) == 1 else b"".join(parts)
    encoding = answer.headers.get("Content-Encoding", "identity").strip().lower()
    return data if encoding in ("identity", "") or not data else _inflated(url, data, encoding, limits)


def _inflated(url: str, data: bytes, encoding: str, limits: Limits) -> bytes:
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise FetchError("encoding", f"{url}: sent with Content-Encoding {encoding}, which was not asked for")
    try:
        inflater = zlib.decompressobj(47 if encoding != "deflate" or data[:1] == b"\x78" else -15)
        plain = inflater.decompress(data, limits.bytes + 1)
    except zlib.error as error:
        raise FetchError("encoding", f"{url}: the {encoding} data is damaged: {error}") from None
    if len(plain) > limits.bytes:
        raise _too_large(url, limits)
    if not inflater.eof:
        raise FetchError("length", f"{url}: the {encoding} data ends too early")
    return plain


def _too_large(url: str, limits: Limits) -> FetchError:
    return FetchError("too_large", f"{url}: more than {limits.bytes / 2**20:.3g} MiB")


def _worded(url: str, error: aiohttp.ClientError) -> FetchError:
    cause: BaseException | None = error
    while cause is not None:  # the resolver's refusal arrives inside aiohttp's own error
        if isinstance(cause, Forbidden):
            return FetchError("forbidden_address", f"{url}: {cause}")
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, aiohttp.InvalidURL):
        return FetchError("bad_url", f"{url}: this is no web address")
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return FetchError("dns", f"{url}: the host's name was not found")
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
        return FetchError("tls", f"{url}: the certificate or the TLS handshake is bad")
    if isinstance(error, aiohttp.ClientConnectorError):
        number = error.os_error.errno
        return FetchError("connect", f"{url}: no connection ({os.strerror(number) if number else error.os_error})")
    if isinstance(error, aiohttp.ClientPayloadError):
        return FetchError("length", f"{url}: the body ended before its announced end, or is broken")
    if isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError):
        return FetchError("reset", f"{url}: the server closed the connection")
    return FetchError("bad_http", f"{url}: the answer is not HTTP ({type(error).__name__})")
