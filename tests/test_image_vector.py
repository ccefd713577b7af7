"""SVG: rasterised at the size needed, and nothing outside the file is read."""

import base64
import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest
import resvg_py
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pipeline import image
from tests.conftest import encoded

HEAD = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 100 50">'


def svg(body: str, head: str = HEAD) -> bytes:
    return f"{head}{body}</svg>".encode()


HALVES = svg('<rect width="50" height="50" fill="#c80000"/><rect x="50" width="50" height="50" fill="#0000c8" fill-opacity="0.5"/>')


@pytest.mark.parametrize("scale", [0.1, 0.25, 0.3, 1.0, 2.0])
def test_a_drawing_is_made_at_about_the_size_needed(scale: float) -> None:
    found = image.decoded(HALVES, scale)
    assert image.read_header(HALVES) == image.Header("SVG", "svg", 1024, 512, 1) and found.size == (1024, 512)
    width, height = found.picture.size
    assert found.picture.mode == "RGBA" and scale * 1024 <= width < scale * 1024 + 1 and abs(width / height - 2) < 0.05
    assert width * found.shrink == pytest.approx(1024)
    assert found.picture.getpixel((width // 4, height // 2)) == (200, 0, 0, 255)
    assert found.picture.getpixel((3 * width // 4, height // 2)) == pytest.approx((0, 0, 200, 128), abs=1)


def test_a_drawing_reduced_is_no_smaller_than_asked_for() -> None:
    assert image.reduced(HALVES, 128).picture.size == (256, 128)
    assert image.decode(HALVES).size == (1024, 512)


@pytest.mark.parametrize(
    ("attributes", "size"),
    [
        ('width="20" height="80"', (256, 1024)),
        ('width="1in" height="48px"', (1024, 512)),  # 96 pixels an inch: CSS Values 4, 6.2
        ('width="25.4mm" height="72pt"', (1024, 1024)),
        ('width="100%" height="100%" viewBox="0,0,10 5"', (1024, 512)),
        ('viewBox="-5 -5 3e1 1.5e1"', (1024, 512)),
        ("", (1024, 512)),  # CSS 2.1, 10.3.2: 300 by 150
        ('width="1e99" height="1"', (1024, 3)),  # a length that is none: 300 by 1
        ('width="1000000" height="1"', (1024, 1)),
        ('width="-3" height="bad" viewBox="0 0 0 9"', (1024, 512)),
    ],
)
def test_the_shape_is_the_drawing_s_own(attributes: str, size: tuple[int, int]) -> None:
    data = svg("<rect width='9' height='9'/>", f'<svg xmlns="http://www.w3.org/2000/svg" {attributes}>')
    header = image.read_header(data)
    assert (header.width, header.height) == size == image.decode(data).size


def test_text_is_drawn_with_the_same_font_everywhere() -> None:
    found = image.decode(svg('<text x="5" y="40" font-family="No Such Font" font-size="40">Ap</text>'))
    assert 10_000 < np.count_nonzero(np.asarray(found)[:, :, 3]) < 200_000


@pytest.mark.parametrize("start", [b"\xef\xbb\xbf", b"\n  ", b'<?xml version="1.0"?>\n<!-- made by hand -->\n', b"<!DOCTYPE svg>\n"])
def test_what_may_stand_before_the_root(start: bytes) -> None:
    assert image.read_header((start + HALVES).replace(b"\n  <svg", b"<svg")).format == "SVG"
    assert image.read_header(HALVES.decode().encode("utf-16")).format == "SVG"


def test_entities_of_the_file_itself_and_a_missing_namespace_are_read() -> None:
    bare = b'<svg viewBox="0 0 2 1"><rect width="2" height="1"/></svg>'
    entity = b'<!DOCTYPE svg [<!ENTITY ns "http://www.w3.org/2000/svg">]>' + bare.replace(b"<svg", b'<svg xmlns="&ns;"')
    for data in (entity, bare):
        assert image.decode(data).getpixel((500, 200)) == (0, 0, 0, 255)


@pytest.fixture
def visits() -> Iterator[tuple[str, list[str]]]:
    """A server on loopback that offers a red picture, and the paths it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(encoded(Image.new("RGB", (8, 8), "red")))

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    thread.join()
    server.server_close()


def red(picture: Image.Image) -> bool:
    levels = np.asarray(picture.convert("RGBA")).astype(int)
    return bool(((levels[:, :, 0] > 200) & (levels[:, :, 1] < 60) & (levels[:, :, 3] > 200)).any())


LEAKS = [
    '<image href="{0}" width="100" height="50"/>', '<image xlink:href="{0}" width="100" height="50"/>',
    '<g xml:base="{0}"><image href="{0}" width="100" height="50"/></g>', '<use href="{0}#a"/>',
    '<image href="data:image/svg+xml;base64,{1}" width="100" height="50"/>',
    '<filter id="f"><feImage href="{0}"/></filter><rect width="100" height="50" fill="blue" filter="url(#f)"/>',
    '<style>@import url({0}); @font-face {{src: url("{0}")}} rect {{fill: url({0}#a)}}</style><rect width="100" height="50"/>',
    '<rect width="100" height="50" style="fill:url(\'{0}#p\')" mask="url({0}#m)"/>',
    '<foreignObject width="100" height="50"><img xmlns="http://www.w3.org/1999/xhtml" src="{0}"/></foreignObject>',
    '<script href="{0}">fetch("{0}")</script>', '<rect width="9" height="9" onload="fetch(\'{0}\')"/>',
]


@pytest.mark.parametrize("leak", LEAKS)
def test_nothing_outside_the_file_is_read(leak: str, visits: tuple[str, list[str]], tmp_path: Path) -> None:
    server, asked = visits
    local = tmp_path / "secret.png"
    local.write_bytes(encoded(Image.new("RGB", (8, 8), "red")))
    for target in (f"{server}/secret.png", str(local), local.as_uri(), f"//127.0.0.1{local}"):
        inner = svg(f'<image href="{target}" width="100" height="50"/>')
        data = svg(leak.format(target, base64.b64encode(inner).decode()))
        assert not red(image.decode(data)) and not red(image.reduced(data, 64).picture)
    assert asked == []


def test_the_renderer_alone_would_have_read_it(tmp_path: Path) -> None:
    """Without this the test above could not fail."""
    local = tmp_path / "secret.png"
    local.write_bytes(encoded(Image.new("RGB", (8, 8), "red")))
    data = svg(f'<image href="{local}" width="100" height="50"/>')
    bare = tmp_path / "bare.png"
    bare.write_bytes(bytes(resvg_py.svg_to_bytes(svg_string=data.decode())))
    assert red(Image.open(bare)) and not red(image.decode(data))
    assert image.decoded(data).notes == ("drawn from SVG", "1 reference to elsewhere left out")


def test_a_picture_inside_the_file_is_drawn() -> None:
    inside = base64.b64encode(encoded(Image.new("RGB", (8, 8), "red"))).decode()
    found = image.decoded(svg(f'<image href="data:image/png;base64,{inside}" width="50" height="50"/>'))
    assert red(found.picture) and found.notes == ("drawn from SVG",)


def test_an_entity_that_names_a_file_or_a_server_is_refused(visits: tuple[str, list[str]], tmp_path: Path) -> None:
    server, asked = visits
    secret = tmp_path / "secret.txt"
    secret.write_text("SECRET")
    for place in (secret.as_uri(), f"{server}/secret.txt"):
        for body in (f'<!DOCTYPE svg [<!ENTITY x SYSTEM "{place}">]>{HEAD}<text x="9" y="40">&x;</text></svg>',
                     f'<!DOCTYPE svg [<!ENTITY % x SYSTEM "{place}"> %x;]>{HEAD}<text x="9" y="40">&y;</text></svg>'):
            with pytest.raises(image.ImageError, match="the SVG text is damaged"):
                image.decode(body.encode())
    assert asked == []


def test_what_grows_without_end_is_refused() -> None:
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    for data, reason in (
        (f'<!DOCTYPE svg [<!ENTITY l0 "ha">{laughs}]>{HEAD}<text>&l9;</text></svg>'.encode(), "SVG text is damaged: limit on input"),
        (svg("<g>" * 3000 + "</g>" * 3000), "nested deeper than 200"),
        (gzip.compress(HALVES), "it is compressed"),
        (HALVES[:-20], "the SVG text is damaged"),
        (b"<!DOCTYPE html><html><body><svg></svg></body></html>", "a text or web page"),
        (b'<?xml version="1.0"?><rss><svg/></rss>', "a text or web page"),
    ):
        with pytest.raises(image.ImageError, match=reason):
            image.decode(data)


@given(st.binary(max_size=60), st.integers(0, 400))
def test_damage_is_an_image_error_and_nothing_else(noise: bytes, place: int) -> None:
    data = HALVES[: place % len(HALVES)] + noise + HALVES[place % len(HALVES) + len(noise):]
    try:
        assert image.decoded(data, 0.1).picture.mode in ("L", "LA", "RGB", "RGBA")
    except image.ImageError as error:
        assert str(error)
