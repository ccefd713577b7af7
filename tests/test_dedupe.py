from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from pipeline import params
from pipeline.curate.dedupe import dedupe, prune
from pipeline.item import Item, image_id, read_index, read_rejections, read_table, write_index
from tests.conftest import encoded, picture


class Raw:
    """A data/raw folder that grows."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.items: list[Item] = []

    def add(self, name: str, data: bytes, size: tuple[int, int] = (96, 80)) -> str:
        id_ = image_id(data)
        item = Item(id_, name, f"{name}/{id_}.png", *size, len(data), "PNG")
        (self.folder / name).mkdir(parents=True, exist_ok=True)
        (self.folder / item.path).write_bytes(data)
        self.items.append(item)
        for class_ in {i.class_ for i in self.items}:
            write_index(self.folder / class_ / "index.csv", [i for i in self.items if i.class_ == class_])
        return id_


@pytest.fixture
def raw(tmp_path: Path) -> Raw:
    return Raw(tmp_path / "raw")


def run(raw: Raw, *classes: str, **settings: object) -> tuple[set[str], dict[str, str]]:
    """(ids kept, {id rejected: rule})"""
    out = raw.folder.parent / "deduped"
    dedupe(raw.folder, out, classes, params.Dedupe.model_validate(settings))
    return {i.id for i in read_index(out / "index.csv")}, {r.id: r.rule for r in read_rejections(out / "rejected.csv")}


def test_of_copies_the_one_with_more_pixels_is_kept(raw: Raw) -> None:
    large = picture(1, (400, 300))
    big = raw.add("a", encoded(large), (400, 300))
    small = raw.add("a", encoded(large.resize((200, 150), Image.Resampling.LANCZOS), "JPEG"), (200, 150))
    same = raw.add("a", encoded(large, "BMP"), (400, 300))
    other = raw.add("a", encoded(picture(2, (400, 300))), (400, 300))
    kept, rejected = run(raw, "a")
    assert other in kept and len(kept) == 2
    best = same if same in kept else big  # the same pixels: the file with more bytes
    assert best == same
    assert rejected == {big: "duplicate-pixels", small: "duplicate-near"}
    rows = {row["id"]: row for row in read_table(raw.folder.parent / "deduped/groups.csv")}
    assert rows[small]["copy_of"] == same and rows[small]["group"] == rows[same]["group"] == min(big, small, same)


def test_near_can_be_turned_off(raw: Raw) -> None:
    large = picture(1, (400, 300))
    raw.add("a", encoded(large), (400, 300))
    raw.add("a", encoded(large.resize((200, 150), Image.Resampling.LANCZOS)), (200, 150))
    assert len(run(raw, "a", near=False)[0]) == 2
    assert len(run(raw, "a", near=True)[0]) == 1


def test_flat_pictures_and_small_differences_are_not_near(raw: Raw) -> None:
    for color in ("white", "blue", "grey"):
        raw.add("a", encoded(Image.new("RGB", (96, 80), color)))
    face = Image.new("RGB", (96, 96), "white")
    draw = ImageDraw.Draw(face)
    draw.ellipse((4, 4, 92, 92), fill="orange")
    draw.ellipse((26, 30, 38, 46), fill="black")
    draw.ellipse((58, 30, 70, 46), fill="black")
    raw.add("a", encoded(face), (96, 96))
    draw.rectangle((30, 62, 66, 70), fill="black")
    raw.add("a", encoded(face), (96, 96))
    assert len(run(raw, "a")[0]) == 5


def test_one_image_in_two_classes_stays_in_the_first_one_listed(raw: Raw) -> None:
    data = encoded(picture(1))
    shared = raw.add("b", data)
    raw.add("a", data)
    kept_in = {}
    for order in (("a", "b"), ("b", "a")):
        assert run(raw, *order) == ({shared}, {shared: "other-class"})
        kept_in[order[0]] = read_index(raw.folder.parent / "deduped/index.csv")[0].class_
    assert kept_in == {"a": "a", "b": "b"}


def test_an_unreadable_file_is_a_row(raw: Raw) -> None:
    broken = raw.add("a", encoded(picture(1, (300, 300)), "JPEG")[:2000])
    good = raw.add("a", encoded(picture(2)))
    assert run(raw, "a") == ({good}, {broken: "unreadable"})


def test_classes_that_are_gone_are_pruned(raw: Raw) -> None:
    raw.add("a", encoded(picture(1)))
    raw.add("b", encoded(picture(2)))
    assert prune(raw.folder, ["a", "c"]) == ["b"]
    assert [path.name for path in raw.folder.iterdir()] == ["a"]
