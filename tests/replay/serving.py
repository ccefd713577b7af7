"""What every replay server shares: pictures that are all different, and a way to serve and count."""

import functools
import socket
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

import numpy as np
import uvicorn
from fastapi import FastAPI, Request, Response
from PIL import Image

from pipeline import params
from pipeline.collect.web import Web
from tests.conftest import encoded

__all__ = ["Served", "jpeg", "opened_web", "served", "with_pictures"]


@dataclass
class Served:
    """A running server: its base address, and the path with query of every request, in order."""

    base: str
    requests: list[str] = field(default_factory=list)

    @property
    def host(self) -> str:
        """host:port, as `scrape.allow_hosts` takes it."""
        return self.base.removeprefix("http://")


@functools.cache
def jpeg(number: int) -> bytes:
    """The full-size original of picture `number`: 320x240 JPEG, different bytes for every number."""
    small = np.random.default_rng(number).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    return encoded(Image.fromarray(small).resize((320, 240), Image.Resampling.BICUBIC), "JPEG", quality=85)


def with_pictures(app: FastAPI) -> FastAPI:
    """Add /full/<number>.jpg to a site."""

    @app.get("/full/{number}.jpg")
    def full(number: int) -> Response:
        return Response(jpeg(number), media_type="image/jpeg")

    return app


@contextmanager
def served(app: FastAPI) -> Iterator[Served]:
    """Serve on a free port of 127.0.0.1 for the length of the block."""
    listener = socket.create_server(("127.0.0.1", 0))
    site = Served(f"http://127.0.0.1:{listener.getsockname()[1]}")
    app.state.base = site.base

    @app.middleware("http")
    async def count(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        site.requests.append(request.url.path + (f"?{request.url.query}" if request.url.query else ""))
        return await call_next(request)

    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off", access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + 30
    while not server.started:
        assert thread.is_alive() and time.monotonic() < deadline, "the replay server did not start"
        time.sleep(0.01)
    try:
        yield site
    finally:
        server.should_exit = True
        thread.join(timeout=10)


@asynccontextmanager
async def opened_web(*hosts: str) -> AsyncIterator[Web]:
    """A Web that may reach these hosts of this machine."""
    async with Web.opened(params.Scrape(allow_hosts=list(hosts), contact="tests@example.org")) as web:
        yield web
