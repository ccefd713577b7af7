"""presets/: each is a whole params.yaml for a system that is known, and `darkroom presets` puts it in place."""

import re
import shutil
from pathlib import Path

import pytest
import torch
from ruamel.yaml import YAML

from pipeline import params
from pipeline.cli import main
from pipeline.cli.presets import Preset, contact_in, listed, shipped
from pipeline.collect import sources
from pipeline.errors import UserError
from pipeline.source_params import name_of
from pipeline.train.networks.shape import Shape
from pipeline.train.recipes.chosen import chosen
from tests.conftest import ROOT

NAMES = ["car-logos", "car-logos-ssl", "celeba", "edges2photo", "faces-upscale", "house-thumbnails", "maps", "mnist-digits", "numgen",
         "small-photos", "svhn"]
ALL = shipped(ROOT / "presets")
BY_NAME = {preset.name: preset for preset in ALL}
EITHER = {"train": {"kimg", "epochs"}}  # one of the two


def presets() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("preset", ALL, ids=lambda preset: preset.name)


def keys(tree: dict, section: str) -> set[str]:
    return set(tree[section])


def test_there_is_one_for_each_system() -> None:
    assert [preset.name for preset in ALL] == NAMES


@presets()
def test_every_section_and_key_is_written_out(preset: Preset) -> None:
    tree = YAML(typ="safe").load(preset.text)
    assert list(tree) == list(YAML(typ="safe").load(ROOT / "params.yaml"))
    for section, field in params.Params.model_fields.items():
        if section != "classes":
            either = EITHER.get(section, set())
            assert keys(tree, section) - either == set(field.annotation.model_fields) - either, section
            assert not either or len(keys(tree, section) & either) == 1


@presets()
def test_the_head_says_what_a_person_wants_to_know(preset: Preset) -> None:
    first, *rest = preset.about.splitlines()
    assert re.fullmatch(r"[A-Z][^:]+: \S.*", first) and len(preset.makes) <= 44 and 0 < len(preset.needs) <= 48
    labels = [line.split(":")[0] for line in rest if re.match(r"[A-Z][a-z]+:", line)]
    assert labels in (["Needs", "Size", "Time", "Makes", "From"], ["Needs", "Size", "Time", "Makes", "From", "Next"])
    assert "arXiv:" in preset.about and ("not measured" in preset.about or "measured" in preset.about)
    assert max(map(len, preset.text.splitlines())) <= 150


@presets()
def test_what_it_says_it_needs_is_what_its_sources_need(preset: Preset) -> None:
    asked = [entry for each in preset.settings.classes.values() for entry in each.sources or preset.settings.scrape.sources]
    names = {name_of(entry) for entry in asked}
    web = {name for name in names if sources.about(name).public_web}
    assert web == ({"google", "bing", "duckduckgo", "openverse", "commons"} & {word.lower() for word in re.findall(r"\w+", preset.needs)})
    assert bool(web) == ("the web" in preset.needs)
    assert not web or "scrape.contact" in preset.about
    assert ("kaggle" in names) == ("Kaggle account" in preset.needs)
    assert ("torchvision" in names) == ("download" in preset.needs)
    assert any(cost in preset.needs for cost in ("a GPU", "two cores"))


@presets()
def test_its_networks_can_be_built(preset: Preset) -> None:
    settings = preset.settings
    width, height = settings.resize.width_height
    colors = 1 if settings.rgb.mode == "L" else 3
    smaller = settings.pair.scale if settings.pair.derive == "low_resolution" else 1
    given = (height // smaller, width // smaller) if settings.pair.paired else None
    classes = len(set(settings.classes) - {"unlabeled"})
    recipe = chosen(settings.train.model_copy(update={"channels": 64 if settings.train.recipe == "r3gan" else 8}))
    generator, _, _ = recipe.built(Shape((height, width), colors, classes, given, colors if given else 0))
    labels = torch.zeros(2, dtype=torch.long) if recipe.conditional else None
    made = generator(torch.zeros(2, colors, *given) if given else torch.zeros(2, recipe.latent), labels)
    assert made.shape == (2, colors, height, width)
    assert (recipe.kind == "noise") == (given is None) and (recipe.kind == "upscaling") == (smaller > 1)


# name, and what the design says of that system
SAID = {
    "house-thumbnails": {"recipe": "dcgan"},
    "car-logos": {"recipe": "acgan", "batch": 64, "generator": {"kernel": 5}, "label_smoothing": 0.9, "init": "normal",
                  "conditional": True},
    "car-logos-ssl": {"recipe": "sslgan", "batch": 64, "label_smoothing": 0.9, "steps": (3, 1), "labeled_fraction": 0.1},
    "mnist-digits": {"recipe": "acgan", "discriminator": {"dropout": 0.3}, "conditional": True},
    "numgen": {"recipe": "numgen"},
    "maps": {"recipe": "pix2pix", "generator": {"depth": 7}, "weights": {"l1": 100}},
    "edges2photo": {"recipe": "pix2pix"},
    "faces-upscale": {"recipe": "srgan"},
    "svhn": {"recipe": "dcgan", "latent": 100, "generator": {"steps": 3}, "learning_rate": 0.0002, "loss": "bce"},
    "celeba": {"recipe": "dcgan", "generator": {"leaky": True}, "init": "normal"},
    "small-photos": {"recipe": "r3gan"},
}
SIZES = {"car-logos": 128, "mnist-digits": 28, "maps": 256, "svhn": 32}


@pytest.mark.parametrize("name", NAMES)
def test_its_numbers_are_those_of_its_system(name: str) -> None:
    settings = BY_NAME[name].settings
    assert {key: getattr(settings.train, key) for key in SAID[name]} == SAID[name]
    assert settings.resize.size == SIZES.get(name, settings.resize.size)


def test_its_data_is_that_of_its_system() -> None:
    settings = {name: preset.settings for name, preset in BY_NAME.items()}
    logos = settings["car-logos"]
    assert len(logos.classes) == 23 and {each.count for each in logos.classes.values()} == {1000}
    assert set(settings["car-logos-ssl"].classes) == {*logos.classes, "unlabeled"}
    assert logos.crop.mode == "none" and logos.resize.fit == "pad"
    assert (settings["maps"].pair.layout, settings["edges2photo"].pair.derive) == ("side_by_side", "canny")
    assert (settings["faces-upscale"].pair.derive, settings["faces-upscale"].pair.scale) == ("low_resolution", 4)
    for name in ("mnist-digits", "numgen", "svhn"):
        assert not settings[name].dedupe.near and settings[name].crop.mode == "none" and settings[name].augment.ops == []
    labels = [[each.sources[0].pixels.label, str(each.sources[1].torchvision.label), each.title]
              for each in settings["mnist-digits"].classes.values()]
    assert labels == [[str(digit)] * 3 for digit in range(10)]


@pytest.mark.parametrize("columns", [160, 100, 60])
def test_the_list_is_aligned_and_fits(columns: int) -> None:
    lines = listed(ALL, columns).splitlines()
    assert lines[0].startswith("PRESET") and len(lines) == (12 if columns == 160 else 23)
    place = lines[0].index("MAKES")
    assert all(line[place - 1] == " " != line[place] for line in lines)
    if columns == 160:
        images = lines[0].index("IMAGES") + len("IMAGES")
        assert all(re.match(r"\d  \S", line[images - 1 :]) for line in lines[1:])
    assert max(map(len, lines)) <= max(columns, 100)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's top folder with presets and a params.yaml that somebody has edited."""
    shutil.copytree(ROOT / "presets", tmp_path / "presets")
    (tmp_path / "params.yaml").write_text("# mine\n" + (ROOT / "params.yaml").read_text())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_without_a_name_it_lists(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["presets"])
    assert re.findall(r"^[a-z]\S+", capsys.readouterr().out, re.MULTILINE) == NAMES


def test_with_a_name_it_tells(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["presets", "maps"])
    told = capsys.readouterr().out
    assert told.startswith("Maps: a map from") and "cp presets/maps.yaml params.yaml\n$ dvc repro\n" in told and "#\n" not in told
    assert "# mine" in (place / "params.yaml").read_text(), "telling changes nothing"


def test_use_keeps_what_was_there(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = (place / "params.yaml").read_text()
    main(["presets", "--use", "svhn"])
    assert (place / "params.yaml").read_text() == BY_NAME["svhn"].text
    assert (place / "params.yaml.bak").read_text() == mine
    told = capsys.readouterr().out
    assert "the one that was there is params.yaml.bak" in told and "next: `darkroom check`, then `dvc repro`" in told
    main(["presets", "--use", "numgen"])  # nobody has changed svhn's: nothing is lost
    assert (place / "params.yaml").read_text() == BY_NAME["numgen"].text and (place / "params.yaml.bak").read_text() == mine
    main(["presets", "numgen", "--use"])
    assert (place / "params.yaml.bak").read_text() == mine


def test_use_may_be_a_word_and_tells_all_that_is_needed(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["presets", "use", "maps"])
    assert (place / "params.yaml").read_text() == BY_NAME["maps"].text
    assert "Have its authors' maps.tar.gz at ../maps.tar.gz" in " ".join(capsys.readouterr().out.split())
    with pytest.raises(SystemExit):
        main(["presets", "maps", "svhn"])
    assert "one name at a time, such as `darkroom presets --use maps`" in capsys.readouterr().err


def test_use_overwrites_no_other_backup(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "params.yaml.bak").write_text("# older\n")
    before = (place / "params.yaml").read_text()
    with pytest.raises(SystemExit) as ended:
        main(["presets", "--use", "svhn"])
    assert ended.value.code == 1
    assert "params.yaml.bak holds other settings, which would be lost" in capsys.readouterr().err
    assert (place / "params.yaml").read_text() == before and (place / "params.yaml.bak").read_text() == "# older\n"


@pytest.mark.parametrize("contact", ["me@example.org", "https://example.org/a-rather-long-page-about-us"])
def test_use_keeps_the_contact(place: Path, contact: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = place / "params.yaml"
    path.write_text(path.read_text().replace('contact: ""', f"contact: {contact}  # mine"))
    main(["presets", "--use", "edges2photo"])
    assert params.load(path).scrape.contact == contact == contact_in(path.read_text())
    assert "write your e-mail" not in capsys.readouterr().out
    assert path.read_text().count("\n") == BY_NAME["edges2photo"].text.count("\n")
    (place / "params.yaml.bak").unlink()
    main(["presets", "--use", "maps"])
    assert not (place / "params.yaml.bak").exists(), "a preset with a contact is still the preset"
    assert params.load(path).scrape.contact == contact


def test_use_without_a_contact_asks_for_one(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["presets", "--use", "small-photos"])
    assert "write your e-mail or web page into scrape.contact, `darkroom check`, then `dvc repro`" in capsys.readouterr().out


def test_use_replaces_a_file_that_is_no_yaml_and_one_that_is_missing(place: Path) -> None:
    (place / "params.yaml").write_text("a: [")
    main(["presets", "--use", "maps"])
    assert (place / "params.yaml.bak").read_text() == "a: [" and (place / "params.yaml").read_text() == BY_NAME["maps"].text
    (place / "params.yaml").unlink()
    main(["presets", "--use", "svhn"])
    assert (place / "params.yaml").read_text() == BY_NAME["svhn"].text


@pytest.mark.parametrize(("arguments", "says"), [
    (["mapz"], "there is no preset 'mapz'; there are car-logos, car-logos-ssl, celeba,"),
    (["--use"], "--use wants the name of a preset"),
])
def test_what_cannot_be_is_one_sentence(place: Path, arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["presets", *arguments])
    told = capsys.readouterr().err
    assert says in told and told.count("\n") == 1


def test_outside_a_project_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no presets; run this in the project's top folder"):
        shipped(tmp_path / "presets")
