"""Rows, filters and orders, over tables small enough to know every answer by heart."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.curate.decisions.store import Store, Word
from pipeline.curate.review.catalogue import Catalogue, read_catalogue
from pipeline.curate.review.listing import Query, listed
from pipeline.curate.review.standing import Standing
from pipeline.errors import UserError
from pipeline.forgotten import Forgotten
from pipeline.item import Item, write_index, write_table


def id_of(digit: str) -> str:
    return "i" + digit * 16


A, B, C, D, E = map(id_of, "abcde")
ITEMS = [
    Item(A, "cats", "cats/a.jpg", 100, 80, 900, "JPEG", "tabby", title="A Tabby"),
    Item(B, "cats", "cats/b.jpg", 50, 40, 500, "JPEG", "tabby", title="=tabby", creator="Björk"),
    Item(C, "cats", "cats/c.png", 300, 300, 800, "PNG", "kitten", title="Kitten"),
    Item(D, "dogs", "dogs/d.jpg", 200, 10, 700, "JPEG", "pug", title="Pug"),
    Item(E, "dogs", "dogs/e.jpg", 20, 20, 600, "JPEG", "pug"),
]
GROUPS = ("group", "id", "class", "path", "kept", "kind", "distance", "correlation", "margin", "copy_of", "pdq")
PDQ = {A: "00" * 32, B: "01" + "00" * 31, C: "ff" * 32, D: "0f" + "00" * 31}  # 0, 1, 256 and 4 bits from A; E has none
TIES = [
    (A, A, "cats", "cats/a.jpg", "yes", "", 0, "", "", "", PDQ[A]),
    (A, B, "cats", "cats/b.jpg", "no", "near", 7, "0.98", "0.25", A, PDQ[B]),
    (C, C, "cats", "cats/c.png", "yes", "", 0, "", "", "", PDQ[C]),
    (A, D, "dogs", "dogs/d.jpg", "no", "flip", 4, "0.99", "0.9", A, PDQ[D]),
    (E, E, "dogs", "dogs/e.jpg", "yes", "", 0, "", "", "", ""),
]
QUALITY = [(A, "cats", "", 0.1, 0.2), (C, "cats", "blurry", 0.0, 0.9), (E, "dogs", "", "", 0.55)]  # no rows for B and D


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("cats", "dogs"):
        write_index(tmp_path / "raw" / name / "index.csv", [item for item in ITEMS if item.class_ == name])
    write_index(tmp_path / "deduped/index.csv", [replace(item, group=item.id) for item in ITEMS if item.id in (A, C, E)])
    write_table(tmp_path / "deduped/groups.csv", GROUPS, TIES)
    write_table(tmp_path / "deduped/quality.csv", ("id", "class", "flags", "small", "blurry"), QUALITY)
    write_table(tmp_path / "deduped/rejected.csv", ("id", "class", "rule", "detail"), [(B, "cats", "duplicate-near", "of A")])
    (tmp_path / "review").mkdir()
    return tmp_path


def read(folder: Path) -> Catalogue:
    return read_catalogue(folder / "raw", folder / "deduped")


def standing(folder: Path, catalogue: Catalogue, *said: tuple[str, str, str]) -> Standing:
    store = Store(folder / "review", folder / "lock")
    for who, id_, decision in said:
        store.decide([Word(id_, "cats" if id_ in (A, B, C) else "dogs", decision)], who, who)
    return Standing(catalogue, store, 1.0)


def asked(folder: Path, *said: tuple[str, str, str], **query: object) -> str:
    """The digits of the ids that a query lists, in order."""
    catalogue = read(folder)
    rows = listed(catalogue, standing(folder, catalogue, *said), Query.model_validate(query))
    return "".join(catalogue.ids[row][1] for row in rows)


def test_rows_are_all_collected_images_in_the_order_of_class_and_id(folder: Path) -> None:
    catalogue = read(folder)
    assert catalogue.ids == [A, B, C, D, E] and catalogue.kept.tolist() == [True, False, True, False, True]
    assert catalogue.groups == [A, A, C, A, E] and list(catalogue.members[A]) == [0, 3, 1]  # kept, then 4 bits, then 7
    assert catalogue.sizes[1].tolist() == [50, 40, 500] and catalogue.rules == ["", "duplicate-near", "", "", ""]
    assert catalogue.texts["title"][1].as_py() == "=tabby"  # as it was collected, not as the file shields it
    assert np.isnan(catalogue.ties[0]).all() and catalogue.ties[1].tolist() == pytest.approx([7, 0.98, 0.25])


@pytest.mark.parametrize(("query", "expected"), [
    ({}, "ace"), ({"show": "copies"}, "bd"), ({"show": "all"}, "abcde"), ({"class": "dogs"}, "e"), ({"class": "cows"}, ""),
    ({"group": A, "show": "all"}, "abd"), ({"group": id_of("f")}, ""), ({"flag": "blurry"}, "c"), ({"flag": "nothing"}, ""),
    ({"text": "TABBY"}, "a"), ({"text": "tabby björk", "show": "all"}, "b"), ({"text": "=tab", "show": "all"}, "b"),
    ({"text": "(", "show": "all"}, ""), ({"text": E}, "e"),
])
def test_filters(folder: Path, query: dict[str, object], expected: str) -> None:
    assert asked(folder, **query) == expected


@pytest.mark.parametrize(("query", "expected"), [
    ({"decision": "keep"}, "a"), ({"decision": "reject"}, "c"), ({"decision": "decided"}, "ac"), ({"decision": "undecided"}, "e"),
    ({"reviewer": "ann"}, "ac"), ({"reviewer": "bob"}, "ae"), ({"reviewer": "eve"}, ""), ({"conflict": True}, "e"),
    ({"recheck": True, "who": "bob"}, "c"), ({"recheck": True}, ""),
])
def test_filters_by_what_people_said(folder: Path, query: dict[str, object], expected: str) -> None:
    said = [("ann", A, "keep"), ("bob", A, "keep"), ("ann", C, "reject"), ("bob", E, "keep"), ("cyd", E, "reject")]
    assert asked(folder, *said, **query) == expected


@pytest.mark.parametrize(("query", "expected"), [
    ({"sort": "file"}, "abcde"), ({"sort": "size"}, "cabde"), ({"sort": "group"}, "adbce"), ({"sort": "flag:blurry"}, "ceabd"),
    ({"sort": "similar", "to": A}, "abdce"), ({"sort": "similar", "to": D}, "dbace"), ({"sort": "similar", "to": E}, "abcde"),
    ({"sort": "similar"}, "abcde"),
])
def test_orders(folder: Path, query: dict[str, object], expected: str) -> None:
    # from D: 0f against 01 differs in 3 bits, against 00 in 4, against ff.. in 252
    assert asked(folder, show="all", **query) == expected


def test_the_uncertain_come_first_then_the_undecided(folder: Path) -> None:
    # doubt: E 0.9 (a score of 0.55), A and B 0.75 (a margin of 0.25); C and D are near no line, and C is decided
    assert asked(folder, ("ann", C, "keep"), show="all", sort="uncertain") == "eabdc"


def test_an_order_that_does_not_exist_is_one_sentence(folder: Path) -> None:
    with pytest.raises(UserError, match=r"sort 'colour' is not known; known: file, .*flag:small, flag:blurry"):
        asked(folder, sort="colour")


def test_counts_are_over_kept_images(folder: Path) -> None:
    catalogue = read(folder)
    now = standing(folder, catalogue, ("ann", A, "keep"), ("ann", B, "reject"), ("bob", E, "keep"), ("cyd", E, "reject"))
    expected = {"images": 3, "decided": 1, "keep": 1, "reject": 0, "undecided": 2, "conflicts": 1, "copies": 2}
    assert now.counts("ann") == {**expected, "rechecks": 1}  # E: A and B are her own, and fresh
    assert now.by_class() == {"cats": (2, 1), "dogs": (1, 1)} and now.reviewers() == ["ann", "bob", "cyd"]


def test_one_file_in_two_classes_is_two_rows_with_one_decision(folder: Path) -> None:
    write_index(folder / "raw/dogs/index.csv", [*ITEMS[3:], replace(ITEMS[0], class_="dogs")])
    write_table(folder / "deduped/groups.csv", GROUPS, [*TIES, (A, A, "dogs", "dogs/a.jpg", "no", "exact", 0, "1", "1", A, PDQ[A])])
    catalogue = read(folder)
    assert catalogue.rows_of[A] == (0, 3) and catalogue.kept[[0, 3]].tolist() == [True, False]
    now = standing(folder, catalogue, ("ann", A, "reject"))
    assert now.decisions.tolist() == [2, 0, 0, 2, 0, 0]


def test_what_deduplication_did_not_write_is_only_unknown(folder: Path) -> None:
    (folder / "deduped/quality.csv").unlink()
    (folder / "deduped/rejected.csv").unlink()
    write_table(folder / "deduped/groups.csv", GROUPS[:3], [tie[:3] for tie in TIES])
    (folder / "raw/dogs/index.csv").unlink()
    catalogue = read(folder)
    assert catalogue.ids == [A, B, C, E]  # of D nothing is known but that it was there
    assert catalogue.flags == [] and np.isnan(catalogue.ties).all() and not catalogue.doubt.any()
    assert asked(folder, sort="similar", to=A) == "ace" and asked(folder, sort="uncertain", show="all") == "abce"


def test_a_table_in_which_another_program_quoted_every_cell_reads_the_same(folder: Path) -> None:
    for name in ("index", "groups"):
        path = folder / f"deduped/{name}.csv"
        rows = list(csv.reader(path.open(encoding="utf-8", newline="")))
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, quoting=csv.QUOTE_ALL).writerows(rows)
    found = read_catalogue(folder / "raw", folder / "deduped")
    assert found.sizes[0].tolist() == [100, 80, 900] and found.groups[1] == A


def test_an_empty_dataset_has_no_rows(folder: Path) -> None:
    columns_of = {"index": "id,class,path,width,height,bytes,format", "groups": ",".join(GROUPS), "quality": "id,class,flags"}
    for name, columns in columns_of.items():
        (folder / f"deduped/{name}.csv").write_text(columns + "\n")
    assert len(read(folder)) == 0 and asked(folder, sort="uncertain") == ""


@pytest.mark.parametrize(("name", "text", "message"), [
    ("index", None, r"index.csv is missing; run `dvc repro`"),
    ("groups", "group,id\n", r"groups.csv: no column class; run `dvc repro`"),
    ("groups", "group,id,class\na,b\n", r"groups.csv is no table \(.*\); run `dvc repro`"),
    ("groups", f"group,id,class,distance\n{A},{A},cats,far\n", r"groups.csv: column distance has a cell that is no number"),
    ("groups", "", r"groups.csv is no table"),
    ("index", "id,class,path,width,height,bytes\n../../x,cats,p,1,1,1\n", r"'../../x' is no image id"),
])
def test_a_malformed_table_is_one_sentence(folder: Path, name: str, text: str | None, message: str) -> None:
    path = folder / f"deduped/{name}.csv"
    path.unlink() if text is None else path.write_text(text)
    with pytest.raises(UserError, match=message) as caught:
        read(folder)
    assert "\n" not in str(caught.value)


def test_what_was_taken_down_is_not_there(folder: Path) -> None:
    images = [replace(ITEMS[0], image_url="https://x/a.jpg"), replace(ITEMS[1], page_url="https://x/b"), ITEMS[2]]
    write_index(folder / "raw/cats/index.csv", images)
    taken = Forgotten(frozenset({E}), frozenset({"https://x/a.jpg", "https://x/b"}))
    catalogue = read_catalogue(folder / "raw", folder / "deduped", taken)
    assert catalogue.ids == [C, D] and catalogue.texts["id"].to_pylist() == [C, D] and catalogue.sizes[:, 0].tolist() == [300, 200]
    assert list(catalogue.members) == [C, A] and catalogue.flagged == [["blurry"], []]
