"""Whatever is written in params.yaml: it is taken, or refused in one line that names the file."""

import copy
import random
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from pipeline import params
from pipeline.errors import UserError
from tests.conftest import ROOT

CLASSES = "classes:\n  a: {terms: [x], count: 3}\n"
VALUES = [None, True, 0, -1, 3, 1.5, float("nan"), float("inf"), "", "x", "10%", "1.2.3%", ".%", "a\nb", "a\u2028b", "x" * 500, [], [1],
          ["x"], [[1, 2], 3], {}, {"a": 1}, {1: 2}, {"a": {"b": [None]}}, [{"kimg": 0, "steps": [3, 1]}, {"kimg": -1}], {"title": 3}]


def told(path: Path, text: str) -> str:
    """What is said of this params.yaml, without the path; "" where it is taken."""
    path.write_text(text, encoding="utf-8")
    try:
        params.load(path)
    except UserError as error:
        message = str(error)
        assert message.startswith(str(path)) and len(message.splitlines()) == 1
        return message.removeprefix(str(path))
    return ""


def places(node: object, above: tuple = ()) -> list[tuple]:
    parts = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [place for key, below in parts for place in ((*above, key), *places(below, (*above, key)))]


@pytest.mark.parametrize("file", ["params.yaml", "presets/maps.yaml", "presets/svhn.yaml"])
def test_any_value_in_any_place_is_taken_or_refused_in_one_line(tmp_path: Path, file: str) -> None:
    yaml, chance = YAML(typ="safe"), random.Random(file)
    shipped = yaml.load((ROOT / file).read_text())
    refused = 0
    for _ in range(150):
        tree = copy.deepcopy(shipped)
        *above, last = chance.choice(places(tree))
        node = tree
        for step in above:
            node = node[step]
        if chance.random() < 0.15 and isinstance(node, dict):
            node[chance.choice(["odd", 7, "a\nb", "titel"])] = node.pop(last)
        else:
            node[last] = chance.choice(VALUES)
        with (tmp_path / "made.yaml").open("w") as out:
            yaml.dump(tree, out)
        refused += bool(told(tmp_path / "params.yaml", (tmp_path / "made.yaml").read_text()))
    assert refused > 75


@pytest.mark.parametrize(("text", "says"), [
    ("classes: 3\n", ", line 1: classes: 3 is not allowed; allowed: each class's name, with terms: and count: below it"),
    ("train: {kimg: 1}\n", ": classes: this key is required"),
    (f"{CLASSES}train:\n  kimg: 1\n  steps:\n  - {{kimg: 0, steps: [3, 1]}}\n  - {{kimg: 5, stepz: [3, 1]}}\n",
     ", line 7: train.steps.1.stepz: there is no such key; did you mean steps?"),
    (f"{CLASSES}train: {{kimg: 1, steps: [0, 1]}}\n", "train.steps.0: 0 is not allowed; allowed: [steps of the discriminator"),
    (f"{CLASSES}package: {{name: My Set}}\n", 'package.name: "My Set" is not allowed; allowed: small letters, digits, dots, _ and -'),
    (f"{CLASSES}package: {{url: example.org}}\n", "allowed: an address that begins with http:// or https://"),
    (f"{CLASSES}rgb:\n  background: #ffffff\n", ", line 4: rgb.background: there is nothing (a # begins a comment); allowed: white,"),
    (f"{CLASSES}rgb: {{background: [1, 2]}}\n", "rgb.background: [1, 2] is not allowed; allowed: white,"),
    ("classes:\n  a: {terms: [''], count: 3}\n", 'classes.a.terms.0: "" is not allowed; allowed: text that is not empty'),
    ("classes:\n  a: {terms: 'red #1', count: 3}\n", 'allowed: a list, such as ["red #1"]'),
    ("classes:\n  a: {terms: 3, count: 3}\n", "3 is not allowed; allowed: a list"),
    ("classes:\n  a: {terms: [x], count: 1,000}\n",
     "classes.a.0: there is no such key; allowed here: count, sources, templates, terms, title"),
    ("classes:\n  a: {terms: [x], count: 1,000}\n", "a number is written without commas"),
    ("classes:\n  title: {count: 1, terms: [a], cuont: 3}\n", "classes.title.cuont: there is no such key; did you mean count?"),
    ("classes:\n  a: {count: 3, sources: []}\n", "classes.a.sources"),
    ("classes:\n  a: {count: 3, sources: [{folder: null}]}\n", "the source folder needs options, such as - folder: {path:"),
    ("classes:\n  a: {count: 3, sources: [{folder: {path: ''}}]}\n", "allowed: text that is not empty"),
    (f"{CLASSES}scrape: {{endpoints: {{1: http://a}}}}\n", "scrape.endpoints.1: a key is text; put quotes around it"),
    (f"{CLASSES}scrape: {{licenses: [CC-BY]}}\n", "all-rights-reserved, other, unknown"),
    (f"{CLASSES}train: {{kimg: .inf}}\n", "train.kimg: Infinity is not allowed; allowed: a number"),
    (f"{CLASSES}train: {{kimg: 1, recipe: DCGAN}}\n", "did you mean dcgan?"),
    (f"{CLASSES}train: {{kimg: 1, learning_rate: 150%}}\n", "allowed: a number"),
    (f"{CLASSES}2020-01-01: 3\n", "there is no such key"),
    ("classes:\n\ta: 3\n", ", line 2: this is not YAML: found character '\\t' that cannot start any token; indent with spaces, not"),
    ("classes:\n  a:\n    terms: [{term} house]\n", "needs quotes"),
    ("classes:\n  a: {count: 3}\n  a: {count: 4}\n", 'found duplicate key "a"'),
    (f"{CLASSES}train:\n  seed: !!int x\n", "this is not YAML"), (f"{CLASSES}train:\n  kimg: ._\n", "this is not YAML"),
    ("classes:\n  a: {count: 3, title: 2020-13-45}\n", "this is not YAML"),
    (f"{CLASSES}scrape: {'[' * 2000}{']' * 2000}\n", "too deep"),
])
def test_what_people_write_is_told_truly(tmp_path: Path, text: str, says: str) -> None:
    assert says in told(tmp_path / "params.yaml", text)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="Is a directory"):
        params.load(tmp_path)
