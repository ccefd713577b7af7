from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps

from pipeline import params
from pipeline.curate.dedupe import GROUP_COLUMNS, Deduped, dedupe, prune
from pipeline.curate.quality.measure import FLAGS
from pipeline.item import Item, image_id, read_index, read_rejections, read_table, write_index
from tests.conftest import encoded, picture
from tests.copying import COPIES, cut, face, photo, scaled

TABLES = ("index.csv", "groups.csv", "quality.csv", "rejected.csv")


class Raw:
    """A data/raw folder that grows."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.items: list[Item] = []

    def add(self, name: str, data: bytes, size: tuple[int, int] = (96, 80), path: str = "") -> str:
        id_ = image_id(data)
        item = Item(id_, name, f"{name}/{path or id_}.png", *size, len(data), "PNG")
        (self.folder / name).mkdir(parents=True, exist_ok=True)
        (self.folder / item.path).write_bytes(data)
        self.items.append(item)
        for class_ in {i.class_ for i in self.items}:
            write_index(self.folder / class_ / "index.csv", [i for i in self.items if i.class_ == class_])
        return id_

    @property
    def out(self) -> Path:
        return self.folder.parent / "deduped"

    @property
    def memory(self) -> Path:
        return self.folder.parent / "cache" / "curate.sqlite"

    def dedupe(self, *classes: str, engine: str = "serial", workers: int = 0, **settings: object) -> Deduped:
        return dedupe(self.folder, self.out, self.memory, classes, params.Dedupe.model_validate(settings), engine, workers)

    def tables(self) -> dict[str, bytes]:
        return {name: (self.out / name).read_bytes() for name in TABLES}

    def groups(self) -> dict[str, dict[str, str]]:
        return {row["id"]: row for row in read_table(self.out / "groups.csv", GROUP_COLUMNS)}


@pytest.fixture
def raw(tmp_path: Path) -> Raw:
    return Raw(tmp_path / "raw")


def run(raw: Raw, *classes: str, **settings: object) -> tuple[set[str], dict[str, str]]:
    """(ids kept, {id rejected: rule})"""
    raw.dedupe(*classes, **settings)
    return {i.id for i in read_index(raw.out / "index.csv")}, {r.id: r.rule for r in read_rejections(raw.out / "rejected.csv")}


def test_of_copies_the_one_with_more_pixels_is_kept(raw: Raw) -> None:
    large = picture(1, (400, 300))
    big = raw.add("a", encoded(large), (400, 300))
    small = raw.add("a", encoded(large.resize((200, 150), Image.Resampling.LANCZOS), "JPEG"), (200, 150))
    other = raw.add("a", encoded(picture(2, (400, 300))), (400, 300))
    assert run(raw, "a") == ({big, other}, {small: "duplicate-near"})
    row = raw.groups()[small]
    assert (row["group"], row["copy_of"], row["kept"], row["kind"]) == (big, big, "no", "near")
    assert int(row["distance"]) <= 31 and float(row["correlation"]) > 0.9 and 0 < float(row["margin"]) <= 1
    assert (raw.groups()[big]["kept"], raw.groups()[big]["copy_of"], raw.groups()[big]["group"]) == ("yes", "", big)


def test_of_the_same_pixels_one_is_kept_and_the_kind_says_so(raw: Raw) -> None:
    ids = [raw.add("a", encoded(picture(1, (400, 300)), format)) for format in ("PNG", "BMP", "TIFF")]
    kept, rejected = run(raw, "a")
    assert len(kept) == 1 and kept < set(ids)
    assert rejected == {id_: "duplicate-pixels" for id_ in ids if id_ not in kept}


def test_the_words_of_a_rejection_tell_of_what_it_is_a_copy(raw: Raw) -> None:
    whole = raw.add("a", encoded(photo(1)), (360, 270))
    part = raw.add("a", encoded(cut(photo(1), 0.1, 0.1, 0.1, 0.1)), (288, 216))
    raw.dedupe("a")
    [rejection] = read_rejections(raw.out / "rejected.csv")
    assert (rejection.id, rejection.rule) == (part, "duplicate-crop")
    assert rejection.detail.startswith(f"copy of {whole} (a, 360x270): crop, ")


def test_near_can_be_turned_off(raw: Raw) -> None:
    large = picture(1, (400, 300))
    raw.add("a", encoded(large), (400, 300))
    raw.add("a", encoded(large.resize((200, 150), Image.Resampling.LANCZOS)), (200, 150))
    assert len(run(raw, "a", near=False)[0]) == 2
    assert len(run(raw, "a", near=True)[0]) == 1


def test_flat_pictures_and_small_differences_are_not_near(raw: Raw) -> None:
    for color in ("white", "blue", "grey"):
        raw.add("a", encoded(Image.new("RGB", (96, 80), color)))
    for mouth in (True, False):
        raw.add("a", encoded(face(mouth)))
    assert len(run(raw, "a")[0]) == 5


def test_one_image_in_two_classes_stays_in_the_first_one_listed(raw: Raw) -> None:
    data = encoded(picture(1))
    shared = raw.add("b", data)
    raw.add("a", data)
    kept_in = {}
    for order in (("a", "b"), ("b", "a")):
        assert run(raw, *order) == ({shared}, {shared: "other-class"})
        kept_in[order[0]] = read_index(raw.out / "index.csv")[0].class_
    assert kept_in == {"a": "a", "b": "b"}


def test_the_class_listed_first_keeps_even_a_smaller_copy(raw: Raw) -> None:
    small = raw.add("a", encoded(photo(1)))
    large = raw.add("b", encoded(scaled(photo(1), 2)))
    assert run(raw, "a", "b") == ({small}, {large: "other-class"})
    assert run(raw, "b", "a") == ({large}, {small: "other-class"})


def test_across_none_leaves_a_picture_of_two_classes_to_neither(raw: Raw) -> None:
    one = raw.add("a", encoded(photo(1)))
    two = raw.add("b", encoded(scaled(photo(1), 0.5)))
    twice = [raw.add("a", encoded(scaled(photo(2), factor))) for factor in (1, 0.5)]
    alone = raw.add("b", encoded(photo(3)))
    assert run(raw, "a", "b", across="none") == (
        {twice[0], alone}, {one: "other-class", two: "other-class", twice[1]: "duplicate-near"})
    assert run(raw, "a", "b", across="first")[0] == {one, twice[0], alone}


@pytest.mark.parametrize(("limit", "rejected"), [(0.25, True), (0.251, False)])
def test_an_image_with_a_score_at_the_limit_is_rejected_by_its_flag(raw: Raw, limit: float, rejected: bool) -> None:
    large, small = (raw.add("a", encoded(photo(seed, size)), size) for seed, size in ((1, (300, 256)), (2, (300, 192))))
    # `small` is 0 from 256 pixels on and 0.5 at 128: of 192 it is 0.25
    expected = ({large}, {small: "flag-small"}) if rejected else ({large, small}, {})
    assert run(raw, "a", reject_if={"small": limit}) == expected
    details = [r.detail for r in read_rejections(raw.out / "rejected.csv")]
    assert details == (["small 0.25, from 0.25 on (dedupe.reject_if)"] if rejected else [])


def test_a_flagged_image_loses_its_place_to_a_copy_without_the_flag(raw: Raw) -> None:
    large = raw.add("a", encoded(scaled(photo(1).convert("L"), 2)))
    small = raw.add("b", encoded(photo(1)))
    assert run(raw, "a", "b") == ({large}, {small: "other-class"})  # by its class, and it has more pixels
    assert run(raw, "a", "b", reject_if={"grey": 0.5}) == ({small}, {large: "other-class"})


def test_where_all_copies_are_flagged_none_is_kept(raw: Raw) -> None:
    large = raw.add("a", encoded(scaled(photo(1).convert("L"), 2)))
    small = raw.add("a", encoded(photo(1).convert("L")))
    assert run(raw, "a", reject_if={"grey": 0.5}) == (set(), {large: "flag-grey", small: "duplicate-near"})


def test_every_readable_image_has_its_scores_and_a_kept_one_its_flags(raw: Raw) -> None:
    grey = raw.add("a", encoded(photo(1).convert("L")))
    raw.add("a", encoded(scaled(photo(1), 0.5)))
    raw.add("b", encoded(photo(2)))
    raw.add("b", b"no image")
    raw.dedupe("a", "b")
    rows = read_table(raw.out / "quality.csv", ("id", "class", "flags", *FLAGS))
    assert len(rows) == 3 and all(0 <= float(row[flag]) <= 1 for row in rows for flag in FLAGS)
    flags = {row["id"]: row["flags"] for row in rows}
    assert "grey" in flags[grey]
    assert all(item.more["flags"] == flags[item.id] for item in read_index(raw.out / "index.csv"))


def test_an_unreadable_file_is_a_row(raw: Raw) -> None:
    broken = raw.add("a", encoded(picture(1, (300, 300)), "JPEG")[:2000])
    good = raw.add("a", encoded(picture(2)))
    assert run(raw, "a") == ({good}, {broken: "unreadable"})


def test_no_images_give_empty_tables(raw: Raw) -> None:
    write_index(raw.folder / "a" / "index.csv", [])
    assert str(raw.dedupe("a")) == "kept 0, rejected 0"
    assert all(len(content.splitlines()) == 1 for content in raw.tables().values())


def test_what_was_done_is_said_in_a_line(raw: Raw) -> None:
    raw.add("a", encoded(photo(1)))
    raw.add("a", encoded(scaled(photo(1), 0.5)))
    raw.add("a", encoded(ImageOps.mirror(photo(1))))
    raw.add("a", b"no image")
    assert str(raw.dedupe("a")) == "kept 1, rejected 3: 1 duplicate-flip, 1 duplicate-near, 1 unreadable"


@cache
def some() -> dict[str, list[bytes]]:
    """Two classes that share pictures, copies of many kinds, drawings, and what cannot be read."""
    classes: dict[str, list[bytes]] = {"a": [], "b": []}
    for seed in range(5):
        classes["ab"[seed % 2]].append(encoded(photo(seed)))
        for number, name in enumerate(("half the size", "mirrored", "10 % cut off", "a white border", "a poor JPEG", "another format")):
            made = COPIES[name][1](photo(seed))
            classes["ab"[number % 2]].append(made if isinstance(made, bytes) else encoded(made))
    classes["a"] += [encoded(face()), encoded(face(mouth=False)), b"no image", encoded(Image.new("RGB", (90, 80), "red"))]
    classes["b"] += [encoded(face()), *(encoded(photo(seed, (80, 60))) for seed in range(40, 70))]
    return classes


def filled(folder: Path, order: int | None = None, share: float = 1.0) -> Raw:
    """The images above; with an `order` they come, and are named, by chance."""
    made, random = Raw(folder / "raw"), np.random.default_rng(order)
    for name, images in some().items():
        numbers = range(len(images)) if order is None else random.permutation(len(images)).tolist()
        for place, number in enumerate(numbers):
            if number < share * len(images):
                made.add(name, images[number], path="" if order is None else f"file {place:02}")
    return made


def without_paths(raw: Raw) -> list[dict[str, str]]:
    rows = [{name: cell for name, cell in row.items() if name != "path"} for row in read_table(raw.out / "groups.csv")]
    return sorted(rows, key=lambda row: (row["class"], row["id"]))


def test_neither_order_nor_names_nor_a_second_half_that_comes_later_change_anything(tmp_path: Path) -> None:
    first = filled(tmp_path / "first")
    first.dedupe("a", "b")
    expected = first.tables()
    assert len(read_rejections(first.out / "rejected.csv")) >= 30
    halves = filled(tmp_path / "halves", share=0.5)
    halves.dedupe("a", "b")
    assert halves.tables() != expected
    whole = filled(tmp_path / "halves")
    whole.dedupe("a", "b")
    assert whole.tables() == expected
    shuffled = filled(tmp_path / "shuffled", order=1)
    shuffled.dedupe("a", "b")
    assert without_paths(shuffled) == without_paths(first)


def test_engine_and_workers_change_nothing(tmp_path: Path) -> None:
    tables = []
    for engine, workers in (("serial", 1), ("local", 2)):
        raw = filled(tmp_path / f"{engine}{workers}")
        assert len(raw.items) > 64  # so that worker processes are started
        raw.dedupe("a", "b", engine=engine, workers=workers)
        tables.append(raw.tables())
    assert tables[0] == tables[1]


def test_a_second_run_opens_no_file_and_a_deleted_memory_changes_nothing(tmp_path: Path) -> None:
    raw = filled(tmp_path)
    raw.dedupe("a", "b")
    expected = raw.tables()
    hidden = raw.folder.rename(tmp_path / "hidden")
    for name in ("a", "b"):
        (raw.folder / name).mkdir(parents=True)
        (raw.folder / name / "index.csv").write_bytes((hidden / name / "index.csv").read_bytes())
    raw.dedupe("a", "b")
    assert raw.tables() == expected
    for path in raw.memory.parent.iterdir():
        path.unlink()
    with pytest.raises(FileNotFoundError):
        raw.dedupe("a", "b")
    for name in ("a", "b"):
        (raw.folder / name / "index.csv").unlink()
        (raw.folder / name).rmdir()
    raw.folder.rmdir()
    hidden.rename(raw.folder)
    raw.dedupe("a", "b")
    assert raw.tables() == expected


def test_a_top_up_opens_only_what_is_new(raw: Raw) -> None:
    old = [raw.add("a", encoded(photo(seed))) for seed in range(4)]
    raw.dedupe("a")
    for item in raw.items:
        (raw.folder / item.path).unlink()
    new = raw.add("a", encoded(scaled(photo(2), 0.5)))
    assert run(raw, "a") == (set(old), {new: "duplicate-near"})


def test_groups_keep_their_names_when_strangers_and_worse_copies_come(raw: Raw) -> None:
    for seed in range(4):
        raw.add("a", encoded(photo(seed)))
        raw.add("a", encoded(scaled(photo(seed), 0.5)))
    raw.dedupe("a")
    before = {id_: row["group"] for id_, row in raw.groups().items()}
    for seed in range(4):
        raw.add("a", encoded(photo(seed + 20)))
        raw.add("a", encoded(scaled(photo(seed), 0.3), "JPEG", quality=40))
        raw.add("a", encoded(cut(photo(seed), 0.1, 0.1, 0.1, 0.1)))
    raw.dedupe("a")
    after = {id_: row["group"] for id_, row in raw.groups().items()}
    assert {id_: after[id_] for id_ in before} == before
    assert len(set(after.values())) == 8


def test_a_group_is_named_by_the_one_that_is_kept(tmp_path: Path) -> None:
    raw = filled(tmp_path)
    raw.dedupe("a", "b")
    kept = {item.id: item.group for item in read_index(raw.out / "index.csv")}
    assert all(id_ == group for id_, group in kept.items())
    rows = read_table(raw.out / "groups.csv")
    assert {row["group"] for row in rows} == set(kept)
    assert all((row["kept"] == "yes") == (row["copy_of"] == "") for row in rows)
    assert all(row["group"] == row["copy_of"] for row in rows if row["kept"] == "no")


def test_classes_that_are_gone_are_pruned(raw: Raw) -> None:
    raw.add("a", encoded(picture(1)))
    raw.add("b", encoded(picture(2)))
    assert prune(raw.folder, ["a", "c"]) == ["b"]
    assert [path.name for path in raw.folder.iterdir()] == ["a"]


@pytest.mark.parametrize(("turned", "copies"), [("all", {"photo", "clock"}), ("photos", {"photo"}), ("none", set())])
def test_what_is_the_same_mirrored_is_a_setting(raw: Raw, turned: str, copies: set[str]) -> None:
    clock = Image.new("RGB", (144, 144), "white")
    draw = ImageDraw.Draw(clock)
    draw.ellipse((4, 4, 140, 140), fill="lightblue", outline="grey", width=10)
    draw.line((72, 72, 72, 20), fill="black", width=8)
    draw.line((72, 72, 110, 90), fill="black", width=8)
    names = {}
    for name, made in (("photo", photo(1)), ("clock", clock)):
        for picture_ in (made, ImageOps.mirror(made)):
            names[raw.add("a", encoded(picture_), picture_.size)] = name
    for setting in ("all", "none", turned):  # what was seen under another setting does not count
        _, rejected = run(raw, "a", turned=setting)
    assert {names[id_] for id_ in rejected} == copies and set(rejected.values()) <= {"duplicate-flip"}
