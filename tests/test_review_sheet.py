"""The sheet that travels by itself, opened as a file in a real browser."""

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.support.ui import WebDriverWait

from pipeline.collect import browser
from pipeline.curate.decisions.store import Store, Word
from pipeline.curate.review.sheet import write_sheet
from pipeline.errors import UserError
from pipeline.item import read_index, write_index
from pipeline.spreadsheet import read_rows
from tests import review_project

COLUMNS = ("id", "class", "decision", "reason", "reviewer", "reviewed_at", "crop", "note")
HOSTILE = "\"'><img src=x onerror=hacked=1><script>window.hacked=1</script></script><!--<script>\u2028\u2029{{7*7}}${hacked=1}"


@pytest.fixture(scope="module")
def window() -> Iterator[WebDriver]:
    with browser.opened() as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return review_project.build(tmp_path / "project", 12)


def keys(window: WebDriver, *pressed: str) -> None:
    for key in pressed:
        ActionChains(window).send_keys(key).perform()


def told(window: WebDriver) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(window.execute_script("return table()"), newline="")))


def opened(window: WebDriver, sheet: Path) -> None:
    window.get(sheet.as_uri())
    window.execute_script("localStorage.clear()")
    window.refresh()
    painted = "return performance.getEntriesByType('paint').length"
    WebDriverWait(window, 20).until(lambda w: w.execute_script(painted))  # Chromium drops keys that come before it


def kept(folder: Path, class_: str) -> list[str]:
    return [item.id for item in read_index(folder / "deduped/index.csv") if item.class_ == class_]


def test_decisions_by_keys_outlive_a_reload_and_leave_as_a_file(folder: Path, tmp_path: Path, window: WebDriver) -> None:
    ids = kept(folder, "barns")
    assert write_sheet(tmp_path / "out/sheet.html", review_project.project(folder), "barns", False) == len(ids) == 6
    opened(window, tmp_path / "out/sheet.html")
    keys(window, "k", "r")
    ActionChains(window).key_down(Keys.SHIFT).send_keys("2").key_up(Keys.SHIFT).perform()
    keys(window, "k", "u", Keys.ARROW_LEFT, "u", Keys.ARROW_RIGHT, "e", "left is, \"cut\"", Keys.ESCAPE, "r")
    window.find_element("id", "name").send_keys("Zoë")
    window.refresh()
    expected = [("keep", "", ""), ("reject", "", ""), ("reject", "watermark", ""), ("", "", ""), ("reject", "", "left is, \"cut\"")]
    rows = told(window)
    assert [(row["decision"], row["reason"], row["note"]) for row in rows] == [said for said in expected if any(said)]
    assert [row["id"] for row in rows] == [ids[0], ids[1], ids[2], ids[4]] and {row["reviewer"] for row in rows} == {"Zoë"}
    assert window.find_element("id", "progress").text == "4 of 6 decided"


def test_the_file_that_is_downloaded_is_read_as_decisions(folder: Path, tmp_path: Path, window: WebDriver) -> None:
    write_sheet(tmp_path / "sheet.html", review_project.project(folder), None, False)
    window.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    opened(window, tmp_path / "sheet.html")
    keys(window, "k", "e", "=SUM(A1:A9)", Keys.ESCAPE, "r")
    window.find_element("id", "export").click()
    assert "Write your name first" in window.find_element("id", "trouble").text
    window.switch_to.active_element.send_keys("@mallory")
    window.find_element("id", "export").click()
    WebDriverWait(window, 20).until(lambda _: (tmp_path / "decisions-all.csv").exists())
    text = (tmp_path / "decisions-all.csv").read_text(encoding="utf-8")
    assert ",'@mallory," in text and ",'=SUM(A1:A9)" in text  # a spreadsheet calculates neither
    rows = [row for _, row in read_rows(tmp_path / "decisions-all.csv", COLUMNS, COLUMNS)]
    assert [(row["decision"], row["reviewer"], row["note"]) for row in rows] == [
        ("keep", "@mallory", ""), ("reject", "@mallory", "=SUM(A1:A9)")]


def test_only_the_undecided_and_nothing_of_what_was_said(folder: Path, tmp_path: Path) -> None:
    project = review_project.project(folder)
    ids = kept(folder, "barns")
    Store(project.review, project.lock).decide([Word(ids[0], "barns", "reject", "blurry", note="a secret opinion")], "bob")
    Store(project.review, project.lock).decide([Word(ids[1], "barns", "", crop="0.1,0.1,0.5,0.5")], "bob")
    assert write_sheet(tmp_path / "open.html", project, "barns", True) == 5
    assert write_sheet(tmp_path / "all.html", project, None, False) == 12
    whole, rest = ((tmp_path / name).read_text() for name in ("all.html", "open.html"))
    assert ids[0] in whole and "a secret opinion" not in whole and "bob" not in whole
    assert ids[0] not in rest and "0.1,0.1,0.5,0.5" in rest  # a box that was drawn goes along, or it would be lost


def test_the_file_needs_nothing_but_itself(folder: Path, tmp_path: Path, window: WebDriver) -> None:
    write_sheet(tmp_path / "sheet.html", review_project.project(folder), None, False)
    opened(window, tmp_path / "sheet.html")
    there = "return document.images.length && [...document.images].every(image => image.complete)"
    WebDriverWait(window, 20).until(lambda w: w.execute_script(there))
    assert window.execute_script("return performance.getEntriesByType('resource').filter(e => !e.name.startsWith('data:')).length") == 0
    sizes = window.execute_script("return [...document.images].map(i => Math.max(i.naturalWidth, i.naturalHeight))")
    assert len(sizes) == 12 and all(0 < size <= 200 for size in sizes)
    window.execute_script("const s = document.createElement('script'); s.textContent = 'window.hacked = 1'; document.body.append(s)")
    assert window.execute_script("return typeof window.hacked") == "undefined"  # the policy runs its own script and no other


def test_rights_and_source_stand_at_every_image(folder: Path, tmp_path: Path, window: WebDriver) -> None:
    write_sheet(tmp_path / "sheet.html", review_project.project(folder), "cabins", False)
    opened(window, tmp_path / "sheet.html")
    card = window.find_element("css selector", ".card")
    assert "cc-by · Somebody" in card.text and "photosite" in card.text
    links = {a.get_attribute("href"): a.get_attribute("rel") for a in card.find_elements("css selector", "a")}
    page = next(item.page_url for item in read_index(folder / "deduped/index.csv") if item.class_ == "cabins")
    assert links == dict.fromkeys(["https://creativecommons.org/licenses/by/4.0/", page], "noopener noreferrer")
    assert window.title == "Cabins & huts – review sheet"


def test_what_strangers_wrote_is_text_in_the_sheet_and_runs_nothing(tmp_path: Path, window: WebDriver) -> None:
    texts = dict.fromkeys(("title", "creator", "license", "term", "source"), HOSTILE)
    links = dict.fromkeys(("page_url", "image_url", "license_url"), "javascript:window.hacked=1")
    titles = {"barns": HOSTILE, "cabins": "Cabins"}
    folder = review_project.build(tmp_path / "project", 6, titles=titles, **texts, **links)
    write_sheet(tmp_path / "sheet.html", review_project.project(folder, titles=titles), None, False)
    assert (tmp_path / "sheet.html").read_text().count("<script") == 3  # about, images, and the sheet's own
    opened(window, tmp_path / "sheet.html")
    keys(window, "k", "e", HOSTILE.replace("\u2028", "").replace("\u2029", ""), Keys.ESCAPE, "r")
    window.refresh()
    title = window.execute_script("return document.querySelector('.card b').textContent")
    assert title == HOSTILE and len(window.find_elements("css selector", ".card")) == 6
    assert window.execute_script("return [typeof window.hacked, document.links.length, document.querySelectorAll('[onerror]').length]") == [
        "undefined", 0, 0]
    assert told(window)[1]["note"].startswith("\"'><img src=x")
    write_sheet(tmp_path / "one.html", review_project.project(folder, titles=titles), "barns", False)
    window.get((tmp_path / "one.html").as_uri())
    assert window.execute_script("return document.querySelector('h1').textContent") == HOSTILE


def test_a_file_that_cannot_be_shown_says_so_in_its_place(folder: Path, tmp_path: Path) -> None:
    for name in review_project.TITLES:
        items = read_index(folder / "raw" / name / "index.csv")
        write_index(folder / "raw" / name / "index.csv", [replace(item, path="../../etc/passwd") for item in items])
    assert write_sheet(tmp_path / "sheet.html", review_project.project(folder), None, False) == 12
    assert (tmp_path / "sheet.html").read_text().count("data:image/png;base64,") == 12


def test_the_same_images_give_the_same_sheet(folder: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_sheet(tmp_path / f"{name}.html", review_project.project(folder), None, False)
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()


def test_what_cannot_be_written_is_one_sentence(folder: Path, tmp_path: Path) -> None:
    project = review_project.project(folder)
    with pytest.raises(UserError, match=r"there is no class 'castles'; the project has barns, cabins"):
        write_sheet(tmp_path / "sheet.html", project, "castles", False)
    with pytest.raises(UserError, match=r"cannot be written .*; name another file"):
        write_sheet(tmp_path, project, None, False)
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot be written .*; name another file"):
        write_sheet(tmp_path / "file/sheet.html", project, None, False)
    assert not [*tmp_path.glob("*.part"), *tmp_path.parent.glob("*.part")]


def test_an_empty_sheet_says_so(folder: Path, tmp_path: Path, window: WebDriver) -> None:
    project = review_project.project(folder)
    Store(project.review, project.lock).decide([Word(id_, "barns", "keep") for id_ in kept(folder, "barns")], "bob")
    assert write_sheet(tmp_path / "sheet.html", project, "barns", True) == 0
    opened(window, tmp_path / "sheet.html")
    keys(window, "k", Keys.ARROW_DOWN)
    assert "no images in this sheet" in window.find_element("id", "empty").text
