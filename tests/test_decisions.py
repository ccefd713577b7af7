from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.curate.decisions.decision import Decision, read_decisions, read_file, write_decisions
from pipeline.curate.decisions.pending import tidy
from pipeline.errors import UserError
from pipeline.forgotten import read_forgotten

A, B = "i" + "a" * 16, "i" + "b" * 16
HEAD = "id,decision,reason,reviewer,reviewed_at,crop,note\n"


def read(folder: Path, **files: str | bytes) -> dict[str, Decision]:
    for name, text in files.items():
        (folder / f"{name}.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_decisions(folder)


def complaint(folder: Path, **files: str) -> str:
    with pytest.raises(UserError) as caught:
        read(folder, **files)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        HEAD + f"{A},keep,,ann,2026-01-01,,\n",
        "\ufeff" + HEAD.replace("\n", "\r\n") + f"{A},Keep,,ann,2026-01-01,,\r\n",
        HEAD.replace(",", ";") + f"{A};keep;;ann;2026-01-01;;\n",
        f"decision,id\nkeep,{A}\n",
        HEAD + f"{A},keep,,ann,2026-01-01,,\n" + HEAD + f"{A},keep,,ann,2026-01-01,,\n",
        HEAD + f"{A},,,,,,\n{A},keep,,ann,2026-01-01,,\n",
        HEAD + f"\n  \n{A},keep\n",
    ],
    ids=["plain", "bom and crlf", "semicolons", "other columns", "union merge", "blank row beside", "short row"],
)
def test_what_spreadsheets_and_merges_leave_is_read(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, faces=text)[A].decision == "keep"


def test_what_a_mac_or_an_editor_hides_beside_a_file_is_no_decisions_file(tmp_path: Path) -> None:
    (tmp_path / "._faces.csv").write_bytes(b"\x00\x05\x16\x07\xff")
    (tmp_path / ".#faces.csv").symlink_to("ann@host.42")
    assert read(tmp_path, faces=HEAD + f"{A},keep,,,,,\n")[A].decision == "keep"


def test_two_rows_that_disagree_name_both_lines(tmp_path: Path) -> None:
    animals = HEAD + f"{B},keep,,,,,\n{A},reject,,bob,2026-01-02,,\n"
    told = complaint(tmp_path, faces=HEAD + f"{A},keep,,ann,2026-01-01,,\n", animals=animals)
    assert "animals.csv, line 3 and" in told and "faces.csv, line 2 disagree about" in told
    assert "run `darkroom review` and settle" in told and "delete the line that is wrong" in told


def test_two_reviewers_who_agree_are_one_decision_with_the_crop_that_was_drawn(tmp_path: Path) -> None:
    rows = f'{A},keep,,ann,2026-01-01,,\n{A},keep,sharp,bob,2026-01-02,"0,0,1,0.5",\n'
    found = read(tmp_path, faces=HEAD + rows)[A]
    assert (found.decision, found.reviewer, found.crop) == ("keep", "ann", "0,0,1,0.5")


def test_two_boxes_are_a_disagreement(tmp_path: Path) -> None:
    rows = f'{A},keep,,ann,,"0,0,1,0.6",\n{A},keep,,bob,,"0,0,1,0.5",\n'
    assert "keep with crop 0,0,1,0.6 and keep with crop 0,0,1,0.5" in complaint(tmp_path, faces=HEAD + rows)


def test_a_box_without_a_decision_does_not_disagree(tmp_path: Path) -> None:
    found = read(tmp_path, faces=HEAD + f'{A},,,,,"0,0,1,0.5",\n{A},keep,,bob,2026-01-02,,\n')[A]
    assert (found.decision, found.crop) == ("keep", "0,0,1,0.5")


def test_an_undo_disagrees_with_what_it_undoes_until_one_is_deleted(tmp_path: Path) -> None:
    assert "disagree" in complaint(tmp_path, faces=HEAD + f"{A},keep,,ann,2026-01-01,,\n{A},,,ann,2026-01-02,,\n")


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (f"{A},rejct,,,,,", "line 2: decision 'rejct' is not allowed; allowed: keep, reject, or nothing (not yet); did you mean reject?"),
        ("a1b2,keep,,,,,", "line 2: 'a1b2' is no image id"),
        (f"{A},keep,,,,0.5;0.5,", "line 2: crop '0.5;0.5' is no box"),
        (f'{A},keep,,,,"0.5,0.5,0.9,0.1",', "is no box"),
        (f"{A},keep,,ann,2026-01-01,,a note, with a comma", "line 2: 8 cells under 7 columns; put quotes"),
    ],
)
def test_a_malformed_row_names_its_line(tmp_path: Path, row: str, says: str) -> None:
    assert says in complaint(tmp_path, faces=HEAD + row + "\n")


def test_a_wrong_header_names_what_is_allowed(tmp_path: Path) -> None:
    assert "line 1: no column id" in complaint(tmp_path, faces="name,decision\nx,keep\n")
    assert "line 1: unknown column 'colour'" in complaint(tmp_path, faces="id,decision,colour\n")


def test_text_that_is_not_utf8_says_how_to_save(tmp_path: Path) -> None:
    (tmp_path / "faces.csv").write_bytes(HEAD.encode() + f"{A},keep,,Jos\xe9,,,\n".encode("latin-1"))
    with pytest.raises(UserError, match="save it from the spreadsheet as CSV UTF-8"):
        read_decisions(tmp_path)


def test_a_box_is_read(tmp_path: Path) -> None:
    assert read(tmp_path, faces=HEAD + f'{A},keep,,,,"0.1,0.2,0.5,0.5",\n')[A].box == (0.1, 0.2, 0.5, 0.5)


TEXT = st.text(st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp", "Zs")), max_size=20)


@given(rows=st.dictionaries(st.integers(0, 2**64 - 1), st.tuples(st.sampled_from(["keep", "reject", ""]), TEXT, TEXT), max_size=5))
def test_writing_and_reading_are_inverse(tmp_path_factory: pytest.TempPathFactory, rows: dict) -> None:
    path = tmp_path_factory.mktemp("review") / "a.csv"
    decisions = [Decision(f"i{number:016x}", said, reason=reason, note=note) for number, (said, reason, note) in rows.items()]
    write_decisions(path, decisions)
    back = [Decision(**{**d.__dict__, "where": ""}) for d in read_file(path)]
    assert back == sorted(decisions, key=lambda d: d.id)


def test_tidy_sorts_and_normalises(tmp_path: Path) -> None:
    (tmp_path / "faces.csv").write_text("decision;id\r\nreject;" + B + "\r\n;" + A + "\r\nkeep;" + A + "\r\n")
    assert tidy(tmp_path) == 1
    assert (tmp_path / "faces.csv").read_bytes() == f"{HEAD}{A},keep,,,,,\n{B},reject,,,,,\n".encode()


def test_tidy_keeps_each_reviewer_s_word_and_the_latest_of_each(tmp_path: Path) -> None:
    rows = f"{A},keep,,bob,2026-01-03,,\n{A},keep,old,ann,2026-01-01,,\n{A},keep,new,ann,2026-01-02,,\n"
    (tmp_path / "faces.csv").write_text(HEAD + rows)
    tidy(tmp_path)
    assert (tmp_path / "faces.csv").read_text() == HEAD + f"{A},keep,new,ann,2026-01-02,,\n{A},keep,,bob,2026-01-03,,\n"


def test_takedowns_are_read(tmp_path: Path) -> None:
    assert read_forgotten(tmp_path).ids == frozenset()
    (tmp_path / "forgotten.csv").write_text(f"id,url,forgotten_at,reason\n{A},,2026-01-01,asked\n,http://x/y.png,2026-01-01,asked\n")
    forgotten = read_forgotten(tmp_path)
    assert forgotten.ids == {A} and forgotten.urls == {"http://x/y.png"}
    assert read_decisions(tmp_path) == {}


def test_a_quote_that_is_not_closed_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "forgotten.csv").write_text('id,url,forgotten_at,reason\ni1,,,"no end\n' + "i2,,,asked\n" * 20_000)
    with pytest.raises(UserError, match=r"forgotten\.csv, line \d+: .*a quote that is not closed"):
        read_forgotten(tmp_path)


def test_a_quote_that_is_not_closed_swallows_no_rows(tmp_path: Path) -> None:
    told = complaint(tmp_path, faces=HEAD + f'{A},keep,,ann,2026-01-01,,"half a note\n{B},reject,,ann,2026-01-01,,\n')
    assert "faces.csv, line 3" in told and "a quote that is not closed" in told
