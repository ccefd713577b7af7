"""The model's card, README.md of its folder: what it is, what it saw and under which licences, what it can and cannot, how to load it."""

import json
import re
import tarfile
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.prepare.dataset.markdown import link, plain, table

__all__ = ["Learned", "card", "classifying", "learned", "loading"]

TASKS = {"noise": "unconditional-image-generation", "translation": "image-to-image", "upscaling": "image-to-image"}
MAKES = {"noise": "Makes images of {size} pixels out of noise", "translation": "Makes another picture of a picture",
         "upscaling": "Makes a picture {scale} times as large"}
PICTURES = {
    "samples.png": "some of what it makes, not selected", "classes.png": "a row for each class",
    "interpolation.png": "walks from one image to another", "evolution.gif": "how it learned", "curves.png": "the course of training",
}
LIMITS = {
    "noise": "What it makes is new only in part: a small dataset is partly learned by heart, so compare samples with the dataset before "
             "you call one new. It shows nothing that its images did not have, and repeats what they have too much of.",
    "translation": "It invents what the given picture does not say. What it draws looks likely, and is no record of anything: no map to go "
                   "by, no evidence. On pictures unlike those it learned from it fails without a sign.",
    "upscaling": "Detail that it adds is invented. Do not read numbers, letters or faces out of an enlarged picture, and do not use it as "
                 "evidence.",
}
SHOWN = {
    "fid": "FID to the training images", "kid_mean": "KID to the training images", "holdout_fid": "FID to held-out images",
    "holdout_kid_mean": "KID to held-out images", "floor_fid": "FID of held-out to training images (the floor)",
    "floor_kid_mean": "KID of held-out to training images (the floor)",
    "kid_sd": "its standard deviation over subsets", "holdout_kid_sd": "its standard deviation over subsets",
    "floor_kid_sd": "its standard deviation over subsets", "n_real": "training images compared", "n_fake": "generated images compared",
    "holdout_n_real": "held-out images compared",
    "class_accuracy": "held-out images whose class the classifier tells right, a share",
    "class_accuracy_majority": "the same of always saying the most common class of training", "n_class": "held-out images of a known class",
    "l1": "L1 to the targets, of 255", "psnr": "PSNR, dB", "ssim": "SSIM", "n_pairs": "pairs",
}


@dataclass(frozen=True)
class Learned:
    """What a model saw: the dataset's version (64 hex digits), training images of each class without augmented copies,
    and (licence, its address or "", images), the most frequent first. `attribution` is the file that names their makers."""

    version: str
    images: Mapping[str, int]
    licenses: Sequence[tuple[str, str, int]]
    attribution: str = "ATTRIBUTION.csv"


def learned(shards: Path, version: str) -> Learned:
    """What the samples in the shards of a dataset say of its training images."""
    classes: Counter[str] = Counter()
    licenses: Counter[tuple[str, str]] = Counter()
    for path in sorted(shards.glob("train-*.tar")):
        with tarfile.open(path) as archive:
            for member in archive:
                if member.name.endswith(".json") and "__" not in member.name:  # augmented copies are named after their original
                    fact = json.load(archive.extractfile(member))  # type: ignore[arg-type]  # a file has content
                    classes[fact["class"]] += 1
                    licenses[fact["license"] or "unknown", fact["license_url"]] += 1
    ordered = sorted(licenses.items(), key=lambda entry: (-entry[1], entry[0]))
    return Learned(version, dict(sorted(classes.items())), [(*key, count) for key, count in ordered])


def card(
    config: Mapping[str, Any], source: str, saw: Learned | None = None, metrics: Mapping[str, Any] | None = None,
    warnings: Iterable[str] = (), pictures: Collection[str] = ("samples.png",),
) -> str:
    """The card as Markdown with YAML in front.

    `config` is that of the model's config.json; `source` cites the recipe, such as "Radford et al., arXiv:1511.06434"; `metrics` is the
    content of metrics.json; `warnings` are what training warned of; `pictures` are the names of the files beside it that are there.
    """
    kind = config["kind"]
    parts = [
        _front(config, kind), _overview(config, kind, source), _shown(pictures), _saw(config, saw), _settings(config),
        _measured(metrics), _warned(warnings), ["## Load it", "", "```python", *loading(kind), "```", ""],
        _classifier(config), _limits(kind),
    ]
    return "\n".join(line for part in parts for line in part)


def loading(kind: str) -> list[str]:
    """The lines of Python that load the model in the working folder and use it."""
    start = ["from pipeline.train.model import {what}, load_model"]
    if kind == "noise":
        return [start[0].format(what="generate"), "from PIL import Image", 'model = load_model(".")  # this folder',
                "images = next(generate(model, count=8, seed=0))  # uint8 (8, height, width, channels)",
                'Image.fromarray(images[0].squeeze()).save("../sample.png")  # beside the model, for a folder that DVC made stays as it is']
    what = "Translate" if kind == "translation" else "Upscale"
    return ["from pathlib import Path", "from pipeline.image import open_image", start[0].format(what=what),
            f'work = {what}(load_model("."))  # this folder',
            'work(open_image(Path("../given.png"))).save("../made.png")']


def classifying() -> list[str]:
    """The lines of Python that load the classifier in the working folder and use it."""
    return ["from pathlib import Path", "from pipeline.train.model import load_classifier",
            'classifier = load_classifier(".")  # this folder',
            'print(classifier.of_file(Path("given.png")))  # the share of each class, the likeliest first']


def _front(config: Mapping[str, Any], kind: str) -> list[str]:
    recipe = re.sub(r"[^a-z0-9-]", "", str(config.get("recipe", "")))
    tags = ["darkroom", "gan", "image-classification" if config.get("classifier") else "", recipe]
    return ["---", f"pipeline_tag: {TASKS[kind]}", f"tags: [{', '.join(filter(None, tags))}]", "---", ""]


def _overview(config: Mapping[str, Any], kind: str, source: str) -> list[str]:
    network = config["network"]
    height, width = network["size"]
    made = MAKES[kind].format(size=f"{width}x{height}", scale=height // (network.get("given_size") or [height])[0])
    classes = f", of {len(config['classes'])} classes" if network.get("classes") else ""
    number = re.search(r"arXiv:(\d{4}\.\d{4,5})", source)
    cited = link(source, f"https://arxiv.org/abs/{number[1]}") if number else plain(source)
    return [f"# {plain(str(config.get('recipe', network['name'])))}", "",
            f"{made}{classes}. Recipe {plain(str(config.get('recipe', '')))}: {cited}.", ""]


def _shown(pictures: Collection[str]) -> list[str]:
    there = [(name, what) for name, what in PICTURES.items() if name in pictures]
    return [line for name, what in there for line in (f"![{what}]({name})", "", f"*{what.capitalize()}.*", "")]


def _saw(config: Mapping[str, Any], saw: Learned | None) -> list[str]:
    lines = ["## What it learned from", ""]
    if saw is None:
        version = f", version `{str(config['dataset'])[:16]}`" if config.get("dataset") else ""
        return [*lines, f"{config.get('images', 'Unknown')} images, augmented copies included{version}.", ""]
    rows = [(plain(name), count) for name, count in saw.images.items()]
    rights = [(link(name, url), count) for name, url, count in saw.licenses]
    return [*lines, f"The training images of the dataset whose version is `{saw.version[:16]}`, without augmented copies:", "",
            *table(("class", "images"), rows), "", *table(("licence", "images"), rights), "",
            f"Who made them: {plain(saw.attribution)} of the dataset. Their licences hold for the images; whether and how they hold for a "
            "model that learned from them is not settled, so keep to the strictest of them.", ""]


def _settings(config: Mapping[str, Any]) -> list[str]:
    apart = {"format", "network", "classifier", "kind", "classes", "dataset"}
    facts = {name: value for name, value in config.items() if name not in apart and value is not None}
    facts["images, augmented copies included"] = facts.pop("images", "unknown")
    for role, shown in (("network", "generator"), ("classifier", "classifier")):
        facts |= {f"{shown} {name}": value for name, value in config.get(role, {}).items() if value is not None}
    rows = [(plain(name), plain(_told(value))) for name, value in sorted(facts.items())]
    return ["## Settings", "", *table(("setting", "value"), rows), ""]


def _told(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_told(part)}" for name, part in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(map(_told, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _measured(metrics: Mapping[str, Any] | None) -> list[str]:
    if not metrics:
        return ["## Measured", "", "Not in this card: `dvc repro evaluate` writes metrics.json, and another card that has the numbers.", ""]
    named = {name: value for name, value in metrics.items() if isinstance(value, int | float) and not isinstance(value, bool)}
    rows = [(plain(SHOWN.get(name, name)), f"{value:.4g}" if isinstance(value, float) else value) for name, value in named.items()]
    return ["## Measured", "", *table(("measure", "value"), rows), ""]


def _warned(warnings: Iterable[str]) -> list[str]:
    lines = [f"- {plain(text)}" for text in warnings]
    return ["## Warnings during training", "", *lines, ""] if lines else []


def _classifier(config: Mapping[str, Any]) -> list[str]:
    if not config.get("classifier"):
        return []
    names = ", ".join(plain(name) for name in config["classes"])
    return ["## Its classifier", "",
            f"The discriminator learned to tell the classes {names}, and lies beside the generator in classifier.safetensors, as it was at "
            "the end of training. `darkroom classify IN...` tells the classes of pictures, and so do these lines; it knows no class but "
            "these, and says one of them of any picture.", "", "```python", *classifying(), "```", ""]


def _limits(kind: str) -> list[str]:
    return ["## What it is for, and its limits", "", "For study, play and as a starting point of one's own. " + LIMITS[kind], "",
            "It is trained by one recipe on one dataset, and was not examined for bias or for likeness to real people.", ""]
