"""report.html: real images, samples, how it learned and the numbers, in one file that needs no network."""

import base64
import json
from collections import Counter
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from jinja2 import Environment
from PIL import Image

from pipeline.evaluate.measure import FEW, Measured
from pipeline.evaluate.weights import SHA256
from pipeline.item import read_index

__all__ = ["Pictures", "write"]

TYPES = {".png": "image/png", ".gif": "image/gif"}


@dataclass(frozen=True)
class Pictures:
    """Grids made for the report; the rest is taken from the model's folder."""

    real: Image.Image
    samples: Image.Image


def write(out: Path, name: str, model: Path, dataset: Path, measured: Measured, pictures: Pictures, version: str) -> None:
    """Write real.png, samples.png and report.html into `out`."""
    out.mkdir(parents=True, exist_ok=True)
    pictures.real.save(out / "real.png")
    pictures.samples.save(out / "samples.png")
    template = Environment(autoescape=True).from_string(
        resources.files(__package__).joinpath("report.html").read_text(encoding="utf-8")
    )
    rows = [("Generated – training images", measured.train), ("Generated – held-out images", measured.holdout),
            ("Noise floor: held-out – training images", measured.floor)]
    text = template.render(
        name=name, facts=_facts(model), numbers=_numbers(measured), train=measured.train, holdout=measured.holdout,
        few=FEW if measured.train.n_real < FEW else 0, rows=[{"label": label, "a": a} for label, a in rows if a],
        real=_inline(out / "real.png"), samples=_inline(out / "samples.png"), gif=_inline(model / "evolution.gif"),
        curves=_inline(model / "curves.png"), rights=_rights(dataset), dataset=version, weights=SHA256,
    )
    (out / "report.html").write_text(text, encoding="utf-8")


def _numbers(measured: Measured) -> list[dict[str, str]]:
    floor, train = measured.floor, measured.train
    kid = {
        "label": "KID × 1000, to the training images",
        "value": f"{train.kid_mean * 1000:.1f}",
        "beside": f"± {train.kid_sd * 1000:.1f}" + (f", noise floor {floor.kid_mean * 1000:.1f}" if floor else ""),
    }
    fid = {
        "label": "FID, to the training images",
        "value": f"{train.fid:.1f}",
        "beside": f"noise floor {floor.fid:.1f}" if floor else "no held-out images",
    }
    images = {"label": "Images", "value": str(train.n_real), "beside": f"real, against {train.n_other} generated"}
    return [kid, fid, images] if train.n_real < FEW else [fid, kid, images]


def _facts(model: Path) -> str:
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    height, width = config["network"]["size"]
    return f"{config['recipe']} at {width}×{height}, {config['kimg']:g} kimg, seed {config['seed']}."


def _rights(dataset: Path) -> str:
    originals = [item for item in read_index(dataset / "index.csv") if not item.more.get("augmentation")]
    licences = ", ".join(f"{count} {name}" for name, count in Counter(i.license for i in originals).most_common())
    creators = ", ".join(name for name, _ in Counter(i.creator for i in originals if i.creator).most_common(3))
    return f"Licences: {licences}." + (f" Creators, most frequent first: {creators}." if creators else "")


def _inline(path: Path) -> str:
    return f"data:{TYPES[path.suffix]};base64,{base64.b64encode(path.read_bytes()).decode()}"
