"""A raw HTTP/1.1 server for tests, below any framework's manners: what a handler sends is what goes over the wire."""

import asyncio
import re
import socket
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import parse_qs

__all__ = ["Asked", "Client", "Faults", "Routes", "served"]

PIECE = 65536  # bytes; no more than this is counted as sent before the connection takes it


@dataclass(frozen=True)
class Asked:
    """A request as it came: path with query, headers by lower-case name."""

    target: str
    headers: dict[str, str]


@dataclass
class Faults:
    """What the server saw, and what it may be told; by path, without the query."""

    base: str
    robots: tuple[int, bytes] = (404, b"")
    tdmrep: tuple[int, bytes] = (404, b"")
    pause: float = 1.0  # seconds between the bytes of what drips
    hits: Counter[str] = field(default_factory=Counter)
    sent: Counter[str] = field(default_factory=Counter)  # bytes handed to the connection, headers included
    requests: list[Asked] = field(default_factory=list)
    connections: int = 0
    left: Counter[str] = field(default_factory=Counter)  # answers that the client did not wait for

    @property
    def host(self) -> str:
        """host:port, as `scrape.allow_hosts` takes it."""
        return self.base.removeprefix("http://")


Handler = Callable[..., Awaitable[bool | None]]  # of a Client and the path's groups; says whether the connection stays
H = TypeVar("H", bound=Handler)


@dataclass(frozen=True)
class Routes:
    """Handlers by the pattern of their path; the first that fits answers."""

    handlers: list[tuple[re.Pattern[str], Handler]] = field(default_factory=list)

    def at(self, pattern: str) -> Callable[[H], H]:
        def register(handler: H) -> H:
            self.handlers.append((re.compile(pattern), handler))
            return handler

        return register

    def find(self, path: str) -> tuple[Handler, tuple[str, ...]]:
        return next((handler, found.groups()) for pattern, handler in self.handlers if (found := pattern.fullmatch(path)))


@contextmanager
def served(routes: Routes) -> Iterator[Faults]:
    """Serve on a free port of 127.0.0.1 for the length of the block, whatever state its clients are in at the end."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, PIECE)  # so that `sent` is near what the client took
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # asyncio sets it for sockets of its own making only
    faults = Faults(f"http://127.0.0.1:{listener.getsockname()[1]}")
    loop, over = asyncio.new_event_loop(), asyncio.Event()
    thread = threading.Thread(target=lambda: _run(loop, _serve(listener, faults, routes, over)), daemon=True)
    thread.start()
    try:
        yield faults
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(timeout=10)
        assert not thread.is_alive(), "the server does not end"


def _run(loop: asyncio.AbstractEventLoop, serving: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(serving)


async def _serve(listener: socket.socket, faults: Faults, routes: Routes, over: asyncio.Event) -> None:
    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        faults.connections += 1
        tasks.add(asyncio.create_task(_talk(Client(faults, reader, writer), routes)))

    server = await asyncio.start_server(connected, sock=listener)
    await over.wait()
    server.close()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@dataclass
class Client:
    """One connection, and the request that is being answered on it."""

    faults: Faults
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    path: str = ""
    query: dict[str, list[str]] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    unsent: bytes = b""

    async def hear(self) -> None:
        """The next request. Raises EOFError where the client has left."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.strip().split("\r\n")
        target = first.split(" ")[1]
        self.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        self.path, _, query = target.partition("?")
        self.query = parse_qs(query)
        self.faults.hits[self.path] += 1
        self.faults.requests.append(Asked(target, self.headers))

    async def send(self, data: bytes) -> None:
        data, self.unsent = self.unsent + data, b""
        for place in range(0, len(data), PIECE):
            self.writer.write(data[place:place + PIECE])
            self.faults.sent[self.path] += len(data[place:place + PIECE])
            await self.writer.drain()

    async def rest(self, seconds: float | None = None) -> None:
        """Wait, for ever where no seconds are given. Raises ConnectionError as soon as the client leaves."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.reader.read(1), seconds)
            raise ConnectionError

    async def drip(self, data: bytes) -> None:
        for place in range(len(data)):
            await self.send(data[place:place + 1])
            await self.rest(self.faults.pause)

    def start(self, status: int, *headers: str) -> None:
        """Headers, which go out together with what is sent next: clients read the same from the wire in every run."""
        self.unsent = "\r\n".join([f"HTTP/1.1 {status} Answer", *headers, "\r\n"]).encode()

    async def answer(self, status: int, data: bytes = b"", kind: str = "image/jpeg", *headers: str) -> bool:
        """A whole and honest answer, after which the connection stays."""
        self.start(status, f"Content-Length: {len(data)}", f"Content-Type: {kind}", *headers)
        await self.send(data)
        return True

    async def redirect(self, place: str, status: int = 302, *headers: str) -> bool:
        return await self.answer(status, b"elsewhere", "text/plain", f"Location: {place}", *headers)


async def _talk(client: Client, routes: Routes) -> None:
    client.writer.transport.set_write_buffer_limits(0)
    try:
        while True:
            await client.hear()
            handler, arguments = routes.find(client.path)
            try:
                if not await handler(client, *arguments):
                    break
            except ConnectionError:
                client.faults.left[client.path] += 1
                return
        client.writer.close()  # after what is still to be sent
        await client.writer.wait_closed()
    except (EOFError, ConnectionError, asyncio.LimitOverrunError):
        pass
    finally:
        client.writer.transport.abort()
