from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import UserError
from pipeline.item import Item, image_id, read_index, read_table, write_index, write_table
from pipeline.spreadsheet import bare, read_rows, shielded

TEXT = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=30)


def item(id_: str, **values: str) -> Item:
    return Item(id_, "houses", f"houses/{id_}.png", 10, 20, 300, "PNG", **values)


def test_id_is_the_sha256_of_the_bytes() -> None:
    # sha256("abc"), FIPS 180-2 appendix B.1
    assert image_id(b"abc") == "iba7816bf8f01cfea"


@given(title=TEXT, creator=TEXT)
def test_an_index_gives_back_what_was_written(tmp_path_factory: pytest.TempPathFactory, title: str, creator: str) -> None:
    path = tmp_path_factory.mktemp("index") / "index.csv"
    items = [item("i01", title=title, creator=creator).with_more(box="1,2,3,4"), item("i02").with_more(box="")]
    write_index(path, items)
    assert read_index(path) == items


def test_order_of_writing_does_not_matter_and_lines_end_with_lf(tmp_path: Path) -> None:
    items = [item("i03"), item("i01"), item("i02")]
    write_index(tmp_path / "a.csv", items)
    write_index(tmp_path / "b.csv", reversed(items))
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    assert b"\r" not in (tmp_path / "a.csv").read_bytes()


def test_a_damaged_index_names_the_line(tmp_path: Path) -> None:
    write_index(tmp_path / "index.csv", [item("i01")])
    path = tmp_path / "index.csv"
    path.write_text(path.read_text().replace(",10,", ",ten,"))
    with pytest.raises(UserError, match="line 2: width, height and bytes are whole numbers"):
        read_index(path)


def test_a_missing_index_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="dvc repro"):
        read_index(tmp_path / "index.csv")


FORMULAS = st.text(st.sampled_from("'=+-@\t\rab1"), max_size=6)


@given(text=st.one_of(TEXT, FORMULAS))
def test_shielding_is_bijective_and_leaves_no_formula(text: str) -> None:
    written = str(shielded(text))
    assert bare(written) == text
    assert not written.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert bare(text) == text or text.startswith("'"), "a spreadsheet that took the apostrophe off changed nothing"


@given(cells=st.lists(FORMULAS, min_size=2, max_size=2))
def test_a_table_with_formulas_is_read_as_it_was_written(tmp_path_factory: pytest.TempPathFactory, cells: list[str]) -> None:
    path = tmp_path_factory.mktemp("table") / "t.csv"
    write_table(path, ("a", "b"), [cells])
    assert [list(row.values()) for row in read_table(path)] == [cells]
    stripped = [bare(str(shielded(cell)).strip()) for cell in cells]
    assert [list(row.values()) for _, row in read_rows(path, ("a",), ("a", "b"))] == ([stripped] if any(stripped) else [])


def test_files_with_line_ends_of_any_kind_are_read_alike(tmp_path: Path) -> None:
    for end in ("\n", "\r\n", "\r"):
        (tmp_path / "t.csv").write_bytes(end.join(["a;b", "1;2,5", "3;4", ""]).encode())
        assert [list(row.values()) for _, row in read_rows(tmp_path / "t.csv", ("a",), ("a", "b"))] == [["1", "2,5"], ["3", "4"]]


def test_numbers_are_written_as_they_are(tmp_path: Path) -> None:
    write_table(tmp_path / "t.csv", ("a", "b", "c"), [[-1, -0.5, "-0.5"]])
    assert (tmp_path / "t.csv").read_text() == "a,b,c\n-1,-0.5,'-0.5\n"


def test_a_table_that_was_saved_otherwise_is_read_or_refused_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "index.csv"
    path.write_bytes(b"\xef\xbb\xbfid,class\ni1\n")
    assert read_table(path, ("id",)) == [{"id": "i1", "class": ""}]
    path.write_bytes(b"id,class\ni1,caf\xe9\n")
    with pytest.raises(UserError, match=r"index\.csv is not UTF-8 text; run `dvc repro`"):
        read_table(path)
    path.write_text("id,class,path,width,height,bytes,format\ni1,a\n")
    with pytest.raises(UserError, match=r"line 2: width, height and bytes are whole numbers"):
        read_index(path)


def test_a_stray_quote_in_a_large_table_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "index.csv"
    path.write_text('id,class\n"i01,houses\n' + "i02,houses\n" * 20_000)
    with pytest.raises(UserError, match=r"index\.csv is damaged \(field larger"):
        read_table(path)


def test_a_name_that_is_no_text_can_be_written_down(tmp_path: Path) -> None:
    write_table(tmp_path / "a.csv", ("path",), [["caf\udce9.jpg"]])
    assert (tmp_path / "a.csv").read_bytes() == b"path\ncaf\\udce9.jpg\n"
