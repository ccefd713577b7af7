"""The API of Wikimedia Commons: generator=search with imageinfo, continued, in both format versions, with its errors."""

import asyncio
import re
from contextlib import suppress

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from tests.replay.serving import with_pictures

__all__ = ["application"]

PUBLIC = "https://commons.wikimedia.org"
# One after the other, file by file. As recorded: values are HTML, keys come and go, and PHP's empty array is a list.
METADATA = [
    {
        "ObjectName": "Barn at dusk", "License": "cc-by-sa-4.0", "LicenseShortName": "CC BY-SA 4.0",
        "LicenseUrl": "https://creativecommons.org/licenses/by-sa/4.0",
        "Artist": '<a href="//commons.wikimedia.org/wiki/User:Anna" title="User:Anna">Anna <b>M&uuml;ller</b></a>',
    },
    {
        "ObjectName": "IMG_0042.jpg", "License": "cc0", "LicenseShortName": "CC0",
        "LicenseUrl": "http://creativecommons.org/publicdomain/zero/1.0/deed.en", "Artist": "Smith &amp; Sons",
    },
    {"ObjectName": "<i>La</i> ferme", "License": "pd", "LicenseShortName": "Public domain", "Artist": '<div class="fn value">\nNASA</div>'},
    {"LicenseShortName": "GFDL", "License": "gfdl", "LicenseUrl": "https://www.gnu.org/copyleft/fdl.html", "Artist": "Bob"},
    [],
]
ERRORS = {
    "ratelimited": "You've exceeded your rate limit. Please wait some time and try again.",
    "maxlag": "Waiting for 10.64.48.35: 6.2 seconds lagged.",
    "readonly": "The wiki is currently in read-only mode.",
    "badvalue": 'Unrecognized value for parameter "generator": search.',
}


def application(
    count: int, *, version: int = 0, error: str = "", missing: tuple[int, ...] = (), bare: tuple[int, ...] = (),
    status: int = 200, split: int = 0, together: bool = False,
) -> FastAPI:
    """A wiki with `count` files that match everything.

    `version` answers in that format version whatever is asked; `error` is an API error; `missing` files have no
    file any more, `bare` ones no imageinfo; `split` cuts the imageinfo of an answer after so many files, as the
    API does with large answers; `together` counts in app.state.most how many requests were there at one time.
    """
    app = with_pictures(FastAPI())
    app.state.now = app.state.most = 0
    company = asyncio.Event()

    @app.get("/w/api.php")
    async def api(request: Request) -> Response:
        asked = dict(request.query_params)
        app.state.now += 1
        app.state.most = max(app.state.most, app.state.now)
        if together and app.state.now > 1:
            company.set()
        elif together:
            with suppress(TimeoutError):
                await asyncio.wait_for(company.wait(), 0.1)
        app.state.now -= 1
        if status != 200:
            return PlainTextResponse("Please set a user-agent\nand respect our robot policy", status, {"Retry-After": "7200"})
        if asked.get("action") != "query" or asked.get("generator") != "search" or "gsrsearch" not in asked:
            return JSONResponse({"error": {"code": "badvalue", "info": ERRORS["badvalue"]}, "servedby": "mw1423"})
        if error:
            told = {"error": {"code": error, "info": ERRORS[error]}, "servedby": "mw1423"}
            return JSONResponse(told, headers={"MediaWiki-API-Error": error})
        return JSONResponse(answer(asked))

    def answer(asked: dict[str, str]) -> dict[str, object]:
        form = version or int(asked.get("formatversion", "1"))
        within = asked["gsrnamespace"] == "6" and "imageinfo" in asked["prop"] and re.search(r"filetype:bitmap", asked["gsrsearch"])
        start, limit = int(asked.get("gsroffset", "0")), int(asked.get("gsrlimit", "10"))
        numbers = range(start + 1, min(start + limit, count) + 1) if within else range(0)
        given = int(asked.get("iicontinue", "0").rpartition("|")[2])
        shown = [number for number in numbers if not split or given < number - start <= given + split]
        files = {str(page_id(number)): file(number, form, asked, number in shown) for number in numbers}
        follow: dict[str, object] = {}
        if split and given + split < len(numbers):
            follow = {"iicontinue": f"Picture|{given + split}", "continue": "gsroffset||"} | ({"gsroffset": start} if start else {})
        elif start + limit < count:
            follow = {"gsroffset": start + limit, "continue": "gsroffset||"}
        whole = {} if split and follow.get("iicontinue") else {"batchcomplete": "" if form == 1 else True}
        by_id = dict(sorted(files.items()))
        pages = {"query": {"pages": by_id if form == 1 else list(by_id.values())}} if files else {}
        return whole | ({"continue": follow} if follow else {}) | pages

    def file(number: int, form: int, asked: dict[str, str], shown: bool) -> dict[str, object]:
        about = {"pageid": page_id(number), "ns": 6, "title": f"File:Picture {number}.jpg", "index": number, "imagerepository": "local"}
        if not shown or number in bare:
            return about
        if number in missing:
            return about | {"imageinfo": [{"filemissing": "" if form == 1 else True}]}
        return about | {"imageinfo": [info(number, asked)]}

    def info(number: int, asked: dict[str, str]) -> dict[str, object]:
        told = METADATA[(number - 1) % len(METADATA)]
        thumbnail = {"thumburl": f"{app.state.base}/thumb/{number}.jpg", "thumbwidth": 960} if "iiurlwidth" in asked else {}
        return {
            **thumbnail,
            "url": f"{app.state.base}/full/{number}.jpg",
            "descriptionurl": f"{PUBLIC}/wiki/File:Picture_{number}.jpg",
            "descriptionshorturl": f"{PUBLIC}/w/index.php?curid={page_id(number)}",
            "size": 11863148, "width": 320, "height": 240,
            "extmetadata": {key: {"value": text, "source": "commons-desc-page"} for key, text in told.items()} if told else [],
        }

    return app


def page_id(number: int) -> int:
    """Files match best first, and their pages were made in another order."""
    return 81754323 - 7 * number
