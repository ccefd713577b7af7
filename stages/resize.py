"""Bring every image's box to one size."""

from pathlib import Path

from pipeline import params
from pipeline.errors import reported
from pipeline.prepare.resize import resize


def main() -> None:
    settings = params.load()
    print(resize(
        Path("data/raw"), Path("data/crops"), Path("data/resized"), settings.resize, settings.pair,
        settings.run.engine, settings.run.workers,
        Path("data/.cache") / "resized.json",
    ))


if __name__ == "__main__":
    with reported():
        main()
