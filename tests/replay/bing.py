"""Bing Images' /images/async: HTML pieces whose links carry their results as JSON, escaped, in the attribute m."""

import html
import json
from urllib.parse import urlencode

from fastapi import FastAPI, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from tests.replay.serving import with_pictures

__all__ = ["application"]

NOTHING = '<div class="dg_b"><h2>There are no results for <strong>{q}</strong></h2><ul><li>Check your spelling</li></ul></div>'
CHALLENGE = """<!DOCTYPE html><html><head><title>One last step</title></head><body><h1>One last step</h1>
<p>Please solve the challenge below to continue</p><div id="b_captcha"></div></body></html>"""
OTHER = '<div class="grid-2030"><a class="tile" data-source="{q}"><span>a picture of {q}</span></a></div>'
BROKEN, LOST, REDUCED = -1, -2, -3  # results that cannot be used: broken JSON, no murl, Bing's own thumbnail as murl


def application(
    count: int, captcha: bool = False, changed: bool = False, repeats: bool = False, all_broken: bool = False, status: int = 200,
) -> FastAPI:
    """Bing with `count` pictures for every query but "zeppelin".

    Beyond the end comes nothing, or with `repeats` the last page again, for ever. Page two begins with page one's last.
    """
    app = with_pictures(FastAPI(openapi_url=None))
    ranks = [*range(12), BROKEN, LOST, REDUCED, *range(12, count)] if not all_broken else [BROKEN, LOST, REDUCED]

    @app.get("/images/async", response_model=None)
    def results(q: str, first: int, count: int) -> Response | RedirectResponse:
        if status != 200:
            return Response("no", status)
        if captcha:
            return RedirectResponse("/turing/captcha/challenge")
        if changed or q == "zeppelin":
            return HTMLResponse((OTHER if changed else NOTHING).format(q=html.escape(q)))
        begin = first - 1 - (first > 1)
        shown = ranks[begin : begin + count]
        if not shown[1:] and first > 1:
            shown = ranks[-count:] if repeats else []
        tiles = "".join(_tile(app.state.base, q, number, rank) for rank, number in enumerate(shown, begin))
        return HTMLResponse(f'<div class="dgControl hover"><ul class="dgControl_list" data-row="1">{tiles}</ul></div>' if shown else "\n")

    @app.get("/turing/captcha/challenge", response_class=HTMLResponse)
    def challenge() -> str:
        return CHALLENGE

    return app


def _tile(base: str, query: str, number: int, rank: int) -> str:
    """One result: four spellings of the link, by turns, and the size in the link's query, below it, or nowhere."""
    told = {
        "sid": "", "cturl": "", "cid": f"c{number}", "purl": f"https://site{number % 7}.example/{number}?a=1&b=2",
        "murl": f"{base}/full/{number}.jpg", "turl": f"https://tse1.mm.bing.net/th?id=OIP.{number}&pid=15.1", "md5": "", "shkey": "",
        "t": f"\ue000{query}\ue001 – nº {number} \"&\" <b>", "mid": f"m{number}", "desc": "",
    }
    if number == LOST:
        del told["murl"]
    if number == REDUCED:
        told["murl"] = told["turl"]
    m = html.escape(json.dumps(told, ensure_ascii=number % 2 == 0)[: -20 if number == BROKEN else None])
    size = {"exph": "240", "expw": "320"} if number % 3 == 0 else {}
    detail = {"view": "detailV2", "id": f"i{number}", "thid": f"OIP.{number}", "mediaurl": told.get("murl", ""), **size, "q": query}
    href = html.escape(f"/images/search?{urlencode(detail)}")
    link = [
        f'<a class="iusc" style="height:180px;width:271px" m="{m}" href="{href}" h="ID=images,5100.1">',
        f'<a m="{m}" data-h="x" href="{href}" class="iusc trk">',
        f'<a href="{href}" m="{m}" class="lazy iusc">',
        f"<a tabindex='0' class='iusc' href='{href}'\n m=\"{m}\" >",
    ][rank % 4]
    below = '<span class="nowrap">320 × 240 · jpeg</span>' if number % 3 == 1 else ""
    return f"""<li data-idx="{rank + 1}"><div class="iuscp isv"><div class="imgpt">{link}<div class="img_cont hoff">
<img class="mimg" src="{html.escape(told['turl'])}" alt="Bild zu {number}"></div></a><div class="img_info hon">{below}
<div class="lnkw"><a href="{html.escape(told['purl'])}">site{number % 7}.example</a></div></div></div>
<div class="infopt"><div class="infnmpt"><ul class="b_dataList"><li><a href="x">below {number}</a></li></ul></div></div></div></li>"""
