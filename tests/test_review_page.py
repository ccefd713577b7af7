"""The review page in real Chromium, over a real server: what people press, and what is in the files afterwards."""

import csv
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.support.ui import WebDriverWait

from pipeline.collect import browser
from tests.review_project import Server, build


@dataclass
class Files(Server):
    """The server, and what is in its folder's files."""

    def rows(self, class_: str = "barns") -> dict[str, dict[str, str]]:
        """What the class's decisions file says, by id; a file with two rows for an id fails the test."""
        rows = self.every_row(class_)
        assert len({row["id"] for row in rows}) == len(rows)
        return {row["id"]: row for row in rows}

    def every_row(self, class_: str = "barns") -> list[dict[str, str]]:
        path = self.folder / "review" / f"{class_}.csv"
        return list(csv.DictReader(path.open(encoding="utf-8", newline=""))) if path.exists() else []

    def kept_ids(self, class_: str = "barns") -> list[str]:
        """The ids that the page lists for a class, in its order."""
        table = csv.DictReader((self.folder / "deduped/index.csv").open(encoding="utf-8", newline=""))
        return [row["id"] for row in table if row["class"] == class_]


@dataclass
class Page:
    """The page as a person has it before them."""

    window: WebDriver

    def open(self, address: str, **more: str) -> None:
        self.window.get(address)
        if more:
            base = address.split("?")[0]
            self.window.get(base + "?" + "&".join(f"{name}={value}" for name, value in more.items()))
        self.wait(lambda: self.script("return document.body.dataset.ready") == "1")

    def press(self, *keys: str) -> None:
        """Type keys into the page, as fast as the browser takes them; upper case is with Shift."""
        chain = ActionChains(self.window, duration=0)
        for key in keys:
            chain.send_keys(key)
        chain.perform()

    def shift(self, *keys: str) -> None:
        chain = ActionChains(self.window, duration=0).key_down(Keys.SHIFT)
        for key in keys:
            chain.send_keys(key)
        chain.key_up(Keys.SHIFT).perform()

    def script(self, text: str, *arguments: object) -> object:
        return self.window.execute_script(text, *arguments)

    def wait(self, condition: Callable[[], object], seconds: float = 30) -> None:
        WebDriverWait(self.window, seconds, 0.03).until(lambda _: condition())

    def wait_saved(self) -> None:
        """Until the page says so; the keys before it have been taken by then."""
        self.script("return new Promise((done) => setTimeout(done, 60))")
        self.wait(lambda: self.script("return document.getElementById('saved').dataset.state") == "saved")

    @property
    def focused(self) -> str:
        """The image in focus; a tile's frame is there before its row has come from the server."""
        self.wait(lambda: self.script("return document.querySelector('.tile.focused')?.dataset.id"))
        return str(self.script("return document.querySelector('.tile.focused').dataset.id"))

    @property
    def count(self) -> str:
        return self.window.find_element(By.ID, "count").text

    def shows(self, id_: str, **data: str) -> bool:
        """Whether the image's tile is in sight and its data-attributes are these."""
        found = self.script("return {...document.querySelector(`.tile[data-id='${arguments[0]}']`)?.dataset}", id_)
        return isinstance(found, dict) and data.items() <= found.items()

    def click(self, css: str) -> None:
        self.window.find_element(By.CSS_SELECTOR, css).click()


@pytest.fixture(scope="module")
def windows() -> Iterator[list[WebDriver]]:
    with ExitStack() as stack:
        yield [stack.enter_context(browser.opened()) for _ in range(2)]


@pytest.fixture
def page(windows: list[WebDriver]) -> Page:
    return Page(windows[0])


@contextmanager
def served(folder: Path, rows: int, **more: str) -> Iterator[tuple[Files, str]]:
    server = Files(build(folder / "project", rows, **more))
    address = server.start()
    try:
        yield server, address
    finally:
        server.kill()


def test_300_images_by_keyboard_outlive_a_reload_and_a_killed_server_and_are_undone_and_redone(tmp_path: Path, page: Page) -> None:
    with served(tmp_path, 600) as (server, address):
        page.open(address, **{"class": "barns"})
        ids = server.kept_ids()
        assert page.count == "0 of 300"
        keys = ["r" if number % 3 == 0 else "k" for number in range(300)]
        assert len(keys) <= 1.1 * len(ids)
        wanted = {id_: {"r": "reject", "k": "keep"}[key] for id_, key in zip(ids, keys, strict=True)}
        for start in range(0, 150, 50):
            page.press(*keys[start : start + 50])
        page.wait_saved()
        assert page.count == "150 of 300"
        page.window.refresh()
        page.wait(lambda: page.script("return document.body.dataset.ready") == "1")
        assert page.count == "150 of 300" and page.focused == ids[150]
        page.press(*keys[150:])
        page.wait_saved()
        server.kill()
        assert {id_: row["decision"] for id_, row in server.rows().items()} == wanted
        page.open(server.start(), **{"class": "barns"})
        assert page.count == "300 of 300"
        for _ in range(6):
            page.press(*"z" * 50)
        page.wait(lambda: page.count == "0 of 300")
        page.wait_saved()
        assert {row["decision"] for row in server.rows().values()} == {""} and all(row["reviewed_at"] for row in server.rows().values())
        page.shift(*"z" * 40)
        page.wait(lambda: page.count == "40 of 300")
        page.wait_saved()
        said = {id_: row["decision"] for id_, row in server.rows().items() if row["decision"]}
        assert said == {id_: wanted[id_] for id_ in ids[:40]}


def test_a_key_too_many_at_the_end_changes_nothing(tmp_path: Path, page: Page) -> None:
    with served(tmp_path, 12) as (server, address):
        page.open(address, **{"class": "barns"})
        page.press(*"kkkkkk", *"rrr2")
        page.wait_saved()
        assert [row["decision"] for row in server.rows().values()] == ["keep"] * 6
        page.press(*"zzzzzz")
        page.wait(lambda: page.count == "0 of 6")  # nothing was said that would want a seventh


def test_what_a_tab_had_not_saved_is_neither_asked_again_nor_stuck_on_the_page(tmp_path: Path, page: Page) -> None:
    with served(tmp_path, 80) as (server, address):
        page.open(address, **{"class": "barns"})
        ids = server.kept_ids()
        server.kill()
        page.press(*"r" * 20)
        saved = page.window.find_element(By.ID, "saved")
        page.wait(lambda: saved.get_attribute("data-pending") == "20")
        page.open(server.start(), **{"class": "barns"})
        assert page.focused == ids[20] and page.count == "20 of 40"
        page.press("k")
        page.wait_saved()
        assert [server.rows()[id_]["decision"] for id_ in ids[:21]] == ["reject"] * 20 + ["keep"]
        page.press(*"z" * 21)
        page.wait(lambda: page.count == "0 of 40")
        assert page.shows(ids[0], decision="")


def test_one_file_in_two_classes_is_one_image_with_one_decision(tmp_path: Path, page: Page) -> None:
    server = Files(build(tmp_path / "project", 20))
    twice = server.kept_ids()[0]
    for path in (server.folder / "deduped/groups.csv", server.folder / "raw/barns/index.csv"):
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        [line] = [line for line in lines if f"{twice},barns" in line]
        other = path if path.name == "groups.csv" else server.folder / "raw/cabins/index.csv"
        with other.open("a", encoding="utf-8") as file:
            file.write(line.replace("barns", "cabins", 1).replace(",yes,,", ",no,exact,"))
    try:
        page.open(server.start(), **{"class": "barns"})
        page.press(Keys.HOME, Keys.ENTER)
        page.wait(lambda: len(page.window.find_elements(By.CSS_SELECTOR, "figcaption")) == 2)
        page.press("k")
        page.wait_saved()
        page.press(Keys.ESCAPE)
        page.wait(lambda: page.shows(twice, decision="keep"))
        page.press("z")
        page.wait(lambda: page.shows(twice, decision="") and page.focused == twice)
        page.press("1")
        page.wait_saved()
        page.wait(lambda: page.shows(twice, decision="keep"))
        assert [row["decision"] for row in server.every_row() + server.every_row("cabins")] == ["keep"]
    finally:
        server.kill()


def test_a_group_is_listed_alone_and_left_again(tmp_path: Path, page: Page) -> None:
    with served(tmp_path, 40) as (server, address):
        page.open(address, **{"class": "barns"})
        total = page.count
        copied = next(n for n, id_ in enumerate(server.kept_ids()) if page.script(
            "return document.querySelector(`.tile[data-id='${arguments[0]}'] .copies`)?.textContent", id_) == "3")
        page.press(Keys.HOME, *[Keys.ARROW_RIGHT] * copied, "f")
        page.wait(lambda: page.count == "0 of 3")
        page.press("f")
        page.wait(lambda: page.count == "0 of 40" != total)  # a group may span classes, so all of them come back
        page.press(Keys.ENTER)
        page.wait(lambda: page.window.find_elements(By.CSS_SELECTOR, "#details .facts button"))
        page.click("#details .facts button")
        page.wait(lambda: page.count == "0 of 3")


def test_two_browsers_at_once_lose_nothing_and_show_where_they_differ(tmp_path: Path, windows: list[WebDriver]) -> None:
    ann, bob = (Page(window) for window in windows)
    with served(tmp_path, 400) as (server, address):
        ann.open(address, **{"class": "barns", "reviewer": "ann"})
        bob.open(address, **{"class": "barns", "reviewer": "bob"})
        ids = server.kept_ids()
        for _ in range(25):  # ann from the front, bob from the back, in turn
            ann.press("k", "k", "k")
            bob.press(Keys.END, "p", "r", Keys.END, "p", "r")
        for one in (ann, bob):
            one.wait_saved()
        said = {row["id"]: (row["reviewer"], row["decision"]) for row in server.rows().values()}
        last = ids[-1]  # END stands on it, so the first P leaves it out
        assert {id_ for id_, word in said.items() if word == ("ann", "keep")} == set(ids[:75])
        assert {id_ for id_, word in said.items() if word == ("bob", "reject")} == set(ids[-51:]) - {last}
        ann.press(Keys.HOME)
        bob.press(Keys.HOME)
        first = ids[0]
        bob.wait(lambda: bob.shows(first, decision="keep"))  # ann's word arrives while bob's page is open
        bob.press("r")
        ann.wait(lambda: ann.shows(first, conflict="1"))
        ann.wait(lambda: "bob" in ann.window.find_element(By.ID, "toasts").text)
        assert sorted(row["decision"] for row in server.every_row() if row["id"] == first) == ["keep", "reject"]
        ann.wait(lambda: ann.window.find_element(By.CSS_SELECTOR, "#conflicts b").text != "")
        ann.click("#conflicts")
        ann.wait(lambda: ann.count == "0 of 1")
        ann.press(Keys.HOME, Keys.ENTER)
        ann.wait(lambda: ann.window.find_elements(By.CSS_SELECTOR, ".conflict .words"))
        words = [word.text.splitlines()[0] for word in ann.window.find_elements(By.CSS_SELECTOR, ".conflict .words li")]
        assert sorted(words) == ["ann says keep", "bob says reject"]
        ann.press("k")
        ann.wait_saved()
        assert [(row["decision"], row["reviewer"]) for row in server.every_row() if row["id"] == first] == [("keep", "ann")]


def test_a_number_keeps_that_member_of_the_group_and_shift_and_a_number_gives_a_reason(tmp_path: Path, page: Page) -> None:
    with served(tmp_path, 60) as (server, address):
        groups: dict[str, list[str]] = {}
        for row in csv.DictReader((server.folder / "deduped/groups.csv").open(encoding="utf-8", newline="")):
            if row["class"] == "barns":
                groups.setdefault(row["group"], []).insert(0 if row["kept"] == "yes" else len(groups), row["id"])
        page.open(address, **{"class": "barns"})
        ids = server.kept_ids()
        place = next(n for n, id_ in enumerate(ids) if len(groups[id_]) == 3)
        page.press(Keys.HOME, *[Keys.ARROW_RIGHT] * place, Keys.ENTER)
        page.wait(lambda: len(page.window.find_elements(By.CSS_SELECTOR, "figcaption")) == 3)
        second = page.script("return document.querySelectorAll('.picture')[1].row.id")
        page.press("2")
        page.wait_saved()
        rows = server.rows()
        assert set(rows) == set(groups[ids[place]])
        for id_, row in rows.items():
            assert (row["decision"], row["reason"]) == (("keep", "") if id_ == second else ("reject", "duplicate"))
        page.press(Keys.ESCAPE, "z")
        page.wait_saved()
        assert {row["decision"] for row in server.rows().values()} == {""}  # one step took all three back
        page.press(Keys.HOME)
        page.shift("2")  # a US layout types @ here; which key it was is what counts
        page.wait_saved()
        assert (server.rows()[ids[0]]["decision"], server.rows()[ids[0]]["reason"]) == ("reject", "watermark")


def test_a_range_a_rubber_band_and_all_that_is_listed_are_each_decided_in_one_step(tmp_path: Path, page: Page) -> None:
    with served(tmp_path, 500) as (server, address):
        page.open(address, **{"class": "barns"})
        ids = server.kept_ids()
        tiles = {t.get_attribute("data-id"): t for t in page.window.find_elements(By.CSS_SELECTOR, ".tile")}
        ActionChains(page.window).click(tiles[ids[1]]).key_down(Keys.SHIFT).click(tiles[ids[4]]).key_up(Keys.SHIFT).perform()
        page.press("r")
        page.wait_saved()
        assert {id_: row["decision"] for id_, row in server.rows().items()} == dict.fromkeys(ids[1:5], "reject")
        page.press("z")
        page.wait(lambda: page.count == "0 of 250")
        ActionChains(page.window).move_to_element(tiles[ids[0]]).click_and_hold().move_to_element(tiles[ids[1]]).release().perform()
        assert page.window.find_element(By.ID, "chosen").text == "2 images selected"
        page.press("k")
        page.wait_saved()
        assert [id_ for id_, row in server.rows().items() if row["decision"] == "keep"] == sorted(ids[:2])
        page.press("a", "r")
        page.wait(lambda: "250 images" in page.window.find_element(By.ID, "ask").text)
        page.press(Keys.ESCAPE)  # asked above 200, and refused
        page.wait(lambda: not page.script("return document.getElementById('ask').open"))
        assert page.count == "2 of 250"
        page.press("r")
        page.wait(lambda: page.script("return document.getElementById('ask').open"))
        page.press(Keys.ENTER)
        page.wait(lambda: page.count == "250 of 250")
        page.wait_saved()
        assert {id_: row["decision"] for id_, row in server.rows().items()} == dict.fromkeys(ids, "reject")


def test_a_crop_box_drawn_by_mouse_and_moved_by_keys_is_in_the_file_beside_the_decision_and_the_note(tmp_path: Path, page: Page) -> None:
    with served(tmp_path, 20) as (server, address):
        page.open(address)
        first = page.focused
        page.press("k", Keys.HOME, "c")
        page.wait(lambda: page.window.find_elements(By.CSS_SELECTOR, ".crop-veil"))
        veil = page.window.find_element(By.CSS_SELECTOR, ".crop-veil")
        width, height = veil.size["width"], veil.size["height"]
        corner = page.window.find_element(By.CSS_SELECTOR, ".handle.nw")
        drag = ActionChains(page.window).move_to_element(corner).click_and_hold()
        drag.move_by_offset(round(width * 0.2), round(height * 0.3)).release().perform()
        page.press(Keys.ARROW_RIGHT, Keys.ENTER)
        page.wait_saved()
        row = server.rows()[first]
        x, y, w, h = (float(part) for part in row["crop"].split(","))
        assert row["decision"] == "keep"
        assert (x, y, x + w, y + h) == pytest.approx((0.31, 0.4, 0.91, 0.9), abs=0.01)  # from 10 % in; the arrow moved it by one
        page.press("e")
        page.press("the left half", Keys.ENTER)
        page.wait_saved()
        page.press(Keys.ESCAPE)
        assert server.rows()[first]["note"] == "the left half" and server.rows()[first]["crop"] == row["crop"]
        assert page.script("return document.querySelector('.tile.focused .tile-crop').hidden") is False


def test_second_looks_come_without_the_first_decision_and_are_sent_as_blind(tmp_path: Path, page: Page) -> None:
    with served(tmp_path, 40) as (server, address):
        page.open(address, reviewer="ann")
        page.press("a", "k")
        page.wait_saved()
        page.open(address, reviewer="bob")  # whose own decisions would come back only after a while
        page.click("#rechecks")
        page.wait(lambda: page.count.startswith("0 of") and page.script("return document.body.dataset.ready") == "1")
        again = int(page.count.split()[-1])
        assert 0 < again < 40
        shown = page.script("return [...document.querySelectorAll('.tile:not([hidden])')].map((tile) => tile.dataset.decision)")
        assert shown == [""] * again
        page.press("r")
        page.wait_saved()
        assert page.count == f"1 of {again}"
        said = list(csv.DictReader((server.folder / "review/history/bob.csv").open(encoding="utf-8", newline="")))
        assert [row["decision"] for row in said] == ["reject"] and said[0]["blind"] not in ("", "no", "0")


def test_what_strangers_wrote_is_text_and_nothing_but_the_web_is_linked(tmp_path: Path, page: Page) -> None:
    nasty = "<img src=x onerror=hacked=1><script>hacked=1</script>"
    more = {"title": nasty, "creator": nasty, "license": nasty, "term": nasty, "source": nasty, "page_url": "javascript:hacked=1",
            "license_url": "data:text/html,<script>hacked=1</script>"}
    with served(tmp_path, 20, **more) as (_, address):
        page.open(address)
        page.press(Keys.ENTER)
        page.wait(lambda: nasty in page.window.find_element(By.ID, "details").text)
        assert nasty in page.window.find_element(By.ID, "about").get_attribute("textContent")
        links = page.script("return [...document.querySelectorAll('a[href]')].map((one) => [new URL(one.href).protocol, one.rel])")
        assert links == [["https:", "noopener noreferrer"]]  # the image's own; the page's and the licence's are no web addresses
        assert page.script("return [typeof hacked, document.querySelectorAll('img[src=x], body script').length]") == ["undefined", 0]


def test_what_could_not_be_saved_is_shown_and_kept_and_saved_when_the_server_is_back(tmp_path: Path, page: Page) -> None:
    with served(tmp_path, 40) as (server, address):
        page.open(address)
        first = page.focused
        server.kill()
        page.press("k", "r")
        saved = page.window.find_element(By.ID, "saved")
        page.wait(lambda: saved.get_attribute("data-state") == "failed")
        assert saved.get_attribute("data-pending") == "2" and page.count == "2 of 40"
        assert "does not answer" in page.window.find_element(By.ID, "toasts").text
        again = server.start()  # with another token: the page has to be let in again, in any tab
        here = page.window.current_window_handle
        page.window.switch_to.new_window("tab")
        page.open(again)
        page.window.close()
        page.window.switch_to.window(here)
        saved.click()
        page.wait(lambda: saved.get_attribute("data-state") == "saved")
        assert server.rows()[first]["decision"] == "keep" and len(server.rows()) == 2


def test_typing_slowly_in_the_search_field_decides_nothing_and_likeness_sorts(tmp_path: Path, page: Page) -> None:
    with served(tmp_path, 12) as (files, address):
        page.open(address)
        page.press("/")
        for letter in "arz":
            page.press(letter)
            time.sleep(0.6)  # longer than the page waits for more
        assert page.script("return document.activeElement.id") == "text"
        assert page.script("return document.getElementById('text').value") == "arz"
        assert not any(row["decision"] for row in files.rows().values())
        page.press(Keys.ESCAPE)
        page.wait(lambda: page.script("return document.activeElement.id") == "grid")
        page.wait(lambda: page.script("return document.querySelectorAll('.tile.shown').length") == 12)
        page.press("s")
        page.wait(lambda: page.script("return document.getElementById('sort').value") == "similar")
        page.wait(lambda: page.script("return document.body.dataset.ready") == "1")
        time.sleep(0.5)
        assert "not as it should be" not in str(page.script("return document.body.innerText"))
