"""Who may talk to the page: only a browser that was handed the token, only by a name this server answers to.

Any web page can make a browser send requests to this machine, and a name whose address changes can make them look
like the page's own (DNS rebinding). So every request is judged here before the application sees it: its Host, its
token, where it comes from and how much it brings.
"""

import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

__all__ = ["LARGEST_BODY", "Door"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

LARGEST_BODY = 32 * 1024 * 1024  # bytes; 100,000 decisions are about half of it
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}
NO_TOKEN = "this address needs the token; open the link that `darkroom review` printed"


class Refused(Exception):
    """The status and the sentence that the browser gets."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


class Door:
    """ASGI middleware around the application; `hosts` are the Host headers it answers to, such as 127.0.0.1:8000."""

    def __init__(self, app: Application, token: str, hosts: frozenset[str]) -> None:
        self._app, self._token, self._hosts = app, token, hosts
        # cookies know no ports: each server's has a name of its own, or two pages would throw each other out
        self._cookie = f"darkroom-{hashlib.sha256(token.encode()).hexdigest()[:12]}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
            return
        answer = _with_headers(send)
        try:
            headers = _joined(scope)
            self._judge_host(headers)
            if scope["method"] == "GET" and scope["path"] == "/" and b"token=" in scope["query_string"]:
                await self._let_in(scope, headers, answer)
                return
            self._judge(scope["method"], headers)
            body = await _body(headers, receive) if scope["method"] != "GET" else None
        except Refused as refused:
            await _answer(answer, refused.status, json.dumps({"error": refused.sentence}).encode(), {"content-type": "application/json"})
            return
        await self._app(scope, receive if body is None else _again(body, receive), answer)

    def _judge_host(self, headers: dict[str, str]) -> None:
        if headers.get("host", "").lower() not in self._hosts:
            raise Refused(421, "this server does not answer to that name and port; open the link that `darkroom review` printed")

    def _judge(self, method: str, headers: dict[str, str]) -> None:
        if not self._knows_token(headers):
            raise Refused(403, NO_TOKEN)
        if headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
            raise Refused(403, "another site sent this request; only the page itself may")
        if "origin" in headers and headers["origin"] != f"http://{headers['host']}":
            raise Refused(403, "another site sent this request; only the page itself may")
        if method in ("GET", "HEAD"):
            return
        if headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
            raise Refused(415, "send JSON, with the content type application/json")

    def _knows_token(self, headers: dict[str, str]) -> bool:
        given = [headers.get("authorization", "").removeprefix("Bearer ")]
        for part in headers.get("cookie", "").split(";"):
            name, _, value = part.strip().partition("=")
            given += [value] if name == self._cookie else []
        return any(self._is_token(value) for value in given)

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self._token.encode())

    async def _let_in(self, scope: Scope, headers: dict[str, str], send: Send) -> None:
        """Turn the token of a link into a cookie, and lead to the page without it, so that it stays in no history."""
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        if not any(name == "token" and self._is_token(value) for name, value in query):
            raise Refused(403, NO_TOKEN)
        rest = urlencode([(name, value) for name, value in query if name != "token"])
        target = "/" + (f"?{rest}" if rest else "")
        cookie = {"set-cookie": f"{self._cookie}={self._token}; HttpOnly; SameSite=Strict; Path=/"}
        if headers.get("sec-fetch-site") in ("cross-site", "same-site"):
            # a link clicked in a chat or an editor: a strict cookie goes with no redirect from there, but with our own page's
            page = f'<!doctype html><meta http-equiv="refresh" content="0;url={target}"><title>Darkroom</title>'.encode()
            await _answer(send, 200, page, {"content-type": "text/html; charset=utf-8", **cookie})
        else:
            await _answer(send, 303, b"", {"location": target, **cookie})


def _joined(scope: Scope) -> dict[str, str]:
    """Headers by name. One that comes twice is both values joined, which is none of those that are allowed."""
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        headers[key] = f"{headers[key]}; {text}" if key in headers else text
    return headers


async def _body(headers: dict[str, str], receive: Receive) -> bytes:
    too_much = Refused(413, f"a request may bring at most {LARGEST_BODY >> 20} MB; send fewer decisions at once")
    told = headers.get("content-length", "0")
    if not told.isascii() or not told.isdigit() or len(told) > 12 or int(told) > LARGEST_BODY:
        raise too_much
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b""
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > LARGEST_BODY:
            raise too_much
        if not message.get("more_body"):
            return b"".join(parts)


def _again(body: bytes, receive: Receive) -> Receive:
    """What was read once, for the application to read."""
    left = [body]

    async def give() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": left.pop(), "more_body": False} if left else await receive()

    return give


def _with_headers(send: Send) -> Send:
    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            own = {name.lower() for name, _ in message["headers"]}
            missing = [(n.encode(), v.encode()) for n, v in HEADERS.items() if n.encode() not in own]
            message = {**message, "headers": [*message["headers"], *missing]}
        await send(message)

    return sending


async def _answer(send: Send, status: int, body: bytes, headers: dict[str, str]) -> None:
    lines = [(name.encode(), value.encode("latin-1")) for name, value in {**headers, "content-length": str(len(body))}.items()]
    await send({"type": "http.response.start", "status": status, "headers": lines})
    await send({"type": "http.response.body", "body": body})
