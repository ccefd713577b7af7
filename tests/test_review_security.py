"""Attempts to reach the review page's server from where nobody may, with real requests."""

import itertools
import json
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import requests
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from selenium.webdriver.support.ui import WebDriverWait

from pipeline.collect import browser
from pipeline.curate.decisions.decision import read_decisions
from pipeline.curate.review.answers import link
from pipeline.image import decode
from pipeline.item import read_index, write_index
from tests import review_project
from tests.conftest import encoded, picture
from tests.replay.serving import served
from tests.review_serving import TOKEN, Site, running

BEARER = {"Authorization": f"Bearer {TOKEN}"}
SECRET = "the secret of another folder"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("security")
    (folder / "secret.txt").write_text(SECRET)
    return review_project.build(folder / "project", 30)


@pytest.fixture(scope="module")
def site(folder: Path) -> Iterator[Site]:
    with running(review_project.project(folder)) as found:
        yield found


def asked(site: Site, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> tuple[int, str]:
    """Status and everything that came back, of a request sent as it stands: no client mends its path or headers."""
    lines = {"Host": site.host, "Connection": "close", "Content-Length": str(len(body)), **headers}
    head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items()) + "\r\n"
    port = int(site.base.rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(head.encode("latin-1") + body)
        answer = b""
        while part := connection.recv(65536):
            answer += part
    text = answer.decode("latin-1")
    return int(text.split(" ", 2)[1]), text


def decision(site: Site) -> bytes:
    return json.dumps({"words": [{"id": site.ids()[0], "decision": "keep"}], "reviewer": "mallory", "session": "s"}).encode()


JSON = {"Content-Type": "application/json"}
FORGED = {
    "no token": (403, JSON),
    "a wrong token": (403, {**JSON, "Authorization": "Bearer wrong"}),
    "no token in the bearer": (403, {**JSON, "Authorization": "Bearer "}),
    "a wrong cookie": (403, {**JSON, "Cookie": "darkroom=wrong; token=wrong"}),
    "the token in a cookie of another name": (403, {**JSON, "Cookie": f"other={TOKEN}"}),
    "another Host": (421, {**JSON, **BEARER, "Host": "evil.example"}),
    "another Host with this port": (421, {**JSON, **BEARER, "Host": "evil.example:{port}"}),
    "this Host as a prefix": (421, {**JSON, **BEARER, "Host": "127.0.0.1.evil.example:{port}"}),
    "this Host with another port": (421, {**JSON, **BEARER, "Host": "127.0.0.1:1"}),
    "an empty Host": (421, {**JSON, **BEARER, "Host": ""}),
    "another Origin": (403, {**JSON, **BEARER, "Origin": "https://evil.example"}),
    "the Origin of another port": (403, {**JSON, **BEARER, "Origin": "http://127.0.0.1:1"}),
    "an Origin that is hidden": (403, {**JSON, **BEARER, "Origin": "null"}),
    "the other name as Origin": (403, {**JSON, **BEARER, "Origin": "http://localhost:{port}"}),
    "a request from another site": (403, {**JSON, **BEARER, "Sec-Fetch-Site": "cross-site"}),
    "a request from another port of this machine": (403, {**JSON, **BEARER, "Sec-Fetch-Site": "same-site"}),
    "a form": (415, {**BEARER, "Content-Type": "application/x-www-form-urlencoded"}),
    "a form's plain text": (415, {**BEARER, "Content-Type": "text/plain"}),
    "no content type": (415, BEARER),
}


@pytest.mark.parametrize("attempt", FORGED)
def test_a_decision_from_elsewhere_is_refused_and_changes_nothing(site: Site, folder: Path, attempt: str) -> None:
    status, headers = FORGED[attempt]
    port = site.base.rsplit(":", 1)[1]
    sent = {name: value.replace("{port}", port) for name, value in headers.items()}
    told, text = asked(site, "POST", "/api/decide", sent, decision(site))
    assert told == status and json.loads(text.rsplit("\r\n\r\n", 1)[1])["error"]
    assert not any(said.reviewer == "mallory" for said in read_decisions(folder / "review").values())


def test_the_same_decision_from_the_page_itself_is_taken(site: Site) -> None:
    body = json.dumps({"words": [{"id": site.ids()[0], "decision": "keep"}], "reviewer": "ann", "session": "s"}).encode()
    headers = {**JSON, **BEARER, "Origin": site.base, "Sec-Fetch-Site": "same-origin"}
    assert asked(site, "POST", "/api/decide", headers, body)[0] == 200


@pytest.mark.parametrize("path", ["/", "/page.css", "/api/project", "/api/changes", "/thumb/0", "/image/0", "/nothing", "/?token=wrong"])
def test_nothing_is_told_without_the_token(site: Site, path: str) -> None:
    answer = requests.get(site.base + path, timeout=20, allow_redirects=False)
    assert answer.status_code == 403 and list(answer.json()) == ["error"] and "darkroom review" in answer.json()["error"]


def test_another_site_cannot_even_look(site: Site) -> None:
    elsewhere = ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Host": "evil.example"}, {"Origin": "http://evil.example"})
    for headers in elsewhere:
        assert asked(site, "GET", "/image/0", {**BEARER, **headers})[0] in (403, 421)
    assert asked(site, "GET", f"/?token={TOKEN}", {"Host": "evil.example"})[0] == 421


@pytest.mark.parametrize(("name", "good"), [("host", "{host}"), ("origin", "http://{host}"), ("sec-fetch-site", "same-origin")])
@pytest.mark.parametrize("bad_first", [True, False])
def test_a_header_that_comes_twice_hides_nothing(site: Site, name: str, good: str, bad_first: bool) -> None:
    values = [good.format(host=site.host), {"host": "evil.example", "origin": "http://evil.example"}.get(name, "cross-site")]
    spelled = dict(zip((name.title(), name), values[::-1] if bad_first else values, strict=True))
    assert asked(site, "POST", "/api/list", {**JSON, **BEARER, **spelled}, b"{}")[0] in (400, 403, 421)


def test_the_link_gives_a_strict_cookie_once_and_leads_to_the_page_without_the_token(site: Site) -> None:
    with requests.Session() as person:
        answer = person.get(f"{site.base}/?token={TOKEN}&reviewer=J%C3%B6rg&class=barns", timeout=20, allow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (303, "/?reviewer=J%C3%B6rg&class=barns")
        cookie = answer.headers["set-cookie"]
        assert all(word in cookie for word in ("HttpOnly", "SameSite=Strict", "Path=/")) and "Domain" not in cookie
        assert person.get(f"{site.base}/api/project", timeout=20).status_code == 200


HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
                               "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff", "referrer-policy": "no-referrer", "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin", "cache-control": "no-store",
}


@pytest.mark.parametrize(("path", "with_token"), [("/", True), ("/page.css", True), ("/api/project", True), ("/no", True), ("/", False)])
def test_every_answer_carries_the_headers(site: Site, path: str, with_token: bool) -> None:
    headers = requests.get(site.base + path, timeout=20, headers=BEARER if with_token else {}).headers
    assert {name: headers[name] for name in HEADERS} == HEADERS
    assert "access-control-allow-origin" not in headers


def test_pictures_carry_them_too_and_can_run_nothing(site: Site) -> None:
    for path in ("/thumb/0", "/image/0"):
        headers = site.get(path).headers
        assert headers["content-security-policy"].startswith("sandbox; default-src 'none'")
        assert headers["x-content-type-options"] == "nosniff" and headers["cross-origin-resource-policy"] == "same-origin"


PATHS = [
    "/../secret.txt", "/..%2fsecret.txt", "/..%2f..%2fsecret.txt", "/%2e%2e/secret.txt", "//etc/passwd", "/etc/passwd", "/..\\secret.txt",
    "/page/../../secret.txt", "/page.html", "/server.py", "/thumb/../secret.txt", "/thumb/..%2f..%2fsecret.txt", "/image/..%2fsecret.txt",
    "/image/%2fetc%2fpasswd", "/image/-1", "/image/30000", "/image/" + "9" * 5000, "/image/0x0", "/image/0/../../secret.txt", "/image/0.5",
    "/thumb/0?v=../../secret", "/api/history/..%2f..%2fsecret.txt", "/api/group/..%2f..%2fsecret.txt", "/api/group/%00", "/api/history/%ff",
    "/api/changes?since=x", "/docs", "/openapi.json",
]


@pytest.mark.parametrize("path", PATHS)
def test_no_path_leads_out_of_the_project(site: Site, path: str) -> None:
    status, text = asked(site, "GET", path, BEARER)
    assert status in (400, 404, 422) and SECRET not in text and "root:" not in text and "import " not in text


def test_an_index_that_names_files_elsewhere_shows_none_of_them(tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(encoded(picture(1)))
    project = review_project.build(tmp_path / "project", 4)
    (project / "raw/shared/link.jpg").symlink_to(tmp_path / "secret.png")
    paths = itertools.cycle(["../../secret.png", str(tmp_path / "secret.png"), "shared/link.jpg", "shared/../../../secret.png"])
    for name in review_project.TITLES:
        items = read_index(project / "raw" / name / "index.csv")
        write_index(project / "raw" / name / "index.csv", [replace(item, path=next(paths)) for item in items])
    with running(review_project.project(project)) as site:
        for row in range(6):
            for kind in ("thumb", "image"):
                answer = site.get(f"/{kind}/{row}")
                assert answer.headers["cache-control"] == "no-store" and answer.content != encoded(picture(1))
                assert answer.headers["content-type"] == "image/png" and decode(answer.content).size == (320, 240)
        assert not list((project / ".cache").rglob("*.webp"))


@pytest.mark.parametrize(("method", "path"), [
    ("PUT", "/api/decide"), ("DELETE", "/api/decide"), ("PATCH", "/api/list"), ("POST", "/thumb/0"), ("POST", "/"), ("PUT", "/page.js"),
    ("OPTIONS", "/api/decide"), ("TRACE", "/"), ("GET", "/api/decide"), ("POST", "/api/project"),
])
def test_methods_that_mean_nothing_are_refused(site: Site, method: str, path: str) -> None:
    status, text = asked(site, method, path, {**JSON, **BEARER}, b"{}")
    assert status == 405 and "does not take" in text


def test_a_body_that_is_too_large_is_refused_before_it_is_read(site: Site) -> None:
    status, text = asked(site, "POST", "/api/decide", {**JSON, **BEARER, "Content-Length": str(33 * 1024 * 1024)})
    assert status == 413 and "at most 32 MB" in text


def test_a_body_that_does_not_say_how_large_it_is_is_counted(site: Site) -> None:
    port = int(site.base.rsplit(":", 1)[1])
    lines = {"Host": site.host, "Transfer-Encoding": "chunked", **JSON, **BEARER}
    head = "POST /api/decide HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items()) + "\r\n"
    megabyte = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(head.encode())
        for _ in range(33):
            connection.sendall(megabyte)
        assert connection.recv(65536).startswith(b"HTTP/1.1 413")


BAD = {
    "no JSON": b"{", "another shape": b"[]", "a number too deep": b"[" * 100_000, "not UTF-8": b'{"reviewer": "\xff"}', "nothing": b"",
    "an unknown key": b'{"words": [], "reviewer": "ann", "admin": true}', "half a character": b'{"words": [], "reviewer": "\\ud800"}',
    "an unknown decision": b'{"words": [{"id": "i", "decision": "burn"}], "reviewer": "a"}',
    "a number as a name": b'{"words": [], "reviewer": 5}',
}


@pytest.mark.parametrize("kind", BAD)
def test_a_body_of_another_shape_is_one_sentence(site: Site, kind: str) -> None:
    status, text = asked(site, "POST", "/api/decide", {**JSON, **BEARER}, BAD[kind])
    assert status in (400, 422) and "\n" not in json.loads(text.rsplit("\r\n\r\n", 1)[1])["error"]


WORDS = {
    "an image that is not here": ({"id": "i0123456789abcdef"}, 404), "a path as an id": ({"id": "../../secret"}, 404),
    "a note of two lines": ({"note": "a\nb"}, 422), "a control character": ({"reason": "a\0b"}, 422),
    "a long note": ({"note": "x" * 501}, 422), "a box outside": ({"crop": "0.5,0.5,1,1"}, 422), "no box": ({"crop": "left"}, 422),
}


@pytest.mark.parametrize("kind", WORDS)
def test_words_that_may_not_be_said_change_nothing(site: Site, folder: Path, kind: str) -> None:
    one, other = site.ids(decision="undecided")[:2]
    wrong, status = WORDS[kind]
    words = [{"id": one, "decision": "keep"}, {"id": other, "decision": "keep", **wrong}]
    assert site.post("/api/decide", status, words=words, reviewer="ann", session="s")["error"]
    assert one not in read_decisions(folder / "review") and not list(folder.rglob("*secret.csv"))


@pytest.mark.parametrize("name", ["", " ", "x" * 81, "a\nb", "a\0"])
def test_names_that_are_none_are_refused(site: Site, name: str) -> None:
    word = {"id": site.ids()[0], "decision": "keep"}
    for path, body in (("decide", {"words": [word]}), ("undo", {}), ("redo", {}), ("settle", {"word": word})):
        assert "reviewer's name" in site.post(f"/api/{path}", 422, reviewer=name, session="s", **body)["error"]


def test_more_rows_than_a_page_shows_are_refused(site: Site) -> None:
    assert "rows" in site.post("/api/rows", 422, rows=[0] * 501)["error"]
    assert "there is no row 9999" in site.post("/api/rows", 404, rows=[0, 9999])["error"]


@pytest.mark.parametrize("address", [
    "javascript:alert(1)", "JaVaScRiPt:alert(1)", " javascript:alert(1)", "java\nscript:alert(1)", "data:text/html,<script>", "file:///etc/passwd",
    "vbscript:x", "//evil.example", "blob:http://x", "http:", "https://", "http://a b", "", "photo.html", "view-source:http://x",
])
def test_an_address_that_is_no_web_address_is_no_link(address: str) -> None:
    assert link(address) == ""


def test_web_addresses_stay() -> None:
    for address in ("https://example.org/a?b=c&d='\"", "http://photosite/photo/1f638", "HTTPS://EXAMPLE.ORG/ä"):
        assert link(address) == address


HOSTILE = "\"'><img src=x onerror=hacked=1><script>window.hacked=1</script></script><!--\u2028{{7*7}}${hacked=1}"


def hostile(folder: Path) -> Path:
    more = dict.fromkeys(("title", "creator", "license", "term", "source"), HOSTILE)
    links = dict.fromkeys(("page_url", "image_url", "license_url"), "javascript:window.hacked=1")
    return review_project.build(folder, 24, titles={"barns": HOSTILE, "cabins": HOSTILE}, **more, **links)


def test_what_strangers_wrote_is_text_in_the_page_and_runs_nothing(tmp_path: Path) -> None:
    words = HOSTILE.replace("\u2028", " ")  # the store takes no line breaks
    titles = {"barns": HOSTILE, "cabins": HOSTILE}
    project = review_project.project(hostile(tmp_path / "project"), titles=titles, reviewer=words[:80])
    with running(project) as site, browser.opened() as window:
        ids = site.ids()
        site.decide("keep", ids[0], who=words[:80], note=words, reason=words)
        site.decide("reject", ids[0], who="bob", note=words, reason=words)
        site.decide("reject", ids[3], who=words[:80], note=words, reason=words)
        window.get(f"{site.base}/?token={TOKEN}")
        WebDriverWait(window, 30).until(lambda w: w.find_elements("css selector", "body[data-ready='1']"))
        body = window.find_element("css selector", "body")
        body.send_keys("\ue007")  # Enter: the loupe with all that is known
        WebDriverWait(window, 10).until(lambda w: "onerror=hacked" in w.find_element("css selector", "body").text)
        addresses = window.execute_script("return [...document.querySelectorAll('a')].map(a => a.href)")
        assert not [address for address in addresses if not address.startswith(("http://", "https://"))]
        assert window.execute_script("return [typeof window.hacked, document.querySelectorAll('[onerror]').length]") == ["undefined", 0]
        refused = [entry["message"] for entry in window.get_log("browser") if "Content Security Policy" in entry["message"]]
        assert refused == []  # nothing was even tried


def test_a_link_that_is_clicked_on_another_site_leads_to_the_page_all_the_same(site: Site, tmp_path: Path) -> None:
    (tmp_path / "chat.html").write_text(f'<a href="{site.base}/?token={TOKEN}&class=barns">the review page</a>')
    with browser.opened() as window:
        window.get((tmp_path / "chat.html").as_uri())
        window.find_element("css selector", "a").click()
        WebDriverWait(window, 20).until(lambda w: w.find_elements("css selector", "body[data-ready='1']"))
        assert window.current_url == f"{site.base}/?class=barns"  # the token stays in no history


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])  # another site; another port of this one, which gets the cookie
def test_a_page_from_elsewhere_can_neither_write_nor_see_a_picture(site: Site, folder: Path, name: str) -> None:
    """In a real browser that has opened the review page before."""
    before = read_decisions(folder / "review")
    with browser.opened() as window, served(other_site()) as elsewhere:
        window.get(f"{site.base}/?token={TOKEN}")
        window.get(elsewhere.base.replace("127.0.0.1", name))
        attempt = """
            const [base, id, done] = arguments;
            const body = JSON.stringify({words: [{id, decision: "reject"}], reviewer: "mallory", session: "s"});
            const write = (headers, mode) => fetch(base + "/api/decide", {method: "POST", credentials: "include", mode, headers, body})
                .then(answer => answer.type, () => "refused");
            const look = () => new Promise(seen => {
                const picture = new Image();
                picture.onload = () => seen("shown"); picture.onerror = () => seen("refused"); picture.src = base + "/image/0";
            });
            (async () => done([await write({"Content-Type": "application/json"}, "cors"), await look(), await write({}, "no-cors")]))();
        """
        found = window.execute_async_script(attempt, site.base, site.ids()[0])
    assert found == ["refused"] * 3
    assert read_decisions(folder / "review") == before


def other_site() -> FastAPI:
    app = FastAPI()
    app.add_api_route("/", lambda: HTMLResponse("<title>elsewhere</title>"))
    return app
