"""A whole training run: a dataset's folder in, a model's folder out."""

from pathlib import Path

from pipeline import params
from pipeline.progress import progress
from pipeline.train import dataset, device
from pipeline.train.recipes import RECIPES
from pipeline.train.sample import save_generator
from pipeline.train.trainer import Settings, length_in_kimg, train
from pipeline.train.watch import watching

__all__ = ["run"]


def run(data: Path, model: Path, settings: params.Train) -> None:
    """Train as `settings` say and write generator.safetensors, config.json, samples, evolution.gif and curves.

    Raises UserError where the dataset, the size or the GPU do not allow it.
    """
    chosen = device.choose(settings.device)
    images = dataset.load(data, "train")
    kimg = length_in_kimg(settings.kimg, settings.epochs, len(images))
    wanted = Settings(
        settings.seed, kimg, settings.batch, settings.channels, settings.learning_rate, tuple(settings.augment), settings.threads,
    )
    size = "x".join(map(str, reversed(images.images.shape[2:])))
    print(f"{settings.recipe} on {chosen}: {len(images)} images of {size}, {kimg:g} kimg = {kimg * 1000 / len(images):.0f} epochs")
    model.mkdir(parents=True, exist_ok=True)
    with watching(model) as watch, progress("train", kimg, "kimg") as advance:
        step = settings.batch / 1000
        trained = train(images, RECIPES[settings.recipe], wanted, chosen, watch, lambda seen: advance(step))
    last = watch.ticks[-1]
    save_generator(model, trained.generator, trained.network, {
        "recipe": settings.recipe, "seed": settings.seed, "kimg": kimg, "batch": settings.batch,
        "augment": settings.augment, "classes": images.classes, "images": len(images),
    })
    print(f"D(x) {last.d_real:.2f}, D(G(z)) {last.d_fake:.2f}; see {model}/samples.png, evolution.gif and curves.png")
