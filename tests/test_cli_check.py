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


def test_a_transform_that_is_none_is_told_before_anything_is_collected(checked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with_ops(checked, "[fliph, {GausNoise: {}}, {Blur: {strength: 3}}]")
    for command in (["check"], ["repro"]):
        with pytest.raises(SystemExit, match="1"):
            main(command)
        said = capsys.readouterr().err
        assert "params.yaml: augment.ops: 2 entries cannot be used" in said and "GausNoise" in said and "strength" in said
