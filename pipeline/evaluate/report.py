"""report.html: real images, samples, how it learned and the numbers, in one file that needs no network."""

import base64
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from jinja2 import Environment
from PIL import Image

from pipeline.item import read_index

__all__ = ["Content", "Figure", "Number", "write"]

TYPES = {".png": "image/png", ".gif": "image/gif"}


@dataclass(frozen=True)
class Number:
    """One of those in large type."""

    label: str
    value: str
    beside: str


@dataclass(frozen=True)
class Figure:
    """A picture that becomes `name`.png beside the report."""

    name: str
    picture: Image.Image
    says: str


@dataclass(frozen=True)
class Content:
    """What is told of one kind of model. `note` and `remark` are sentences before the pictures and after the table; the first cell of each
    row is its name. `classes` are further rows, the first of them a header, of a model that has a classifier."""

    numbers: Sequence[Number]
    note: str
    figures: Sequence[Figure]
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    remark: str
    over_time: str
    weights: str
    classes: Sequence[Sequence[str]] = ()


def write(out: Path, name: str, model: Path, dataset: Path, content: Content, version: str) -> None:
    """Write the figures and report.html into `out`."""
    out.mkdir(parents=True, exist_ok=True)
    for figure in content.figures:
        figure.picture.save(out / f"{figure.name}.png")
    template = Environment(autoescape=True).from_string(
        resources.files(__package__).joinpath("report.html").read_text(encoding="utf-8")
    )
    text = template.render(
        name=name, facts=_facts(model), content=content, rights=_rights(dataset), dataset=version,
        figures=[{"source": _inline(out / f"{figure.name}.png"), "says": figure.says} for figure in content.figures],
        gif=_inline(model / "evolution.gif"), curves=_inline(model / "curves.png"),
    )
    (out / "report.html").write_text(text, encoding="utf-8")


def _facts(model: Path) -> str:
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    height, width = config["network"]["size"]
    best = f", the best of which was at {config['taken_at_kimg']:g}" if config.get("score") is not None else ""
    return f"{config['recipe']} at {width}×{height}, {config['kimg']:g} kimg{best}, seed {config['seed']}."


def _rights(dataset: Path) -> str:
    originals = [item for item in read_index(dataset / "index.csv") if not item.more.get("augmentation")]
    licences = ", ".join(f"{count} {name}" for name, count in Counter(i.license for i in originals).most_common())
    creators = ", ".join(name for name, _ in Counter(i.creator for i in originals if i.creator).most_common(3))
    return f"Licences: {licences}." + (f" Creators, most frequent first: {creators}." if creators else "")


def _inline(path: Path) -> str:
    return f"data:{TYPES[path.suffix]};base64,{base64.b64encode(path.read_bytes()).decode()}"
