"""Every form loads in the program that it is for."""

import csv
import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline import cli
from pipeline.cli.export import FORMS as OFFERED
from pipeline.errors import UserError
from pipeline.item import read_index
from pipeline.prepare.dataset.shards import write_tar
from pipeline.release.export import FORMS, Wish, default_target, export
from pipeline.release.export import webdataset as form
from tests.conftest import picture
from tests.test_package import members, packaged, paired, stage

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of pandas, by datasets and mlcroissant
ALL = ["imagefolder", "parquet", "stylegan-zip", "webdataset"]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Hugging Face `datasets`, which reaches no network and keeps its cache to itself."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("hub")
        for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "HF_HUB_DISABLE_TELEMETRY", "HF_DATASETS_DISABLE_PROGRESS_BARS"):
            patch.setenv(name, "1")
        patch.setenv("HF_HOME", str(home))
        import datasets

        patch.setattr(datasets.config, "HF_DATASETS_CACHE", home / "datasets")
        yield datasets


@pytest.fixture(scope="module")
def things(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A packaged dataset of 16 images: two held out, one of each class, and a flipped copy of the others."""
    return packaged(stage(tmp_path_factory.mktemp("things"), 16, title='=x, "y"\n<b>|', creator="Zoë 猫"))


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return paired(stage(tmp_path_factory.mktemp("pairs"), 8), derive="low_resolution")


def pixels(data: bytes | Image.Image) -> bytes:
    return np.asarray(data if isinstance(data, Image.Image) else Image.open(io.BytesIO(data))).tobytes()


def truth(folder: Path, end: str = "png") -> dict[tuple[str, str, str], str]:
    """From (split, key, pixels) to the class, for every sample, read from the index and the shards."""
    contents, keys = members(folder), {item.path.split(".")[0]: item for item in read_index(folder / "index.csv")}
    return {(item.split, key, pixels(contents[f"{key}.{end}"])): item.class_ for key, item in keys.items()}


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_dataset_itself_loads_in_datasets(hub: Any, things: Path, pairs: Path) -> None:
    found = hub.load_dataset(str(things))
    rows = {(split, row["__key__"], pixels(row["png"])): row["cls.txt"] for split in found for row in found[split]}
    assert rows == truth(things) and found["train"][0]["json"]["creator"] == "Zoë 猫"
    row = hub.load_dataset(str(pairs), split="train")[0]
    assert (row["input.png"].size, row["target.png"].size) == ((8, 8), (32, 32))


def test_datasets_sees_that_a_dataset_has_changed(hub: Any, tmp_path: Path) -> None:
    for count in (6, 8):
        folder = packaged(stage(tmp_path, count))
        export(folder, "imagefolder", tmp_path / "out", Wish())
        for place in (folder, tmp_path / "out"):
            assert hub.load_dataset(str(place), split="train").num_rows == 2 * (count - 2)


def test_the_dataset_itself_loads_in_webdataset(things: Path, pairs: Path) -> None:
    import webdataset

    rows = {}
    for split in ("train", "holdout"):
        shards = sorted(map(str, things.glob(f"shards/{split}-*.tar")))
        samples = webdataset.WebDataset(shards, shardshuffle=False, empty_check=False).decode("pil")
        rows |= {(split, sample["__key__"], pixels(sample["png"])): sample["cls.txt"] for sample in samples}
    assert rows == truth(things)
    shards = sorted(map(str, pairs.glob("shards/train-*.tar")))
    both = webdataset.WebDataset(shards, shardshuffle=False).decode("pil").to_tuple("input.png", "target.png")
    assert {(given.size, wanted.size) for given, wanted in both} == {((8, 8), (32, 32))}


def test_the_lines_on_the_card_run(hub: Any, things: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
                                   tmp_path: Path) -> None:
    from etils import epath
    from mlcroissant._src.operation_graph.operations import extract

    monkeypatch.setattr(extract, "EXTRACT_PATH", epath.Path(tmp_path / "unpacked"))
    export(things, "imagefolder", things.parent / "images", Wish())
    monkeypatch.chdir(things)
    pieces = re.findall(r"```python\n(.*?)\n```", (things / "README.md").read_text(), re.DOTALL)
    for piece in pieces:
        exec(piece, {})
    assert len(pieces) == 5 and capsys.readouterr().out.count("PIL.Image") + 1 >= 3
    assert all(len(piece.split("\n")) <= 5 for piece in pieces)


def test_an_imagefolder_loads_in_torchvision_and_in_datasets(hub: Any, things: Path, tmp_path: Path) -> None:
    from torchvision.datasets import ImageFolder

    export(things, "imagefolder", tmp_path / "out", Wish())
    rows = {}
    for split in ("train", "holdout"):
        folder = ImageFolder(str(tmp_path / "out" / split))
        assert folder.classes == ["a", "b"]
        rows |= {(split, Path(path).stem, pixels(folder.loader(path))): folder.classes[label] for path, label in folder.samples}
    assert rows == truth(things)
    found = hub.load_dataset(str(tmp_path / "out"))
    assert {split: len(found[split]) for split in found} == {"train": 28, "holdout": 2}
    row = found["holdout"][0]
    assert (row["label"], row["creator"], row["image"].size) == (truth_of(things, row["id"]), "Zoë 猫", (32, 32))


def truth_of(folder: Path, id_: str) -> str:
    return next(item.class_ for item in read_index(folder / "index.csv") if item.id == id_)


def test_a_class_without_an_image_in_a_split_keeps_its_number(things: Path, tmp_path: Path) -> None:
    from torchvision.datasets import ImageFolder

    folder = packaged(stage(tmp_path, 8, holdout=1))
    told = export(folder, "imagefolder", tmp_path / "out", Wish("holdout"))
    assert "allow_empty=True) (no image: holdout/b" in told
    assert ImageFolder(str(tmp_path / "out/holdout"), allow_empty=True).classes == ["a", "b"]


def test_parquet_loads_in_datasets_and_in_pandas(hub: Any, things: Path, tmp_path: Path) -> None:
    import pandas

    export(things, "parquet", tmp_path / "out", Wish(shard_bytes=20_000))
    found = hub.load_dataset(str(tmp_path / "out"))
    features = found["train"].features
    assert isinstance(features["image"], hub.Image) and features["label"].names == ["a", "b"]
    rows = {(split, row["path"].removesuffix(".png"), pixels(row["bytes"])) for split in found
            for row in found[split].cast_column("image", hub.Image(decode=False))["image"]}
    assert rows == truth(things).keys()
    row = found["train"][3]
    assert features["label"].int2str(row["label"]) == truth_of(things, row["id"]) and row["image"].size == (32, 32)
    assert row["title"] == '=x, "y"\n<b>|'
    files = sorted((tmp_path / "out/data").glob("train-*.parquet"))
    assert len(files) > 2
    frame = pandas.concat(pandas.read_parquet(file) for file in files)
    assert len(frame) == 28 and pixels(frame.iloc[0]["image"]["bytes"]) in {key[2] for key in truth(things)}


def test_webdataset_has_numbers_and_as_many_shards_as_are_wished(hub: Any, things: Path, tmp_path: Path) -> None:
    import webdataset

    export(things, "webdataset", tmp_path / "out", Wish(shards=5))
    assert len(list((tmp_path / "out").glob("train-*.tar"))) == 5 and (tmp_path / "out/classes.txt").read_text() == "a\nb\n"
    rows = {}
    for split in ("train", "holdout"):
        shards = sorted(map(str, (tmp_path / "out").glob(f"{split}-*.tar")))
        for sample in webdataset.WebDataset(shards, shardshuffle=False, empty_check=False).decode("pil"):
            assert "ab"[sample["cls"]] == sample["cls.txt"] == sample["json"]["class"]
            rows[split, sample["__key__"], pixels(sample["png"])] = sample["cls.txt"]
    assert rows == truth(things)
    assert hub.load_dataset(str(tmp_path / "out"), split="train").num_rows == 28


class StyleZip:
    """A reader of the zip files that NVIDIA's dataset_tool documents: images sorted by name, labels in dataset.json by name."""

    def __init__(self, path: Path) -> None:
        self.archive = zipfile.ZipFile(path)
        self.names = sorted(name for name in self.archive.namelist() if name.endswith(".png"))
        labels = json.loads(self.archive.read("dataset.json"))["labels"]
        self.labels = dict(labels)

    def __getitem__(self, number: int) -> tuple[np.ndarray, int]:
        name = self.names[number]
        return np.asarray(Image.open(io.BytesIO(self.archive.read(name)))), self.labels[name]


def test_a_stylegan_zip_reads_as_documented(things: Path, tmp_path: Path) -> None:
    export(things, "stylegan-zip", tmp_path / "out.zip", Wish("train"))
    found = StyleZip(tmp_path / "out.zip")
    assert all(entry.compress_type == zipfile.ZIP_STORED for entry in found.archive.infolist())
    assert found.names == [f"00000/img{number:08d}.png" for number in range(28)] and found.labels.keys() == set(found.names)
    rows = sorted((found[number][0].tobytes(), "ab"[found[number][1]]) for number in range(28))
    assert rows == sorted((key[2], name) for key, name in truth(things).items() if key[0] == "train")
    image = found.archive.read(found.names[0])
    assert len(image) > 32 * 32 * 3, "the PNG is not compressed"


def test_a_thousand_images_fill_a_folder_of_the_zip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline.release.export.packed import Packed

    folder = packaged(stage(tmp_path, 4, holdout=1))
    (sample, *_) = Packed.opened(folder).samples("train")
    monkeypatch.setattr(Packed, "samples", lambda *_: [sample] * 1002)
    export(folder, "stylegan-zip", tmp_path / "out.zip", Wish("train"))
    assert StyleZip(tmp_path / "out.zip").names[999:] == ["00000/img00000999.png", "00001/img00001000.png", "00001/img00001001.png"]


@pytest.mark.parametrize(("size", "message"), [
    ((48, 48), r"are 48x48, and StyleGAN wants squares .* set resize\.size in params\.yaml to 32 or 64"),
    ((32, 16), r"are 32x16, and StyleGAN wants squares"),
])
def test_stylegan_refuses_other_shapes(size: tuple[int, int], message: str, tmp_path: Path) -> None:
    folder = packaged(stage(tmp_path, 4, draw=lambda number: picture(number, size)))
    with pytest.raises(UserError, match=message):
        export(folder, "stylegan-zip", tmp_path / "out.zip", Wish("train"))
    assert not list(tmp_path.glob("*out.zip*"))


def test_stylegan_refuses_many_sizes_and_pairs(pairs: Path, tmp_path: Path) -> None:
    folder = packaged(stage(tmp_path, 6, draw=lambda number: picture(number, (32 if number % 3 else 64,) * 2)))
    with pytest.raises(UserError, match=r"StyleGAN wants one size; set resize\.fit"):
        export(folder, "stylegan-zip", tmp_path / "out.zip", Wish("train"))
    with pytest.raises(UserError, match="holds pairs, and stylegan-zip single images"):
        export(pairs, "stylegan-zip", tmp_path / "out.zip", Wish("train"))


def test_pairs_keep_both_pictures(hub: Any, pairs: Path, tmp_path: Path) -> None:
    for name in ("imagefolder", "parquet", "webdataset"):
        export(pairs, name, tmp_path / name, Wish())
        roles = ("input.png", "target.png") if name == "webdataset" else ("input", "target")
        found = hub.load_dataset(str(tmp_path / name), split="train")
        given = {(pixels(row[roles[0]]), pixels(row[roles[1]])) for row in found}
        wanted = {key[:2]: key[2] for key in truth(pairs, "target.png")}
        assert given == {(key[2], wanted[key[:2]]) for key in truth(pairs, "input.png") if key[0] == "train"}


@pytest.mark.parametrize("name", ALL)
def test_the_same_dataset_gives_the_same_bytes_and_takes_the_place_of_an_earlier_one(name: str, things: Path, tmp_path: Path) -> None:
    targets = [tmp_path / "one", tmp_path / "two"]
    for target in (*targets, targets[1]):
        export(things, name, target, Wish("train" if name == "stylegan-zip" else ""))
    if name == "stylegan-zip":
        assert targets[0].read_bytes() == targets[1].read_bytes()
    else:
        assert everything(targets[0]) == everything(targets[1])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "two"]


@pytest.mark.parametrize("name", ALL)
def test_originals_alone_are_without_copies(name: str, things: Path, tmp_path: Path) -> None:
    assert export(things, name, tmp_path / "out", Wish("train", originals_only=True)).startswith("14 images (train) in ")
    files = [tmp_path / "out"] if name == "stylegan-zip" else [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert not any(b"__fliph" in path.read_bytes() or "__fliph" in path.name for path in files)


def test_what_no_export_made_is_not_overwritten(things: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    export(things, "imagefolder", mine, Wish())  # it was empty
    (mine / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match=r"has notes\.txt, which no export made; choose another with --out"):
        export(things, "parquet", mine, Wish())
    (mine / ".darkroom-export").write_text("{")
    with pytest.raises(UserError, match=r"and more, which no export made"):
        export(things, "parquet", mine, Wish())
    for name, data in (("a.zip", b"PK"), ("b.zip", None)):
        file = tmp_path / name
        if data is None:
            with zipfile.ZipFile(file, "w") as archive:
                archive.writestr("x", "y")
        else:
            file.write_bytes(data)
        before = file.read_bytes()
        with pytest.raises(UserError, match="is there, and no export made it"):
            export(things, "stylegan-zip", file, Wish("train"))
        assert file.read_bytes() == before


@pytest.mark.parametrize("earlier", [False, True])
def test_an_export_that_is_cut_off_changes_nothing(earlier: bool, things: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "out"
    if earlier:
        export(things, "webdataset", target, Wish("holdout"))
    before = everything(target) if earlier else None

    def interrupted(*_: object) -> list[tuple[str, bytes]]:
        raise KeyboardInterrupt

    monkeypatch.setattr(form, "_members", interrupted)
    with pytest.raises(KeyboardInterrupt):
        export(things, "webdataset", target, Wish())
    assert [path.name for path in tmp_path.iterdir()] == (["out"] if earlier else [])
    assert before is None or everything(target) == before


def test_what_is_no_dataset_and_what_is_not_in_it_is_told(things: Path, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(UserError, match=r"holds no packaged dataset .*; run `dvc repro package`"):
        export(folder, "parquet", tmp_path / "out", Wish())
    with pytest.raises(UserError, match="has no split 'test'; it has train, holdout"):
        export(things, "parquet", tmp_path / "out", Wish("test"))
    with pytest.raises(UserError, match=r"there is no form 'tfrecord'; there are imagefolder, parquet"):
        export(things, "tfrecord", tmp_path / "out", Wish())
    (folder / "shards").mkdir()
    (folder / "shards/train-000000.tar").write_bytes(b"no tar")
    with pytest.raises(UserError, match=r"train-000000\.tar is damaged"):
        export(folder, "parquet", tmp_path / "out", Wish())


FOREIGN: dict[str, tuple[dict[str, bytes], str]] = {
    "a key that leads out": ({"/tmp/x.cls.txt": b"a", "/tmp/x.json": b"{}", "/tmp/x.png": b""}, "'/tmp/x' is no key"),
    "a key in a folder": ({"a/x.cls.txt": b"a", "a/x.json": b"{}", "a/x.png": b""}, "'a/x' is no key"),
    "a class that leads out": ({"x.cls.txt": b"../../a", "x.json": b"{}", "x.png": b""}, r"the class '\.\./\.\./a' of x is no name"),
    "no provenance": ({"x.cls.txt": b"a", "x.json": b"[]", "x.png": b""}, "the provenance of x is not of the class a and id"),
    "half a provenance": ({"x.cls.txt": b"a", "x.json": b'{"class": "a"}', "x.png": b""}, "the provenance of x"),
    "no JSON": ({"x.cls.txt": b"a", "x.json": b"\xff", "x.png": b""}, "the provenance of x"),
    "half a pair": ({"x.cls.txt": b"a", "x.json": b"{}", "x.input.png": b""}, "x has cls.txt, input.png, json, and not"),
    "pairs among images": ({"x.cls.txt": b"a", "x.json": b"{}", "x.png": b"", "y.cls.txt": b"a", "y.json": b"{}", "y.input.png": b"",
                            "y.target.png": b""}, "holds both pairs and single images"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_dataset_of_a_stranger_writes_nothing_elsewhere(name: str, tmp_path: Path) -> None:
    contents, said = FOREIGN[name]
    (tmp_path / "theirs/shards").mkdir(parents=True)
    write_tar(tmp_path / "theirs/shards/train-000000.tar", contents.items())
    before = everything(tmp_path)
    for written in ("imagefolder", "parquet"):
        with pytest.raises(UserError, match=said):
            export(tmp_path / "theirs", written, tmp_path / "out", Wish())
    assert everything(tmp_path) == before


def test_a_link_does_not_lead_into_the_dataset(things: Path, tmp_path: Path) -> None:
    (tmp_path / "linked").symlink_to(things)
    with pytest.raises(UserError, match="lies in the dataset itself"):
        export(things, "parquet", tmp_path / "linked/out", Wish())


def test_the_command(things: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert OFFERED == tuple(FORMS) == tuple(ALL)
    cli.main(["export", str(things), "--as", "stylegan-zip"])
    target = default_target(things, "stylegan-zip")
    assert capsys.readouterr().out == f"28 images (train) in {target}\nload it: python train.py --data={target} --cond=1 …\n"
    narrow = ["--split", "train", "--shards", "2", "--originals-only"]
    cli.main(["export", str(things), "--as", "webdataset", "--out", str(tmp_path / "w"), *narrow])
    assert len(list((tmp_path / "w").glob("*.tar"))) == 2
    monkeypatch.chdir(tmp_path)
    for more, message in (
        (["--as", "parquet"], "data/dataset holds no packaged dataset"),
        (["--as", "parquet", str(things), "--out", "."], ". is the folder you are in"),
        (["--as", "imagefolder", "--shards", "3"], "--shards and --shard-size are for parquet and webdataset"),
        (["--as", "parquet", str(things), "--out", str(things / "more")], f"{things / 'more'} lies in the dataset itself"),
    ):
        with pytest.raises(SystemExit):
            cli.main(["export", *more])
        assert capsys.readouterr().err.startswith(f"darkroom: {message}")


def test_an_imagefolder_has_its_rows_for_people_too(things: Path, tmp_path: Path) -> None:
    export(things, "imagefolder", tmp_path / "out", Wish())
    with (tmp_path / "out/index.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 30 and all((tmp_path / "out" / row["split"] / row["file_name"]).is_file() for row in rows)
    assert {row["title"] for row in rows} == {"'=x, \"y\"\n<b>|"}, "shielded from spreadsheets"
