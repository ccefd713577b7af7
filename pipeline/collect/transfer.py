"""A request under way: its headers and body as libcurl brings them, and what they or libcurl's error come to."""

import asyncio
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

import pycurl
from multidict import CIMultiDict
from yarl import URL

from pipeline.collect.answer import REDIRECTS, Answer, FetchError, Limits

__all__ = ["Judge", "Transfer", "worded"]

Judge = Callable[[str, "CIMultiDict[str]"], None]


@dataclass(slots=True)
class Transfer:
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


def _decoded(lines: bytes) -> str:
    """Header lines: RFC 9110 leaves bytes beyond ASCII open, and servers write UTF-8 into Location where they write any."""
    try:
        return lines.decode()
    except UnicodeDecodeError:
        return lines.decode("latin-1")


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


def worded(transfer: Transfer, code: int, message: str) -> FetchError:
    if code == pycurl.E_OPERATION_TIMEDOUT:
        if transfer.parts:
            came = f"{transfer.size} bytes came, too slowly; at least {transfer.limits.rate} a second are expected"
            return FetchError("too_slow", f"{transfer.text}: {came}")
        return FetchError("timeout", f"{transfer.text}: no answer within the time allowed ({transfer.limits.total:g} s in all)")
    reason, detail = REASONS.get(code, MALFORMED)
    if code == pycurl.E_RECV_ERROR and re.search("chunk|header", message):
        reason, detail = MALFORMED
    return FetchError(reason, f"{transfer.text}: {detail} ({message or code})")
