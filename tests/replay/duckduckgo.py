"""DuckDuckGo Images: a search page with a token for this query and this agent, and /i.js, which wants it back."""

import hashlib
from urllib.parse import quote, urlencode

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse

from tests.replay.serving import with_pictures

__all__ = ["PAGE", "SPELLINGS", "application"]

PAGE = 100
SPELLINGS = ('vqd="{token}";', "load('/d.js?q=x&l=us-en&vqd={token}&s=0');", "nrj('x');vqd='{token}',a=1;")
RATELIMIT = "If this error persists, please let us know: ops@duckduckgo.com"
CHALLENGE = '<div class="anomaly-modal__title">Unfortunately, bots use DuckDuckGo too.</div>'


def application(
    count: int, spelling: int = 0, ratelimit: int = 0, tokenless: bool = False, challenge: bool = False, answer: str = "",
    circles: bool = False,
) -> FastAPI:
    """DuckDuckGo with `count` pictures for every query but "zeppelin".

    `ratelimit` is the status that /i.js answers with; `answer` is its body instead of results; with `circles` the
    last page names itself as the next. `app.state.expired` counts up to make every token given so far invalid,
    `app.state.cookies` has the cookies of every request to /i.js.
    """
    app = with_pictures(FastAPI(openapi_url=None))
    app.state.expired, app.state.cookies = 0, []

    def token_of(query: str, request: Request) -> str:
        told = f"{query}\n{request.headers['user-agent']}\n{app.state.expired}"
        return "4-" + str(int(hashlib.sha256(told.encode()).hexdigest()[:24], 16))

    @app.get("/", response_class=HTMLResponse)
    def search(q: str, request: Request) -> str:
        if challenge:
            return CHALLENGE
        shown = "" if tokenless else SPELLINGS[spelling].format(token=token_of(q, request))
        return f"<!DOCTYPE html><html><head><script>DDG.ready();{shown}</script></head><body>JavaScript is needed</body></html>"

    @app.get("/i.js", response_model=None)
    def results(request: Request, q: str, o: str, vqd: str, l: str, p: str, f: str, s: int = 0) -> Response:  # noqa: E741
        app.state.cookies.append(request.headers.get("cookie", ""))
        if ratelimit:
            return Response(RATELIMIT, ratelimit)
        if vqd != token_of(q, request) or o != "json" or request.headers.get("referer") != f"{app.state.base}/":
            return Response(RATELIMIT, 403)
        if answer:
            return Response(answer, media_type="application/x-javascript")
        shown = [] if q == "zeppelin" else [_result(app.state.base, q, n) for n in range(s, min(s + PAGE, count))]
        if s == 0 and shown:
            shown[1:1] = [{"title": "no picture", "url": "https://a.example/"}, {"image": shown[0]["thumbnail"], "title": "reduced"}]
        told = {"ads": None, "query": q, "queryEncoded": quote(q), "response_type": "places", "results": shown, "vqd": {q: vqd}}
        following = s + PAGE if s + PAGE < count else s if circles else 0
        if following and shown:
            told["next"] = "i.js?" + urlencode({"q": q, "o": "json", "p": p, "s": following, "u": "bing", "f": f, "l": l})
        return JSONResponse(told)

    return app


def _result(base: str, query: str, number: int) -> dict[str, object]:
    sizes = {} if number % 9 == 5 else {"height": 240, "width": 320}
    return {
        **sizes, "image": f"{base}/full/{number}.jpg", "image_token": f"t{number}", "source": "Bing",
        "thumbnail": f"https://tse{number % 4 + 1}.mm.bing.net/th?id=OIP.{number}&pid=Api", "thumbnail_token": f"u{number}",
        "title": f'{query} "{number}" & more', "url": f"https://site{number % 7}.example/{number}?a=1&b=2",
    }
