"""darkroom scrape, sources, forget, as a person types them."""

import re
from pathlib import Path

import pytest

from pipeline import params
from pipeline.cli import main
from pipeline.collect import health
from pipeline.collect.candidate import Candidate
from pipeline.collect.ledger import Ledger, Record
from pipeline.forgotten import read_forgotten
from pipeline.item import Item, read_index, read_table, write_index, write_table
from tests.replay import bing, commons, duckduckgo
from tests.replay.serving import served
from tests.replay.together import served_together


def stopped(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line by which a command ends."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 1
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.startswith("darkroom: ")
    return told


def test_one_line_collects_into_a_folder_and_again_asks_for_no_image_twice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with served(commons.application(30)) as site:
        def collect(count: int) -> list[Item]:
            main(["scrape", "red barn", "--num-images", str(count), "--source", "commons", "--out", str(tmp_path / "pics"),
                  "--contact", "me@example.org", "--endpoint", f"commons={site.base}", "--allow-host", site.host])
            return read_index(tmp_path / "pics/index.csv")

        first = collect(10)
        assert len(first) == 10 and {item.term for item in first} == {"red barn"} and {item.class_ for item in first} == {"pics"}
        assert all((tmp_path / item.path).is_file() for item in first)
        more = collect(15)
        assert {item.id for item in first} < {item.id for item in more} and len(more) == 15
        pictures = [path for path in site.requests if path.startswith("/full/")]
        assert len(pictures) == len(set(pictures)) == 15
    assert "15 images: 15 found, 5 fetched" in capsys.readouterr().out


def test_the_public_web_is_not_asked_without_a_contact(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = stopped(capsys, "scrape", "barn", "--out", str(tmp_path), "--contact", "")
    assert "--contact is empty" in told and "give an e-mail address" in told


@pytest.mark.parametrize(("arguments", "says"), [
    (["barn"], "give a term and a folder, such as: darkroom scrape"),
    (["barn", "--out", "x", "--source", "gogle"], "there is no source 'gogle'; there are google, bing"),
    (["barn", "--out", "x", "--license", "mine"], "licenses"),
    (["barn", "--out", "x", "--contact", "me"], "neither an e-mail address nor a web page"),
    (["barn", "--out", "x", "--endpoint", "http://x"], "is not SOURCE=URL, such as bing=http"),
])
def test_a_bad_option_is_one_line(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str], tmp_path: Path,
                                  monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert says in stopped(capsys, "scrape", *arguments)
    assert list(tmp_path.iterdir()) == []


def test_a_search_engine_names_its_terms_of_service(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with served(bing.application(5)) as site:
        main(["scrape", "barn", "--num-images", "3", "--source", "bing", "--out", str(tmp_path / "pics"),
              "--contact", "me@example.org", "--endpoint", f"bing={site.base}", "--allow-host", site.host])
    assert re.search(r"^bing: whether you may do this is between you and its terms: https://", capsys.readouterr().out, re.M)


def test_sources_says_of_each_what_it_needs_and_allows(capsys: pytest.CaptureFixture[str]) -> None:
    main(["sources"])
    told = capsys.readouterr().out
    for name in ("google", "bing", "duckduckgo", "commons", "openverse", "flickr", "urls", "folder", "archive", "kaggle", "torchvision",
                 "pixels", "photosite"):
        when = "not tried on the public web yet|no search that could be tried|works on .*"
        assert re.search(rf"^{name}  \(({when})\)\n    needs: .+\n(        .+\n)*    allows: ", told, re.M), name


@pytest.fixture
def collected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A project with three images, two of which are copies of one picture; their ids."""
    monkeypatch.chdir(tmp_path)
    ids = [f"i{digit * 16}" for digit in "abc"]
    items = [
        Item(id_, "barns", f"barns/{id_}.jpg", 9, 9, 9, "JPEG", image_url=f"http://x/{id_}.jpg", page_url=f"http://x/{id_}") for id_ in ids
    ]
    write_index(tmp_path / "data/raw/barns/index.csv", items)
    groups = [ids[0], ids[0], ids[2]]
    write_table(tmp_path / "data/deduped/groups.csv", ("group", "id"), zip(groups, ids, strict=True))
    return ids


@pytest.mark.parametrize("what", ["iaaa", f"i{'a' * 16}", f"http://x/i{'a' * 16}.jpg", f"http://x/i{'b' * 16}"])
def test_forgetting_an_image_forgets_its_copies_too(what: str, collected: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    main(["forget", what, "--reason", "asked by\nits author"])
    forgotten = read_forgotten(Path("data/review"))
    assert forgotten.ids == set(collected[:2])
    assert f"http://x/{collected[1]}.jpg" in forgotten.urls and f"http://x/{collected[2]}" not in forgotten.urls
    assert "asked by its author" in Path("data/review/forgotten.csv").read_text()
    assert "2 images and their addresses" in capsys.readouterr().out


def test_an_address_nobody_has_seen_can_be_forgotten(collected: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    main(["forget", "https://example.org/never.jpg", f"i{'d' * 16}"])
    assert read_forgotten(Path("data/review")).urls == {"https://example.org/never.jpg"}
    assert read_forgotten(Path("data/review")).ids == {f"i{'d' * 16}"}
    assert "no image here has an id that starts with 'ieee'" in stopped(capsys, "forget", "ieee")
    assert "give more digits" in stopped(capsys, "forget", "i")


def test_an_image_that_only_the_ledger_knows_is_forgotten_by_its_bytes_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    url = "https://example.org/1.jpg"
    with Ledger.opened(Path("data/.cache/collect")) as ledger:
        id_ = ledger.files.keep(b"bytes")
        ledger.put(url, Record(Candidate(url, url), "2026-01-01", id_))
    main(["forget", url])
    assert read_forgotten(Path("data/review")).has(id_) and read_forgotten(Path("data/review")).has(url)


def test_ctrl_c_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("pipeline.collect.scrape.scrape", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(SystemExit) as ended:
        main(["scrape", "barn", "--out", "pics"])
    assert ended.value.code == 130
    assert capsys.readouterr().err.splitlines()[-1] == "darkroom: stopped; what was done is kept, run it again to go on"


def test_live_asks_each_source_for_one_page_and_writes_the_result_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"bing": bing.application(40), "commons": commons.application(60), "duckduckgo": duckduckgo.application(9, tokenless=True)}
    with served_together(**settings) as site:
        checked = params.Scrape(
            contact="me@example.org", allow_hosts=[site.host], endpoints={name: f"{site.base}/{name}" for name in settings},
        )
        found = health.check(list(settings), checked, tmp_path, "2026-01-02")
        assert len(site.requests) == 3
    assert {one.source: one.state for one in found} == {"bing": "works", "commons": "works", "duckduckgo": "stale"}
    health.write_seen(tmp_path / "seen.csv", found)
    seen = {row["source"]: row["day"] for row in read_table(tmp_path / "seen.csv")}
    assert seen == dict.fromkeys(settings, "2026-01-02")
    page = health.page({one.source: one for one in found})
    assert "| works on 2026-01-02 |" in page and "| stale on 2026-01-02 |" in page and "| not tried on the public web yet |" in page


def test_live_without_a_network_says_so_and_writes_nothing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    gone = [health.Health(name, "unreachable", "the host's name was not found") for name in ("bing", "commons")]
    monkeypatch.setattr(health, "check", lambda *_: gone)
    monkeypatch.setattr(health, "write_seen", lambda *_: pytest.fail("nothing was seen"))
    assert "no network: none of the sources could be reached" in stopped(capsys, "sources", "--live", "--contact", "me@example.org")
