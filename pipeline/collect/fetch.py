"""One request by HTTP, on libcurl: past the guard, with limits on time, rate and size, the body as it was sent."""

import asyncio
import os
import socket
import ssl
from collections.abc import Mapping
from math import ceil
from types import TracebackType
from typing import Any, Self

import certifi
import pycurl
from yarl import URL

from pipeline.collect.answer import Answer, FetchError, Limits
from pipeline.collect.guard import Forbidden, Guard
from pipeline.collect.transfer import Judge, Transfer, worded

__all__ = ["Fetcher", "checked"]


def checked(url: str, guard: Guard) -> URL:
    """The URL, if it may be asked for. Raises FetchError."""
    try:
        return guard.check_url(url)
    except Forbidden as error:
        raise FetchError("forbidden_address", f"{url}: {error}") from None


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
        self._under_way: dict[Any, Transfer] = {}
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
        transfer = Transfer(url, str(url), limits, judge, self._loop.create_future())
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
            raise worded(transfer, code, message)
        return transfer.answer(status)

    def _handle(self) -> Any:
        handle = pycurl.Curl()
        for option, value in (
            (pycurl.NOSIGNAL, 1), (pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS), (pycurl.PROXY, ""),
            (pycurl.USERAGENT, self._agent), (pycurl.CAINFO, _authorities()), (pycurl.BUFFERSIZE, 2**18),
            (pycurl.CONNECTTIMEOUT_MS, int(self._limits.connect * 1000)),
            (pycurl.LOW_SPEED_LIMIT, self._limits.rate), (pycurl.LOW_SPEED_TIME, ceil(self._limits.grace)),
        ):
            handle.setopt(option, value)
        return handle

    def _connected(self, transfer: Transfer, address: Any) -> Any:
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


def _authorities() -> str:
    """The file of certificate authorities that this machine trusts: SSL_CERT_FILE, the system's, else Mozilla's own list."""
    known = (os.environ.get("SSL_CERT_FILE"), ssl.get_default_verify_paths().cafile, "/etc/ssl/certs/ca-certificates.crt")
    return next((place for place in known if place and os.path.isfile(place)), certifi.where())  # noqa: PTH113
