"""The photosite's pages: a search box, a grid that loads as one scrolls, a page for each picture."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources

import uvicorn
from fastapi import FastAPI, HTTPException
from fastapi.responses import FileResponse, HTMLResponse, Response
from jinja2 import DictLoader, Environment, select_autoescape

from pipeline import image
from pipeline.collect.photosite.catalogue import Photo, find
from pipeline.errors import UserError

__all__ = ["application", "served"]

BATCH = 24  # thumbnails that one scroll to the bottom loads
BATCHES = 3  # batches that load by scrolling alone; then a "Show more" button asks


@contextmanager
def served(photos: list[Photo]) -> Iterator[str]:
    """Serve on a free port of 127.0.0.1 for as long as the block runs; gives the base address."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(application(photos), log_level="warning", lifespan="off", access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + 30
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise UserError("the photosite did not start on 127.0.0.1; is the loopback network up?")
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=10)


def application(photos: list[Photo]) -> FastAPI:
    """The site over a catalogue."""
    app = FastAPI(openapi_url=None)
    pages = _templates()
    by_slug = {photo.slug: photo for photo in photos}

    def photo_of(slug: str) -> Photo:
        if slug not in by_slug:
            raise HTTPException(404, "there is no such picture")
        return by_slug[slug]

    @app.get("/", response_class=HTMLResponse)
    def home() -> str:
        return pages.get_template("home.html").render(total=len(photos), query="")

    @app.get("/search", response_class=HTMLResponse)
    def search(q: str) -> str:
        found = len(find(photos, q))
        return pages.get_template("search.html").render(query=q, found=found, batches=BATCHES)

    @app.get("/results")
    def results(q: str, after: int = 0) -> dict[str, object]:
        found = find(photos, q)
        shown = found[after : after + BATCH]
        tiles = [{"slug": photo.slug, "title": photo.title} for photo in shown]
        return {"tiles": tiles, "end": after + BATCH >= len(found)}

    @app.get("/photo/{slug}", response_class=HTMLResponse)
    def detail(slug: str) -> str:
        photo = photo_of(slug)
        header = image.read_header(photo.file.read_bytes())
        return pages.get_template("photo.html").render(photo=photo, header=header, query="")

    @app.get("/thumb/{slug}.png")
    def thumbnail(slug: str) -> Response:
        picture = image.open_image(photo_of(slug).file)
        picture.thumbnail((48, 48))
        return Response(image.encode_png(picture), media_type="image/png")

    @app.get("/files/{slug}.png")
    def file(slug: str) -> FileResponse:
        return FileResponse(photo_of(slug).file, media_type="image/png")

    return app


def _templates() -> Environment:
    folder = resources.files(__package__).joinpath("templates")
    texts = {entry.name: entry.read_text(encoding="utf-8") for entry in folder.iterdir()}
    return Environment(loader=DictLoader(texts), autoescape=select_autoescape())
