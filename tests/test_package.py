import hashlib
import json
import os
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pipeline import params
from pipeline.errors import UserError
from pipeline.item import Item, Rejection, image_id, read_index, read_table, write_index, write_rejections
from pipeline.prepare.dataset.shards import member, write_tar
from pipeline.prepare.package import package
from pipeline.prepare.pair import pair
from pipeline.train import dataset
from tests.conftest import encoded, picture

TREE = {
    "classes": {"a": {"terms": ["x|y"], "count": 5}, "b": {"terms": ["z"], "count": 5}},
    "package": {"name": "things", "shards": 3},
}
SETTINGS = params.Params.model_validate(TREE)


def settings(**sections: dict) -> params.Params:
    return params.Params.model_validate({**TREE, **sections})


def stage(
    folder: Path, count: int, holdout: int = 2, draw: Callable[[int], Image.Image] = lambda number: picture(number, (32, 32)), **facts: str,
) -> Path:
    """The folders that package reads: `count` images in two classes and one flipped copy of each training image."""
    originals, copies = [], []
    for number in range(count):
        data = encoded(draw(number))
        id_, name = image_id(data), "ab"[number % 2]
        split = "holdout" if number < holdout else "train"
        told = {"title": f"no. {number}", "license": "cc-by", "fetched_at": "2026-03-01", **facts}
        item = Item(id_, name, f"{name}/{id_}.png", 32, 32, len(data), "PNG", split=split, **told)
        item = item.with_more(key=f"key {number}", digest="x", box="0,0,1,1")
        copy = replace(item, path=f"{name}/{id_}__fliph.png").with_more(augmentation="fliph")
        for kind, made in (("rgb", item), ("augmented", copy)):
            (folder / kind / name).mkdir(parents=True, exist_ok=True)
            (folder / kind / made.path).write_bytes(data)
        originals.append(item)
        if split == "train":
            copies.append(copy)
    write_index(folder / "rgb/index.csv", originals)
    write_index(folder / "augmented/index.csv", copies)
    write_index(folder / "pairs/index.csv", [])
    write_rejections(folder / "curated/rejected.csv", [Rejection("i0", "a", "person", "blurry")])
    return folder


def packaged(folder: Path, given: params.Params = SETTINGS) -> Path:
    package(*(folder / name for name in ("rgb", "augmented", "pairs", "curated", "dataset")), given)
    return folder / "dataset"


def paired(folder: Path, **section: object) -> Path:
    """A packaged dataset of pairs."""
    given = settings(pair=section)
    pair(folder / "rgb", folder / "augmented", folder / "pairs", given.pair, "serial")
    return packaged(folder, given)


def shards(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("shards/*.tar")}


def members(folder: Path) -> dict[str, bytes]:
    found = {}
    for path in folder.glob("shards/*.tar"):
        with tarfile.open(path) as archive:
            found |= {member.name: archive.extractfile(member).read() for member in archive}
    return found


def everything(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def stamps(folder: Path) -> dict[str, tuple[int, int]]:
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}


def test_shards_hold_every_image_once_with_class_and_provenance(tmp_path: Path) -> None:
    out = packaged(stage(tmp_path, 12))
    seen = {}
    for path in sorted(out.glob("shards/*.tar")):
        with tarfile.open(path) as archive:
            names = archive.getnames()
            assert names == sorted(names)
            for member in archive:
                assert (member.mtime, member.uid, member.gid, member.uname) == (0, 0, 0, "")
                if member.name.endswith(".json"):
                    facts = json.load(archive.extractfile(member))
                    seen[member.name] = (path.name.split("-")[0], facts["license"])
    assert len(seen) == 12 + 10
    assert sum(split == "holdout" for split, _ in seen.values()) == 2
    items = read_index(out / "index.csv")
    assert len(items) == 22 and all("key" not in item.more and "digest" not in item.more for item in items)
    assert {item.path for item in items} == {name for name in members(out) if name.endswith(".png")}


def test_the_same_images_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        packaged(stage(tmp_path / name, 12))
    assert everything(tmp_path / "one/dataset") == everything(tmp_path / "two/dataset")


def test_one_more_image_changes_one_shard_and_gives_what_a_run_from_scratch_gives(tmp_path: Path) -> None:
    out = packaged(stage(tmp_path / "one", 12))
    before, seen = shards(out), stamps(out)
    packaged(stage(tmp_path / "one", 13))
    scratch = packaged(stage(tmp_path / "two", 13))
    assert everything(out) == everything(scratch)
    changed = [name for name, data in shards(out).items() if data != before.get(name)]
    assert len(changed) == 1
    assert [name for name in before if stamps(out)[name] != seen[name]] == changed


def test_a_second_run_writes_nothing_and_no_shard_even_to_compare_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = packaged(stage(tmp_path, 12))
    seen = stamps(out)
    monkeypatch.delattr("pipeline.prepare.dataset.shards.written")
    packaged(tmp_path)
    assert stamps(out) == seen


def test_a_rewritten_shard_is_a_new_file_and_one_that_somebody_changed_is_made_again(tmp_path: Path) -> None:
    out = packaged(stage(tmp_path, 12))
    right, shard = shards(out), out / "shards/train-000000.tar"
    os.link(shard, tmp_path / "cache.tar")  # as DVC links files to its cache
    shard.write_bytes(shard.read_bytes() + b"x")
    packaged(tmp_path)
    assert shards(out) == right
    assert (tmp_path / "cache.tar").read_bytes() == right["train-000000.tar"] + b"x"


def test_shards_of_an_earlier_run_go(tmp_path: Path) -> None:
    out = packaged(stage(tmp_path, 12), settings(package={"shards": 7}))
    (out / "shards/.train-000001.tar.part").write_bytes(b"begun")
    packaged(tmp_path)
    assert shards(out) == shards(packaged(stage(tmp_path / "scratch", 12)))
    assert not list(out.glob(".*"))


def test_an_archive_is_what_tarfile_itself_writes(tmp_path: Path) -> None:
    contents = [("a.txt", b""), ("b.bin", bytes(range(256)) * 5), ("c" * 100, b"x" * 512), ("d.png", b"y" * 9000)]
    with tarfile.open(tmp_path / "theirs.tar", "w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in contents:
            (tmp_path / "member").write_bytes(data)
            info = tarfile.TarInfo(name)
            info.size = len(data)
            with (tmp_path / "member").open("rb") as file:
                archive.addfile(info, file)
    digest = write_tar(tmp_path / "ours.tar", contents)
    assert (tmp_path / "ours.tar").read_bytes() == (tmp_path / "theirs.tar").read_bytes()
    assert digest == hashlib.sha256((tmp_path / "theirs.tar").read_bytes()).hexdigest()


@given(st.lists(st.tuples(st.text("abc_", min_size=1, max_size=240), st.binary(max_size=1200)), max_size=5, unique_by=lambda c: c[0]))
def test_any_name_and_content_comes_back(tmp_path_factory: pytest.TempPathFactory, contents: list[tuple[str, bytes]]) -> None:
    path = tmp_path_factory.mktemp("tar") / "x.tar"
    write_tar(path, contents)
    with tarfile.open(path) as archive:
        assert [(member.name, archive.extractfile(member).read()) for member in archive] == contents


def test_index_parquet_has_the_rows_of_index_csv_with_numbers(tmp_path: Path) -> None:
    folder = stage(tmp_path, 12)
    rows = [item.with_more(copy="2") if n == 0 else item for n, item in enumerate(read_index(folder / "augmented/index.csv"))]
    write_index(folder / "augmented/index.csv", rows)
    out = packaged(folder)
    table, told = pyarrow.parquet.read_table(out / "index.parquet").to_pylist(), read_table(out / "index.csv")
    assert [{name: "" if cell is None else str(cell) for name, cell in row.items()} for row in table] == told
    assert isinstance(table[0]["width"], int) and sorted(row["copy"] or 0 for row in table)[-2:] == [0, 2]


def test_training_reads_back_what_was_packed(tmp_path: Path) -> None:
    found = dataset.load(packaged(stage(tmp_path, 12)) / "shards", "train")
    assert found.images.shape == (20, 3, 32, 32) and found.classes == ["a", "b"]
    held = dataset.load(tmp_path / "dataset" / "shards", "holdout")
    assert len(held) == 2 and not set(held.keys) & set(found.keys)


def test_a_third_split_is_packed_beside(tmp_path: Path) -> None:
    folder = stage(tmp_path, 12)
    rows = [replace(item, split="test") if item.split == "holdout" and item.class_ == "b" else item
            for item in read_index(folder / "rgb/index.csv")]
    write_index(folder / "rgb/index.csv", rows)
    out = packaged(folder)
    assert len(dataset.load(out / "shards", "test")) == 1 and len(dataset.load(out / "shards", "holdout")) == 1
    assert "| class | title | terms | train | holdout | test | augmented |" in (out / "README.md").read_text()


def test_nothing_to_train_on_is_an_error(tmp_path: Path) -> None:
    folder = stage(tmp_path, 2)
    with pytest.raises(UserError, match=r"no image is left to train on; .* held out: give review\.holdout"):
        packaged(folder)
    write_index(folder / "rgb/index.csv", [])
    with pytest.raises(UserError, match=r"no image is left to train on; the rejected\.csv of each stage, from .*curated to .*rgb, says"):
        packaged(folder)


def test_grey_and_colour_do_not_lie_together(tmp_path: Path) -> None:
    def draw(number: int) -> Image.Image:
        return picture(number, (32, 32), "L" if number == 5 else "RGB")

    with pytest.raises(UserError, match=r"is L and .* is RGB; a dataset holds either grey or colour: set rgb\.mode"):
        packaged(stage(tmp_path, 12, draw=draw))


def test_what_is_see_through_or_no_png_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"is neither grey nor RGB"):
        packaged(stage(tmp_path / "one", 4, draw=lambda number: picture(number, (32, 32), "RGBA")))
    folder = stage(tmp_path / "two", 4)
    next((folder / "rgb/a").iterdir()).write_bytes(b"GIF89a")
    with pytest.raises(UserError, match=r"is not a PNG"):
        packaged(folder)


def test_a_key_with_a_dot_two_of_a_name_and_an_odd_split_are_refused(tmp_path: Path) -> None:
    folder = stage(tmp_path, 6)
    rows = read_index(folder / "rgb/index.csv")
    for changed, message in (
        (replace(rows[0], path="a/i1.5.png"), "has a dot"), (replace(rows[0], split="my split"), r"in the split 'my split'"),
        (replace(rows[0], path=rows[1].path), "one image belongs to one class|is in a and in a"),
    ):
        write_index(folder / "rgb/index.csv", [changed, *rows[1:]])
        with pytest.raises(UserError, match=message):
            packaged(folder)


def test_pairs_are_input_and_target(tmp_path: Path) -> None:
    out = paired(stage(tmp_path, 8), derive="canny")
    found, items = members(out), read_index(out / "index.csv")
    assert len(items) == 8 + 6
    for item in items:
        key = item.path.split(".")[0]
        kind = "augmented" if item.more["augmentation"] else "rgb"
        assert found[f"{key}.target.png"] == (tmp_path / kind / item.class_ / f"{key}.png").read_bytes()
        assert found[f"{key}.input.png"] == (tmp_path / "pairs" / item.class_ / f"{key}.a.png").read_bytes()
        assert (item.path, item.more["sample"]) == (f"{key}.target.png", key)
        assert {f"{key}.cls.txt", f"{key}.json"} <= found.keys() and f"{key}.png" not in found and "half" not in item.more
    for path in out.glob("shards/*.tar"):
        with tarfile.open(path) as archive:
            assert archive.getnames() == sorted(archive.getnames())


def test_sheets_are_cut_and_the_direction_turns_them(tmp_path: Path) -> None:
    folder = stage(tmp_path, 6, draw=lambda number: picture(number, (64, 32)))
    found = members(paired(folder, layout="side_by_side", direction="AtoB"))
    turned = members(paired(folder, layout="side_by_side", direction="BtoA"))
    key = next(name for name in found if name.endswith("input.png")).split(".")[0]
    assert found[f"{key}.input.png"] == next((folder / "pairs").glob(f"*/{key}.a.png")).read_bytes() == turned[f"{key}.target.png"]
    assert found[f"{key}.target.png"] == next((folder / "pairs").glob(f"*/{key}.b.png")).read_bytes() == turned[f"{key}.input.png"]


def test_a_pair_with_a_missing_half_is_left_out(tmp_path: Path) -> None:
    folder = stage(tmp_path, 8)
    given = settings(pair={"derive": "low_resolution"})
    pair(folder / "rgb", folder / "augmented", folder / "pairs", given.pair, "serial")
    rows = read_index(folder / "pairs/index.csv")
    write_index(folder / "pairs/index.csv", rows[1:])
    assert len(read_index(packaged(folder, given) / "index.csv")) == len(rows) - 1
    assert "input 8x8 pixels, RGB; target 32x32 pixels, RGB" in (folder / "dataset/README.md").read_text()


def test_training_reads_pairs_and_says_that_it_cannot_learn_from_many_sizes(tmp_path: Path) -> None:
    pairs = dataset.load(paired(stage(tmp_path / "one", 6), derive="xdog") / "shards", "train")
    assert pairs.given is not None and len(pairs.given) == len(pairs.images) == len(pairs)
    out = packaged(stage(tmp_path / "two", 6, draw=lambda number: picture(number, (32, 20 + number))))
    with pytest.raises(UserError, match=r"is 32x\d+ pixels and .* is 32x\d+, and a generator learns one size; set resize\.fit"):
        dataset.load(out / "shards", "train")


@pytest.mark.parametrize("name", ["i0123456789abcdef.png", "ä.json", "a" * 100, "a" * 101, "é" * 60])
@pytest.mark.parametrize("size", [0, 511, 67_108_864, 8**11 - 1, 8**11])
def test_the_header_of_a_file_is_the_one_that_tarfile_makes(name: str, size: int) -> None:
    info = tarfile.TarInfo(name)
    info.size = size
    assert member(name, size) == info.tobuf(tarfile.USTAR_FORMAT if len(name.encode()) <= 100 and size < 8**11 else tarfile.GNU_FORMAT)
