"""The review page in real Chromium: how long from a key to the next picture, frames while scrolling, memory, two people at once.

100,000 images, drawn and small. Frames are those of a headless browser that paints without a graphics card, on as many cores as there
are. There is no peer: no public tool reviews images by keyboard and writes a file that git can merge.
"""

import csv
import tempfile
import time
from pathlib import Path

from selenium.webdriver import ActionChains
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.support.ui import WebDriverWait

from bench.frame import Bench, Goal, Result
from pipeline.collect import browser
from tests.review_project import Server, build

ROWS = 100_000
KEYS = 150
SECONDS = 4  # of scrolling at each speed
TOGETHER = 1000  # decisions of two people

WATCH = """
window.painted = [];
addEventListener("keydown", (event) => {
  const before = document.querySelector(".tile.focused")?.dataset.id;
  const look = () => {
    const tile = document.querySelector(".tile.focused");
    const there = tile && tile.dataset.id && tile.dataset.id !== before && tile.classList.contains("shown");
    if (!there) return requestAnimationFrame(look);
    const channel = new MessageChannel();  // answered after the frame that this look belongs to has been painted
    channel.port1.onmessage = () => window.painted.push(performance.now() - event.timeStamp);
    requestAnimationFrame(() => channel.port2.postMessage(0));
  };
  requestAnimationFrame(look);
}, true);
"""
SCROLL = """
const [speed, seconds, done] = arguments;
const grid = document.getElementById("grid");
const times = [];
const start = performance.now();
let last = start;
const step = (now) => {
  times.push(now - last);
  grid.scrollTop += speed * (now - last) / 1000;
  last = now;
  if (now - start < seconds * 1000) requestAnimationFrame(step);
  else done(times.slice(1));
};
requestAnimationFrame(step);
"""


def measure(rows: int) -> dict[str, float]:
    """Times in ms, memory in MB, `frames_<speed>` a second while scrolling at that many px/s, and `lost` of two people's decisions."""
    with tempfile.TemporaryDirectory() as name, browser.opened() as first, browser.opened() as second:
        server = Server(build(Path(name), rows))
        started = time.perf_counter()
        address = server.start()
        found = {"rows": float(rows), "server_ready_ms": (time.perf_counter() - started) * 1000}
        try:
            found |= _opening(first, address) | _keys(first) | _scrolling(first) | _memory(first)
            found |= _together(first, second, address, server)
        finally:
            server.kill()
    return {key: round(value, 1) for key, value in found.items()}


def _opening(window: WebDriver, address: str) -> dict[str, float]:
    window.get(address)
    _wait(window, "return document.body.dataset.ready === '1' && document.querySelectorAll('.tile.shown').length > 3")
    return {"page_ready_ms": float(window.execute_script("return performance.now()"))}


def _keys(window: WebDriver) -> dict[str, float]:
    window.execute_script(WATCH)
    for number in range(KEYS):
        ActionChains(window, duration=0).send_keys("kr"[number % 2]).perform()
        _wait(window, f"return window.painted.length > {number}")
    taken = sorted(window.execute_script("return window.painted"))
    return {"key_to_picture_median_ms": taken[KEYS // 2], "key_to_picture_p95_ms": taken[int(KEYS * 0.95)]}


def _scrolling(window: WebDriver) -> dict[str, float]:
    found = {}
    for speed in (1500, 20_000, 500_000):
        times = window.execute_async_script(SCROLL, speed, SECONDS)
        found[f"frames_{speed}"] = len(times) / sum(times) * 1000
        found[f"longest_frame_{speed}_ms"] = max(times)
        window.execute_script("document.getElementById('grid').scrollTop = 0")
    return found


def _memory(window: WebDriver) -> dict[str, float]:
    """The page's heap, and the resident and proportional memory of the largest tab process below this driver (Linux only)."""
    window.execute_cdp_cmd("Performance.enable", {})  # type: ignore[attr-defined]
    metrics = {one["name"]: one["value"] for one in window.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]}  # type: ignore[attr-defined]
    tiles = window.execute_script("return document.querySelectorAll('.tile').length")
    found = {"heap_MB": metrics["JSHeapUsedSize"] / 1e6, "tiles": float(tiles)}
    tabs = [_resident(pid) for pid in _below(window.service.process.pid) if "--type=renderer" in _command(pid)]  # type: ignore[attr-defined]
    return found | {"tab_MB": max(tabs, default=0.0)}


def _below(pid: int) -> list[int]:
    children = [int(child) for task in Path(f"/proc/{pid}/task").glob("*/children") for child in task.read_text().split()]
    return children + [each for child in children for each in _below(child)]


def _command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text(errors="replace")


def _resident(pid: int) -> float:
    return next(int(line.split()[1]) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS")) / 1000


def _together(first: WebDriver, second: WebDriver, address: str, server: Server) -> dict[str, float]:
    """Two people decide in turn, one from the front and one from the back; how many of their words are not in the file."""
    for window, who in ((first, "ann"), (second, "bob")):
        window.get(address)
        window.get(address.split("?")[0] + f"?class=cabins&reviewer={who}")
        _wait(window, "return document.body.dataset.ready === '1'")
    started = time.perf_counter()
    for _ in range(TOGETHER // 20):
        ActionChains(first, duration=0).send_keys(*"kkkkkrrrrr").perform()
        chain = ActionChains(second, duration=0)
        for _ in range(10):
            chain.send_keys(Keys.END, "p", "k")
        chain.perform()
    for window in (first, second):
        window.execute_script("return new Promise((done) => setTimeout(done, 100))")
        _wait(window, "return document.getElementById('saved').dataset.state === 'saved'")
    seconds = time.perf_counter() - started
    with (server.folder / "review/cabins.csv").open(encoding="utf-8", newline="") as file:
        said = [row for row in csv.DictReader(file) if row["decision"]]
    lost = {who: TOGETHER // 2 - sum(row["reviewer"] == who for row in said) for who in ("ann", "bob")}
    return {"together": TOGETHER, "together_s": seconds, "lost": float(sum(lost.values()))}


def _wait(window: WebDriver, script: str) -> None:
    WebDriverWait(window, 60, 0.01).until(lambda _: window.execute_script(script))


def run(peers: Path) -> Result:
    found = measure(ROWS)
    frames = min(value for key, value in found.items() if key.startswith("frames_"))
    goals = [
        Goal("key_to_picture_p95_ms", found["key_to_picture_p95_ms"], 100), Goal("frames_a_second_scrolling", frames, 30, at_least=True),
        Goal("tab_MB", found["tab_MB"], 500), Goal("decisions_lost_of_1000_by_two", found["lost"], 0),
    ]
    return Result(("measured", "value"), sorted(found.items()), goals)


BENCH = Bench((), run)
