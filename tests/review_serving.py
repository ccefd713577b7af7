"""The review page's own server on a free port of this machine, and a client that holds its token."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import requests
import uvicorn

from pipeline.curate.review.server import Project, application

TOKEN = "a-token-that-only-the-tests-know"


@dataclass
class Site:
    """A running server; every method asks it with the token and fails the test where the status is not `status`."""

    base: str
    client: requests.Session = field(default_factory=requests.Session)

    @property
    def host(self) -> str:
        return self.base.removeprefix("http://")

    def get(self, path: str, status: int = 200) -> requests.Response:
        answer = self.client.get(self.base + path, timeout=20, allow_redirects=False)
        assert answer.status_code == status, answer.text
        return answer

    def post(self, path: str, status: int = 200, **body: Any) -> dict[str, Any]:
        answer = self.client.post(self.base + path, json=body, timeout=20, allow_redirects=False)
        assert answer.status_code == status, answer.text
        return answer.json()

    def rows(self, **query: Any) -> list[dict[str, Any]]:
        """The rows of a list, whole."""
        return self.post("/api/rows", rows=self.post("/api/list", **query)["rows"][:500])["rows"]

    def ids(self, **query: Any) -> list[str]:
        return [row["id"] for row in self.rows(**query)]

    def decide(self, decision: str, *ids: str, who: str = "ann", session: str = "s", **more: Any) -> dict[str, Any]:
        words = [{"id": id_, "decision": decision, **more} for id_ in ids]
        return self.post("/api/decide", words=words, reviewer=who, session=session)


@contextmanager
def running(project: Project) -> Iterator[Site]:
    """Serve for the length of the block."""
    listener = socket.create_server(("127.0.0.1", 0))
    site = Site(f"http://127.0.0.1:{listener.getsockname()[1]}")
    site.client.headers["Authorization"] = f"Bearer {TOKEN}"
    port = listener.getsockname()[1]
    app = application(project, TOKEN, frozenset({site.host, f"localhost:{port}"}))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off", access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + 30
    while not server.started:
        assert thread.is_alive() and time.monotonic() < deadline, "the server did not start"
        time.sleep(0.01)
    try:
        yield site
    finally:
        site.client.close()
        server.should_exit = True
        thread.join(timeout=10)
