"""Make further copies of the training images."""

from pathlib import Path

from pipeline import params
from pipeline.errors import reported
from pipeline.prepare.augment import augment


def main() -> None:
    settings = params.load()
    print(augment(
        Path("data/rgb"), Path("data/augmented"), settings.augment, settings.pair, settings.run.engine, settings.run.workers,
        Path("data/.cache") / "augmented.json",
    ))


if __name__ == "__main__":
    with reported():
        main()
