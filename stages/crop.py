"""Decide which part of each image is used."""

from pathlib import Path

from pipeline import params
from pipeline.errors import reported
from pipeline.prepare.boxes.sheet import MOST
from pipeline.prepare.crop import crop


def main() -> None:
    settings = params.load()
    boxes, rejected = crop(
        Path("data/raw"), Path("data/curated"), Path("data/crops"), Path("data/.cache") / "crop.sqlite", settings,
        settings.run.engine, settings.run.workers,
    )
    shown = "them" if boxes <= MOST else f"{MOST} of them"
    print(f"{boxes} boxes, {rejected} rejected; data/crops/boxes.png shows {shown}")


if __name__ == "__main__":
    with reported():
        main()
