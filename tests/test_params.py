from pathlib import Path

import pytest

from pipeline import params
from pipeline.errors import UserError
from tests.conftest import ROOT

SHIPPED = (ROOT / "params.yaml").read_text()


def message(tmp_path: Path, text: str) -> str:
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as caught:
        params.load(path)
    told = str(caught.value)
    assert "\n" not in told and told.startswith(str(path))
    return told.removeprefix(str(path))


def line_of(text: str) -> int:
    return next(number for number, line in enumerate(SHIPPED.splitlines(), start=1) if text in line)


def test_the_shipped_file_is_valid() -> None:
    loaded = params.load(ROOT / "params.yaml")
    assert list(loaded.classes) == ["faces", "animals"]
    assert loaded.resize.width_height == (32, 32)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("min_side: 64", "minside: 64", "scrape.minside: there is no such key; did you mean min_side?"),
        ("kimg: 160", "kimg: -3", "train.kimg: -3 is not allowed"),
        ("batch: 32", "epochs: 3", "train: give either kimg or epochs"),
        ("[fliph]", "[fliph, rot90]", "'rot90' is no augmentation code; allowed: fliph"),
        ("[photosite]", "[gogle]", "scrape.sources.0: there is no source 'gogle'; there are google, bing,"),
        ("[photosite]", "[{bing: {sise: large}}]", "scrape.sources.0.bing.sise: there is no such key; did you mean size?"),
        ("[photosite]", "[{bing: {size: huge}}]", "scrape.sources.0.bing.size: \"huge\" is not allowed; allowed: any, small,"),
        ("[photosite]", "[folder]", "the source folder needs options, such as - folder: {path: SOME/FOLDER"),
        ("[photosite]", "[{folder: {glob: x}}]", "scrape.sources.0.folder.path: this key is required"),
        ("[photosite]", "[{bing: {}, google: {}}]", "scrape.sources.0: one source an entry, such as"),
        ("[photosite]", "[7]", "scrape.sources.0: 7 is not allowed;"),
        ('contact: ""', "contact: me", "scrape.contact: 'me' is neither an e-mail address nor a web page"),
        ("allow_hosts: []", "allow_hosts: [\"http://x:80\"]", "scrape.allow_hosts: 'http://x:80' is no host, such as"),
        ("endpoints: {}", "endpoints: {bing: ftp://x}", "scrape.endpoints: 'ftp://x' is no base URL, such as"),
        ('templates: ["{term}"]', 'templates: ["a {thing}"]', "'a {thing}' is no template; {term} stands in it once"),
        ("size: 32", "size: big", '"big" is not allowed; allowed: a whole number'),
        ("pending: keep", "pending: maybe", "allowed: stop, keep, drop"),
        ("  faces:", "  7:", "the class name 7 is not allowed; a class name is a small letter"),
        ("  faces:", "  Faces:", "the class name 'Faces' is not allowed"),
        ("  faces:", "  forgotten:", "a class cannot be called 'forgotten', for data/review/forgotten is taken"),
        ("across: first", "across: both", "allowed: first, none"),
        ("reject_if: {}", "reject_if: {blury: 0.5}", "dedupe.reject_if"),
        ("prefer: [uncropped, pixels,", "prefer: [pixels, uncropped,", "uncropped can only be the first of the list, or left out"),
        ("bytes, typical]", "typical, bytes]", "typical can only be the last of the list, or left out"),
        ("recheck: 0.05", "recheck: 2", "review.recheck: 2 is not allowed; allowed: at most 1"),
        ("holdout: 0.1", "holdout: 10%", 'review.holdout: "10%" is not allowed; allowed: a number, such as 0.1'),
        ("robots: true", "robots: perhaps", '"perhaps" is not allowed; allowed: true or false'),
        ("min_side: 64", "min_side: 1.5", "1.5 is not allowed; allowed: a whole number"),
        ("[photosite]", "photosite", '"photosite" is not allowed; allowed: a list, such as ["photosite"]'),
        ("[photosite]", "[{folder: photos}]", '"photos" is not allowed; allowed: keys below it, such as path, glob'),
        ("    count: 150", "    cuont: 150", "classes.faces.cuont: there is no such key; did you mean count?"),
        ("    count: 150", "    title: Smileys", "classes.faces.count: this key is required"),
        ("recipe: dcgan", "recipe: dcgann", "wgan-gp, acgan, sslgan, pix2pix, srgan, esrgan, r3gan; did you mean dcgan?"),
        ("fast: auto", "fast: maybe", '"maybe" is not allowed; allowed: true, false, or auto'),
        ("recipe: dcgan", "steps: 3", "steps: 3 is not allowed; allowed: [steps of the discriminator, steps of the generator]"),
        ("recipe: dcgan", "weights: {advers: 1}", "train.weights.advers: there is no such key; allowed: adversarial, classes,"),
        ("recipe: dcgan", "weights: {advers: 1}", "did you mean adversarial?"),
        ("recipe: dcgan", "generator: resnet", '"resnet" is not allowed; allowed: options of the network'),
        ("  aspect: 1.0", "  trim: false\n  aspect: 1.0", 'this is not YAML: found duplicate key "trim"'),
    ],
)
def test_a_bad_value_is_one_line_with_its_place(tmp_path: Path, old: str, new: str, says: str) -> None:
    told = message(tmp_path, SHIPPED.replace(old, new, 1))
    assert says in told
    assert told.startswith(", line ")


def test_the_line_named_is_the_line(tmp_path: Path) -> None:
    told = message(tmp_path, SHIPPED.replace("min_side: 64", "min_side: none", 1))
    assert told.startswith(f", line {line_of('min_side: 64')}: scrape.min_side")


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is missing; run this in the project's top folder"):
        params.load(tmp_path / "params.yaml")


def test_a_class_without_terms_needs_a_folder(tmp_path: Path) -> None:
    assert "give at least one term" in message(tmp_path, "classes: {a: {count: 3}}")
    path = tmp_path / "params.yaml"
    path.write_text("classes: {a: {count: 3, sources: [{folder: {path: x}}]}}")
    assert params.load(path).classes["a"].sources[0].folder.glob == "**/*"
