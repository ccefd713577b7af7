"""The API of Flickr: flickr.photos.search as JSON, with the extras that are asked for, its limits and its failures."""

import re
from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from tests.replay.serving import with_pictures

__all__ = ["KEY", "application"]

KEY = "d8f3a1c0b5e74926a1f0c3d2e4b59687"
MOST = 4000  # results of a search; what lies beyond is the last page of them again
SORTS = {"relevance", "date-posted-desc", "date-posted-asc", "interestingness-desc"}
PIXELS = {"o": (5514, 3102), "k": (2048, 1152), "h": (1600, 900), "l": (1024, 576), "c": (800, 450), "sq": (75, 75)}
# What the owner of a photo offers, photo by photo; the last has only small sizes.
OFFERED = ["okhlc", "khlc", "hlc", "lc", "c", ""]
FAILURES = {
    1: "Too many tags in ALL query", 3: "Parameterless searches have been disabled. Please use flickr.photos.getRecent instead.",
    10: "Sorry, the Flickr search API is not currently available.", 105: "Service currently unavailable", 112: 'Method "x" not found',
}


def application(
    count: int, *, failure: int = 0, status: int = 200, broken: tuple[int, ...] = (), first_license: int = 0,
    strings: bool = False, listed: str = "photo", page_of_html: bool = False,
) -> FastAPI:
    """Flickr with `count` photos that match everything, under the licences 0, 1, 2 and so on, from `first_license`.

    `failure` is the code of an API failure; `status` is answered with a page that repeats the address, and so
    is `page_of_html`, with status 200; `broken` photos have no sizes at all; `strings` are numbers, as some
    years had them; `listed` is the key of the list.
    """
    app = with_pictures(FastAPI())

    @app.get("/services/rest/")
    def rest(request: Request) -> Response:
        asked = dict(request.query_params)
        if status != 200 or page_of_html:
            return HTMLResponse(f"<html>{request.url} is not available", status, {"Retry-After": "7200"})
        if asked.get("format") != "json" or asked.get("nojsoncallback") != "1":
            return HTMLResponse('<?xml version="1.0" encoding="utf-8" ?><rsp stat="fail"/>')
        key = asked.get("api_key", "")
        if not re.fullmatch("[0-9a-f]{32}", key):
            return fail(100, "Invalid API Key (Key has invalid format)")
        if key != KEY:
            return fail(100, "Invalid API Key (Key not found)")
        if asked.get("method") != "flickr.photos.search":
            return fail(112)
        if not asked.get("text") and not asked.get("tags"):
            return fail(3)
        return fail(failure) if failure else JSONResponse(answer(asked))

    def answer(asked: Mapping[str, str]) -> dict[str, object]:
        assert asked.get("sort", "relevance") in SORTS and asked.get("media") == "photos"
        licenses = asked["license"].split(",") if "license" in asked else None
        numbers = [number for number in range(1, count + 1) if licenses is None or license_of(number) in licenses]
        size, page = min(int(asked.get("per_page", "100")), 500), int(asked.get("page", "1"))
        seen = min(page, MOST // size)
        photos = [photo(number, asked.get("extras", "").split(",")) for number in numbers[(seen - 1) * size : seen * size]]
        told = {"page": page, "pages": -(-len(numbers) // size), "perpage": size, "total": len(numbers)}
        return {"photos": ({key: str(value) for key, value in told.items()} if strings else told) | {listed: photos}, "stat": "ok"}

    def license_of(number: int) -> str:
        return str(number - 1 + first_license)

    def photo(number: int, extras: list[str]) -> dict[str, object]:
        offered = "" if number in broken else OFFERED[(number - 1) % len(OFFERED)]
        told: dict[str, object] = {
            "id": str(48499561000 + number), "owner": f"{7702423 + number}@N04", "secret": "2fc41d65e3", "server": "65535", "farm": 66,
            "title": f"Barn {number}", "ispublic": 1, "isfriend": 0, "isfamily": 0,
        }
        if "license" in extras:
            told["license"] = license_of(number)
        if "owner_name" in extras:
            told["ownername"] = f"Corey {number}"
        for size in (*offered, *(() if number in broken else ("sq",))):
            if f"url_{size}" in extras:
                width, height = (str(side) if strings else side for side in PIXELS[size])
                told |= {f"url_{size}": f"{app.state.base}/full/{number}.jpg?size={size}", f"width_{size}": width, f"height_{size}": height}
        return told

    return app


def fail(code: int, message: str = "") -> Response:
    return JSONResponse({"stat": "fail", "code": code, "message": message or FAILURES[code]})
