"""darkroom generate, interpolate, translate, upscale and onnx, as a person runs them."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from PIL import Image

from pipeline.cli import main
from pipeline.train.model import generate, load_model, save_model
from pipeline.train.networks import GENERATORS
from tests.conftest import encoded, picture


def saved(folder: Path, name: str, names: list[str], **network: object) -> Path:
    torch.manual_seed(0)
    save_model(folder, GENERATORS[name](**network), {"name": name, **network}, {"classes": names, "recipe": name})
    return folder


@pytest.fixture
def digits(tmp_path: Path) -> Path:
    names = ["one", "two", "three"]
    return saved(tmp_path / "digits", "acgan", names, size=(28, 28), colors=1, latent=8, channels=4, classes=3)


@pytest.fixture
def maps(tmp_path: Path) -> Path:
    return saved(tmp_path / "maps", "unet", [], size=(32, 32), colors=3, given_size=(32, 32), given_colors=3, channels=2)


@pytest.fixture
def larger(tmp_path: Path) -> Path:
    network = {"size": (32, 32), "colors": 3, "given_size": (16, 16), "given_colors": 3, "channels": 4, "blocks": 1}
    return saved(tmp_path / "larger", "srresnet", [], **network)


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    assert ended.value.code in (1, 2)
    return capsys.readouterr().err


def run(*arguments: object) -> None:
    main([str(argument) for argument in arguments])


def test_generate_writes_files_and_a_grid(tmp_path: Path, digits: Path) -> None:
    run("generate", "--model", digits, "--save-path", tmp_path / "out", "--num-examples", 7, "--seed", 3)
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["00000-one.png", "00001-two.png", "00002-three.png", "00003-one.png", "00004-two.png", "00005-three.png",
                     "00006-one.png", "grid.png"]
    made = np.asarray(Image.open(tmp_path / "out" / "00004-two.png"))
    assert np.array_equal(made, np.concatenate(list(generate(load_model(digits), 7, 3)))[4, :, :, 0])


def test_generate_of_one_class_as_jpeg_or_as_a_grid_alone(tmp_path: Path, digits: Path) -> None:
    as_jpeg = ("--format", "jpeg", "--quality", 40)
    run("generate", "--model", digits, "--save-path", tmp_path / "a", "--num-examples", 2, "--class", "two", *as_jpeg)
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["00000-two.jpg", "00001-two.jpg", "grid.png"]
    assert Image.open(tmp_path / "a" / "00000-two.jpg").format == "JPEG"
    run("generate", "--model", digits, "--save-path", tmp_path / "b", "--num-examples", 6, "--grid", "--truncation", 0.5)
    assert [path.name for path in (tmp_path / "b").iterdir()] == ["grid.png"]
    assert Image.open(tmp_path / "b" / "grid.png").width == 3 * (28 * 2 + 2) + 2  # a column for each class, twice as large


def test_generate_tells_of_files_that_were_there_before(tmp_path: Path, digits: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for count in (7, 7, 2):
        run("generate", "--model", digits, "--save-path", tmp_path / "out", "--num-examples", count)
    told = capsys.readouterr().out.splitlines()
    assert len(told) == 4 and told[3] == f"{tmp_path / 'out'} also holds 5 older files"


def test_interpolate_writes_a_strip_with_a_row_for_each_class_and_a_gif(tmp_path: Path, digits: Path) -> None:
    run("interpolate", "--model", digits, "--from", 1, "--to", 2, 3, "--steps", 4, "--save-path", tmp_path)
    strip = Image.open(tmp_path / "interpolation.png")
    assert strip.size == (4 * 58 + 2, 6 * 58 + 2)  # two walks in each of three classes
    moving = Image.open(tmp_path / "interpolation.gif")
    assert 1 < moving.n_frames <= 2 * 24 and moving.info["loop"] == 0
    run("interpolate", "--model", digits, "--class", "two", "--png", "--save-path", tmp_path / "one")
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["interpolation.png"]


def test_a_folder_is_translated_and_what_is_broken_is_told(tmp_path: Path, maps: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = tmp_path / "given"
    (given / "more").mkdir(parents=True)
    (given / "a.jpg").write_bytes(encoded(picture(1, (40, 30)), "JPEG"))
    (given / "a.png").write_bytes(encoded(picture(2, (33, 20), "RGBA")))
    (given / "more" / "b.png").write_bytes(encoded(picture(3, (20, 20), "L")))
    (given / "broken.png").write_bytes(encoded(picture(4))[:300])
    (given / "page.jpg").write_bytes(b"<html>")
    run("translate", given, tmp_path / "out", "--model", maps)
    made = {path.relative_to(tmp_path / "out").as_posix(): Image.open(path).size for path in (tmp_path / "out").rglob("*.png")}
    assert made == {"a-jpg.png": (40, 30), "a-png.png": (33, 20), "more/b.png": (20, 20)}
    told = capsys.readouterr().out
    assert "3 pictures in" in told and "broken.png" in told and "page.jpg: it is a text or web page" in told


def test_one_picture_goes_to_a_file_or_a_folder(tmp_path: Path, larger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.png").write_bytes(encoded(picture(1, (50, 40), "RGBA")))
    run("upscale", tmp_path / "a.png", tmp_path / "big.png", "--model", larger, "--tile", 32)
    assert (Image.open(tmp_path / "big.png").size, Image.open(tmp_path / "big.png").mode) == ((100, 80), "RGBA")
    run("upscale", tmp_path / "a.png", tmp_path / "folder", "--model", larger, "--format", "jpeg")
    assert Image.open(tmp_path / "folder" / "a.jpg").mode == "RGB"
    assert "is the picture itself" in refused(capsys, "upscale", tmp_path / "a.png", tmp_path / "a.png", "--model", larger)
    assert "does not end as a" in refused(capsys, "upscale", tmp_path / "a.png", tmp_path / "a.gif", "--model", larger)
    assert "does not exist" in refused(capsys, "upscale", tmp_path / "none.png", tmp_path / "x.png", "--model", larger)
    (tmp_path / "bad.png").write_bytes(b"no picture")
    assert "no known image format" in refused(capsys, "upscale", tmp_path / "bad.png", tmp_path / "x.png", "--model", larger)
    assert "where the pictures are" in refused(capsys, "upscale", tmp_path, tmp_path, "--model", larger)


def test_the_wrong_model_or_number_is_one_sentence(tmp_path: Path, digits: Path, maps: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert refused(capsys, "generate", "--model", maps) == "darkroom: this model translates pictures; use `darkroom translate`\n"
    assert "use `darkroom generate`" in refused(capsys, "upscale", "a", "b", "--model", digits)
    assert "use `darkroom translate`" in refused(capsys, "interpolate", "--model", maps)
    assert "knows no class 'ten'" in refused(capsys, "generate", "--model", digits, "--class", "ten", "--save-path", tmp_path / "o")
    assert "config.json is missing" in refused(capsys, "onnx", tmp_path / "x.onnx", "--model", tmp_path / "none")
    for option, value in (("--truncation", "2"), ("--quality", "0"), ("--num-examples", "0")):
        assert "is not allowed" in refused(capsys, "generate", "--model", digits, option, value)
    assert "32 or more" in refused(capsys, "upscale", "a", "b", "--tile", "8")


def test_onnx_is_checked_against_torch_and_says_what_it_takes(tmp_path: Path, digits: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("onnx", tmp_path / "digits.onnx", "--model", digits)
    told = capsys.readouterr().out
    assert "z (batch, 8); labels (batch)" in told and "differ by at most" in told
    model = onnx.load(tmp_path / "digits.onnx")
    facts = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(facts["classes"]) == ["one", "two", "three"]


def test_an_upscaler_in_onnx_takes_any_size(tmp_path: Path, larger: Path) -> None:
    import onnxruntime

    run("onnx", tmp_path / "larger.onnx", "--model", larger)
    given = np.random.default_rng(0).uniform(-1, 1, (2, 3, 21, 30)).astype(np.float32)
    made = onnxruntime.InferenceSession(tmp_path / "larger.onnx").run(None, {"given": given})[0]
    with torch.inference_mode():
        expected = load_model(larger).generator(torch.from_numpy(given)).numpy()
    assert made.shape == (2, 3, 42, 60) and np.abs(made - expected).max() < 1e-4


def test_a_missing_package_names_the_extra(
    tmp_path: Path, digits: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "onnxscript" else found(name, *rest))
    assert 'pip install "darkroom[onnx]"' in refused(capsys, "onnx", tmp_path / "x.onnx", "--model", digits)
    assert not (tmp_path / "x.onnx").exists()
