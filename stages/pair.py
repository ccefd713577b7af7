"""Make two pictures of each image, where pairs are asked for."""

from pathlib import Path

from pipeline import params
from pipeline.errors import reported
from pipeline.prepare.pair import pair


def main() -> None:
    settings = params.load()
    print(pair(
        Path("data/rgb"), Path("data/augmented"), Path("data/pairs"), settings.pair, settings.run.engine, settings.run.workers,
        Path("data/.cache") / "pairs.json",
    ))


if __name__ == "__main__":
    with reported():
        main()
