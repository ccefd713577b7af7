"""The classifier that acgan and sslgan leave: saved as it was trained, told of pictures, measured on held-out images."""

import csv
import json
import os
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from pipeline import params
from pipeline.cli import main
from pipeline.errors import UserError
from pipeline.evaluate import run as evaluation
from pipeline.evaluate.classes import measure_classes
from pipeline.evaluate.measure import Against, Measured
from pipeline.item import Item, write_index
from pipeline.prepare.pixels.resample import resample
from pipeline.train import run as training
from pipeline.train.dataset import Dataset
from pipeline.train.loop import checkpoint
from pipeline.train.loop.settings import Aids, Settings, Trained
from pipeline.train.loop.trainer import train
from pipeline.train.model import load_classifier, save_model
from pipeline.train.model.card import card, classifying
from pipeline.train.model.classifier import Classifier
from pipeline.train.networks.seen import Seen
from pipeline.train_params import Train
from tests.shards import png, write_shard
from tests.test_trainer import CPU, Watch, small

CLASSES = ["bright", "dark"]
SIDE = 16


def pixels(number: int, size: tuple[int, int] = (SIDE, SIDE)) -> np.ndarray:
    """A noisy picture (H, W, 3); even numbers are bright, odd ones dark."""
    levels = np.random.default_rng(number).integers(0, 60, (*size, 3), np.uint8)
    return levels + np.uint8(190) if number % 2 == 0 else levels


def images(numbers: range) -> Dataset:
    """Bright and dark pictures in turn."""
    drawn = np.stack([pixels(number) for number in numbers]).transpose(0, 3, 1, 2)
    return Dataset(torch.from_numpy(drawn.copy()), torch.tensor(numbers) % 2, CLASSES, [f"i{number}" for number in numbers])


def trained(name: str, state: Path | None = None, **changes: object) -> Trained:
    settings = Settings(seed=0, kimg=0.64, threads=1, ticks=1)
    return train(images(range(20)), replace(small(name), **changes), settings, CPU, Watch(), state=state)


def saved(folder: Path, of: Trained) -> Classifier:
    save_model(folder, of.generator, of.network, {"recipe": "x", "classes": CLASSES}, of.classifier)
    return load_classifier(folder)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a semi-supervised GAN that has learned to tell bright from dark."""
    folder = tmp_path_factory.mktemp("model")
    saved(folder, trained("sslgan"))
    return folder


def logits(network: torch.nn.Module, given: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        seen: Seen = network(given)
    assert seen.classes is not None
    return seen.classes


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    with pytest.raises(SystemExit) as ended:
        main(["classify", *map(str, arguments)])
    assert ended.value.code in (1, 2)
    return capsys.readouterr().err


# what is saved


@pytest.mark.parametrize("name", ["acgan", "sslgan"])
def test_the_discriminator_of_the_end_is_saved_and_tells_the_classes(tmp_path: Path, name: str) -> None:
    made = trained(name, tmp_path / "state")
    assert made.classifier is not None
    classifier = saved(tmp_path / "model", made)
    assert (classifier.classes, classifier.size, classifier.colors) == (CLASSES, (SIDE, SIDE), 3)
    end, stored = checkpoint.latest(tmp_path / "state" / "checkpoints"), load_file(tmp_path / "model" / "classifier.safetensors")
    assert end is not None
    assert {f"discriminator.{weight}" for weight in stored} == {weight for weight in end.tensors if weight.startswith("discriminator.")}
    assert all(torch.equal(value, end.tensors[f"discriminator.{weight}"]) for weight, value in stored.items())
    new = images(range(100, 140))
    given = new.images[:].float() / 127.5 - 1
    expected = logits(made.classifier[0].to(memory_format=torch.contiguous_format), given)
    assert expected.shape == (40, 2) and torch.equal(logits(classifier.network, given), expected)
    shares = classifier(new.images[:])
    assert np.array_equal(shares, expected.softmax(1).numpy())
    assert (shares.argmax(1) == new.labels.numpy()).mean() > 0.95


def test_spectral_normalisation_is_worked_into_the_weights(tmp_path: Path) -> None:
    made = trained("sslgan", spectral_norm="both")
    assert made.classifier is not None
    given = torch.rand(4, 3, SIDE, SIDE) * 2 - 1
    expected = logits(made.classifier[0], given)
    assert torch.allclose(logits(saved(tmp_path, made).network, given), expected, atol=1e-5)
    assert not any("parametrizations" in name for name in load_file(tmp_path / "classifier.safetensors"))


def test_a_recipe_that_tells_no_classes_leaves_none_and_takes_an_old_one_away(tmp_path: Path, model: Path) -> None:
    (tmp_path / "classifier.safetensors").write_bytes((model / "classifier.safetensors").read_bytes())
    made = trained("dcgan", conditional=True)  # it is told the class, and tells none
    assert made.classifier is None
    with pytest.raises(UserError, match="has no classifier; those of the recipes acgan and sslgan have one"):
        saved(tmp_path, made)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "generator.safetensors"]
    assert "classifier" not in json.loads((tmp_path / "config.json").read_text())


def test_what_is_damaged_or_could_run_code_is_one_sentence(tmp_path: Path, model: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    config = json.loads((model / "config.json").read_text())

    def says(words: str, change: dict[str, object] | None = None) -> None:
        (folder / "config.json").write_text(json.dumps({**config, **(change or {})}))
        with pytest.raises(UserError, match=words) as caught:
            load_classifier(folder)
        assert "\n" not in str(caught.value)

    says(r"classifier\.safetensors is missing")
    (folder / "classifier.safetensors").write_bytes(b"PK\x03\x04 a zip, as torch writes")
    says("holds no classifier that can be read")
    save_file({"logits.bias": torch.zeros(3)}, folder / "classifier.safetensors")
    says("its weights are not those of its network")
    (folder / "classifier.safetensors").write_bytes((model / "classifier.safetensors").read_bytes())
    for change, words in (({"classes": ["bright"]}, "its classes are not those"), ({"classes": ["../up", "dark"]}, "names that are none"),
                          ({"classifier": {**config["classifier"], "name": "x"}}, "newer Darkroom"), ({"format": 9}, "newer Darkroom"),
                          ({"classifier": {**config["classifier"], "channels": 7}}, "not those of its network"),
                          ({"classifier": "sslgan"}, "holds no classifier")):
        says(words, change)
    (folder / "classifier.pt").write_bytes(b"\x80\x04.")
    says(r"classifier\.pt can run code when it is opened")


def test_a_network_that_tells_no_classes_is_no_classifier(tmp_path: Path) -> None:
    recipe = small("dcgan", conditional=True)
    made = trained("dcgan", conditional=True)
    _, discriminator, _ = recipe.built(images(range(2)).shape)
    arguments = {"name": "dcgan", "size": [SIDE, SIDE], "colors": 3, "channels": 8, "classes": 2}
    with pytest.raises(UserError, match="holds no classifier that can be read"):
        saved(tmp_path, replace(made, classifier=(discriminator, arguments)))


# pictures


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Real files: odd sizes, grey, transparency, one of them damaged and one no picture."""
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    Image.fromarray(pixels(0, (50, 33))).save(folder / "a.png")
    Image.fromarray(pixels(1, (20, 90))).save(folder / "more" / "b.jpg")
    Image.fromarray(pixels(3)[:, :, 0]).save(folder / "=grey.png")
    clear = np.dstack([pixels(5, (24, 24)), np.zeros((24, 24), np.uint8)])  # dark, and wholly transparent: white
    Image.fromarray(clear).save(folder / "clear.png")
    (folder / "cut.png").write_bytes((folder / "a.png").read_bytes()[:400])
    (folder / "page.jpg").write_bytes(b"<html>")
    return folder


def test_a_folder_is_told_in_a_table_and_a_csv(
    tmp_path: Path, photos: Path, model: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    main(["classify", "photos", "--model", str(model), "--csv", "out/told.csv", "--top", "5"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["file", "class", "share", "next", "share"]
    table = [re.fullmatch(r"(\S+) +(bright|dark) +([\d.]+)%  (bright|dark) +([\d.]+)%", line) for line in lines[1:5]]
    told = [found.groups() for found in table if found]
    assert [(name, first, second) for name, first, _, second, _ in told] == [
        ("photos/=grey.png", "dark", "bright"), ("photos/a.png", "bright", "dark"), ("photos/clear.png", "bright", "dark"),
        ("photos/more/b.jpg", "dark", "bright"),
    ]
    for _, _, first, _, second in told:
        assert float(first) >= float(second) and float(first) + float(second) == pytest.approx(100, abs=0.11)
    assert len({line.rindex("%") for line in lines[1:5]}) == 1, "aligned"
    assert lines[5:8] == ["all shares in out/told.csv", "4 pictures: 2 dark, 2 bright", "not done:"]
    assert lines[8].startswith("  photos/cut.png: ") and "photos/page.jpg: it is a text or web page" in lines[9] and len(lines) == 10
    with (tmp_path / "out" / "told.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["file", "class", "share", "share_bright", "share_dark", "reason"]
    names = ("=grey.png", "a.png", "clear.png", "cut.png", "more/b.jpg", "page.jpg")
    assert [row["file"] for row in rows] == [f"photos/{name}" for name in names]
    for row in rows:
        if row["reason"]:
            assert row["file"] in ("photos/cut.png", "photos/page.jpg") and not row["class"] + row["share"] + row["share_dark"]
        else:
            assert row["share"] == row[f"share_{row['class']}"] == max(row["share_bright"], row["share_dark"], key=float)
            assert float(row["share_bright"]) + float(row["share_dark"]) == pytest.approx(1, abs=2e-6)


def test_a_picture_is_seen_as_the_dataset_would_hold_it(tmp_path: Path, photos: Path, model: Path) -> None:
    classifier = load_classifier(model)
    with Image.open(photos / "a.png") as whole:  # 33x50: eight and a half rows hang over at either end
        small = resample(whole.convert("RGB"), (0, 8.5, 33, 41.5), (SIDE, SIDE), "lanczos")
    small.save(tmp_path / "small.png")
    expected = classifier(torch.from_numpy(np.asarray(small).transpose(2, 0, 1).copy())[None])[0]
    white = classifier(torch.full((1, 3, SIDE, SIDE), 255, dtype=torch.uint8))[0]
    assert expected[0] != white[0]
    for path, shares in ((photos / "a.png", expected), (tmp_path / "small.png", expected), (photos / "clear.png", white)):
        assert classifier.of_file(path) == {"bright": float(shares[0]), "dark": float(shares[1])}


def test_of_many_pictures_twenty_are_shown_and_the_rest_counted(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str],
) -> None:
    for number in range(67):  # more than a batch
        Image.fromarray(pixels(number)).save(tmp_path / f"{number:02d}.png")
    main(["classify", str(tmp_path), str(tmp_path / "00.png"), "--model", str(model)])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines[1:21]] == [[str(tmp_path / f"{n:02d}.png"), CLASSES[n % 2]] for n in range(20)]
    assert lines[21:] == ["and 47 more; --csv FILE writes all", "67 pictures: 34 bright, 33 dark"]


def test_a_name_that_is_no_text_is_told_as_what_can_be_printed(tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    odd = tmp_path / os.fsdecode(b"\xff\n\x1b[2J.png")
    Image.fromarray(pixels(0)).save(odd)
    main(["classify", str(odd), "--model", str(model), "--csv", str(tmp_path / "told.csv")])
    assert capsys.readouterr().out.splitlines()[1].startswith(f"{tmp_path}/\\xff\\n\\x1b[2J.png  bright ")
    assert b"/\\udcff\n\x1b[2J.png\",bright," in (tmp_path / "told.csv").read_bytes()


def test_what_cannot_be_classified_is_one_sentence(
    tmp_path: Path, photos: Path, model: Path, capsys: pytest.CaptureFixture[str],
) -> None:
    assert re.search(r"\ndarkroom: \S+cut\.png: the PNG data is damaged[^\n]*\n$", refused(capsys, photos / "cut.png", "--model", model))
    assert "none of the 2 pictures could be read" in refused(capsys, photos / "cut.png", photos / "page.jpg", "--model", model)
    assert "does not exist" in refused(capsys, photos, tmp_path / "none", "--model", model)
    assert "holds no pictures" in refused(capsys, model, "--model", model)
    assert "a name that ends in .csv is" in refused(capsys, photos, "--csv", photos / "a.png", "--model", model)
    (tmp_path / "folder.csv").mkdir()
    assert "is a folder; give a file's name" in refused(capsys, photos, "--csv", tmp_path / "folder.csv", "--model", model)
    assert "is not allowed" in refused(capsys, photos, "--top", 0, "--model", model)
    assert "config.json is missing" in refused(capsys, photos, "--model", tmp_path)


def test_the_cards_lines_run(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("config.json", "classifier.safetensors"):
        (tmp_path / name).write_bytes((model / name).read_bytes())
    Image.fromarray(pixels(1)).save(tmp_path / "given.png")
    config = {**json.loads((model / "config.json").read_text())}
    told = card(config, "")
    assert "\n".join(classifying()) in told and "`darkroom classify IN...`" in told and "the classes bright, dark" in told
    config.pop("classifier")
    assert "classif" not in card(config, "")
    monkeypatch.chdir(tmp_path)
    exec("\n".join(classifying()), {})
    assert capsys.readouterr().out.startswith("{'dark': 0.")


# what is measured


class Mean(torch.nn.Module):
    """Tells class 0 of what is brighter than the middle."""

    def forward(self, given: torch.Tensor) -> Seen:
        level = given.mean((1, 2, 3))
        return Seen(level, torch.stack([level, -level], 1))


def flat(levels: list[int], names: list[str], keys: list[str]) -> Dataset:
    """Pictures of one grey level each."""
    classes = sorted(set(names) - {"unlabeled"})
    labels = torch.tensor([classes.index(name) if name in classes else -1 for name in names])
    return Dataset(torch.tensor(levels, dtype=torch.uint8)[:, None, None, None].repeat(1, 3, SIDE, SIDE), labels, classes, keys)


def test_accuracy_is_that_of_a_hand_count() -> None:
    classifier = Classifier(Mean(), CLASSES, (SIDE, SIDE), 3)
    # of training three originals are dark and two bright; the copies of the bright ones would turn that round
    seen = flat([0] * 9, ["dark", "dark", "dark", "bright", "bright", "bright", "bright", "owls", "unlabeled"],
                ["i1", "i2", "i3", "i4", "i5", "i4__fliph", "i5__fliph", "i6", "i7"])
    # right, wrong, right, right; then a copy, a class it does not know, and one that nobody told
    held = flat([255, 0, 0, 200, 0, 0, 0], ["bright", "bright", "dark", "bright", "bright", "cats", "unlabeled"],
                ["j1", "j2", "j3", "j4", "j1__fliph", "j5", "j6"])
    found = measure_classes(classifier, seen, held)
    assert found is not None and found.most_common == "dark"
    assert found.as_json() == {"class_accuracy": 0.75, "class_accuracy_majority": 0.25, "n_class": 4}
    assert measure_classes(classifier, seen, flat([0], ["cats"], ["j1"])) is None
    with pytest.raises(UserError, match=r"learned from images of 16x16 in 3 channels, and these are 16x8 in 3"):
        measure_classes(classifier, seen, replace(held, images=held.images[:, :, :8]))


def shards(folder: Path, split: str, names: dict[int, str]) -> list[Item]:
    """A shard of pictures by their numbers; gives their rows of the index."""
    members: dict[str, bytes] = {}
    for number, name in names.items():
        fact = {"class": name, "license": "cc0", "license_url": ""}
        members |= {f"i{number:02d}.cls.txt": name.encode(), f"i{number:02d}.json": json.dumps(fact).encode(),
                    f"i{number:02d}.png": png(pixels(number))}
    write_shard(folder / "shards" / f"{split}-000000.tar", members)
    return [Item(f"i{number:02d}", name, f"i{number:02d}.png", SIDE, SIDE, 1, "PNG", license="cc0") for number, name in names.items()]


def test_from_shards_to_metrics_and_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, folder = tmp_path / "dataset", tmp_path / "model"
    learned = {number: CLASSES[number % 2] if number < 9 else "unlabeled" for number in range(12)}
    held = {20: "bright", 21: "dark", 22: "bright", 23: "bright", 24: "unlabeled", 25: "dark"}  # 23 looks dark: 4 of 5 are told right
    write_index(data / "index.csv", [*shards(data, "train", learned), *shards(data, "holdout", held)])
    distances = Against(1.0, 0.1, 0.01, 12, 10)
    monkeypatch.setattr(evaluation, "measure", lambda *_: Measured(distances, None, None))  # tests/test_inception.py measures

    def measured(recipe: str, kimg: float) -> tuple[dict[str, object], str]:
        settings = Train(recipe=recipe, kimg=kimg, channels=8, batch=16, ticks=1, threads=1, augment=[], device="cpu", precision="fp32")
        training.run(data / "shards", folder, tmp_path / "states", settings, lambda recipe, scored: Aids())
        evaluation.run(data, folder, tmp_path / "out", tmp_path / "metrics.json", tmp_path / "cache", "lights", params.Evaluate(samples=10))
        return json.loads((tmp_path / "metrics.json").read_text()), (tmp_path / "out" / "report.html").read_text()

    found, report = measured("sslgan", 0.64)
    assert {name: found[name] for name in found if "class" in name} == {
        "class_accuracy": 0.8, "class_accuracy_majority": 0.6, "n_class": 5,
    }
    assert "<td>The classifier</td><td>80.0%</td><td>60.0%</td>" in report and "<th>always bright</th>" in report
    assert "Its classifier" in (folder / "README.md").read_text()
    assert "| 0.8 |" in (tmp_path / "out" / "model-card.md").read_text()
    plain, report = measured("dcgan", 0.032)
    assert list(plain) == [name for name in found if "class" not in name] and "classifier" not in report
    assert not (folder / "classifier.safetensors").exists() and "classif" not in (folder / "README.md").read_text()
