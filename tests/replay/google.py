"""Google Images as a browser meets it in 2025: udm=2, results without an address until touched, batches by scrolling."""

import json
from urllib.parse import urlencode

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse

from tests.replay.serving import with_pictures

__all__ = ["BATCH", "application"]

BATCH = 10
THUMBNAIL = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>QUERY - Google Search</title><style>
.TILE { display: inline-block; height: 190px; width: 200px } #load { height: 40px; width: 100% } footer { height: 200px }
</style></head><body>
<a href="/webhp"><img src="THUMBNAIL" alt="Google"></a>
<a class="NQyKp" href="/search?q=QUERY+drawing&amp;udm=2"><img src="THUMBNAIL" alt=""><span>drawing</span></a>
<a role="button" class="fM33ce"><img src="THUMBNAIL" alt="More about this page"></a>
<button aria-label="More filters">Tools</button><div role="button">More</div>
<div id="rso"></div><div id="load"></div>
<p id="end" hidden>Looks like you've reached the end</p>
<div id="offer" hidden><div class="x2Tdf" role="button" aria-label="More results" tabindex="0"><span>&nbsp;</span></div></div>
<footer>Help Send feedback Privacy Terms</footer>
<script>
const QUIET = SILENT, query = new URLSearchParams(location.search), hrefs = new Map();
let start = 0, batches = 0, busy = false, done = false;
const drawn = name => name + Math.random().toString(36).slice(2, 7);  // the real page's classes change as well
async function load() {
  if (busy || done) return;
  busy = true;
  const answer = await (await fetch(`/async?start=${start}&q=${encodeURIComponent(query.get("q"))}`)).json();
  const name = drawn("T");
  for (const tile of answer.tiles) {
    const box = document.createElement("div"), link = document.createElement("a"), image = new Image();
    box.className = name + " TILE"; box.dataset.lpage = tile.page;
    image.src = "THUMBNAIL"; image.alt = tile.title; image.className = drawn("i");
    link.append(image);
    if (tile.ready) link.href = tile.href; else hrefs.set(link, tile);
    const site = document.createElement("a"); site.href = tile.page; site.textContent = "example";
    box.append(link, site);
    document.getElementById("rso").append(box);
  }
  start = answer.next; batches++; done = start === null; busy = false;
  document.getElementById("offer").hidden = done || batches < 3;
  document.getElementById("end").hidden = !done || QUIET;
  if (done) document.getElementById("load").remove(); else if (batches < 3) observe();
}
const seen = new IntersectionObserver(shown => { if (shown.some(s => s.isIntersecting)) { seen.disconnect(); load(); } });
const observe = () => seen.observe(document.getElementById("load"));
for (const kind of ["mouseover", "mousedown"]) document.addEventListener(kind, event => {
  const link = event.target.closest("a"), tile = hrefs.get(link);
  if (!tile || tile.by !== kind) return;
  hrefs.delete(link);
  if (tile.late) setTimeout(() => { link.href = tile.href; }); else link.href = tile.href;
});
document.querySelector("#offer [role=button]").addEventListener("click", load);
load();
</script></body></html>"""
NOTHING = """<!doctype html><html><body><a href="/webhp"><img src="THUMBNAIL" alt="Google"></a>
<div>Your search - <em>QUERY</em> - did not match any image results.</div><p>Suggestions: Try different keywords.</p></body></html>"""
CAPTCHA = """<!doctype html><html><body><form id="captcha-form" action="index" method="post"><div id="recaptcha"></div></form>
Our systems have detected unusual traffic from your computer network.</body></html>"""
CONSENT = """<!doctype html><html><body><h1>Before you continue to Google</h1>
<form action="https://consent.google.com/save" method="POST"><input type="submit" value="Accept all"></form></body></html>"""
OTHER = """<!doctype html><html><body><div class="islrc"><div class="isv-r"><img src="THUMBNAIL" alt="a cat"></div></div></body></html>"""


def application(
    count: int, captcha: bool = False, consent: str = "", changed: bool = False, silent_end: bool = False, thumbnails_only: bool = False,
    endless: bool = False,
) -> FastAPI:
    """Google with `count` pictures for every query but "zeppelin".

    `consent` is "form" (asked on the page), or "path" (asked elsewhere). `changed` is a page as it was years ago.
    With `silent_end` nothing says where the results end; with `endless` they begin anew there, without end.
    Besides pictures there are links that are none.
    """
    app = with_pictures(FastAPI(openapi_url=None))

    @app.get("/search", response_model=None)
    def search(q: str, udm: str) -> HTMLResponse | RedirectResponse:
        assert udm == "2"
        if captcha:
            return RedirectResponse(f"/sorry/index?{urlencode({'continue': '/search?q=' + q})}")
        if consent == "path":
            return RedirectResponse("/consent/m?continue=x")
        page = CONSENT if consent else OTHER if changed else NOTHING if q.startswith("zeppelin") else PAGE
        shown = q.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
        return HTMLResponse(page.replace("QUERY", shown).replace("THUMBNAIL", THUMBNAIL).replace("SILENT", json.dumps(silent_end)))

    @app.get("/sorry/index", response_class=HTMLResponse)
    def sorry() -> str:
        return CAPTCHA

    @app.get("/consent/m", response_class=HTMLResponse)
    def elsewhere() -> str:
        return "<h1>Before you continue</h1>"

    @app.get("/async")
    def batch(request: Request, q: str, start: int) -> JSONResponse:
        tiles = [_tile(app.state.base, q, number, thumbnails_only) for number in range(start, min(start + BATCH, count))]
        if start == 0:
            tiles.insert(2, {**tiles[0], "href": "/imgres?tbnid=none", "title": "no original"})
            tiles.insert(5, {**tiles[1], "title": "the same again"})
            tiles.insert(6, _tile(app.state.base, q, 9000, thumbnail=True))
        return JSONResponse({"tiles": tiles, "next": start + BATCH if start + BATCH < count else 0 if endless else None})

    return app


def _tile(base: str, query: str, number: int, thumbnail: bool) -> dict[str, object]:
    """One result; some have their address at once, others when a pointer comes over them, or presses, or a moment later."""
    page = f"https://site{number % 7}.example/öffentlich/{number}?a=1&b=2"
    told = {
        "q": query, "imgurl": f"https://encrypted-tbn0.gstatic.com/images?q=tbn:{number}" if thumbnail else f"{base}/full/{number}.jpg",
        "imgrefurl": page, "h": 240, "w": 320, "tbnid": f"T{number}", "vet": "12ahUKE", "ved": "0CAIQ",
    }
    if number % 11 == 4:
        del told["h"], told["w"]
    return {
        "href": f"/imgres?{urlencode(told)}", "page": page, "title": f'{query} "{number}" & more', "ready": number % 5 == 0,
        "by": "mousedown" if number % 3 == 0 else "mouseover", "late": number % 4 == 1,
    }
