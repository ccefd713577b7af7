"""params.yaml as typed, checked values: one model per section, an unknown key is an error.

`load()` checks the whole file and raises a UserError of one line that names file, line, key, value and
what is allowed. `python -m pipeline.params` prints the JSON schema that editors use.
"""

import json
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError, field_validator, model_validator

from pipeline import refusal, yaml_file
from pipeline.errors import UserError
from pipeline.prepare_params import Augment, Crop, Package, Pair, Resize, Rgb, Section
from pipeline.source_params import NAMES, Source, installed_names, name_of
from pipeline.train_params import Train

__all__ = ["TERMLESS", "Augment", "Class", "Crop", "Dedupe", "Evaluate", "Package", "Pair", "Params", "Resize",
           "Review", "Rgb", "Run", "Scrape", "Train", "load", "schema"]

CLASS_NAME = re.compile(r"[a-z][a-z0-9_-]*")
RESERVED = ("forgotten", "history", "readme")  # what else lies in data/review

TERMLESS = ("urls", "folder", "archive", "kaggle", "torchvision", "pixels")  # sources that are listed, not searched


def _checked_template(value: str) -> str:
    if value.count("{term}") != 1 or re.search(r"[{}]", value.replace("{term}", "")):
        raise ValueError(f'{value!r} is no template; {{term}} stands in it once, such as "{{term}} front yard"')
    return value


Template = Annotated[str, AfterValidator(_checked_template)]
License = Literal[
    "cc0", "pdm", "cc-by", "cc-by-sa", "cc-by-nc", "cc-by-nc-sa", "cc-by-nd", "cc-by-nc-nd", "all-rights-reserved", "other", "unknown",
]


class Class(Section):
    """One thing to look for. The key in params.yaml is its name; `title` is for people."""

    title: str = Field("", description="the name people read; the key with a capital where empty")
    terms: list[Annotated[str, Field(min_length=1)]] = Field(default=[], description="what to type into the search box")
    templates: list[Template] | None = Field(None, min_length=1, description="instead of scrape.templates, for this class")
    count: int = Field(ge=1, description="how many images to collect, over all terms")
    sources: list[Source] | None = Field(None, min_length=1, description="instead of scrape.sources, for this class")

    @model_validator(mode="after")
    def _something_to_look_for(self) -> "Class":
        only_files = self.sources is not None and all(name_of(source) in TERMLESS for source in self.sources)
        if not self.terms and not only_files:
            raise ValueError("give at least one term, such as terms: [\"red barn\"]")
        return self


class Scrape(Section):
    """Where images come from, and which are wanted."""

    sources: list[Source] = Field(default=["photosite"], min_length=1, description="tried in order until count is reached")
    contact: str = Field("", description="your e-mail or web page; required by every source on the public web")
    templates: list[Template] = Field(
        default=["{term}"], min_length=1, description='each term is asked for in each form, such as "{term} front yard"'
    )
    min_side: int = Field(64, ge=1, description="smaller images are rejected; pixels")
    max_aspect: float = Field(0, ge=0, description="longer side / shorter side at most; 0 = any")
    formats: Literal["any"] | list[Literal["jpeg", "png", "webp", "gif", "bmp", "tiff", "avif", "heic", "svg"]] = Field(
        "any", description="any, or the list of file formats that are accepted"
    )
    licenses: Literal["any"] | list[License] = Field("any", description="any, or the list of licences that are accepted")
    color: Literal["any", "color", "gray", "transparent"] = Field("any", description="asked of the sources that can tell")
    robots: bool = Field(True, description="obey robots.txt")
    opt_outs: bool = Field(True, description="obey X-Robots-Tag (noai, noimageai, noindex, noml …) and TDM reservations")
    endpoints: dict[str, str] = Field(default={}, description="another base URL for a source: a mirror, a proxy, a replay server")
    allow_hosts: list[str] = Field(default=[], description="hosts (or host:port) that may be reached though their address is not public")

    @field_validator("contact")
    @classmethod
    def _reachable(cls, value: str) -> str:
        if value and not re.fullmatch(r"[^\s@()]+@[^\s@()]+\.[^\s@()]+|https?://[^\s()]+", value):
            raise ValueError(f"{value!r} is neither an e-mail address nor a web page, such as me@example.org")
        return value

    @field_validator("allow_hosts")
    @classmethod
    def _hosts(cls, value: list[str]) -> list[str]:
        for host in value:
            if not re.fullmatch(r"(\[[0-9A-Fa-f:]+\]|[\w.-]+)(:\d{1,5})?", host):
                raise ValueError(f"{host!r} is no host, such as 10.0.0.5 or localhost:8080")
        return value

    @field_validator("endpoints")
    @classmethod
    def _known_sources(cls, value: dict[str, str]) -> dict[str, str]:
        for name, url in value.items():
            if name not in (*NAMES, *installed_names()):
                raise ValueError(f"there is no source {name!r}; there are {', '.join(NAMES)}")
            if not re.fullmatch(r"https?://[^/\s?#]+(/[^\s?#]*)?", url):
                raise ValueError(f"{url!r} is no base URL, such as https://mirror.example.org")
        return value


Flag = Literal["small", "blurry", "dark", "bright", "flat", "aspect", "text", "bars", "watermark", "screenshot", "grey", "animated",
               "truncated", "colorspace"]
Preference = Literal["uncropped", "pixels", "lossless", "bytes", "typical"]


class Dedupe(Section):
    """Which images are the same picture."""

    near: bool = Field(True, description="also near-duplicates; false for digits and the like")
    distance: int = Field(31, ge=0, le=63, description="bits of 256 in which the hashes of two pictures may differ to be compared")
    prefer: list[Preference] = Field(
        default=["uncropped", "pixels", "lossless", "bytes", "typical"],
        description="which copy is kept, the first that decides; a person's choice comes before all of them",
    )
    turned: Literal["all", "photos", "none"] = Field(
        "all", description="what is the same mirrored or turned: everything, photographs only (an arrow is not), or nothing"
    )
    across: Literal["first", "none"] = Field(
        "first", description="one picture in two classes: the class listed first keeps it, or none does"
    )
    reject_if: dict[Flag, Annotated[float, Field(gt=0, le=1)]] = Field(
        default={}, description="quality flags that reject, with the score from which on, such as {blurry: 0.7, text: 0.5}"
    )

    @field_validator("prefer")
    @classmethod
    def _in_order(cls, value: list[str]) -> list[str]:
        if len(set(value)) != len(value):
            raise ValueError("each preference can be given once")
        if "uncropped" in value[1:]:
            raise ValueError("uncropped can only be the first of the list, or left out")
        if "typical" in value[:-1]:
            raise ValueError("typical can only be the last of the list, or left out")
        return value


class Review(Section):
    """What people decide, and what is held out."""

    pending: Literal["stop", "keep", "drop"] = Field("keep", description="what happens to images nobody has judged yet")
    recheck: float = Field(0.05, ge=0, le=1, description="share of judged images that come back, blind, to measure agreement")
    holdout: float = Field(0.1, ge=0, le=0.9, description="share of images that training never sees")


class Evaluate(Section):
    """How the generator is measured."""

    samples: int = Field(1000, ge=10, description="images generated for FID and KID")
    seed: int = 0
    weights: str = Field("auto", description="auto, or the path of the 2015 Inception weights")


class Run(Section):
    """How work is done on this machine; never part of what a result depends on."""

    engine: Literal["serial", "local"] = "local"
    workers: int = Field(0, ge=0, description="0 = all cores")
    connections: int = Field(64, ge=1, le=1024, description="downloads at a time")
    per_host: int = Field(4, ge=1, le=64, description="downloads at a time from one host")


class Params(Section):
    """The whole of params.yaml."""

    classes: dict[str, Class] = Field(min_length=1)
    scrape: Scrape = Scrape()
    dedupe: Dedupe = Dedupe()
    review: Review = Review()
    crop: Crop = Crop()
    resize: Resize = Resize()
    rgb: Rgb = Rgb()
    augment: Augment = Augment()
    pair: Pair = Pair()
    package: Package = Package()
    train: Train = Train(kimg=130)
    evaluate: Evaluate = Evaluate()
    run: Run = Run()

    def title(self, name: str) -> str:
        """The name people read for class `name`."""
        return self.classes[name].title or name.replace("_", " ").replace("-", " ").capitalize()


def load(path: Path = Path("params.yaml")) -> Params:
    """Read and check the whole file. Raises UserError, of one line, for the first thing that is wrong."""
    tree = yaml_file.parsed(path)
    classes = tree.get("classes")
    for name in classes if isinstance(classes, dict) else {}:
        if not isinstance(name, str) or not CLASS_NAME.fullmatch(name):
            raise UserError(
                f"{path}{yaml_file.line(tree, ('classes', name))}: the class name {name!r} is not allowed; a class name is a "
                "small letter followed by small letters, digits, _ or -, such as class-7 (title: is for people)"
            )
        if name in RESERVED:
            raise UserError(
                f"{path}{yaml_file.line(tree, ('classes', name))}: a class cannot be called {name!r}, for data/review/{name} is taken; "
                "choose another name (title: is for people)"
            )
    try:
        return Params.model_validate(tree)
    except ValidationError as error:
        raise UserError(refusal.in_file(error, tree, path, Params)) from None


def schema() -> dict[str, Any]:
    """The JSON schema of params.yaml."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Params.model_json_schema()}


if __name__ == "__main__":
    print(json.dumps(schema(), indent=2))
