"""The whole way, `scrape()` against servers that play each site: exact files, in order, with provenance; faults with reasons."""

import asyncio
from pathlib import Path

import pytest

from pipeline import params
from pipeline.collect import obtain
from pipeline.collect.answer import Limits
from pipeline.collect.candidate import Candidate, Found, Page
from pipeline.collect.ledger import Ledger
from pipeline.collect.listing import listing
from pipeline.collect.scrape import Report, scrape
from pipeline.collect.web import Web
from pipeline.errors import UserError
from pipeline.forgotten import Forgotten
from pipeline.item import image_id, read_index, read_rejections
from tests.replay import bing, commons, duckduckgo, faults, flickr, google, openverse
from tests.replay.faults import Faults
from tests.replay.serving import Served, jpeg, served
from tests.replay.together import served_together

FIRST = {"bing": 0, "duckduckgo": 0, "google": 0, "commons": 1, "openverse": 1, "flickr": 1}  # the number of each site's first picture


def collect(
    out: Path, site: Served | Faults, count: int, sources: list[object], endpoints: list[str], forgotten: Forgotten | None = None,
    name: str = "barns", **settings: object,
) -> Report:
    wanted = params.Class.model_validate({"terms": ["barn"], "count": count, "sources": sources})
    checked = params.Scrape.model_validate({
        "contact": "tests@example.org", "allow_hosts": [site.host],
        "endpoints": {source: f"{site.base}/{source}" for source in endpoints} or {"google": site.base}, **settings,
    })
    return scrape(name, wanted, checked, out / "raw" / name, out / "ledger", params.Run(), forgotten)


@pytest.mark.parametrize("name", ["bing", "duckduckgo", "commons", "openverse", "flickr"])
def test_the_exact_originals_in_order_with_provenance(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLICKR_API_KEY", flickr.KEY)
    module = {"bing": bing, "duckduckgo": duckduckgo, "commons": commons, "openverse": openverse, "flickr": flickr}[name]
    with served_together(**{name: module.application(160)}) as site:
        report = collect(tmp_path, site, 120, [name], [name])
        offered = [n for n in range(FIRST[name], 160) if name != "flickr" or flickr.OFFERED[(n - 1) % len(flickr.OFFERED)]]
        assert [item.id for item in report.items] == [image_id(jpeg(n)) for n in offered[:120]]
        pictures = [path for path in site.requests if "/full/" in path]
        assert len(pictures) == len(set(pictures)) == 120, "nothing is fetched that is not kept, nothing twice"
        asked_for_robots = [path for path in site.requests if path == "/robots.txt"]
        assert len(asked_for_robots) == 1
    items = read_index(tmp_path / "raw/barns/index.csv")
    assert len(items) == 120
    for item in items:
        assert image_id((tmp_path / "raw" / item.path).read_bytes()) == item.id
        assert item.term == "barn" and item.source == name and item.image_url.startswith(site.base) and item.fetched_at
        assert item.page_url.startswith("http")
    assert {path.name for path in tmp_path.iterdir()} == {"raw", "ledger"}


def test_google_s_originals_through_a_browser_in_order(tmp_path: Path) -> None:
    with served(google.application(60)) as site:
        report = collect(tmp_path, site, 45, ["google"], [])
        assert [item.id for item in report.items] == [image_id(jpeg(n)) for n in range(45)]
        assert all(item.page_url for item in report.items)
    assert report.notes and "https://" in report.notes[0]


def test_a_source_that_will_not_answer_hands_over_to_the_next_by_name(tmp_path: Path) -> None:
    sites = {"bing": bing.application(10, captcha=True), "duckduckgo": duckduckgo.application(5), "commons": commons.application(40)}
    with served_together(**sites) as site:
        report = collect(tmp_path, site, 30, ["bing", "duckduckgo", "commons"], ["bing", "duckduckgo", "commons"])
    assert len(report.items) == 30
    assert {item.source for item in report.items} == {"duckduckgo", "commons"}
    assert report.warnings[0].startswith("bing: ") and report.warnings[0].endswith("; going on with duckduckgo")


def test_a_stale_parser_says_so_and_saves_the_page(tmp_path: Path) -> None:
    with served_together(bing=bing.application(10, changed=True), commons=commons.application(10)) as site:
        report = collect(tmp_path, site, 5, ["bing", "commons"], ["bing", "commons"])
    [page] = (tmp_path / "ledger/stale").iterdir()
    assert "bing: the parser for bing is stale: " in report.warnings[0] and str(page) in report.warnings[0]
    assert page.read_bytes() and len(report.items) == 5


def test_no_results_is_another_thing_than_a_stale_parser(tmp_path: Path) -> None:
    with served_together(bing=bing.application(10)) as site:
        wanted = params.Class.model_validate({"terms": ["zeppelin", "barn"], "count": 4, "sources": ["bing"]})
        settings = params.Scrape(contact="a@example.org", allow_hosts=[site.host], endpoints={"bing": f"{site.base}/bing"})
        report = scrape("barns", wanted, settings, tmp_path / "raw", tmp_path / "ledger")
    assert report.warnings == ["classes.barns: bing has no results for the term 'zeppelin'"]
    assert {item.term for item in report.items} == {"barn"} and len(report.items) == 4


def test_templates_and_terms_share_the_count(tmp_path: Path) -> None:
    with served_together(commons=commons.application(40)) as site:
        wanted = params.Class(terms=["barn", "silo"], templates=["{term}", "{term} front yard"], count=8, sources=["commons"])
        settings = params.Scrape(contact="a@example.org", allow_hosts=[site.host], endpoints={"commons": f"{site.base}/commons"})
        report = scrape("barns", wanted, settings, tmp_path / "raw", tmp_path / "ledger")
    assert [item.term for item in report.items] == [
        term for term in ("barn", "barn front yard", "silo", "silo front yard") for _ in range(2)
    ]


def test_licences_and_sizes_that_the_source_tells_are_refused_before_any_download(tmp_path: Path) -> None:
    with served_together(commons=commons.application(20)) as site:
        report = collect(tmp_path, site, 3, ["commons"], ["commons"], licenses=["cc0"])
        assert {item.license for item in report.items} == {"cc0"}
        assert len([path for path in site.requests if "/full/" in path]) == 3
        with pytest.raises(UserError, match="20 were refused, first: .*scrape.min_side is 5000"):
            collect(tmp_path, site, 3, ["commons"], ["commons"], min_side=5000, name="others")
        assert len([path for path in site.requests if "/full/" in path]) == 3


def test_what_was_taken_down_is_never_fetched_again(tmp_path: Path) -> None:
    with served_together(bing=bing.application(20)) as site:
        first = collect(tmp_path, site, 10, ["bing"], ["bing"])
        gone, other = first.items[2], first.items[5]
        forgotten = Forgotten(frozenset({other.id}), frozenset({gone.image_url}))
        (tmp_path / "again").mkdir()
        site.requests.clear()
        again = collect(tmp_path / "again", site, 10, ["bing"], ["bing"], forgotten)
        assert gone.id not in {item.id for item in again.items} and other.id not in {item.id for item in again.items}
        assert len(again.items) == 10
        assert f"/bing/full/{2}.jpg" not in site.requests, "its address is not even asked"
    rules = {(r.rule, r.id) for r in read_rejections(tmp_path / "again/raw/barns/rejected.csv")}
    assert rules == {("forgotten", ""), ("forgotten", other.id)}


REASONS = {
    "/html.jpg": "unreadable", "/login": "unreadable", "/truncated.jpg": "unreadable", "/bomb.png": "unreadable", "/empty": "unreadable",
    "/nowhere": "http_404", "/noai.jpg": "opt_out", "/tdm.jpg": "opt_out", "/loop": "redirects", "/endless": "too_large",
    "/gzip-bomb": "too_large", "/stall": "too_slow", "/silent": "timeout", "/to?url=http://169.254.169.254/": "forbidden_address",
    "/to?url=file:///etc/passwd": "forbidden_address", "/http09": "bad_http", "/same/2.jpg": "exact", "/same/3.jpg": "exact",
}


def test_faults_are_rows_with_reasons_and_only_what_may_pass_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = Limits(connect=1, total=3, grace=1, bytes=2**20)
    opened = Web.opened
    monkeypatch.setattr(Web, "opened", lambda settings, pace: opened(settings, pace, limits))
    with faults.served() as site:
        good = ["/same/1.jpg", "/ok.jpg", "/cookie-wall.jpg"]
        (tmp_path / "list.txt").write_text("".join(f"{site.base}{path}\n" for path in [*good, *REASONS]))

        def run(name: str) -> Report:
            return collect(tmp_path, site, 100, [{"urls": {"path": str(tmp_path / "list.txt")}}], [], name=name)

        report = run("barns")
        assert [item.image_url.removeprefix(site.base) for item in report.items] == ["/same/1.jpg", "/ok.jpg"]
        rows = {r.detail.split(": ")[0].removeprefix(site.base): r.rule for r in read_rejections(tmp_path / "raw/barns/rejected.csv")}
        assert rows == {**REASONS, "/cookie-wall.jpg": "exact"}
        assert report.tally.refused["timeout"] == 1 and report.tally.same == 3
        before = site.hits.copy()
        assert run("again").tally.refused == report.tally.refused
        more = {path: count - before[path] for path, count in site.hits.items() if count > before[path]}
        assert set(more) == {"/robots.txt", "/.well-known/tdmrep.json", "/stall", "/silent", "/http09"}


def test_large_files_are_kept_as_they_came(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(obtain, "LARGE", 1)  # so that a thread keeps them
    with served(commons.application(12)) as site:
        wanted = params.Class(terms=["barn"], count=12, sources=["commons"])
        settings = params.Scrape(contact="a@example.org", allow_hosts=[site.host], endpoints={"commons": site.base})
        report = scrape("barns", wanted, settings, tmp_path / "barns", tmp_path / "ledger")
    assert [(tmp_path / item.path).read_bytes() for item in report.items] == [jpeg(n) for n in range(1, 13)]


def urls(path: Path, lines: list[str], more: bytes = b"") -> dict[str, object]:
    """A list of addresses as a source."""
    path.write_bytes("".join(f"{line}\n" for line in lines).encode() + more)
    return {"urls": {"path": str(path)}}


def test_what_was_found_before_a_page_failed_is_taken(tmp_path: Path) -> None:
    with served(commons.application(400)) as site:
        unread = b"\xff\n" * 9000  # far enough on to be no part of the first pages
        report = collect(tmp_path, site, 450, [urls(tmp_path / "list.txt", [f"{site.base}/full/{n}.jpg" for n in range(400)], unread)], [])
    assert len(report.items) >= 100 and "cannot be read" in report.warnings[0]
    assert {item.id for item in report.items} == {image_id(jpeg(n)) for n in range(len(report.items))}


def test_one_source_may_be_named_twice_and_told_otherwise(tmp_path: Path) -> None:
    with served(commons.application(20)) as site:
        lists = [urls(tmp_path / f"{n}.txt", [f"{site.base}/full/{n}.jpg"]) for n in range(3)]
        assert len(collect(tmp_path, site, 2, lists[:2], []).items) == 2
        assert [item.id for item in collect(tmp_path, site, 1, lists[2:], []).items] == [image_id(jpeg(2))]


def test_a_class_that_came_to_nothing_is_asked_anew_the_next_time(tmp_path: Path) -> None:
    with served(commons.application(5)) as site:
        with pytest.raises(UserError, match="not one image was found"):
            collect(tmp_path, site, 1, [urls(tmp_path / "list.txt", [f"{site.base}/nowhere.jpg"])], [])
        assert len(collect(tmp_path, site, 1, [urls(tmp_path / "list.txt", [f"{site.base}/full/1.jpg"])], []).items) == 1


def test_half_a_character_in_a_title_becomes_a_question_mark(tmp_path: Path) -> None:
    class Cut:
        name, takes_terms, local = "cut", True, False

        async def search(self, term: str, cursor: str | None) -> Page:
            return Page([Candidate("http://x/1", title="cut \ud83d", width=3)])

        async def fetch(self, candidate: Candidate) -> Found:
            raise AssertionError("nothing is fetched here")

    async def listed(ledger: Ledger) -> list[Candidate]:
        return [candidate async for candidate in listing(ledger, "cats", Cut(), "cat")]

    with Ledger.opened(tmp_path) as ledger:
        expected = [Candidate("http://x/1", title="cut ?", width=3)]
        assert asyncio.run(listed(ledger)) == expected
        assert ledger.listed("cats", "cut", "cat", 0) == expected


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "raw").write_text("in the way")
    with served(commons.application(5)) as site, pytest.raises(UserError, match="raw/barns: Not a directory; see to that"):
        collect(tmp_path, site, 1, ["commons"], ["commons"])
