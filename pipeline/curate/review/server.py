"""The review page's server: the page, its rows and pictures, and what people say, for browsers on this machine."""

import asyncio
import contextlib
import functools
import os
import secrets
import socket
import sys
import threading
import time
import webbrowser
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from importlib import resources
from importlib.resources.abc import Traversable

import orjson
import uvicorn
from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException as AnyHTTPException

from pipeline.curate.decisions.decision import REASONS
from pipeline.curate.decisions.store import Store
from pipeline.curate.review.bodies import Rows, Settled, Step, Words
from pipeline.curate.review.desk import Desk, NotAllowed, NotHere, Project
from pipeline.curate.review.listing import Query
from pipeline.curate.review.security import Door
from pipeline.curate.review.thumbs import Shown
from pipeline.errors import UserError

__all__ = ["Project", "application", "serve"]

KINDS = {"html": "text/html; charset=utf-8", "css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8"}
KEPT = {"cache-control": "private, max-age=604800, immutable"}  # the address holds the id, which is the content's hash
ALONE = {"content-security-policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"}


def application(project: Project, token: str, hosts: frozenset[str]) -> FastAPI:
    """The page over a project. Raises UserError where its tables or decisions are malformed.

    `hosts` are the Host headers it answers to, such as 127.0.0.1:8000; everything but GET /?token= needs the token.
    """
    app = FastAPI(openapi_url=None, redirect_slashes=False)
    desk = Desk(project)
    _pages(app)
    _questions(app, desk)
    _words(app, desk)
    _pictures(app, desk)
    _errors(app)
    app.add_middleware(Door, token=token, hosts=hosts)
    return app


def _pages(app: FastAPI) -> None:
    """The files of page/, by the names they have now; a request's path is only ever compared with these."""
    folder = resources.files(__package__).joinpath("page")
    for entry in folder.iterdir() if folder.is_dir() else ():
        kind = entry.name.rsplit(".", 1)[-1]
        if kind in KINDS:
            app.router.add_route("/" if entry.name == "page.html" else f"/{entry.name}", functools.partial(_file, entry, KINDS[kind]))


async def _file(entry: Traversable, kind: str, request: Request) -> Response:
    return Response(entry.read_bytes(), media_type=kind)


def _questions(app: FastAPI, desk: Desk) -> None:
    @app.get("/api/project")
    def about(who: str = "") -> Response:
        return _json(desk.about(REASONS, who))

    @app.post("/api/list")
    def listing(query: Query) -> Response:
        return _json({"rows": desk.listed(query)})

    @app.post("/api/rows")
    def rows(wanted: Rows) -> Response:
        return _json({"rows": desk.rows(wanted.rows, wanted.who, wanted.recheck)})

    @app.get("/api/group/{group}")
    def group(group: str, who: str = "", recheck: bool = False) -> Response:
        return _json({"rows": desk.group(group, who, recheck)})

    @app.get("/api/history/{id_}")
    def history(id_: str) -> Response:
        return _json({"entries": desk.history(id_)})

    @app.get("/api/changes")
    def changes(since: int = 0, who: str = "") -> Response:
        return _json(desk.changes(since, who))


def _words(app: FastAPI, desk: Desk) -> None:
    @app.post("/api/decide")
    def decide(said: Words) -> Response:
        return _json(desk.decide([word.word() for word in said.words], said.reviewer, said.session, said.blind))

    @app.post("/api/undo")
    def undo(step: Step) -> Response:
        return _json(desk.step(Store.undo, step.reviewer, step.session))

    @app.post("/api/redo")
    def redo(step: Step) -> Response:
        return _json(desk.step(Store.redo, step.reviewer, step.session))

    @app.post("/api/settle")
    def settle(said: Settled) -> Response:
        return _json(desk.settle(said.word.word(), said.reviewer, said.session))


def _pictures(app: FastAPI, desk: Desk) -> None:
    """Pictures are decoded by a few threads of their own: a large one costs memory, and decisions must not wait for them."""
    pool = ThreadPoolExecutor(os.cpu_count() or 2, "pictures")

    def file_of(n: int, v: str) -> tuple[str, str]:
        id_, path = desk.catalogue.ids[desk.checked(n)], desk.catalogue.texts["path"][n].as_py()
        if v not in ("", id_):
            raise HTTPException(404, "another image has this number now; load the page again")
        return id_, path

    @app.get("/thumb/{n}")
    async def thumb(n: int, v: str = "") -> Response:
        return _picture(await asyncio.get_running_loop().run_in_executor(pool, desk.shower.thumb, *file_of(n, v)), v)

    @app.get("/image/{n}")
    async def original(n: int, v: str = "") -> Response:
        return _picture(await asyncio.get_running_loop().run_in_executor(pool, desk.shower.original, file_of(n, v)[1]), v)


def _picture(shown: Shown, v: str) -> Response:
    return Response(shown.data, media_type=shown.media_type, headers=ALONE | (KEPT if v and shown.whole else {}))


def _errors(app: FastAPI) -> None:
    """Every error is {"error": one sentence}."""

    @app.exception_handler(UserError)
    def user(request: Request, error: UserError) -> Response:
        return _json({"error": str(error)}, 404 if isinstance(error, NotHere) else 422 if isinstance(error, NotAllowed) else 409)

    @app.exception_handler(AnyHTTPException)
    def http(request: Request, error: AnyHTTPException) -> Response:
        sentence = {404: "there is nothing at this address", 405: f"this address does not take {request.method}"}.get(error.status_code)
        plain = error.detail == HTTPStatus(error.status_code).phrase
        return _json({"error": sentence if plain and sentence else error.detail}, error.status_code, dict(error.headers or {}))

    @app.exception_handler(RequestValidationError)
    def invalid(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return _json({"error": f"the request's {where} is not as it should be: {first['msg']}"}, 422)


def _json(answer: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY), status, headers, "application/json")


def serve(
    project: Project, host: str = "127.0.0.1", port: int = 0, announce: Callable[[str], None] = print, opened: bool = True
) -> None:
    """Serve the page until Ctrl-C; `announce` gets its address with the token, and where `opened` the desktop's browser too.

    Port 0 is any free one. Raises UserError where the port is taken or the project's files are malformed.
    """
    try:
        listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except (OSError, OverflowError) as error:
        why = (getattr(error, "strerror", None) or "ports go up to 65535").partition(" (while")[0]  # Python repeats the address
        raise UserError(f"review: port {port} of {host} cannot be used ({why}); choose another with --port") from None
    with listener:
        token, port = secrets.token_urlsafe(32), listener.getsockname()[1]
        names = _names(host)
        app = application(project, token, frozenset(f"{name.lower()}:{port}" for name in names))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off", access_log=False, server_header=False,
                                               timeout_graceful_shutdown=5))
        address = f"http://{names[0]}:{port}/?token={token}"
        announce(address)
        if opened and _has_desktop():
            threading.Thread(target=_open, args=(server, address), daemon=True).start()
        with contextlib.suppress(KeyboardInterrupt):  # uvicorn passes it on after it has answered what was asked
            server.run([listener])
    announce("review: stopped; every decision that the page showed as saved is on disk")


def _names(host: str) -> list[str]:
    """The names by which a browser may call this server, the one to announce first."""
    if host in ("127.0.0.1", "localhost"):
        return ["127.0.0.1", "localhost"]
    if host not in ("0.0.0.0", "::", ""):
        return [f"[{host}]" if ":" in host else host]
    name, found = socket.gethostname(), set[str]()
    with contextlib.suppress(OSError):  # a machine may not know its own name
        found = {str(place[4][0]) for place in socket.getaddrinfo(name, None, socket.AF_INET)}
    return [name, *sorted(found - {"127.0.0.1"}), "127.0.0.1", "localhost"]


def _has_desktop() -> bool:
    """Without one, the standard library would start a text browser inside this terminal."""
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _open(server: uvicorn.Server, address: str) -> None:
    while not server.started:
        time.sleep(0.05)
    webbrowser.open(address)
