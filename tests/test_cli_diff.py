"""darkroom diff on a small project with real git and real DVC: what differs between two versions, and that looking changes nothing."""

import csv
import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from ruamel.yaml import YAML

from pipeline.cli import main
from pipeline.item import Item, Rejection, image_id, write_index, write_rejections, write_table
from tests.conftest import Project, encoded, picture

FOLDERS = {"dedupe": "deduped", "review": "curated", "crop": "crops", "resize": "resized", "rgb": "rgb", "augment": "augmented",
           "package": "dataset"}
PARAMS = {
    "classes": {"cats": {"terms": ["cat"], "count": 4}, "dogs": {"terms": ["dog"], "count": 2}},
    "scrape": {"sources": ["photosite"]}, "dedupe": {"distance": 31}, "review": {"pending": "keep", "holdout": 0.1},
    "crop": {"aspect": 1.0}, "resize": {"size": 16}, "rgb": {"background": "white"}, "augment": {"ops": ["fliph"]},
    "package": {"name": "pets"},
}


def files(class_: str, seeds: range) -> dict[str, tuple[str, bytes]]:
    """Collected images by id."""
    made = (encoded(picture(seed, (40, 40))) for seed in seeds)
    return {image_id(data): (class_, data) for data in made}


def build(folder: Path, images: dict[str, tuple[str, bytes]], params: dict, rejected: dict[str, str]) -> None:
    """Write what the stages would have: `images` were collected, `rejected` has who was rejected by whom."""
    shutil.rmtree(folder / "data", ignore_errors=True)
    data, side = folder / "data", params["resize"]["size"]
    terms = {id_: "kitten" if id_ in NEW_CAT else class_[:-1] for id_, (class_, _) in images.items()} | dict.fromkeys(DOGS, "dog")
    items = [Item(id_, class_, f"{class_}/{id_}.png", 40, 40, len(file), "PNG", terms[id_], "photosite", f"http://site/{id_}.png",
                  group=id_, split="train") for id_, (class_, file) in images.items()]
    for name in params["classes"]:
        write_index(data / "raw" / name / "index.csv", [replace(one, split="", group="") for one in items if one.class_ == name])
        write_rejections(data / "raw" / name / "rejected.csv", [])
    for one in items:
        (data / "raw" / one.path).write_bytes(images[one.id][1])
    kept = [one.with_more(crop="", decision="") for one in items if one.id not in rejected]
    write_table(data / "deduped" / "groups.csv", ("group", "id"), ((one.id, one.id) for one in items))
    write_index(data / "curated" / "index.csv", kept)
    refused_rows = (Rejection(id_, images[id_][0], "person", f"blurry by {who}") for id_, who in rejected.items())
    write_rejections(data / "curated" / "rejected.csv", refused_rows)
    write_index(data / "crops" / "index.csv", [one.with_more(box="0,0,40,40", box_by="center") for one in kept])
    for name in ("resized", "rgb"):
        made = []
        for one in kept:
            path = data / name / one.class_ / f"{one.id}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.open(data / "raw" / one.path).resize((side, side)).save(path)
            made.append(one.with_more(digest=hashlib.sha256(path.read_bytes()).hexdigest()[:16], key=f"k{side}"))
        write_index(data / name / "index.csv", made)
    flipped = [replace(one, path=f"{one.class_}/{one.id}__fliph.png").with_more(augmentation="fliph", digest=str(side)) for one in kept]
    write_index(data / "augmented" / "index.csv", flipped)
    packed = [replace(one, path=Path(one.path).name) for one in [*(k.with_more(augmentation="") for k in kept), *flipped]]
    write_index(data / "dataset" / "index.csv", packed)
    rows = ((i, "reject", "blurry", who) for i, who in rejected.items())
    write_table(data / "review" / "cats.csv", ("id", "decision", "reason", "reviewer"), rows)
    with (folder / "params.yaml").open("w") as file:
        YAML().dump(params, file)


def graph() -> dict:
    """Stages with the names, parameters and folders of the real ones; `dvc commit` records them without running any."""
    sections = {"dedupe": ["dedupe", "classes"]}
    stages: dict = {"scrape": {"foreach": "${classes}", "do": {
        "cmd": "false", "params": ["scrape", "classes.${key}"], "outs": ["data/raw/${key}"]}}}
    for stage, folder in FOLDERS.items():
        stages[stage] = {"cmd": "false", "params": sections.get(stage, [stage]), "outs": [f"data/{folder}"]}
    return {"stages": stages}


def commit(project: Project, tag: str) -> None:
    project.run("dvc", "commit", "-q", "-f")
    project.run("git", "add", "-A")
    project.run("git", "commit", "-qm", tag)
    project.run("git", "tag", tag)


CATS, DOGS = files("cats", range(1, 5)), files("dogs", range(11, 13))
BLURRY = sorted(CATS)[0]
NEW_CAT = files("cats", range(5, 6))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """v1: four cats and two dogs. v2: a fifth cat by a new term, and one rejected by anna. v3: 24 pixels, and the dogs are hounds."""
    folder, home = tmp_path_factory.mktemp("pets"), tmp_path_factory.mktemp("home")
    project = Project(folder, home)
    project.run("git", "init", "-q", "-b", "main")
    project.run("git", "config", "user.email", "test@example.org")
    project.run("git", "config", "user.name", "test")
    project.run("dvc", "init", "-q")
    (folder / ".gitignore").write_text("/data/*\n!/data/review/\n")
    with (folder / "dvc.yaml").open("w") as file:
        YAML().dump(graph(), file)
    build(folder, CATS | DOGS, PARAMS, {})
    commit(project, "v1")
    second = PARAMS | {"classes": PARAMS["classes"] | {"cats": {"terms": ["cat", "kitten"], "count": 5}}}
    build(folder, CATS | DOGS | NEW_CAT, second, {BLURRY: "anna"})
    commit(project, "v2")
    third = second | {"resize": {"size": 24}, "classes": {"cats": second["classes"]["cats"], "hounds": PARAMS["classes"]["dogs"]}}
    hounds = {id_: ("hounds", data) for id_, (_, data) in DOGS.items()}
    build(folder, CATS | hounds | NEW_CAT, third, {BLURRY: "anna"})
    commit(project, "v3")
    return project


@pytest.fixture
def pets(built: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("HOME", str(built.home))
    monkeypatch.chdir(built.folder)
    yield built.folder
    built.run("git", "checkout", "-q", "-f", "v3")  # what a test changed under data/ it puts back itself


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    main(["diff", *arguments])
    return capsys.readouterr().out


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as end:
        main(["diff", *arguments])
    assert end.value.code == 1
    told = capsys.readouterr().err
    assert told.count("\n") == 1, "one sentence"
    return told


def state(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file of the working tree with its time and bytes."""
    paths = (path for path in folder.rglob("*") if path.is_file() and not {".git", ".dvc"} & set(path.relative_to(folder).parts))
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in paths}


def test_who_came_who_went_and_why(pets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = state(pets)
    text = said(capsys, "v1", "v2")
    assert state(pets) == before, "looking changes nothing"
    lines = text.splitlines()
    assert lines[0].startswith("v1 (") and " → v2 (" in lines[0]
    assert lines[1] == "6 images → 6: 1 added, 1 removed"
    assert [line.split() for line in lines[3:7]] == [
        ["class", "before", "added", "removed", "changed", "after"], ["cats", "4", "1", "1", "0", "4"], ["dogs", "2", "0", "0", "0", "2"],
        ["all", "6", "1", "1", "0", "6"],
    ]
    assert "1  person     rejected by anna: blurry" in text and BLURRY in text
    assert '1  scrape     term "kitten" is new' in text and next(iter(NEW_CAT)) in text
    assert "classes.cats.terms  [cat] → [cat, kitten]" in text
    assert "to have v1 again: git checkout v1 && dvc checkout" in text


def test_json_says_the_same_as_data(pets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(said(capsys, "v2", "v3", "--json"))
    assert (found["from"]["name"], found["to"]["name"]) == ("v2", "v3")
    assert {row["name"]: (row["before"], row["moved"], row["after"]) for row in found["classes"]} == {
        "cats": (4, 0, 4), "dogs": (2, -2, 0), "hounds": (0, 2, 2)}
    causes = {(row["change"], row["cause"], row["reason"]) for row in found["changes"]}
    assert causes == {("moved", "class", "class dogs is called hounds now"), ("changed", "parameter", "resize.size 16 → 24")}
    assert {"key": "resize.size", "old": "16", "new": "24"} in found["params"]
    assert found["copies"] == {"before": 6, "added": 0, "removed": 0, "changed": 6, "after": 6}


def test_the_table_and_the_sheet_are_written_where_asked(pets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said(capsys, "v1", "v3", "--csv", str(tmp_path / "d.csv"), "--sheet", str(tmp_path / "d.png"))
    rows = list(csv.DictReader((tmp_path / "d.csv").open(encoding="utf-8")))
    assert list(rows[0]) == ["id", "class", "change", "cause", "detail"]
    assert len(rows) == 7 and len({row["id"] for row in rows}) == 7
    sizes = {"added": 1, "removed": 1, "moved": 2, "changed": 3}
    assert {kind: sum(row["change"] == kind for row in rows) for kind in sizes} == sizes
    with Image.open(tmp_path / "d.png") as drawn:
        assert drawn.width > 1000 and len(drawn.convert("RGB").getcolors(1 << 24)) > 2000, "pictures of both versions are on it"
    assert "give a file that can be written" in refused(capsys, "v1", "v3", "--sheet", str(tmp_path / "no" / "d.png"))


def test_the_working_tree_against_its_commit(pets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    commit_ = json.loads(said(capsys, "--json"))["from"]["commit"]
    assert said(capsys).strip().endswith(f"and working tree (on {commit_[:7]}) have the same 6 images"), "one line"
    text = (pets / "params.yaml").read_text()
    (pets / "params.yaml").write_text(text.replace("size: 24", "size: 32"))
    told = said(capsys, "v3")
    assert "have the same 6 images" in told and "resize.size 24 → 32; `dvc repro` applies that" in told


def test_git_checkout_without_dvc_checkout_is_noticed_and_both_restore_byte_for_byte(
    built: Project, pets: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    third = {path: data for path, (_, data) in state(pets).items()}
    built.run("git", "checkout", "-q", "v1")
    assert "is not what dvc.lock records; after `git checkout` run `dvc checkout`" in said(capsys, "v1")
    built.run("dvc", "checkout", "-q")
    assert "have the same 6 images" in said(capsys, "v1")
    built.run("git", "checkout", "-q", "v3")
    built.run("dvc", "checkout", "-q")
    assert {path: data for path, (_, data) in state(pets).items()} == third


def test_a_version_that_is_none_lists_the_tags(pets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = refused(capsys, "v9")
    assert "no version 'v9'" in told and all(tag in told for tag in ("v1", "v2", "v3"))
    assert "no version '--output=x'" in refused(capsys, "--", "--output=x")
    assert not (pets / "x").exists()


def test_what_is_in_no_cache_is_told_with_what_to_do(built: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                     capsys: pytest.CaptureFixture[str]) -> None:
    built.run("git", "clone", "-q", str(built.folder), str(tmp_path / "fresh"))
    monkeypatch.setenv("HOME", str(built.home))
    monkeypatch.chdir(tmp_path / "fresh")
    told = refused(capsys, "v1", "v2")
    assert "data/raw/cats of v1 is not in DVC's cache here and no remote is set" in told and "dvc push --all-tags" in told
    fresh = Project(tmp_path / "fresh", built.home)
    store = tmp_path / "store"
    fresh.run("dvc", "remote", "add", "-q", "--default", "store", str(store))
    assert "nor in the remote 'store'" in refused(capsys, "v1", "v2")
    built.run("dvc", "remote", "add", "-q", "--local", "--default", "store", str(store))
    built.run("dvc", "push", "-q", "--all-tags")
    assert "6 images → 6: 1 added, 1 removed" in said(capsys, "v1", "v2"), "a remote that was set later serves older versions"
    assert "data/dataset/index.csv is missing; `dvc checkout`" in refused(capsys, "v1")


def test_outside_of_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    assert "not a git repository" in refused(capsys)


def test_in_a_folder_of_the_project_it_says_where_to_go(
    pets: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(pets / "data")
    assert "there is no params.yaml here, nor a dvc.lock in v1; run this in the top folder" in refused(capsys, "v1", "v2")


def test_without_a_lock_only_what_makes_the_dataset_is_compared(pets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("dvc.lock").write_bytes(b"")
    with Path("params.yaml").open("a") as file:
        file.write("train: {seed: 1}\n")
    told = said(capsys, "v1")
    assert "params that differ" in told and "train.seed" not in told
