"""How fast one host is asked: so many connections, a pause where it wants one, and no more once it is dead."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType

from pipeline.collect.answer import FetchError

__all__ = ["Pace"]

FAILURES = 5  # in a row, after which a host counts as dead
REST = 60.0  # seconds until a dead host is asked once more
DEAD = frozenset({"connect", "dns", "timeout", "tls"})
LONGEST_WAIT = 120.0  # seconds that a host's Retry-After is waited for


@dataclass
class _Host:
    slots: asyncio.Semaphore
    members: int = 1  # processes that ask this host
    delay: float = 0.0  # seconds between two requests
    not_before: float = 0.0
    failures: int = 0


@dataclass
class Pace:
    """`per_host` requests at a time to one host, `connections` in all.

    Where `members` processes ask, each has its part of the slots and of the pace of a host whose URLs are `shared` by them.
    """

    connections: int = 64
    per_host: int = 4
    shared: Callable[[str], bool] | None = None
    members: int = 1
    _hosts: dict[str, _Host] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.all = asyncio.Semaphore(self.connections)

    def slot(self, host: str, url: str) -> "_Slot":
        """`async with` it: wait for a turn at `host`, for `url`. Raises FetchError("host_down") where it has failed too often.

        The FetchErrors that leave the block are counted, and a wait that one carries holds the host's next turn.
        """
        known = self._of(host, url)
        return _Slot(self, known, known.slots, url)

    def slow_down(self, host: str, url: str, delay: float) -> None:
        """At most one request every `delay` seconds from now on (Crawl-delay)."""
        known = self._of(host, url)
        if delay * known.members > known.delay:
            known.delay = delay * known.members
            known.slots = asyncio.Semaphore(1)

    def _of(self, host: str, url: str) -> _Host:
        known = self._hosts.get(host)
        if known is None:
            members = self.members if self.shared and self.shared(url) else 1
            known = self._hosts[host] = _Host(asyncio.Semaphore(max(1, self.per_host // members)), members)
        return known


@dataclass(slots=True)
class _Slot:
    pace: Pace
    known: _Host
    slots: asyncio.Semaphore  # as it was on entering
    url: str

    async def __aenter__(self) -> None:
        await self.slots.acquire()
        try:
            await self._turn()
            await self.pace.all.acquire()
        except BaseException:
            self.slots.release()
            raise

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.pace.all.release()
        self.slots.release()
        if isinstance(error, FetchError):
            self._failed(error)
        elif error is None:
            self.known.failures = 0

    async def _turn(self) -> None:
        known = self.known
        if known.failures >= FAILURES:
            if time.monotonic() < known.not_before:
                times = f"{known.failures} times in a row"
                raise FetchError("host_down", f"{self.url}: its host has failed {times} and is left alone for a while")
            known.failures = FAILURES - 1  # one more try
        while known.not_before and (wait := known.not_before - time.monotonic()) > 0:
            if wait > LONGEST_WAIT:
                raise FetchError("host_busy", f"{self.url}: its host asks to be left alone for another {wait:.0f} s; run again after that")
            await asyncio.sleep(wait)
        if known.delay:
            known.not_before = time.monotonic() + known.delay

    def _failed(self, error: FetchError) -> None:
        known = self.known
        if error.reason in DEAD:
            known.failures += 1
            if known.failures >= FAILURES:
                known.not_before = time.monotonic() + REST
        elif error.reason not in ("host_down", "host_busy"):
            known.failures = 0
        if error.wait:
            known.not_before = max(known.not_before, time.monotonic() + error.wait)
