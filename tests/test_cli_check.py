import shutil
from pathlib import Path

import pytest

from pipeline.cli import main
from tests.conftest import ROOT


@pytest.fixture
def checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with params.yaml alone, where commands run."""
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "params.yaml"


def with_ops(path: Path, ops: str) -> None:
    text = path.read_text()
    before = next(line for line in text.splitlines() if line.startswith("  ops: "))
    path.write_text(text.replace(before, f"  ops: {ops}"))


def test_what_is_well_is_said(checked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with_ops(checked, "[fliph, {GaussNoise: {}}]")
    main(["check"])
    assert capsys.readouterr().out == "params.yaml and the review files can be read\n"


@pytest.mark.parametrize(("sources", "says"), [
    ("[bing, openverse]", "scrape.contact, your e-mail address or a web page of yours, is empty; asking for it: bing, openverse"),
    ("[{folder: {path: ../nowhere}}]", "folder: there is no folder ../nowhere"),
    ("[{pixels: {path: digits.csv, label: '7'}}]", "pixels: there is no file digits.csv"),
])
def test_a_source_that_cannot_work_is_told(checked: Path, capsys: pytest.CaptureFixture[str], sources: str, says: str) -> None:
    checked.write_text(checked.read_text().replace("sources: [photosite]", f"sources: {sources}"))
    main(["check"])
    assert f"\nnote: {says}\n" in capsys.readouterr().out


def test_a_source_of_ones_own_and_a_contact_are_no_obstacles(checked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = checked.read_text().replace("sources: [photosite]", "sources: [bing]")
    own = text.replace("endpoints: {}", 'endpoints: {bing: "http://10.0.0.5"}').replace("allow_hosts: []", 'allow_hosts: ["10.0.0.5"]')
    for settings in (text.replace('contact: ""', "contact: me@example.org"), own):
        checked.write_text(settings)
        main(["check"])
        assert "note" not in capsys.readouterr().out


def test_a_transform_that_is_none_is_told_before_anything_is_collected(checked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with_ops(checked, "[fliph, {GausNoise: {}}, {Blur: {strength: 3}}]")
    for command in (["check"], ["repro"]):
        with pytest.raises(SystemExit, match="1"):
            main(command)
        said = capsys.readouterr().err
        assert "params.yaml: augment.ops: 2 entries cannot be used" in said and "GausNoise" in said and "strength" in said


@pytest.mark.parametrize(("before", "after", "says"), [
    ("  recipe: dcgan", "  recipe: pix2pix", "train.recipe: pix2pix learns from pairs"),
    ("  recipe: dcgan", "  recipe: dcgan\n  weights: {l1: 100}", "train.weights.l1: dcgan makes images from noise"),
    ("  recipe: dcgan", "  recipe: dcgan\n  generator: {nrom: batch}",
     "train.generator.nrom: the network dcgan has no such option; did you mean norm? it has "),
    ("  recipe: dcgan", "  recipe: dcgan\n  generator: {leaky: 'no'}", "train.generator.leaky: 'no' is not allowed; give true or false"),
    ("  recipe: dcgan", "  recipe: dcgan\n  discriminator: {classes: 5}", "train.discriminator.classes: the dataset or another setting"),
    ("  size: 32 ", "  size: 33 ", "33x33"),
    ("  size: 32 ", "  size: [64, 32] ", ""),
    ("  labeled_fraction: 1 ", "  labeled_fraction: 0 ", ""),
    ("  recipe: dcgan", "  recipe: sslgan\n  labeled_fraction: 0", "train.labeled_fraction: 0 leaves sslgan no class"),
])
def test_what_training_would_refuse_is_told_before_anything_is_collected(
    checked: Path, capsys: pytest.CaptureFixture[str], before: str, after: str, says: str
) -> None:
    text = checked.read_text()
    assert before in text
    text = text.replace(before, after)
    if after.count("labeled_fraction") and "recipe" in after:
        text = text.replace("  labeled_fraction: 1 ", "  # ")
    checked.write_text(text)
    if not says:
        main(["check"])
        return
    with pytest.raises(SystemExit):
        main(["check"])
    assert says in capsys.readouterr().err
