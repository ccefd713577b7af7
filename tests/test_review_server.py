"""The review page's server, asked over real HTTP."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import requests
from PIL import Image

from pipeline.curate.decisions.decision import read_decisions
from pipeline.curate.review.server import serve
from pipeline.curate.review.thumbs import discard
from pipeline.errors import UserError
from pipeline.forgotten import add_forgotten
from pipeline.image import decode
from pipeline.item import Item, write_index, write_table
from tests import review_project
from tests.conftest import ROOT, encoded, picture
from tests.review_serving import Site, running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return review_project.build(tmp_path / "project", 40)


@pytest.fixture
def site(folder: Path) -> Iterator[Site]:
    with running(review_project.project(folder)) as found:
        yield found


def test_the_project_tells_classes_with_titles_in_order_and_what_is_left(site: Site) -> None:
    about = site.get("/api/project").json()
    assert about["classes"] == [{"name": "barns", "title": "Barns", "images": 20, "undecided": 20},
                                {"name": "cabins", "title": "Cabins & huts", "images": 20, "undecided": 20}]
    assert about["counts"] == {"images": 40, "decided": 0, "keep": 0, "reject": 0, "undecided": 40, "conflicts": 0, "rechecks": 0,
                               "copies": 8}
    assert about["reviewer"] == "ann" and "blurry" in about["flags"] and about["reasons"][0] == "offtopic"


def test_a_row_tells_what_is_known_of_an_image(site: Site) -> None:
    [row] = [row for row in site.rows(text="PHOTO 14") if row["title"] == "photo 14"]
    assert (row["class"], row["creator"], row["license"], row["format"]) == ("barns", "Somebody", "cc-by", "JPEG")
    assert (row["width"], row["height"], row["page_url"], row["alpha"]) == (120, 90, "https://example.org/14", False)
    assert (row["flags"], row["scores"]["blurry"], row["kept"], row["size"], row["distance"]) == (["blurry"], 0.7, True, 1, None)
    assert row["state"] == {"id": row["id"], "decision": "", "reason": "", "crop": "", "note": "", "reviewer": "", "at": "",
                            "conflict": False, "words": [], "version": 0}


def test_a_group_is_its_kept_image_and_its_copies_with_what_ties_them(site: Site) -> None:
    kept = next(row for row in site.rows() if row["size"] == 3)
    members = site.get(f"/api/group/{kept['group']}").json()["rows"]
    assert members[0]["kind"] == "" and {row["kind"] for row in members[1:]} == {"near", "flip"}
    assert all((row["distance"], row["margin"], row["copy_of"]) == (12, 0.62, kept["id"]) for row in members[1:])
    assert {row["rule"] for row in members[1:]} == {"duplicate-near", "duplicate-flip"}


def test_decisions_are_in_the_files_when_the_answer_comes(site: Site, folder: Path) -> None:
    one, two = site.ids()[:2]
    told = site.decide("reject", one, two, reason="blurry", crop="0.1,0,0.5,0.5", note="see left")
    said = read_decisions(folder / "review")
    assert {said[id_].decision for id_ in (one, two)} == {"reject"} and said[one].crop == "0.1,0,0.5,0.5" and said[two].note == "see left"
    assert told["counts"]["reject"] == 2 and [state["id"] for state in told["states"]] == [one, two]
    assert [row["state"]["reason"] for row in site.rows(decision="reject")] == ["blurry", "blurry"]
    assert site.ids(decision="undecided") == site.ids()[2:]


def test_undo_and_redo_take_whole_steps_and_say_when_there_is_none(site: Site) -> None:
    ids = site.ids()[:3]
    site.decide("keep", *ids)
    back = site.post("/api/undo", reviewer="ann", session="s")
    assert back["done"] and {state["decision"] for state in back["states"]} == {""} and back["counts"]["decided"] == 0
    assert not site.post("/api/undo", reviewer="ann", session="s")["done"]
    assert site.post("/api/redo", reviewer="ann", session="s")["counts"]["keep"] == 3
    assert not site.post("/api/redo", reviewer="ann", session="s")["done"]


def test_people_who_disagree_see_it_and_settle_it(site: Site) -> None:
    id_ = site.ids()[5]
    site.decide("keep", id_, who="ann")
    seen = site.get("/api/changes?since=0").json()
    told = site.decide("reject", id_, who="bob")
    assert told["states"][0]["conflict"] and told["counts"]["conflicts"] == 1
    assert {(word["reviewer"], word["decision"]) for word in told["states"][0]["words"]} == {("ann", "keep"), ("bob", "reject")}
    later = site.get(f"/api/changes?since={seen['since']}").json()
    assert [state["id"] for state in later["states"]] == [id_] and later["since"] > seen["since"]
    assert site.ids(conflict=True) == [id_]
    settled = site.post("/api/settle", word={"id": id_, "decision": "keep"}, reviewer="bob", session="t")
    assert settled["counts"]["conflicts"] == 0 and settled["states"][0]["decision"] == "keep"
    entries = site.get(f"/api/history/{id_}").json()["entries"]
    assert [(entry["reviewer"], entry["action"], entry["decision"]) for entry in entries] == [
        ("ann", "decide", "keep"), ("bob", "decide", "reject"), ("bob", "settle", "keep")]
    assert site.get("/api/project").json()["reviewers"] == ["bob"]


def test_two_sessions_of_one_name_do_not_overwrite_each_other_unseen(site: Site) -> None:
    id_ = site.ids()[0]
    site.decide("keep", id_, session="one", seen=0)
    assert site.decide("reject", id_, session="two", seen=0)["states"][0]["conflict"]


def test_a_second_look_is_not_told_the_first(folder: Path) -> None:
    with running(replace(review_project.project(folder), recheck=1.0)) as site:
        ids = site.ids()
        site.decide("keep", *ids[:4], who="bob", note="obviously")
        assert site.get("/api/project?who=ann").json()["counts"]["rechecks"] == 4
        numbers = site.post("/api/list", recheck=True, who="ann")["rows"]
        blind = site.post("/api/rows", rows=numbers, who="ann", recheck=True)["rows"]
        assert [row["id"] for row in blind] == ids[:4]
        assert all(row["state"]["decision"] == row["state"]["note"] == "" and row["state"]["words"] == [] for row in blind)
        group = site.get(f"/api/group/{blind[0]['group']}?who=ann&recheck=true").json()["rows"]
        assert group[0]["state"]["decision"] == ""
        assert site.post("/api/rows", rows=numbers, who="ann")["rows"][0]["state"]["decision"] == "keep"
        site.post("/api/decide", words=[{"id": ids[0], "decision": "keep"}], reviewer="ann", session="s", blind=True)
        assert [entry["blind"] for entry in site.get(f"/api/history/{ids[0]}").json()["entries"]] == [False, True]


def test_a_server_that_was_killed_loses_nothing_that_it_answered(folder: Path) -> None:
    command = [sys.executable, "-m", "tests.review_project", str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        base, token = process.stdout.readline().strip().split("/?token=")
        with running(review_project.project(folder)) as site:
            ids = site.ids()
        for id_ in ids[:20]:
            words = {"words": [{"id": id_, "decision": "keep"}], "reviewer": "ann", "session": "s"}
            assert requests.post(f"{base}/api/decide", json=words, headers={"Authorization": f"Bearer {token}"}, timeout=20).ok
        process.kill()
    assert [id_ for id_ in ids if read_decisions(folder / "review").get(id_)] == ids[:20]
    with running(review_project.project(folder)) as site:
        assert site.ids(decision="keep") == ids[:20] and site.post("/api/undo", reviewer="ann", session="u")["counts"]["keep"] == 19


def test_what_a_spreadsheet_writes_is_seen_without_a_restart(site: Site, folder: Path) -> None:
    id_ = site.ids()[0]
    since = site.get("/api/project").json()["since"]
    (folder / "review/barns.csv").write_text(f"id,decision,reviewer,reviewed_at\n{id_},reject,cyd,2026-01-01T00:00:00Z\n")
    changed = site.get(f"/api/changes?since={since}").json()
    assert [(state["id"], state["decision"], state["reviewer"]) for state in changed["states"]] == [(id_, "reject", "cyd")]


def test_a_broken_decisions_file_is_told_and_left_alone(site: Site, folder: Path) -> None:
    broken = "id,decision\nnonsense,keep\n"
    (folder / "review/barns.csv").write_text(broken)
    told = site.post("/api/decide", 409, words=[{"id": site_id(folder), "decision": "keep"}], reviewer="ann", session="s")
    assert "barns.csv, line 2: 'nonsense' is no image id" in told["error"]
    assert (folder / "review/barns.csv").read_text() == broken


def site_id(folder: Path) -> str:
    return (folder / "deduped/index.csv").read_text().splitlines()[1].split(",")[0]


def painted(answer: requests.Response) -> Image.Image:
    return decode(answer.content)


@contextmanager
def shown(tmp_path: Path, *files: tuple[str, bytes]) -> Iterator[Site]:
    """A project whose rows 0, 1, … are these files, in the order given."""
    items = []
    for number, (name, data) in enumerate(files):
        (tmp_path / "raw/things" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "raw/things" / name).write_bytes(data)
        items.append(Item(f"i{number:016x}", "things", f"things/{name}", 1, 1, len(data), name.rsplit(".")[-1].upper()))
    write_index(tmp_path / "raw/things/index.csv", items)
    write_index(tmp_path / "deduped/index.csv", items)
    write_table(tmp_path / "deduped/groups.csv", ("group", "id", "class"), [(item.id, item.id, "things") for item in items])
    (tmp_path / "review").mkdir()
    with running(review_project.project(tmp_path, titles={"things": "Things"})) as site:
        yield site


def test_thumbnails_are_small_webp_with_their_transparency_and_are_made_once(tmp_path: Path) -> None:
    clear = Image.new("RGBA", (900, 600), (255, 0, 0, 0))
    clear.paste((0, 0, 255, 255), (450, 0, 900, 600))
    with shown(tmp_path, ("wide.png", encoded(clear)), ("small.png", encoded(picture(1, (60, 50))))) as site:
        answer = site.get("/thumb/0?v=i0000000000000000")
        assert (answer.headers["content-type"], painted(answer).size) == ("image/webp", (320, 213))
        assert painted(answer).getpixel((40, 100))[3] == 0 and painted(answer).getpixel((280, 100))[2:] == (255, 255)
        assert answer.headers["cache-control"].startswith("private") and "immutable" in answer.headers["cache-control"]
        assert painted(site.get("/thumb/1")).size == (60, 50)  # never enlarged
        cached = tmp_path / ".cache/review/thumbs/00/i0000000000000000.webp"
        assert cached.read_bytes() == answer.content
        cached.write_bytes(b"from the cache")
        assert site.get("/thumb/0").content == b"from the cache"
        assert [path.suffix for path in cached.parent.iterdir()] == [".webp"] * 2  # no half-written file is left


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "AVIF"])
def test_originals_are_the_collected_bytes_with_the_type_that_they_are(tmp_path: Path, format: str) -> None:
    data = encoded(picture(3), format)
    with shown(tmp_path, ("named.html", data)) as site:
        answer = site.get("/image/0?v=i0000000000000000")
        assert (answer.content, answer.headers["content-type"]) == (data, f"image/{format.lower()}")
        assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")


def test_an_original_that_browsers_do_not_know_comes_as_png(tmp_path: Path) -> None:
    scan = picture(4)
    with shown(tmp_path, ("scan.tif", encoded(scan, "TIFF"))) as site:
        answer = site.get("/image/0")
        assert answer.headers["content-type"] == "image/png" and painted(answer).tobytes() == scan.tobytes()


def test_a_file_that_cannot_be_shown_is_a_picture_that_says_so(tmp_path: Path) -> None:
    page, cut = b"<html><script>hacked()</script>", encoded(picture(5, (800, 800)), "PNG")[:20_000]
    with shown(tmp_path, ("page.png", page), ("cut.png", cut), ("gone.png", b"")) as site:
        (tmp_path / "raw/things/gone.png").unlink()
        for address in ("/thumb/0", "/thumb/1", "/thumb/2", "/image/0", "/image/2"):
            answer = site.get(f"{address}?v=i{int(address[-1]):016x}")
            assert answer.headers["content-type"] == "image/png" and painted(answer).size == (320, 240)
            assert answer.headers["cache-control"] == "no-store"  # the file may come back
            assert b"hacked" not in answer.content
        assert not list((tmp_path / ".cache/review").rglob("*.webp"))


def test_a_thumbnail_that_cannot_be_kept_is_shown_all_the_same(folder: Path) -> None:
    (folder / ".cache/review").mkdir(parents=True)
    (folder / ".cache/review/thumbs").write_bytes(b"")  # no folder can be made here, as on a full disk
    with running(review_project.project(folder)) as site:
        assert site.get("/thumb/0").headers["content-type"] == "image/webp"


def test_many_pictures_at_once_are_all_right(tmp_path: Path) -> None:
    with shown(tmp_path, *((f"{n}.jpg", encoded(picture(n, (640, 480)), "JPEG")) for n in range(12))) as site:
        with_token = dict(site.client.headers)
        sizes: list[tuple[int, int]] = []

        def ask(number: int) -> None:
            answer = requests.get(f"{site.base}/thumb/{number % 12}", headers=with_token, timeout=20)
            sizes.append(painted(answer).size)

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(36)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sizes == [(320, 240)] * 36


def test_a_number_that_means_another_image_now_is_told(site: Site) -> None:
    assert "load the page again" in site.get("/thumb/0?v=i0123456789abcdef", 404).json()["error"]


def test_ctrl_c_ends_it_with_one_line(folder: Path) -> None:
    command = [sys.executable, "-m", "tests.review_project", str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stderr
        base, token = process.stdout.readline().strip().split("/?token=")
        with requests.Session() as open_connection:
            open_connection.get(f"{base}/api/project", headers={"Authorization": f"Bearer {token}"}, timeout=20)
            os.kill(process.pid, signal.SIGINT)
            out, err = process.communicate(timeout=20)
        assert (process.returncode, err) == (0, "")
        assert out == "review: stopped; every decision that the page showed as saved is on disk\n"


def test_a_port_that_is_taken_is_one_sentence(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(UserError, match=rf"port {port} of 127.0.0.1 cannot be used \(Address already in use\); choose another"):
            serve(review_project.project(folder), port=port, opened=False)
    with pytest.raises(UserError, match="ports go up to 65535"):
        serve(review_project.project(folder), port=70_000, opened=False)


def test_what_was_decided_about_a_copy_is_proposed_and_falls_away_once_decided(site: Site) -> None:
    kept = next(row for row in site.rows() if row["size"] == 3)
    _, near, flip = site.get(f"/api/group/{kept['group']}").json()["rows"]
    assert kept["proposal"] is None and site.ids(decision="proposed", show="all") == []
    site.decide("reject", near["id"], who="bob", reason="watermark")
    proposed = {"decision": "reject", "id": near["id"], "reviewer": "bob"}
    members = site.get(f"/api/group/{kept['group']}").json()["rows"]
    assert [row["proposal"] for row in members] == [None if row["id"] == near["id"] else proposed for row in members]
    assert set(site.ids(decision="proposed", show="all")) == {kept["id"], flip["id"]}
    site.decide("keep", kept["id"])
    assert site.rows(group=kept["group"])[0]["proposal"] is None and kept["id"] not in site.ids(decision="proposed")


def test_a_picture_that_a_site_encoded_anew_inherits_the_word_on_the_old_one(folder: Path) -> None:
    project = review_project.project(folder)
    with running(project) as site:
        old = site.rows()[0]
        site.decide("reject", old["id"], who="bob", reason="offtopic")
    for name in ("raw/barns/index.csv", "raw/cabins/index.csv", "deduped/index.csv", "deduped/groups.csv", "deduped/quality.csv"):
        path = folder / name
        path.write_text(path.read_text().replace(old["id"], "i00000000000000ff"))
    with running(project) as site:
        twin = next(row for row in site.rows() if row["id"] == "i00000000000000ff")
        assert twin["proposal"] == {"decision": "reject", "id": old["id"], "reviewer": "bob"} and twin["state"]["decision"] == ""
        assert "i00000000000000ff" in site.ids(decision="proposed")


def test_an_image_that_was_taken_down_is_shown_to_nobody(folder: Path) -> None:
    project = review_project.project(folder)
    with running(project) as site:
        number, id_ = site.rows()[2]["n"], site.rows()[2]["id"]
        assert site.get(f"/thumb/{number}").content == (project.cache / f"thumbs/{id_[1:3]}/{id_}.webp").read_bytes()
    add_forgotten(project.review, [(id_, "")], "2026-01-01", "asked to")
    discard(project.cache, [id_, "i0000000000000000"])
    with running(project) as site:
        assert id_ not in site.ids(show="all") and site.get("/api/project").json()["counts"]["images"] == 39
        site.get(f"/thumb/{number}?v={id_}", 404)
        assert not (project.cache / f"thumbs/{id_[1:3]}/{id_}.webp").exists()
