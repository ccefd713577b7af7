"""A whole evaluation: a model's and a dataset's folder in, metrics.json and report.html out."""

import json
from pathlib import Path

import numpy as np
import torch

from pipeline import params
from pipeline.errors import UserError
from pipeline.evaluate import report, told
from pipeline.evaluate.classes import ClassesMeasured, measure_classes
from pipeline.evaluate.measure import Measured, measure
from pipeline.evaluate.pairs import PairsMeasured, measure_pairs, pixels
from pipeline.files import put
from pipeline.identity import version_in
from pipeline.progress import progress
from pipeline.sheet import grid
from pipeline.train.dataset import Dataset, load
from pipeline.train.loop.tick import Panel
from pipeline.train.model.card import card, learned
from pipeline.train.model.classifier import Classifier, load_classifier
from pipeline.train.model.folder import Model, load_model
from pipeline.train.model.sample import generate
from pipeline.train.watching.pictures import page

__all__ = ["run"]

SHOWN = 64
PAIRS = 8


def run(data: Path, model: Path, out: Path, metrics: Path, cache: Path, name: str, settings: params.Evaluate) -> None:
    """Measure what the model makes, by its kind: samples by FID and KID, translations and enlargements by their targets.

    Raises UserError where the model or the weights cannot be read.
    """
    loaded, shards = load_model(model), data / "shards"
    version = version_in(shards)
    if loaded.kind == "noise":
        classifier = load_classifier(model) if "classifier" in loaded.config else None
        found, content, summary = _samples(loaded, classifier, shards, cache, version, settings)
    else:
        found, content, summary = _pairs(loaded, shards, version)
    metrics.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    report.write(out, name, model, data, content, version)
    put(out / "model-card.md", card(loaded.config, str(loaded.config.get("source", "")), learned(shards, version), found).encode())
    print("\n".join([*summary, f"see {out}/report.html"]))


def _samples(
    model: Model, classifier: Classifier | None, shards: Path, cache: Path, version: str, settings: params.Evaluate,
) -> tuple[dict[str, object], report.Content, list[str]]:
    """settings.samples generated images against the training and the held-out images, no augmented copies; and held-out images by the
    classifier."""
    seen, held_out = load(shards, "train"), load(shards, "holdout") if any(shards.glob("holdout-*.tar")) else None
    classes = measure_classes(classifier, seen, held_out) if classifier and held_out else None
    train, holdout = _originals(seen), _originals(held_out) if held_out else np.empty((0, 1, 1, 3), np.uint8)
    fake = np.concatenate(list(generate(model, settings.samples, settings.seed)))
    with progress("evaluate", len(train) + len(holdout) + len(fake), "images") as advance:
        measured = measure(train, holdout, fake, settings.seed, settings.weights, cache, advance)
    scale = max(1, round(64 / fake.shape[1]))
    content = told.of_samples(measured, classes, grid(train[:SHOWN], 8, scale), grid(fake[:SHOWN], 8, scale))
    found = {**measured.as_json(version), **(classes.as_json() if classes else {})}
    return found, content, [*_summary(measured), *_classes_summary(classes)]


def _pairs(model: Model, shards: Path, version: str) -> tuple[dict[str, object], report.Content, list[str]]:
    """Held-out pairs, or where there are none those of training."""
    train = load(shards, "train")
    held_out = any(shards.glob("holdout-*.tar"))
    pairs = load(shards, "holdout") if held_out else train
    if train.given is None or pairs.given is None:
        raise UserError(f"the model learned from pairs, and {shards} holds none; run `dvc repro`")
    measured, made = measure_pairs(model, train, pairs, held_out)
    given, target = (images[:PAIRS].float() / 127.5 - 1 for images in (pairs.given, pairs.images))
    panel = Panel([], None, given, target, torch.empty(0), False)
    return measured.as_json(version), told.of_pairs(measured, page(panel, made[:PAIRS])), _pairs_summary(measured)


def _originals(dataset: Dataset) -> np.ndarray:
    """uint8 (N, H, W, C) without the augmented copies."""
    return pixels(dataset.images[dataset.originals])


def _summary(measured: Measured) -> list[str]:
    lines = []
    for label, against in (("training images", measured.train), ("held-out images", measured.holdout)):
        if against:
            kid = f"KID x 1000 {against.kid_mean * 1000:.1f} ± {against.kid_sd * 1000:.1f}"
            lines.append(f"to {against.n_real} {label}: {kid}, FID {against.fid:.1f}")
    if measured.floor:
        lines.append(f"noise floor: KID x 1000 {measured.floor.kid_mean * 1000:.1f}, FID {measured.floor.fid:.1f}")
    return lines


def _classes_summary(classes: ClassesMeasured | None) -> list[str]:
    if classes is None:
        return []
    return [f"classes of {classes.count} held-out images: {classes.accuracy:.1%} told right, "
            f"{classes.majority:.1%} by always saying {classes.most_common}"]


def _pairs_summary(measured: PairsMeasured) -> list[str]:
    whose = "held-out" if measured.held_out else "training"
    rows = {f"{measured.count} {whose} pairs": measured.made, **{told.NAMES[name]: b for name, b in measured.baselines.items()}}
    return [f"{label}: L1 {found.l1:.2f} of 255, PSNR {found.psnr:.2f} dB, SSIM {found.ssim:.4f}" for label, found in rows.items()]
