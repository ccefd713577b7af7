import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pipeline.collect import fetch
from pipeline.collect.fetch import Fetcher, FetchError


class Faulty(BaseHTTPRequestHandler):
    """/ok answers; /busy answers at the third try; /gone is 404; /endless never ends; /reset hangs up."""

    protocol_version = "HTTP/1.1"
    tries = 0

    def do_GET(self) -> None:
        if self.path == "/busy":
            type(self).tries += 1
        if self.path == "/reset":
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        status = {"/gone": 404, "/busy": 503 if type(self).tries < 3 else 200}.get(self.path, 200)
        self.send_response(status)
        if self.path == "/endless":
            self.end_headers()
            try:
                for _ in range(100):
                    self.wfile.write(b"x" * 65536)
            except OSError:
                pass
            self.close_connection = True
            return
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"good")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def base() -> Iterator[str]:
    Faulty.tries = 0
    with ThreadingHTTPServer(("127.0.0.1", 0), Faulty) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_body_is_fetched(base: str) -> None:
    assert Fetcher().get(f"{base}/ok") == b"good"


def test_what_can_pass_is_tried_again(base: str) -> None:
    assert Fetcher().get(f"{base}/busy") == b"good"
    assert Faulty.tries == 3


def test_what_stays_wrong_says_why(base: str) -> None:
    with pytest.raises(FetchError, match="status 404"):
        Fetcher().get(f"{base}/gone")
    with pytest.raises(FetchError, match=r"ConnectionError \(3 tries\)"):
        Fetcher().get(f"{base}/reset")
    with pytest.raises(FetchError, match="only http and https"):
        Fetcher().get("file:///etc/passwd")


def test_a_body_over_the_limit_is_cut_off(base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "MAX_BYTES", 2**20)
    with pytest.raises(FetchError, match="more than 1 MiB"):
        Fetcher().get(f"{base}/endless")
