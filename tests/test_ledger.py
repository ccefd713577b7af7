import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline.collect.files import Files
from pipeline.collect.ledger import Ledger, Record
from pipeline.collect.sources.source import Candidate, Page
from pipeline.errors import UserError
from pipeline.item import image_id
from tests.conftest import ROOT

FOUND = Candidate("http://x/1.jpg", "http://x/1.jpg", "http://x/1", "a title", license="cc-by", width=640)


def test_a_download_is_remembered_with_what_is_known_of_it(tmp_path: Path) -> None:
    with Ledger.opened(tmp_path) as ledger:
        id_ = ledger.files.keep(b"bytes")
        ledger.put("address", Record(FOUND, "2026-01-02", id=id_))
    with Ledger.opened(tmp_path) as ledger:
        assert ledger.get("address") == Record(FOUND, "2026-01-02", id=image_id(b"bytes"))
        assert ledger.files.path(id_).read_bytes() == b"bytes"
        assert ledger.get("another") is None
        ledger.files.path(id_).unlink()
        assert ledger.get("address") is None


def test_a_failure_keeps_its_reason_and_counts_its_tries(tmp_path: Path) -> None:
    with Ledger.opened(tmp_path) as ledger:
        for _ in range(3):
            ledger.put("address", Record(FOUND, "2026-01-02", reason="http_404", detail="status 404"))
        found = ledger.get("address")
        assert found and (found.reason, found.detail, found.attempts, found.id) == ("http_404", "status 404", 3, "")
        assert ledger.retry_failed() == 1
        assert ledger.get("address") is None


def test_a_search_goes_on_where_it_stopped(tmp_path: Path) -> None:
    pages = [[Candidate(f"http://x/{n}") for n in range(start, start + 3)] for start in (0, 3)]
    with Ledger.opened(tmp_path) as ledger:
        assert ledger.progress("cats", "bing", "cat") == (None, False)
        ledger.note_page("cats", "bing", "cat", Page(pages[0], "second"), 0)
    with Ledger.opened(tmp_path) as ledger:
        assert ledger.progress("cats", "bing", "cat") == ("second", False)
        ledger.note_page("cats", "bing", "cat", Page(pages[1], None), 3)
        assert ledger.progress("cats", "bing", "cat") == (None, True)
        assert ledger.listed("cats", "bing", "cat", 0) == pages[0] + pages[1]
        assert ledger.listed("cats", "bing", "cat", 5) == pages[1][2:]
        assert ledger.listed("dogs", "bing", "cat", 0) == []


def test_only_the_same_question_again_after_an_end_asks_anew(tmp_path: Path) -> None:
    def listed_after(*steps: tuple[str, int] | str) -> bool:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        with Ledger.opened(folder) as ledger:
            ledger.begin("cats", "wanted", 10)
            ledger.note_page("cats", "bing", "cat", Page([FOUND], None), 0)
            for step in steps:
                ledger.finish("cats") if step == "finish" else ledger.begin("cats", *step)  # type: ignore[misc]
            return bool(ledger.listed("cats", "bing", "cat", 0))

    assert listed_after(("wanted", 10)), "a killed run goes on"
    assert listed_after("finish", ("wanted", 20)), "a raised count tops up"
    assert listed_after("finish", ("other", 10)), "other terms leave what is known of the rest"
    assert not listed_after("finish", ("wanted", 10)), "asked for by force"


def test_forgetting_takes_file_and_row(tmp_path: Path) -> None:
    with Ledger.opened(tmp_path) as ledger:
        ids = [ledger.files.keep(bytes([n])) for n in range(3)]
        for n, id_ in enumerate(ids):
            ledger.put(f"http://x/{n}", Record(Candidate(f"http://x/{n}", page_url=f"http://x/page{n}"), "2026-01-02", id=id_))
        assert ledger.forget({ids[0]}, {"http://x/page1"}) == ids[:2]
        assert [ledger.files.path(id_).exists() for id_ in ids] == [False, False, True]
        assert ledger.get("http://x/0") is None and ledger.get("http://x/2") is not None


def test_what_a_killed_process_left_half_written_is_swept_away(tmp_path: Path) -> None:
    with Ledger.opened(tmp_path) as ledger:
        path = ledger.files.path(ledger.files.keep(b"bytes"))
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left, ours = path.with_name(f"i0.{ended.pid}.part"), path.with_name(f"i0.{os.getpid()}.part")
    left.touch()
    ours.touch()
    with Ledger.opened(tmp_path):
        assert (left.exists(), ours.exists(), path.exists()) == (False, True, True)


def test_a_damaged_file_is_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(UserError, match=r"ledger\.sqlite: file is not a database; the file is damaged: delete it"), Ledger.opened(tmp_path):
        pass


def test_one_image_may_be_kept_by_many_threads_at_a_time(tmp_path: Path) -> None:
    files, data = Files(tmp_path), bytes(2**22)
    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(files.keep, [data] * 24)) == {image_id(data)}
    assert [path.stat().st_size for path in tmp_path.glob("*/*")] == [2**22]


def test_a_file_for_which_there_is_half_the_room_is_not_kept(tmp_path: Path) -> None:
    code = "import resource, sys; from pathlib import Path; from pipeline.collect.files import Files; files = Files(Path(sys.argv[1])); " \
           "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)); files.keep(bytes(2000))"
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    assert "OSError" in done.stderr
    assert not Files(tmp_path).path(image_id(bytes(2000))).exists()
