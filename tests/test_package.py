import json
import tarfile
from pathlib import Path

import pytest

from pipeline import params
from pipeline.errors import UserError
from pipeline.item import Item, Rejection, image_id, read_index, read_table, write_index, write_rejections, write_table
from pipeline.prepare.package import package
from pipeline.train import dataset
from tests.conftest import encoded, picture

SETTINGS = params.Params.model_validate({
    "classes": {"a": {"terms": ["x|y"], "count": 5}, "b": {"terms": ["z"], "count": 5}},
    "package": {"name": "things", "shards": 3},
})


def stage(folder: Path, count: int, holdout: int = 2) -> Path:
    """The folders that package reads: `count` images in two classes and one flipped copy of each training image."""
    originals, copies = [], []
    for number in range(count):
        data = encoded(picture(number, (32, 32)))
        id_, name = image_id(data), "ab"[number % 2]
        split = "holdout" if number < holdout else "train"
        item = Item(id_, name, f"{name}/{id_}.png", 32, 32, len(data), "PNG", title=f"no. {number}", split=split, license="cc-by")
        item = item.with_more(key=f"key {number}", digest="x", box="0,0,1,1")
        copy = Item(**{**item.__dict__, "path": f"{name}/{id_}__fliph.png"}).with_more(augmentation="fliph")
        for kind, made in (("rgb", item), ("augmented", copy)):
            (folder / kind / name).mkdir(parents=True, exist_ok=True)
            (folder / kind / made.path).write_bytes(data)
        originals.append(item)
        if split == "train":
            copies.append(copy)
    write_index(folder / "rgb/index.csv", originals)
    write_index(folder / "augmented/index.csv", copies)
    write_rejections(folder / "curated/rejected.csv", [Rejection("i0", "a", "person", "blurry")])
    return folder


def packaged(folder: Path) -> Path:
    package(folder / "rgb", folder / "augmented", folder / "curated", folder / "dataset", SETTINGS)
    return folder / "dataset"


def shards(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.tar")}


def test_shards_hold_every_image_once_with_class_and_provenance(tmp_path: Path) -> None:
    out = packaged(stage(tmp_path, 12))
    seen = {}
    for path in sorted(out.glob("*.tar")):
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


def test_the_same_images_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        packaged(stage(tmp_path / name, 12))
    files = [{p.name: p.read_bytes() for p in (tmp_path / name / "dataset").iterdir()} for name in ("one", "two")]
    assert files[0] == files[1]


def test_one_more_image_changes_one_shard(tmp_path: Path) -> None:
    before, after = shards(packaged(stage(tmp_path / "one", 12))), shards(packaged(stage(tmp_path / "two", 13)))
    changed = [name for name in after if after[name] != before.get(name)]
    assert len(changed) == 1


def test_training_reads_back_what_was_packed(tmp_path: Path) -> None:
    found = dataset.load(packaged(stage(tmp_path, 12)), "train")
    assert found.images.shape == (20, 3, 32, 32) and found.classes == ["a", "b"]
    held = dataset.load(tmp_path / "dataset", "holdout")
    assert len(held) == 2 and not set(held.keys) & set(found.keys)


def test_the_card_and_the_attributions_say_what_is_in_it(tmp_path: Path) -> None:
    out = packaged(stage(tmp_path, 12))
    card = (out / "README.md").read_text()
    assert "12 images of 32x32 pixels, RGB, and 10 augmented copies" in card
    assert "| a | x\\|y | 5 | 1 | 5 |" in card and "| person | 1 |" in card and "| cc-by | 12 |" in card
    assert len(read_table(out / "ATTRIBUTION.csv", ("id", "creator", "license"))) == 12


def test_nothing_to_train_on_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no image is left to train on; see .*rejected\.csv"):
        packaged(stage(tmp_path, 2))


def test_the_card_says_how_it_was_judged(tmp_path: Path) -> None:
    folder = stage(tmp_path, 12)
    items = read_index(folder / "rgb/index.csv")
    write_index(folder / "rgb/index.csv", [i.with_more(flags="blurry dark" if n == 5 else "") for n, i in enumerate(items)])
    rows = [("between", "ann", "bob", 40, 0.95, 0.87), ("within", "ann", "", 6, 1.0, "")]
    write_table(folder / "curated/agreement.csv", ("kind", "reviewer", "other", "images", "agree", "kappa"), rows)
    card = (packaged(folder) / "README.md").read_text()
    assert "review.pending is keep: what nobody rejected is in." in card
    assert "| ann and bob | 40 | 0.95 | 0.87 |" in card and "| ann, asked again | 6 | 1.0 | not defined |" in card
    assert "| blurry | 1 |" in card and "| dark | 1 |" in card
