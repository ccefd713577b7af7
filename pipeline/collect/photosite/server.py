"""The photosite's pages: a search box, a grid that loads as one scrolls, a page for each picture."""

import mimetypes
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

import uvicorn
from fastapi import FastAPI, HTTPException
from fastapi.responses import FileResponse, HTMLResponse, Response
from jinja2 import DictLoader, Environment, select_autoescape

from pipeline import image
from pipeline.collect.photosite.catalogue import CREDIT, EMOJI_CREATOR, Photo, find
from pipeline.errors import UserError

__all__ = ["application", "served"]

BATCH = 24  # thumbnails that one scroll to the bottom loads
BATCHES = 3  # batches that load by scrolling alone; then a "Show more" button asks


@contextmanager
def served(photos: list[Photo], port: int = 0) -> Iterator[str]:
    """Serve on 127.0.0.1 (a free port where 0) for as long as the block runs; gives the base address."""
    try:
        listener = socket.create_server(("127.0.0.1", port))
    except OSError as error:
        raise UserError(f"the photosite cannot use port {port} of 127.0.0.1 ({error.strerror}); choose another") from None
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
    credit = CREDIT if any(photo.creator == EMOJI_CREATOR for photo in photos) else ""

    def photo_of(slug: str) -> Photo:
        if slug not in by_slug:
            raise HTTPException(404, "there is no such picture")
        return by_slug[slug]

    @app.get("/", response_class=HTMLResponse)
    def home() -> str:
        return pages.get_template("home.html").render(total=len(photos), query="", credit=credit)

    @app.get("/search", response_class=HTMLResponse)
    def search(q: str) -> str:
        found = len(find(photos, q))
        return pages.get_template("search.html").render(query=q, found=found, batches=BATCHES, credit=credit)

    @app.get("/results")
    def results(q: str, after: int = 0) -> dict[str, object]:
        found = find(photos, q)
        shown = found[after : after + BATCH]
        tiles = [{"slug": photo.slug, "title": photo.title} for photo in shown]
        return {"tiles": tiles, "end": after + BATCH >= len(found)}

    @app.get("/photo/{slug}", response_class=HTMLResponse)
    def detail(slug: str) -> str:
        photo = photo_of(slug)
        try:
            header = image.read_header(photo.file.read_bytes())
        except image.ImageError:
            header = None  # the page shows a broken picture, as sites do
        return pages.get_template("photo.html").render(photo=photo, header=header, query="", credit=credit)

    @app.get("/thumb/{slug}.png")
    def thumbnail(slug: str) -> Response:
        try:
            picture = image.open_image(photo_of(slug).file)
        except image.ImageError as error:
            raise HTTPException(404, str(error)) from None
        picture.thumbnail((48, 48))
        return Response(image.encode_png(picture), media_type="image/png")

    @app.get("/files/{name}")
    def file(name: str) -> FileResponse:
        path = photo_of(Path(name).stem).file
        return FileResponse(path, media_type=mimetypes.guess_type(path.name)[0])

    return app


def _templates() -> Environment:
    folder = resources.files(__package__).joinpath("templates")
    texts = {entry.name: entry.read_text(encoding="utf-8") for entry in folder.iterdir()}
    return Environment(loader=DictLoader(texts), autoescape=select_autoescape())
