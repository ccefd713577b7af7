"""kill -9 at any moment, then to the end: the same files as undisturbed, and hardly anything fetched twice."""

import asyncio
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI, Request, Response

from tests.conftest import ROOT
from tests.replay import commons
from tests.replay.serving import Served, served

IMAGES = 500
SCRAPE = """
import sys
from pathlib import Path
from pipeline import params
from pipeline.collect import crew
from pipeline.collect.scrape import scrape

crew.MANY = int(sys.argv[4])
base, out = sys.argv[1], Path(sys.argv[2])
wanted = params.Class(terms=["barn", "red barn"], count=int(sys.argv[3]), sources=["commons"])
settings = params.Scrape(contact="tests@example.org", endpoints={"commons": base}, allow_hosts=[base.removeprefix("http://")])
scrape("barns", wanted, settings, out / "barns", out / "ledger", params.Run(per_host=16))
"""


@pytest.fixture(scope="module")
def site() -> Iterator[Served]:
    app: FastAPI = commons.application(IMAGES)

    @app.middleware("http")
    async def unhurried(request: Request, call_next: object) -> Response:
        await asyncio.sleep(0.02)
        return await call_next(request)  # type: ignore[operator]

    with served(app) as running:
        yield running


def start(site: Served, out: Path, crew_from: int = 1) -> subprocess.Popen[bytes]:
    """The scrape as a process of its own, which forks another one for downloads from `crew_from` images on."""
    return subprocess.Popen([sys.executable, "-c", SCRAPE, site.base, str(out), str(IMAGES), str(crew_from)], cwd=ROOT)


def files(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (out / "barns").iterdir()}


@pytest.fixture(scope="module")
def undisturbed(site: Served, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("undisturbed")
    assert start(site, out, crew_from=IMAGES + 1).wait(120) == 0
    found = files(out)
    assert len(found) == IMAGES + 2
    assert max(images(site).values()) == 1
    return found


def images(site: Served) -> Counter[str]:
    return Counter(path for path in site.requests if path.startswith("/full/"))


def kill_after(running: subprocess.Popen[bytes], seconds: float) -> bool:
    """Whether it was still running then."""
    try:
        running.wait(seconds)
        return False
    except subprocess.TimeoutExpired:
        running.send_signal(signal.SIGKILL)
        running.wait()
        return True


def killed_once_and_finished(site: Served, out: Path, undisturbed: dict[str, bytes], moment: float) -> bool:
    site.requests.clear()
    killed = kill_after(start(site, out), moment)
    assert start(site, out).wait(120) == 0
    assert files(out) == undisturbed
    counts = images(site)
    assert len(counts) == IMAGES and max(counts.values()) <= 2
    return killed


def test_killed_and_started_again(site: Served, undisturbed: dict[str, bytes], tmp_path: Path) -> None:
    moments = random.Random(5)
    killed = [killed_once_and_finished(site, tmp_path / str(n), undisturbed, moments.uniform(0.8, 1.6)) for n in range(2)]
    assert any(killed)


@pytest.mark.slow
def test_killed_at_thirty_random_moments(site: Served, undisturbed: dict[str, bytes], tmp_path: Path) -> None:
    moments = random.Random(7)
    killed = [killed_once_and_finished(site, tmp_path / str(n), undisturbed, moments.uniform(0.5, 2.6)) for n in range(30)]
    assert sum(killed) >= 20


@pytest.mark.slow
def test_killed_thirty_times_in_a_row(site: Served, undisturbed: dict[str, bytes], tmp_path: Path) -> None:
    site.requests.clear()
    moments = random.Random(11)
    kills = sum(kill_after(start(site, tmp_path), moments.uniform(0.9, 1.3)) for _ in range(30))
    assert start(site, tmp_path).wait(120) == 0
    assert files(tmp_path) == undisturbed
    more = Counter(count - 1 for count in images(site).values() if count > 1)
    print(f"\n{kills} kills; images fetched again, by how often: {dict(more)}")
    assert sum(times * number for times, number in more.items()) <= 16 * kills  # no more than were under way
