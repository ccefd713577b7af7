"""Google Images, by a browser: scrolled and pressed as by a person, read only from the links that name the originals."""

import asyncio
import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from bs4 import BeautifulSoup, Tag
from selenium.common.exceptions import TimeoutException, WebDriverException
from selenium.webdriver.remote.webdriver import WebDriver

from pipeline import source_params
from pipeline.collect import browser
from pipeline.collect.answer import FetchError
from pipeline.collect.sources.source import About, Candidate, Context, Found, Page, Refused, Source, Stale
from pipeline.collect.web import Web

__all__ = ["ABOUT", "Google", "opened", "parse"]

ABOUT = About(
    needs="Chromium and its driver; automated queries may be against Google's terms of service.",
    allows="Pictures of any site on the web; their licence is unknown, whatever filter is set.",
    terms_of_service="https://policies.google.com/terms",
    endpoint="https://www.google.com",
    direct=True,
)
SIZES = {"large": "isz:l", "medium": "isz:m", "icon": "isz:i"}
COLORS = {"color": "ic:color", "gray": "ic:gray", "transparent": "ic:trans"}
LICENSES = {"creative-commons": "sur:cl", "commercial": "sur:ol"}
REPEATS = 4  # batches on end with nothing but what was there already: the page goes round in circles
NO_RESULTS = re.compile(r"did not match any (image results|documents)")

# The page keeps a list of the links it has given, so that one that is drawn again or taken off changes no cursor.
# Many results are links without an address until a pointer touches them; classes change every few months.
LOOK = r"""
const [keep, press] = arguments;
const given = window.darkroom ??= {links: [], known: new WeakSet()};
const isResult = link => (link.getAttribute("href") ?? "").includes("/imgres");
for (const link of document.querySelectorAll("a")) {
  if (isResult(link) || !link.querySelector("img")) continue;
  for (const kind of ["mouseover", "mousedown"])
    link.dispatchEvent(new MouseEvent(kind, {bubbles: true, cancelable: true, view: window}));
}
const fresh = [...document.querySelectorAll('a[href*="/imgres"]')].filter(link => !given.known.has(link));
const count = given.links.length + fresh.length;
if (keep) for (const link of fresh) {
  given.known.add(link);
  given.links.push(link.outerHTML.replaceAll(/ src="data:[^"]*"/g, ""));
}
const text = document.body?.innerText ?? "";
const more = [...document.querySelectorAll("a, button, input, [role=button]")].find(button => button.getClientRects().length
  && [button.getAttribute("aria-label"), button.value, button.innerText].some(
    label => /^((show|see|load) )?more (results|images|anyway)$/i.test(String(label ?? "").trim())));
if (press) more?.click();
return [location.href, keep ? given.links.join("\n") : "", count, Boolean(more), /looks like you.ve reached the end/i.test(text),
  count ? "" : text, [...document.forms].map(form => form.getAttribute("action") ?? "")];
"""
SCROLL = "scrollTo(0, document.body?.scrollHeight ?? 0)"


class _Look(NamedTuple):
    """All that the page shows, read at one moment: a batch may arrive between two questions."""

    url: str
    html: str  # of every link to an original, in the order of the page
    links: int  # how many there are
    more: bool  # "More results" is offered
    end: bool  # it says that this is everything
    text: str  # what it says where there are no links
    forms: list[str]  # where its forms lead


@dataclass(frozen=True)
class Google:
    """The site at `base`, seen through `window`; `asked` are parameters of every search, `suffix` ends every query."""

    web: Web
    window: WebDriver
    base: str
    asked: Mapping[str, str]
    suffix: str = ""
    patience: float = 20  # seconds without anything new on the page
    name: str = "google"
    takes_terms: bool = True
    local: bool = False
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock)

    async def search(self, term: str, cursor: str | None) -> Page:
        """As in Source; the cursor is the number of results given. A window that shows no such search asks anew."""
        return await asyncio.to_thread(self._search, f"{term}{self.suffix}", int(cursor or 0))

    async def fetch(self, candidate: Candidate) -> Found:
        return await self.web.image(candidate)

    def _search(self, query: str, given: int) -> Page:
        asked = {"q": query, **self.asked}
        url = f"{self.base}/search?{urlencode(asked)}"
        try:
            with self._one_at_a_time:
                if not given or not self._shows(asked):
                    self.window.get(url)
                seen = 0
                counts: list[int] = []
                while True:
                    look = self._waited(seen)
                    found = parse(look.html.encode(), look.url) if look.links else []
                    end = look.end or counts[-REPEATS:] == [len(found)] * REPEATS
                    if len(found) > given or end:
                        return Page(found[given:], None if end else str(len(found)))
                    seen = look.links
                    counts.append(len(found))
        except WebDriverException as error:
            told = (error.msg or type(error).__name__).strip().splitlines()[0]
            reason = "timeout" if isinstance(error, TimeoutException) else "connect" if "net::ERR_" in told else "browser"
            raise FetchError(reason, f"{url}: {told}") from None

    def _shows(self, asked: Mapping[str, str]) -> bool:
        """Whether the window is on the results of this very search; Google adds parameters of its own."""
        address = self.window.current_url
        here = urlsplit(address)
        return address.startswith(f"{self.base}/search?") and asked.items() <= dict(parse_qsl(here.query)).items()

    def _waited(self, seen: int) -> _Look:
        """Scroll, and press "More results" once, until more than `seen` links are there and no more arrive, or that is all."""
        before, pressed = -1, False
        deadline = time.monotonic() + self.patience
        while time.monotonic() < deadline:
            look = self._look()
            if look.links == before and (look.links > seen or look.end):
                return self._look(keep=True)._replace(end=look.end)  # not its own: more may have come just now
            if not look.links and _has_nothing(look.url, look.text, look.forms):
                return look._replace(end=True)
            if look.links == before and look.more and not pressed:
                self._look(press=True)
                pressed = True
            elif look.links:
                self.window.execute_script(SCROLL)
            before = look.links
            time.sleep(0.05)
        look = self._look(keep=True)
        if not look.links:
            parse(self.window.page_source.encode(), look.url)  # which says what is wrong with it
        return look._replace(end=True)  # Google does not always say where its results end

    def _look(self, keep: bool = False, press: bool = False) -> _Look:
        return _Look(*self.window.execute_script(LOOK, keep, press))


def parse(page: bytes, url: str = "") -> list[Candidate]:
    """The results that the HTML of a page links to; [] where Google says there are none.

    Raises Refused for a captcha and for a demand of consent, Stale for a page without any link to an original.
    """
    soup = BeautifulSoup(page, "html.parser", from_encoding="utf-8")
    links = soup.select('a[href*="/imgres"]')
    if not links:
        if _has_nothing(url, soup.get_text(" ", strip=True), [str(form.get("action", "")) for form in soup.select("form")]):
            return []
        raise Stale("google", "the page has no link to /imgres", page)
    found: dict[str, Candidate] = {}
    for link in links:
        if candidate := _candidate(link):
            found.setdefault(candidate.address, candidate)
    if not found:
        raise Stale("google", "no link to /imgres has the address of an original", page)
    return list(found.values())


def _has_nothing(url: str, text: str, forms: list[str]) -> bool:
    """Whether a page without results says that there are none. Raises Refused where it asks something of a person."""
    here = urlsplit(url)
    if "/sorry/" in here.path or any("/sorry/" in action for action in forms):
        raise Refused("google takes this machine for a robot and shows a captcha; wait some hours, or use another source")
    hosts = [here.hostname or "", *(urlsplit(action).hostname or "" for action in forms)]
    if here.path.startswith("/consent") or any(host.startswith("consent.") for host in hosts):
        raise Refused(
            "google asks a person for consent to its cookies before it answers from this place; search from a place where it "
            "does not ask, or use another source"
        )
    return bool(NO_RESULTS.search(text))


def _candidate(link: Tag) -> Candidate | None:
    """None for a link that cannot be used, such as one whose image is Google's own thumbnail."""
    told = {name: values[0] for name, values in parse_qs(str(link["href"]).partition("?")[2]).items()}
    address = told.get("imgurl", "").strip()
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not host or host.startswith("encrypted-tbn"):
        return None
    image = link.find("img")
    title = str(image.get("alt") or "") if isinstance(image, Tag) else ""
    width, height = (int(told[name]) if told.get(name, "").isdecimal() else 0 for name in ("w", "h"))
    return Candidate(
        address, address, told.get("imgrefurl", ""), (title or str(link.get("aria-label") or "")).strip(), width=width, height=height,
    )


def _asked(options: source_params.Google, color: str) -> dict[str, str]:
    kind = f"itp:{options.kind}" if options.kind != "any" else ""
    filters = ",".join(filter(None, [SIZES.get(options.size), COLORS.get(color), kind, LICENSES.get(options.license)]))
    # In English, so that what the page says of no results and of its end can be read.
    asked = {"udm": "2", "hl": "en", "safe": "active" if options.safe else "off"}
    return {**asked, "tbs": filters} if filters else asked


@contextmanager
def opened(options: source_params.Google, context: Context) -> Iterator[Source]:
    """Google in a browser of its own, for the length of the block. Raises UserError where that will not start."""
    base = context.endpoint or ABOUT.endpoint
    context.web.check_contact(base)
    with browser.opened() as window:
        suffix = f" site:{options.site}" if options.site else ""
        yield Google(context.web, window, base, _asked(options, context.settings.color), suffix)
