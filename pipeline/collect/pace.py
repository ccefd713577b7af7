"""How fast one host is asked: so many connections, a pause where it wants one, and no more once it is dead."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from pipeline.collect.fetch import FetchError

__all__ = ["Pace"]

FAILURES = 5  # in a row, after which a host counts as dead
REST = 60.0  # seconds until a dead host is asked once more
DEAD = frozenset({"connect", "dns", "timeout", "tls"})
LONGEST_WAIT = 120.0  # seconds that a Retry-After may hold us


@dataclass
class _Host:
    slots: asyncio.Semaphore
    delay: float = 0.0  # seconds between two requests
    not_before: float = 0.0
    failures: int = 0


@dataclass
class Pace:
    """`per_host` requests at a time to one host, `connections` in all."""

    connections: int = 64
    per_host: int = 4
    _hosts: dict[str, _Host] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._all = asyncio.Semaphore(self.connections)

    @asynccontextmanager
    async def slot(self, host: str) -> AsyncIterator[None]:
        """Wait for a turn at `host`. Raises FetchError("host_down") where it has failed too often.

        The FetchErrors that leave the block are counted, and a wait that one carries holds the host's next turn.
        """
        known = self._of(host)
        async with known.slots:
            await self._turn(known, host)
            async with self._all:
                try:
                    yield
                except FetchError as error:
                    self._failed(known, error)
                    raise
                known.failures = 0

    def slow_down(self, host: str, delay: float) -> None:
        """At most one request every `delay` seconds from now on (Crawl-delay)."""
        known = self._of(host)
        if delay > known.delay:
            known.delay = delay
            known.slots = asyncio.Semaphore(1)

    def _of(self, host: str) -> _Host:
        return self._hosts.setdefault(host, _Host(asyncio.Semaphore(self.per_host)))

    async def _turn(self, known: _Host, host: str) -> None:
        if known.failures >= FAILURES:
            if time.monotonic() < known.not_before:
                raise FetchError("host_down", f"{host} has failed {known.failures} times in a row and is left alone for a while")
            known.failures = FAILURES - 1  # one more try
        while (wait := known.not_before - time.monotonic()) > 0:
            await asyncio.sleep(wait)
        if known.delay:
            known.not_before = time.monotonic() + known.delay

    def _failed(self, known: _Host, error: FetchError) -> None:
        if error.reason in DEAD:
            known.failures += 1
            if known.failures >= FAILURES:
                known.not_before = time.monotonic() + REST
        elif error.reason != "host_down":
            known.failures = 0
        if error.wait:
            known.not_before = max(known.not_before, time.monotonic() + min(error.wait, LONGEST_WAIT))
