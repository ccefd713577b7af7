"""croissant.json validates with MLCommons' own library and gives its records."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from etils import epath

from pipeline.identity import version_of
from pipeline.item import read_index
from tests.test_card import HOSTILE
from tests.test_package import members, packaged, paired, settings, stage

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of rdflib and pandas, by mlcroissant
PACKAGE = {"name": "things", "title": "Some things", "creator": "Ann", "url": "https://e.example/things", "shards": 3}


@pytest.fixture
def mlcroissant(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """The library, with a cache of its own."""
    import mlcroissant
    from mlcroissant._src.operation_graph.operations import extract

    monkeypatch.setattr(extract, "EXTRACT_PATH", epath.Path(tmp_path / "unpacked"))
    yield mlcroissant


def opened(library: Any, folder: Path) -> Any:
    """The dataset, which has neither errors nor warnings."""
    found = library.Dataset(folder / "croissant.json")
    assert not found.metadata.ctx.issues.errors and not found.metadata.ctx.issues.warnings
    return found


def test_it_validates_and_gives_every_image(mlcroissant: Any, tmp_path: Path) -> None:
    out = packaged(stage(tmp_path, 12, page_url="https://e.example/page"), settings(package=PACKAGE))
    found, contents = opened(mlcroissant, out), members(out)
    records = {record["images/filename"].decode(): record for record in found.records("images")}
    assert records.keys() == {name for name in contents if name.endswith(".png")}
    for item in read_index(out / "index.csv"):
        record = records[item.path]
        told = [record[f"images/{name}"].decode() for name in ("id", "class", "split")]
        assert told == [item.id, item.class_, item.split]
        assert (record["images/license"], record["images/page_url"]) == (b"cc-by", b"https://e.example/page")
        assert (record["images/width"], record["images/image"].size, record["images/image"].mode) == (32, (32, 32), "RGB")
    splits = [(record["splits/name"], record["splits/url"]) for record in found.records("splits")]
    assert splits == [("train", "cr:TrainingSplit"), ("holdout", "cr:TestSplit")]
    assert [r["classes/title"] for r in found.records("classes")] == ["A", "B"]


def test_of_a_pair_each_picture_is_a_record(mlcroissant: Any, tmp_path: Path) -> None:
    out = paired(stage(tmp_path, 6), derive="low_resolution")
    records = list(opened(mlcroissant, out).records("images"))
    found = {(record["images/sample"].decode(), record["images/role"].decode()): record for record in records}
    assert len(records) == len(found) == 2 * (6 + 4)
    for item in read_index(out / "index.csv"):
        for role, size in (("input", (8, 8)), ("target", (32, 32))):
            record = found[item.more["sample"], role]
            assert (record["images/id"].decode(), record["images/image"].size) == (item.id, size)


def test_it_tells_who_where_which_and_when(tmp_path: Path) -> None:
    out = packaged(stage(tmp_path, 12, license_url="https://creativecommons.org/licenses/by/4.0/"), settings(package=PACKAGE))
    told = json.loads((out / "croissant.json").read_text())
    files = {part["@id"]: part for part in told["distribution"] if part["@type"] == "cr:FileObject"}
    names = [*(f"shards/{path.name}" for path in out.glob("shards/*.tar")), "index.csv", "index.parquet", "ATTRIBUTION.csv"]
    digests = {name: hashlib.sha256((out / name).read_bytes()).hexdigest() for name in names}
    assert {name: part["sha256"] for name, part in files.items()} == digests
    version = version_of({name: part["sha256"] for name, part in files.items() if name.endswith(".tar")})
    assert told["version"] == f"1.0.0+{version[:16]}"
    assert (told["creator"]["name"], told["url"], told["datePublished"]) == ("Ann", "https://e.example/things", "2026-03-01")
    assert told["license"] == ["https://creativecommons.org/licenses/by/4.0/"] and told["isLiveDataset"] is False
    assert told["conformsTo"][0] == "http://mlcommons.org/croissant/1.0" and "author = {Ann}" in told["citeAs"]


def test_what_strangers_wrote_stays_text(mlcroissant: Any, tmp_path: Path) -> None:
    text = " ".join(HOSTILE)
    given = settings(classes={"a": {"terms": [text], "title": text, "count": 5}, "b": {"terms": ["z"], "count": 5}},
                     package={**PACKAGE, "title": text, "description": text, "creator": text})
    out = packaged(stage(tmp_path, 4, title=text, creator=text, term=text, source=text), given)
    found = opened(mlcroissant, out)
    assert found.metadata.creators[0].name == text
    record = next(iter(found.records("images")))
    assert record["images/title"].decode() == record["images/creator"].decode() == text
