"""Downloads in more than one process, for searches that name many images.

A child is a fork without threads or an event loop, so it costs no start-up. It has a web of its own, is sent candidates and
answers with what came of them, several to a line of JSON; the files it keeps itself, the ledger is the parent's. A host of the
public web belongs to one process, so that its pace is kept; hosts that `scrape.allow_hosts` names are shared, and so is their
pace. A child that dies costs nothing: what it was asked for is downloaded here.
"""

import asyncio
import os
import signal
import socket
import sys
import threading
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson

from pipeline import image, params
from pipeline.collect import loop
from pipeline.collect.candidate import Candidate
from pipeline.collect.files import Files
from pipeline.collect.guard import Guard
from pipeline.collect.obtain import Download, Obtained, download
from pipeline.collect.pace import Pace
from pipeline.collect.web import Web
from pipeline.engine import cores
from pipeline.errors import UserError

__all__ = ["Crew", "hired"]

MANY = 1000  # images from which another process is worth it
MOST = 4  # processes; the network is the limit long before
LINE = 2**24  # bytes


@dataclass
class _Line:
    """Lists of JSON over a socket: what is sent in one turn of the loop goes as one line."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    waiting: list[Any] = field(default_factory=list)

    @classmethod
    async def over(cls, end: socket.socket) -> "_Line":
        return cls(*await asyncio.open_connection(sock=end, limit=LINE))

    def send(self, thing: Any) -> None:
        if not self.waiting:
            asyncio.get_running_loop().call_soon(self._flush)
        self.waiting.append(thing)

    def _flush(self) -> None:
        if not self.writer.is_closing():
            self.writer.write(orjson.dumps(self.waiting, option=orjson.OPT_APPEND_NEWLINE))
        self.waiting = []

    async def received(self) -> AsyncIterator[Any]:
        """Everything that is sent, until the other end is gone."""
        with suppress(ConnectionError, ValueError):
            while line := await self.reader.readline():
                for thing in orjson.loads(line):
                    yield thing


@dataclass
class _Child:
    pid: int
    end: socket.socket
    line: _Line | None = None
    asked: dict[int, "asyncio.Future[Obtained | None]"] = field(default_factory=dict)

    async def listen(self, line: _Line) -> None:
        """Settle what the child answers; when it is gone, what it still owes is None."""
        self.line = line
        try:
            async for answer in line.received():
                waiting = self.asked.pop(answer["number"])
                if waiting.done():
                    continue
                if "user_error" in answer:
                    waiting.set_exception(UserError(answer["user_error"]))
                else:
                    waiting.set_result(None if "here" in answer else _read(answer))
        finally:
            self.line = None
            for waiting in self.asked.values():
                if not waiting.done():
                    waiting.set_result(None)


@dataclass
class Crew:
    """This process and its children; `pace` makes one for each of them."""

    children: list[_Child]
    guard: Guard
    pace: Callable[[], Pace]
    shares: bool
    _number: int = 0

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Listen to the children for the length of the block."""
        lines = [await _Line.over(child.end) for child in self.children]
        listening = [asyncio.create_task(child.listen(line)) for child, line in zip(self.children, lines, strict=True)]
        await asyncio.sleep(0)
        try:
            yield
        finally:
            for line, task in zip(lines, listening, strict=True):
                task.cancel()
                line.writer.close()
            await asyncio.gather(*listening, return_exceptions=True)

    async def download(self, here: Download, candidate: Candidate) -> Obtained:
        """What `obtain.download` gives, from the process that the candidate's host belongs to; `here` does it in this one."""
        self._number += 1
        child = self._of(candidate.image_url)
        if child is None or child.line is None:
            return await here(candidate)
        answer = child.asked[self._number] = asyncio.get_running_loop().create_future()
        child.line.send([self._number, vars(candidate)])
        return await answer or await here(candidate)

    def _of(self, url: str) -> _Child | None:
        if not self.children or url.count("/") < 3:
            return None
        if self.shares and self.guard.is_named(url):
            place = self._number % (2 * len(self.children) + 1)  # half a part for this one, which has the rest to do
            return self.children[place % len(self.children)] if place else None
        place = zlib.crc32(url.split("/", 3)[2].lower().encode()) % (len(self.children) + 1)
        return self.children[place - 1] if place else None


@contextmanager
def hired(count: int, settings: params.Scrape, how: params.Run, files: Files) -> Iterator[Crew]:
    """A crew for `count` images: one process for each core, where they are many and this process can be forked.

    It must not have other threads or an event loop, nor a database open.
    """
    able = sys.platform == "linux" and threading.active_count() == 1 and how.engine != "serial"
    members = min(how.workers or cores(), MOST) if able and count >= MANY else 1
    guard = Guard(frozenset(settings.allow_hosts))
    shares = how.per_host >= members

    def pace() -> Pace:
        return Pace(max(1, how.connections // members), how.per_host, guard.is_named if shares else None, members)

    children: list[_Child] = []
    try:
        for _ in range(members - 1):
            children.append(_forked(settings, pace, files, children))
        yield Crew(children, guard, pace, shares)
    finally:
        for child in children:
            child.end.close()
        for child in children:
            os.waitpid(child.pid, 0)


def _forked(settings: params.Scrape, pace: Callable[[], Pace], files: Files, others: list[_Child]) -> _Child:
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid:
        theirs.close()
        return _Child(pid, ours)
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears Ctrl-C, and closes the line
        for end in (ours, *(other.end for other in others)):
            end.close()
        loop.run(_serve(theirs, files, settings, pace))
    finally:
        os._exit(0)  # nothing of the parent's is flushed, closed or told twice


async def _serve(end: socket.socket, files: Files, settings: params.Scrape, pace: Callable[[], Pace]) -> None:
    """The child: download what the line asks for, until it is closed."""
    line = await _Line.over(end)
    under_way: set[asyncio.Task[None]] = set()

    async def work(number: int, candidate: Candidate) -> None:
        try:
            got = await download(files, web.image, candidate)
        except UserError as error:
            line.send({"number": number, "user_error": str(error)})
        except Exception:  # such as a full disk: the parent tries too, and tells what comes of it
            line.send({"number": number, "here": True})
        else:
            line.send({"number": number, **_written(got)})

    async with Web.opened(settings, pace()) as web:
        async for number, said in line.received():
            task = asyncio.create_task(work(number, Candidate(**said)))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


def _written(got: Obtained) -> dict[str, Any]:
    header = asdict(got.header) if got.header else None
    return {**vars(got), "candidate": vars(got.candidate), "header": header, "data": None}


def _read(answer: dict[str, Any]) -> Obtained:
    header = image.Header(**answer["header"]) if answer["header"] else None
    rest = {name: value for name, value in answer.items() if name not in ("number", "candidate", "header")}
    return Obtained(candidate=Candidate(**answer["candidate"]), header=header, **rest)
