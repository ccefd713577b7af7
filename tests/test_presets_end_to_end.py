"""Each preset in a tiny form, from files as a person would have them to metrics.json, by the real `dvc repro`.

What a preset reaches over the web or from Kaggle comes from folders of real pictures here (tests/real_pictures.py); everything
else is the preset's own but for its size: fewer and smaller images, narrower networks, a shorter run.
"""

import io
import json
import math
import resource
import tarfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from ruamel.yaml import YAML

from pipeline.item import read_index
from tests import real_pictures
from tests.conftest import ROOT, Project, clone

pytestmark = pytest.mark.slow

Classes = dict[str, dict[str, Any]]
STAGES = ["dedupe", "review", "crop", "resize", "rgb", "augment", "pair", "package", "train", "evaluate"]
SHORT: dict[str, Any] = {"batch": 16, "channels": 8, "ticks": 4, "device": "cpu"}
PICTURE = {1: "L", 3: "RGB"}


GENERATE = ("generate", "--num-examples", "10", "--save-path", "{out}")
TRANSLATE = ("translate", "{given}", "{out}/made.png")
UPSCALE = ("upscale", "{given}", "{out}/made.png")


@dataclass(frozen=True)
class Tiny:
    """`classes` puts files into a folder and says where they are, given the preset's own classes; `sections` is what else differs.

    `size` and `given` are (width, height, colors) of what training gets, `images` the least number of originals."""

    preset: str
    classes: Callable[[Path, Classes], Classes]
    size: tuple[int, int, int]
    images: int
    given: tuple[int, int, int] | None = None
    sections: dict[str, dict[str, Any]] = field(default_factory=dict)
    train: dict[str, Any] = field(default_factory=dict)
    held: int | None = None  # images whose source said that they are held out
    use: tuple[str, ...] = GENERATE

    def __str__(self) -> str:
        return self.preset


def folder(path: Path, **options: str) -> dict[str, Any]:
    return {"folder": {"path": str(path), **options}}


def houses(place: Path, own: Classes) -> Classes:
    """By a browser that searches the photosite."""
    return {"houses": {**own["houses"], "terms": ["house building", "hut castle church", "school hotel hospital bank"], "count": 24,
                       "sources": ["photosite"]}}


def makers(place: Path, own: Classes) -> Classes:
    """One logo a maker is what there is: makers of some initials are a class."""
    logos = real_pictures.logos(place / "logos")
    parts = {"alfa-romeo": "[a-d]*", "ford": "[e-l]*", "toyota": "[m-z]*"}
    return {name: {**own[name], "count": 40, "sources": [folder(logos, glob=glob)]} for name, glob in parts.items()}


def few_labelled(place: Path, own: Classes) -> Classes:
    found = makers(place, own)
    unlabelled = {**own["unlabeled"], "count": 40, "sources": found.pop("toyota")["sources"]}
    return {**found, "unlabeled": unlabelled}


def celebrities(place: Path, own: Classes) -> Classes:
    return {"faces": {"count": 72, "sources": [folder(real_pictures.faces(place / "celeba" / "img_align_celeba"), glob="*.jpg")]}}


def photographs(name: str) -> Callable[[Path, Classes], Classes]:
    def made(place: Path, own: Classes) -> Classes:
        return {name: {**own[name], "count": 50, "sources": [folder(real_pictures.photographs(place / "photos"))]}}

    return made


def faces(place: Path, own: Classes) -> Classes:
    return {"faces": {**own["faces"], "count": 72, "sources": [folder(real_pictures.faces(place / "faces"))]}}


def maps(place: Path, own: Classes) -> Classes:
    sheets = real_pictures.sheets(place / "maps.tar.gz", 40, 10)
    archive, kaggle = own["maps"]["sources"]
    return {"maps": {"count": 50, "sources": [{"archive": {**archive["archive"], "path": str(sheets)}}, kaggle]}}


def handwritten(place: Path, own: Classes) -> Classes:
    table = real_pictures.digits_csv(place / "digit-recognizer" / "train.csv", 24)
    return {
        name: {**each, "count": 24, "sources": [{"pixels": {**each["sources"][0]["pixels"], "path": str(table)}}, each["sources"][1]]}
        for name, each in own.items()
    }


def numbers(place: Path, own: Classes) -> Classes:
    root = real_pictures.digits_idx(place / "mnist", 20)
    return {"digits": {"count": 240, "sources": [{"torchvision": {"dataset": "mnist", "root": str(root)}}]}}


def street(place: Path, own: Classes) -> Classes:
    """CIFAR-10's horses stand in for the numbers: torchvision takes no SVHN but the whole, with the sums that were published."""
    (train, _), (test, _) = real_pictures.cifar(7, 200)
    real_pictures.saved(place / "svhn" / "train", train)
    real_pictures.saved(place / "svhn" / "test", test)
    return {"numbers": {"count": 240, "sources": [folder(place / "svhn", glob="*/*.png")]}}


SMALL = {"resize": {"size": 32}, "scrape": {"min_side": 32, "max_aspect": 0}}
FOLDER = {"crop": {"max_upscale": 0}, "scrape": {"min_side": 32, "max_aspect": 0, "licenses": "any"}}  # a folder states no licence
TINY = [
    Tiny("house-thumbnails", houses, (32, 32, 3), 20, sections=SMALL, train={"kimg": 0.5}),
    Tiny("car-logos", makers, (32, 32, 3), 100, sections=SMALL, train={"kimg": 0.5}, use=(*GENERATE, "--class", "ford")),
    Tiny("car-logos-ssl", few_labelled, (32, 32, 3), 100, sections=SMALL, train={"kimg": 0.5, "labeled_fraction": 0.5}),
    Tiny("celeba", celebrities, (32, 32, 3), 60, sections={"resize": {"size": 32}}, train={"epochs": 5}),
    Tiny("edges2photo", photographs("shoes"), (64, 64, 3), 45, (64, 64, 3), {"resize": {"size": 64}, **FOLDER},
         {"epochs": 2, "batch": 4}, use=TRANSLATE),
    Tiny("faces-upscale", faces, (48, 48, 3), 60, (12, 12, 3), {"resize": {"size": 48}, **FOLDER},
         {"kimg": 0.3, "warmup_kimg": 0.15, "generator": {"blocks": 2}}, use=UPSCALE),
    Tiny("maps", maps, (64, 64, 3), 50, (64, 64, 3), {"resize": {"size": 64}, "scrape": {"min_side": 64}},
         {"epochs": 2, "batch": 4}, held=10, use=TRANSLATE),
    Tiny("mnist-digits", handwritten, (28, 28, 1), 240, train={"kimg": 0.5}, use=(*GENERATE, "--class", "digit-7")),
    Tiny("numgen", numbers, (28, 28, 1), 240, train={"kimg": 1, "channels": 32}, held=40),
    Tiny("small-photos", photographs("barns"), (32, 32, 3), 45, sections={"resize": {"size": 32}, **FOLDER},
         train={"kimg": 0.3, "best_kimg": 0.1, "channels": 32}),
    Tiny("svhn", street, (32, 32, 3), 240, train={"kimg": 0.5}, held=40),
]


def set_up(tiny: Tiny, tmp_path: Path) -> Project:
    """A clone whose params.yaml is the preset, made small."""
    project = clone(tmp_path / "project")
    for stale in ("dvc.lock", "metrics.json", *(str(path.relative_to(ROOT)) for path in (ROOT / "data/review").glob("*.csv"))):
        (project.folder / stale).unlink(missing_ok=True)
    project.run("darkroom", "presets", "--use", tiny.preset)
    own = YAML(typ="safe").load(project.folder / "params.yaml")["classes"]
    project.params(**{
        **tiny.sections, "classes": tiny.classes(tmp_path, own), "train": {**SHORT, **tiny.train}, "evaluate": {"samples": 64},
    })
    return project


def pictures(shard: Path) -> dict[str, tuple[int, int, int]]:
    """Width, height and colours of one picture of each kind in a shard, by the end of its name."""
    found = {}
    with tarfile.open(shard) as tar:
        for entry in tar:
            stem, _, kind = entry.name.partition(".")
            if kind.endswith("png"):
                with Image.open(io.BytesIO(tar.extractfile(entry).read())) as picture:  # type: ignore[union-attr]
                    assert picture.mode in PICTURE.values(), f"{stem}: {picture.mode}"
                    size = (*picture.size, 1 if picture.mode == "L" else 3)
                assert found.setdefault(kind, size) == size
    return found


def check_dataset(tiny: Tiny, data: Path) -> None:
    items = [item for item in read_index(data / "index.csv") if not item.more.get("augmentation")]
    assert len(items) >= tiny.images
    assert {item.class_ for item in items} == set(YAML(typ="safe").load(data.parent.parent / "params.yaml")["classes"])
    held = [item for item in items if item.split == "holdout"]
    assert len(held) == tiny.held if tiny.held is not None else 0 < len(held) < len(items) / 3
    kinds = {"input.png": tiny.given, "target.png": tiny.size} if tiny.given else {"png": tiny.size}
    for shard in (data / "shards").rglob("*.tar"):
        assert pictures(shard) in (kinds, {}), shard


def check_model(tiny: Tiny, project: Project, out: Path) -> None:
    model = project.folder / "data/model"
    names = {path.name for path in model.iterdir()}
    assert {"generator.safetensors", "config.json", "samples.png", "evolution.gif", "curves.png"} <= names
    config = json.loads((model / "config.json").read_text())
    settings = YAML(typ="safe").load(ROOT / "presets" / f"{tiny.preset}.yaml")["train"]
    assert config["recipe"] == settings["recipe"]
    for picture in ("samples.png", "curves.png"):
        with Image.open(model / picture) as image:
            image.load()
    out.mkdir()
    given = project.folder / "given.png"
    if tiny.given:
        Image.effect_noise(tiny.given[:2], 60).convert(PICTURE[tiny.given[2]]).save(given)
    project.run("darkroom", *(word.format(out=out, given=given) for word in tiny.use))
    made = sorted(out.glob("*.png"))
    assert made, "nothing was made"
    with Image.open(made[0]) as image:
        assert (*image.size, 1 if image.mode == "L" else 3) == tiny.size


@pytest.mark.parametrize("tiny", TINY, ids=str)
def test_a_preset_runs_to_the_end(tiny: Tiny, tmp_path: Path) -> None:
    project = set_up(tiny, tmp_path)
    start, used = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = project.run("dvc", "repro")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
    print(f"\n{tiny.preset}: {time.monotonic() - start:.0f} s, {cpu:.0f} CPU-s")
    ran = project.ran(done.stdout)
    assert [stage for stage in ran if not stage.startswith("scrape@")] == STAGES
    check_dataset(tiny, project.folder / "data/dataset")
    metrics = json.loads((project.folder / "metrics.json").read_text())
    numbers = [value for value in metrics.values() if isinstance(value, float)]
    assert numbers and all(math.isfinite(value) for value in numbers)
    assert (project.folder / "data/evaluation/report.html").stat().st_size > 0
    check_model(tiny, project, tmp_path / "out")


def test_the_other_direction_collects_nothing_anew(tmp_path: Path) -> None:
    project = set_up(next(tiny for tiny in TINY if tiny.preset == "maps"), tmp_path)
    project.run("dvc", "repro", "package")
    first = _halves(project)
    project.params(pair={"direction": "BtoA"})
    ran = project.ran(project.run("dvc", "repro", "package").stdout)
    assert not {"scrape@maps", "dedupe", "review", "crop", "resize", "rgb"} & set(ran) and ran[-1] == "package"
    assert _halves(project) == {key: pair[::-1] for key, pair in first.items()}


def _halves(project: Project) -> dict[str, tuple[bytes, bytes]]:
    """What is given and what is wanted, by key."""
    found: dict[str, dict[str, bytes]] = {}
    for shard in (project.folder / "data/dataset/shards").rglob("*.tar"):
        with tarfile.open(shard) as tar:
            for entry in tar:
                key, _, kind = entry.name.partition(".")
                if kind in ("input.png", "target.png"):
                    found.setdefault(key, {})[kind] = tar.extractfile(entry).read()  # type: ignore[union-attr]
    return {key: (kinds["input.png"], kinds["target.png"]) for key, kinds in found.items()}
