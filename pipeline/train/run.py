"""A whole training run: a dataset's shards in, a model's folder out."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path

import torch

from pipeline.files import put
from pipeline.identity import code_of, digest, version_in
from pipeline.progress import progress
from pipeline.train import dataset, device, processes
from pipeline.train.dataset import Dataset
from pipeline.train.loop import checkpoint
from pipeline.train.loop.settings import Aids, Settings, Trained, length_in_kimg
from pipeline.train.loop.tick import Panel, Tick, Watcher
from pipeline.train.loop.trainer import Running, train
from pipeline.train.model.card import card, learned
from pipeline.train.model.folder import load_model, save_model
from pipeline.train.model.pictures import walk_strip
from pipeline.train.model.sample import interpolate
from pipeline.train.processes import Ranks
from pipeline.train.recipes.chosen import chosen
from pipeline.train.recipes.recipe import Recipe
from pipeline.train.recipes.told import told
from pipeline.train.watching import watching
from pipeline.train_params import Train

__all__ = ["run"]

WALKS, STEPS = 6, 9  # of interpolation.png


def run(shards: Path, model: Path, states: Path, settings: Train, aids: Callable[[Recipe, bool], Aids]) -> None:
    """Train as `settings` say and write generator.safetensors, config.json, samples, evolution.gif and curves; classifier.safetensors
    too where the recipe learns classes.

    `states` is the folder where runs leave their checkpoints, `aids` lends a recipe what it asks for.
    Under torchrun each process takes its part, and the first one writes. Raises UserError where the dataset, the size or the GPU do
    not allow it.
    """
    recipe = chosen(settings)
    with processes.ranks(device.choose(settings.device)) as ranks:
        images, version = dataset.load(shards, "train", settings.labeled_fraction), version_in(shards)
        kimg = length_in_kimg(settings.kimg, settings.epochs, len(images))
        precision = device.precision(settings.precision, ranks.device)
        fast = ranks.device.type == "cuda" if settings.fast == "auto" else settings.fast
        wanted = Settings(settings.seed, kimg, settings.threads, settings.ticks, settings.keep, precision, settings.best_kimg, fast)
        state = states / _key(version, recipe, settings)
        first = ranks.rank == 0
        if first:
            print(_headline(settings, recipe, images, ranks, wanted), flush=True)
            checkpoint.prune(states, own=state)
        watched = watching(model, state, settings.tensorboard) if first else nullcontext(_Nobody())
        shown = progress("train", kimg, "kimg") if first else nullcontext(lambda more, note="": None)
        with watched as watch, shown as advance:
            trained = train(
                images, recipe, wanted, ranks.device, watch, holdout=_holdout(shards, images), state=state,
                aids=aids(recipe, settings.best_kimg > 0), ranks=ranks, on_step=lambda more: advance(more, watch.note),
            )
        images.close()
        if first:
            _write(model, trained, recipe, settings, images, version, wanted)
            _describe(model, recipe, shards, version, watch.warnings)


def _write(model: Path, trained: Trained, recipe: Recipe, settings: Train, images: Dataset, version: str, wanted: Settings) -> None:
    save_model(model, trained.generator, trained.network, {
        **told(recipe), "kind": recipe.kind, "recipe": settings.recipe, "source": recipe.source, "seed": settings.seed,
        "kimg": wanted.kimg, "precision": wanted.precision, "taken_at_kimg": trained.kimg, "score": trained.score,
        "classes": images.classes, "images": len(images),
        **({"labelled": int((images.labels >= 0).sum())} if recipe.objective.asks_classes else {}),
        "dataset": version,
    }, trained.classifier)
    print(f"see {model}/samples.png, evolution.gif and curves.png")


def _describe(model: Path, recipe: Recipe, shards: Path, version: str, warnings: Sequence[str]) -> None:
    """interpolation.png, where there is noise to walk in, and the card."""
    loaded = load_model(model)
    if recipe.kind == "noise":
        labels: Sequence[str | None] = loaded.classes[:WALKS] or [None] * WALKS
        walks = [interpolate(loaded, [2 * number, 2 * number + 1], STEPS, label) for number, label in enumerate(labels)]
        walk_strip(walks).save(model / "interpolation.png")
    there = {path.name for path in model.iterdir()}
    put(model / "README.md", card(loaded.config, recipe.source, learned(shards, version), None, warnings, there).encode())


def _headline(settings: Train, recipe: Recipe, images: Dataset, ranks: Ranks, wanted: Settings) -> str:
    size = "x".join(map(str, reversed(images.images.shape[2:])))
    where = str(ranks.device) if ranks.world == 1 else f"{ranks.world} x {ranks.device.type}"
    known = int((images.labels >= 0).sum())
    told = f", {known} of them with their class told" if recipe.objective.asks_classes and known < len(images) else ""
    epochs = wanted.kimg * 1000 / len(images)
    what = f"{len(images)} images of {size}{told}"
    return f"{settings.recipe} on {where} in {wanted.precision}: {what}, {wanted.kimg:g} kimg = {epochs:.0f} epochs"


def _key(version: str, recipe: Recipe, settings: Train) -> str:
    """What a run can be continued by: everything its weights depend on but its length and the device, and when it is scored."""
    asked = (settings.seed, settings.labeled_fraction, settings.precision, settings.fast, settings.threads, settings.best_kimg)
    return digest(repr((version, recipe, asked, torch.__version__, code_of(Running))).encode())


def _holdout(shards: Path, images: Dataset) -> Dataset | None:
    if images.given is None or not any(shards.glob("holdout-*.tar")):
        return None
    return dataset.load(shards, "holdout", classes=images.classes)


class _Nobody(Watcher):
    """Watches for the processes that are not the first."""

    note = ""
    warnings: Sequence[str] = ()

    def begin(self, panel: Panel, past: int) -> None: ...

    def __call__(self, tick: Tick) -> None: ...
