"""A whole evaluation: a model's and a dataset's folder in, metrics.json and report.html out."""

import json
from pathlib import Path

import numpy as np

from pipeline import params
from pipeline.errors import UserError
from pipeline.evaluate import report
from pipeline.evaluate.measure import Measured, folder_hash, measure
from pipeline.progress import progress
from pipeline.sheet import grid
from pipeline.train.dataset import Dataset, load
from pipeline.train.sample import generate, load_generator

__all__ = ["run"]

SHOWN = 64


def run(data: Path, model: Path, out: Path, metrics: Path, cache: Path, name: str, settings: params.Evaluate) -> None:
    """Measure settings.samples generated images against the training and the held-out images (no augmented copies).

    Raises UserError where the model or the weights cannot be read.
    """
    shards = data / "shards"
    train, holdout = _originals(load(shards, "train")), _holdout(shards)
    generator, latent = load_generator(model)
    fake = np.concatenate(list(generate(generator, latent, settings.samples, settings.seed)))
    with progress("evaluate", len(train) + len(holdout) + len(fake), "images") as advance:
        measured = measure(train, holdout, fake, settings.seed, settings.weights, cache, advance)
    version = folder_hash(shards)
    metrics.write_text(json.dumps(measured.as_json(version), indent=2) + "\n", encoding="utf-8")
    scale = max(1, round(64 / fake.shape[1]))
    pictures = report.Pictures(grid(train[:SHOWN], 8, scale), grid(fake[:SHOWN], 8, scale))
    report.write(out, name, model, data, measured, pictures, version)
    print(_summary(measured, out))


def _originals(dataset: Dataset) -> np.ndarray:
    """uint8 (N, H, W, C) without the augmented copies, whose keys have a double underscore."""
    places = [place for place, key in enumerate(dataset.keys) if "__" not in key]
    return np.ascontiguousarray(dataset.images[places].permute(0, 2, 3, 1).numpy())


def _holdout(shards: Path) -> np.ndarray:
    try:
        return _originals(load(shards, "holdout"))
    except UserError:
        return np.empty((0, 1, 1, 3), np.uint8)  # nothing was held out


def _summary(measured: Measured, out: Path) -> str:
    lines = []
    for label, against in (("training images", measured.train), ("held-out images", measured.holdout)):
        if against:
            kid = f"KID x 1000 {against.kid_mean * 1000:.1f} ± {against.kid_sd * 1000:.1f}"
            lines.append(f"to {against.n_real} {label}: {kid}, FID {against.fid:.1f}")
    if measured.floor:
        lines.append(f"noise floor: KID x 1000 {measured.floor.kid_mean * 1000:.1f}, FID {measured.floor.fid:.1f}")
    return "\n".join([*lines, f"see {out}/report.html"])
