"""One request by HTTP, on libcurl: past the guard, with limits on time, rate and size, the body as it was sent."""

import asyncio
import os
import re
import socket
import ssl
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import ceil
from types import TracebackType
from typing import Any, Self

import pycurl
from multidict import CIMultiDict
from yarl import URL

from pipeline.collect.guard import Forbidden, Guard

__all__ = ["MAX_BYTES", "REDIRECTS", "Answer", "FetchError", "Fetcher", "Limits", "checked"]

MAX_BYTES = 64 * 2**20  # larger files than any photograph for a training set
REDIRECTS = frozenset({301, 302, 303, 307, 308})
PASSING = frozenset({
    "connect", "dns", "timeout", "reset", "bad_http", "length", "too_slow", "host_down", "host_busy", "robots_unreachable",
})


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


@dataclass(frozen=True)
class Limits:
    """Of one download: seconds, bytes, redirects; and bytes per second, over the last `grace` seconds (whole ones)."""

    connect: float = 10
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


def checked(url: str, guard: Guard) -> URL:
    """The URL, if it may be asked for. Raises FetchError."""
    try:
        return guard.check_url(url)
    except Forbidden as error:
        raise FetchError("forbidden_address", f"{url}: {error}") from None


Judge = Callable[[str, "CIMultiDict[str]"], None]


@dataclass(slots=True)
class _Transfer:
    """One request under way."""

    url: URL
    text: str
    limits: Limits
    judge: Judge | None
    done: "asyncio.Future[tuple[int, str]]"  # libcurl's error code and message
    lines: list[bytes] = field(default_factory=list)
    parts: list[bytes] = field(default_factory=list)
    size: int = 0
    headers: "CIMultiDict[str] | None" = None
    opened: bool = False  # whether any address of the host may be connected to
    error: FetchError | None = None

    def take(self, part: bytes) -> int | None:
        """A part of the body; 0 ends the transfer."""
        try:
            if self.headers is None:
                self.see_headers()
            self.size += len(part)
            if self.size > self.limits.bytes:
                raise _too_large(self.text, self.limits)
        except FetchError as error:
            self.error = error
            return 0
        self.parts.append(part)
        return None

    def see_headers(self) -> None:
        """Parse the last block of header lines, and let the judge refuse before the body is read. Raises FetchError."""
        lines = _decoded(b"".join(self.lines)).replace("\r\n", "\n")  # some servers write the one, some the other
        block = lines.rpartition("\n\nHTTP/")[2]  # after those of interim answers
        pairs = (line.split(":", 1) for line in block.split("\n")[1:] if ":" in line)
        self.headers = CIMultiDict([(name.strip(), value.strip()) for name, value in pairs])
        if self.judge:
            self.judge(self.text, self.headers)

    def answer(self, status: int) -> Answer:
        """What came. Raises FetchError."""
        if self.headers is None:
            self.see_headers()
        assert self.headers is not None
        data = self.parts[0] if len(self.parts) == 1 else b"".join(self.parts)
        encoding = self.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding not in ("identity", "") and data and status not in REDIRECTS:
            data = _inflated(self.text, data, encoding, self.limits)
        return Answer(status, self.text, self.headers, data)


class Fetcher:
    """Requests side by side in one event loop, over connections that are kept."""

    def __init__(self, agent: str, guard: Guard, connections: int, limits: Limits) -> None:
        self.guard = guard
        self._agent, self._limits = agent, limits
        self._loop = asyncio.get_running_loop()
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._set_timer)
        self._multi.setopt(pycurl.M_MAXCONNECTS, connections)
        self._free: list[Any] = []
        self._under_way: dict[Any, _Transfer] = {}
        self._watched: dict[int, int] = {}
        self._timer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for handle in list(self._under_way):
            self._multi.remove_handle(handle)
        self._under_way.clear()
        self._multi.close()
        for fd, mask in self._watched.items():
            self._unwatch(fd, mask)
        if self._timer:
            self._timer.cancel()
        for handle in self._free:
            handle.close()

    async def request(self, url: URL, limits: Limits, headers: Mapping[str, str], judge: Judge | None = None) -> Answer:
        """The answer at `url`, whatever its status; a redirect is not followed. Raises FetchError.

        The URL has been through `checked`; each address that its host leads to is checked before it is connected to.
        `judge` sees the headers before the body is kept, and may refuse by a FetchError.
        """
        handle = self._free.pop() if self._free else self._handle()
        transfer = _Transfer(url, str(url), limits, judge, self._loop.create_future())
        handle.setopt(pycurl.URL, transfer.text)
        handle.setopt(pycurl.HTTPHEADER, [f"{name}: {value}".encode() for name, value in headers.items()])
        handle.setopt(pycurl.TIMEOUT_MS, max(1, int(limits.total * 1000)))
        handle.setopt(pycurl.HEADERFUNCTION, transfer.lines.append)
        handle.setopt(pycurl.WRITEFUNCTION, transfer.take)
        handle.setopt(pycurl.OPENSOCKETFUNCTION, lambda purpose, address: self._connected(transfer, address))
        self._under_way[handle] = transfer
        self._multi.add_handle(handle)
        try:
            code, message = await transfer.done
        finally:
            if self._under_way.pop(handle, None):
                self._multi.remove_handle(handle)
            status = handle.getinfo(pycurl.RESPONSE_CODE)
            self._free.append(handle)
        if transfer.error:
            raise transfer.error
        if code:
            raise _worded(transfer, code, message)
        return transfer.answer(status)

    def _handle(self) -> Any:
        handle = pycurl.Curl()
        for option, value in (
            (pycurl.NOSIGNAL, 1), (pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS), (pycurl.PROXY, ""),
            (pycurl.USERAGENT, self._agent), (pycurl.CAINFO, _authorities()), (pycurl.BUFFERSIZE, 2**18),
            (pycurl.CONNECTTIMEOUT_MS, int(self._limits.connect * 1000)),
            (pycurl.LOW_SPEED_LIMIT, self._limits.rate), (pycurl.LOW_SPEED_TIME, ceil(self._limits.grace)),
        ):
            if value is not None:
                handle.setopt(option, value)
        return handle

    def _connected(self, transfer: _Transfer, address: Any) -> Any:
        """A socket for an address that libcurl is about to connect to, if the guard lets it."""
        place = str(address.addr[0])
        if not self.guard.allows(place, transfer.url.raw_host or "", transfer.url.port or 0):
            if not transfer.opened:  # else it is for the address that was let through to say how this ends
                where = f"{transfer.url.raw_host} leads to {place}, which is not a public address"
                transfer.error = FetchError("forbidden_address", f"{transfer.text}: {where}")
            return pycurl.SOCKET_BAD
        transfer.opened, transfer.error = True, None
        return socket.socket(address.family, address.socktype, address.protocol)

    def _watch(self, event: int, fd: int, multi: object, data: object) -> None:
        """libcurl wants to hear of a socket: to read (bit 1), to write (bit 2), or no more (4)."""
        mask, before = event & 3 if event != pycurl.POLL_REMOVE else 0, self._watched.pop(fd, 0)
        if mask & 1 and not before & 1:
            self._loop.add_reader(fd, self._act, fd, pycurl.CSELECT_IN)
        if mask & 2 and not before & 2:
            self._loop.add_writer(fd, self._act, fd, pycurl.CSELECT_OUT)
        self._unwatch(fd, before & ~mask)
        if mask:
            self._watched[fd] = mask

    def _unwatch(self, fd: int, mask: int) -> None:
        if mask & 1:
            self._loop.remove_reader(fd)
        if mask & 2:
            self._loop.remove_writer(fd)

    def _set_timer(self, milliseconds: int) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = None
        if milliseconds >= 0:
            self._timer = self._loop.call_later(milliseconds / 1000, self._act, pycurl.SOCKET_TIMEOUT, 0)

    def _act(self, fd: int, mask: int) -> None:
        """Let libcurl do what it can, and settle the transfers that ended."""
        self._multi.socket_action(fd, mask)
        left = 1
        while left:
            left, complete, failed = self._multi.info_read()
            for handle, code, message in (*((handle, 0, "") for handle in complete), *failed):
                transfer = self._under_way.pop(handle)
                self._multi.remove_handle(handle)
                if not transfer.done.done():
                    transfer.done.set_result((code, message))


def _decoded(lines: bytes) -> str:
    """Header lines: RFC 9110 leaves bytes beyond ASCII open, and servers write UTF-8 into Location where they write any."""
    try:
        return lines.decode()
    except UnicodeDecodeError:
        return lines.decode("latin-1")


def _authorities() -> str | None:
    """The file of certificate authorities that this machine trusts: SSL_CERT_FILE, or OpenSSL's own."""
    paths = ssl.get_default_verify_paths()
    places = (os.environ.get("SSL_CERT_FILE"), paths.cafile, "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")
    return next((place for place in places if place and os.path.isfile(place)), None)  # noqa: PTH113


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


REASONS = {  # by libcurl's error codes
    pycurl.E_URL_MALFORMAT: ("bad_url", "this is no web address"),
    pycurl.E_COULDNT_RESOLVE_HOST: ("dns", "the host's name was not found"),
    pycurl.E_COULDNT_CONNECT: ("connect", "no connection"),
    pycurl.E_PARTIAL_FILE: ("length", "the body ended before its announced end"),
    pycurl.E_GOT_NOTHING: ("reset", "the server closed the connection without an answer"),
    pycurl.E_RECV_ERROR: ("reset", "the connection broke"),
    pycurl.E_SEND_ERROR: ("reset", "the connection broke"),
    pycurl.E_SSL_CONNECT_ERROR: ("tls", "the TLS handshake failed"),
    pycurl.E_PEER_FAILED_VERIFICATION: ("tls", "the certificate is not to be trusted"),
    pycurl.E_SSL_CACERT_BADFILE: ("tls", "the certificate authorities of this machine cannot be read"),
}

MALFORMED = ("bad_http", "the answer is not HTTP as it should be")


def _worded(transfer: _Transfer, code: int, message: str) -> FetchError:
    if code == pycurl.E_OPERATION_TIMEDOUT:
        if transfer.parts:
            came = f"{transfer.size} bytes came, too slowly; at least {transfer.limits.rate} a second are expected"
            return FetchError("too_slow", f"{transfer.text}: {came}")
        return FetchError("timeout", f"{transfer.text}: no answer within the time allowed ({transfer.limits.total:g} s in all)")
    reason, detail = REASONS.get(code, MALFORMED)
    if code == pycurl.E_RECV_ERROR and re.search("chunk|header", message):
        reason, detail = MALFORMED
    return FetchError(reason, f"{transfer.text}: {detail} ({message or code})")
