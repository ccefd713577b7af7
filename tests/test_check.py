"""darkroom review --check: everything that is wrong, in a clone with images and in one without."""

from pathlib import Path

from pipeline import params
from pipeline.curate.decisions.check import Checked, check
from pipeline.curate.decisions.store import Store, Word
from pipeline.item import Item, write_index, write_rejections, write_table

HEAD = "id,decision,reason,reviewer,reviewed_at,crop,note\n"


def id_(number: int) -> str:
    return f"i{number:016x}"


def checked(folder: Path, **settings: object) -> Checked:
    names = (folder / name for name in ("raw", "deduped", "review"))
    return check(*names, ["cats"], params.Review.model_validate(settings))


def images(folder: Path, *numbers: int) -> None:
    items = [Item(id_(n), "cats", f"cats/{n}.png", 9, 9, 9, "PNG", group=id_(n)) for n in numbers]
    write_index(folder / "deduped/index.csv", items)
    write_table(folder / "deduped/groups.csv", ("group", "id", "class"), [(i.id, i.id, "cats") for i in items])
    write_rejections(folder / "deduped/rejected.csv", [])


def test_a_folder_in_order_has_no_problem(tmp_path: Path) -> None:
    Store(tmp_path / "review", tmp_path / "lock").decide([Word(id_(1), "cats", "keep")], "ann")
    found = checked(tmp_path, pending="stop")
    assert found.problems == found.warnings == []
    assert str(found) == ("0 problems, 0 warnings in 1 file: 1 decision and 1 rows of history; "
                          "files only, for there are no collected images here")


def test_nothing_at_all_is_no_problem(tmp_path: Path) -> None:
    assert checked(tmp_path).problems == []


def test_every_problem_is_told_one_line_each(tmp_path: Path) -> None:
    store = Store(tmp_path / "review", tmp_path / "lock")
    store.decide([Word(id_(1), "cats", "keep")], "ann")
    cats, dogs, history = (tmp_path / "review" / name for name in ("cats.csv", "dogs.csv", "history/ann.csv"))
    cats.write_text(cats.read_text() + f"{id_(2)},maybe,,,,,\nx,keep,,,,,\n{id_(1)},reject,,bob,,,\n{id_(3)},keep,,ann,,,\n")
    dogs.write_text("id,what\n")
    history.write_text(history.read_text() + "rubbish\n")
    (tmp_path / "review/forgotten.csv").write_text("address\nx\n")
    found = checked(tmp_path)
    told = "\n".join(found.problems)
    assert len(found.problems) == 6 and not any("\n" in line for line in found.problems), told
    for part in ("cats.csv, line 3: decision 'maybe'", "cats.csv, line 4: 'x' is no image id", "dogs.csv, line 1: no column decision",
                 f"line 2 and {cats}, line 5 disagree about {id_(1)}", "forgotten.csv, line 1", "ann.csv, line 3"):
        assert part in told, part
    assert len(found.warnings) == 1 and "params.yaml has no class 'dogs'" in found.warnings[0]
    assert str(found).startswith("6 problems, 1 warning in 2 files: 3 decisions and 1 rows of history")


def test_images_that_wait_are_a_problem_where_the_gate_stops(tmp_path: Path) -> None:
    images(tmp_path, 1, 2)
    Store(tmp_path / "review", tmp_path / "lock").decide([Word(id_(1), "cats", "keep")], "ann")
    assert checked(tmp_path, pending="keep").problems == []
    [told] = checked(tmp_path, pending="stop").problems
    assert "1 images await a decision (1 of cats)" in told
    assert not (tmp_path / "curated").exists()
