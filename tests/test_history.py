"""The history of what was said: what may be in it, and what a merge, a kill or an editor leaves of it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.curate.decisions.decision import Decision
from pipeline.curate.decisions.history import History
from pipeline.curate.decisions.history_file import Entry, encoded, file_name, packed, read_entries, unpacked
from pipeline.errors import UserError

A = "i" + "a" * 16
LINE = st.text(st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp")), max_size=30)


def entry(number: int, action: str = "decide", undoes: str = "", reviewer: str = "ann", **more: object) -> Entry:
    return Entry(f"2026-01-01T00:00:{number:02d}.000Z", action, f"b{number}", undoes, reviewer, A, "cats", "keep", **more)  # type: ignore[arg-type]


def added(folder: Path, *entries: Entry) -> History:
    history = History(folder)
    history.refresh()
    history.append(history.pieces(entries))
    return opened(folder)


def opened(folder: Path) -> History:
    history = History(folder)
    history.refresh()
    return history


@given(texts=st.tuples(LINE, LINE, LINE), rows=st.lists(st.tuples(LINE, LINE, LINE), max_size=3))
def test_an_entry_is_read_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, texts: tuple[str, str, str], rows: list[tuple[str, str, str]]
) -> None:
    placed = [("cats", Decision(A, "reject", reason, reviewer or "x", "", "", note)) for reason, reviewer, note in rows]
    reason, note, session = texts
    said = entry(1, reason=reason, note=note, session=session, blind=True, before=packed(placed), look="ab" * 32)
    assert unpacked(A, said.before) == placed
    assert added(tmp_path_factory.mktemp("history"), said).of(A) == [said]


def test_repeated_headers_and_windows_line_ends_are_read(tmp_path: Path) -> None:
    added(tmp_path, entry(1), entry(2))
    path = tmp_path / "ann.csv"
    head = path.read_text().splitlines()[0]
    path.write_bytes(("\ufeff" + path.read_text() + head + "\n").replace("\n", "\r\n").encode() + encoded([entry(3)]))
    assert [e.batch for e in opened(tmp_path).of(A)] == ["b1", "b2", "b3"]


def test_rows_of_two_clones_are_put_in_order_of_time(tmp_path: Path) -> None:
    added(tmp_path, entry(1), entry(4), entry(2), entry(3, reviewer="bob"))
    assert [e.batch for e in opened(tmp_path).of(A)] == ["b1", "b2", "b3", "b4"]
    assert opened(tmp_path).undoable("ann")[0].batch == "b4"


@pytest.mark.parametrize("row", ["x", "a,b,c", "," * 14, encoded([entry(1)]).decode().strip().replace("decide", "guess"), '"open'])
def test_a_row_that_is_none_names_its_line_and_others_are_read(tmp_path: Path, row: str) -> None:
    added(tmp_path, entry(1))
    path = tmp_path / "ann.csv"
    path.write_text(path.read_text() + row + "\n" + encoded([entry(2)]).decode())
    with pytest.raises(UserError, match=r"ann\.csv, line 3: .*; put the line right or delete it, then run again"):
        opened(tmp_path)
    entries, problems = read_entries(tmp_path)
    assert [e.batch for e in entries] == ["b1", "b2"] and len(problems) == 1 and "line 3" in problems[0]


def test_undo_and_redo_move_through_the_actions(tmp_path: Path) -> None:
    history = added(tmp_path, entry(1), entry(2), entry(3, "undo", "b2"), entry(4, "undo", "b1"), entry(5, "redo", "b1"))
    assert history.undoable("ann")[0].at == entry(5).at, "as it was last done"
    assert history.redoable("ann")[0].batch == "b2"
    assert added(tmp_path, entry(6)).redoable("ann") == []


def test_a_file_that_grows_or_is_replaced_meanwhile_is_read(tmp_path: Path) -> None:
    added(tmp_path, entry(1))
    history = opened(tmp_path)
    assert not history.refresh()
    added(tmp_path, entry(2), entry(3, reviewer="bob"))
    assert history.refresh() and [e.batch for e in history.of(A)] == ["b1", "b2", "b3"]
    (tmp_path / "ann.csv").unlink()
    assert history.refresh() and [e.batch for e in history.of(A)] == ["b3"]


@pytest.mark.parametrize(("name", "file"), [("ann", "ann.csv"), ("bo-b_2", "bo-b_2.csv")])
def test_a_plain_name_is_the_file_s_name(name: str, file: str) -> None:
    assert file_name(name) == file


@given(names=st.lists(LINE.filter(str.strip), unique=True, max_size=20))
def test_every_name_has_a_file_of_its_own(names: list[str]) -> None:
    files = {file_name(name).lower() for name in names}
    assert len(files) == len(names)
    assert all(set(file) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-.") and len(file) < 60 for file in files)
