from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import UserError
from pipeline.item import Item, image_id, read_index, write_index

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
