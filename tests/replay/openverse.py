"""The API of Openverse: /v1/images/ with its filters, its limits on pages, its quota and its errors."""

from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from tests.replay.serving import with_pictures

__all__ = ["TOKEN", "application"]

TOKEN = "nrSzxQCOCHKEMGaFwWjN3iGnQk5eP2"
DEPTH = 240  # works of a search that can be seen, with a token or without
CC = "https://creativecommons.org"
LICENSES = [
    ("by-sa", "2.0", f"{CC}/licenses/by-sa/2.0/"),
    ("cc0", "1.0", f"{CC}/publicdomain/zero/1.0/"),
    ("pdm", "1.0", f"{CC}/publicdomain/mark/1.0/"),
    ("by-nc-nd", "4.0", f"{CC}/licenses/by-nc-nd/4.0/"),
    ("sampling+", "1.0", f"{CC}/licenses/sampling+/1.0/"),
]
KNOWN_LICENSES = {"by", "by-sa", "by-nd", "by-nc", "by-nc-sa", "by-nc-nd", "cc0", "pdm", "sampling+", "nc-sampling+"}
CHOICES = {
    "category": {"photograph", "illustration", "digitized_artwork"},
    "size": {"small", "medium", "large"},
    "aspect_ratio": {"tall", "wide", "square"},
}
SOURCES = ("flickr", "stocksnap")


def application(count: int, *, quota: int = 1000, broken: tuple[int, ...] = (), status: int = 200, results: str = "results") -> FastAPI:
    """Openverse with `count` works that match everything.

    `quota` is how often it answers without a token; `broken` works have no URL; `status` is answered with a page
    of HTML, as by what stands before the API; `results` is the key of the list.
    """
    app = with_pictures(FastAPI())
    app.state.tokens = []

    @app.get("/v1/images/")
    def search(request: Request) -> Response:
        asked, header = dict(request.query_params), request.headers.get("authorization", "")
        app.state.tokens.append(header)
        if status != 200:
            return HTMLResponse("<html>Attention Required!</html>", status)
        if header and header != f"Bearer {TOKEN}":
            return JSONResponse({"detail": "Invalid token."}, 401)
        if not header and len(app.state.tokens) > quota:
            told = {"detail": "Request was throttled. Expected available in 86399 seconds."}
            return JSONResponse(told, 429, {"Retry-After": "86399"})
        return problem(asked, "authenticated" if header else "anonymous") or JSONResponse(answer(asked))

    def answer(asked: Mapping[str, str]) -> dict[str, object]:
        works = [work(number, app.state.base, number in broken) for number in range(1, count + 1)]
        works = [work for work in works if wanted(work, asked)]
        page, size = int(asked.get("page", "1")), int(asked.get("page_size", "20"))
        return {
            "result_count": min(len(works), DEPTH),
            "page_count": min(-(-len(works) // size), DEPTH // size),
            "page_size": size,
            "page": page,
            results: works[(page - 1) * size : page * size],
        }

    return app


def problem(asked: Mapping[str, str], level: str) -> Response | None:
    """What the API says of a question that it will not answer."""
    page, size, most = int(asked.get("page", "1")), int(asked.get("page_size", "20")), 20 if level == "anonymous" else 50
    if size > most:
        return JSONResponse({"detail": f"page_size may not exceed {most} for {level} requests"}, 401)
    if page * size > DEPTH:
        return JSONResponse({"detail": f"pagination depth may not exceed {DEPTH} for {level} requests"}, 401)
    for code in asked.get("license", "by").split(","):
        if code not in KNOWN_LICENSES:
            told = f"Invalid input given for fields. 'license' -> License '{code}' does not exist."
            return JSONResponse({"error": "InputError", "detail": told, "fields": ["license"]}, 400)
    for name, choices in CHOICES.items():
        if asked.get(name, next(iter(choices))) not in choices:
            return JSONResponse({"detail": {name: [f"Invalid value {asked[name]}."]}}, 400)
    if asked.get("source", "flickr") not in SOURCES:
        told = f"Invalid source parameter '{asked['source']}'. Use one of the valid sources: 'flickr', 'stocksnap'"
        return JSONResponse({"detail": {"source": [told]}}, 400)
    return None


def wanted(work: Mapping[str, object], asked: Mapping[str, str]) -> bool:
    kinds = asked.get("license_type", "").split(",")
    return (
        ("license" not in asked or work["license"] in asked["license"].split(","))
        and not ("commercial" in kinds and "nc" in str(work["license"]))
        and not ("modification" in kinds and "nd" in str(work["license"]))
        and work["category"] == asked.get("category", work["category"])
        and work["source"] == asked.get("source", work["source"])
    )


def work(number: int, base: str, broken: bool) -> dict[str, object]:
    code, version, url = LICENSES[(number - 1) % len(LICENSES)]
    identifier = f"4bc43a04-ef46-4544-a0c1-{number:012}"
    nameless = number % 3 == 0
    return {
        "id": identifier,
        "title": None if nameless else f"Barn {number}",
        "indexed_on": "2022-08-27T17:39:48Z",
        "foreign_landing_url": f"https://stocksnap.io/photo/{number}",
        "url": None if broken else f"{base}/full/{number}.jpg",
        "creator": None if nameless else "Tim Sullivan",
        "creator_url": "https://www.secretagencygroup.com",
        "license": code,
        "license_version": version,
        "license_url": url,
        "provider": "stocksnap",
        "source": SOURCES[number % 2],
        "category": "photograph" if number % 2 else "illustration",
        "filesize": 896128,
        "filetype": "jpg",
        "tags": [{"accuracy": None, "name": "barn", "unstable__provider": "stocksnap"}],
        "attribution": "",
        "fields_matched": ["title"],
        "mature": False,
        "height": None if nameless else 240,
        "width": None if nameless else 320,
        "thumbnail": f"{base}/v1/images/{identifier}/thumb/",
        "detail_url": f"{base}/v1/images/{identifier}/",
        "related_url": f"{base}/v1/images/{identifier}/related/",
        "unstable__sensitivity": [],
    }
