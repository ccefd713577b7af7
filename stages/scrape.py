"""Collect the images of one class: python -m stages.scrape CLASS."""

import sys
from pathlib import Path

from pipeline import params
from pipeline.collect.scrape import scrape
from pipeline.errors import reported
from pipeline.progress import progress


def main(name: str) -> None:
    settings = params.load()
    wanted = settings.classes[name]
    with progress(f"scrape {name}", wanted.count, "images") as on_image:
        report = scrape(name, wanted, settings.scrape, Path("data/raw") / name, Path("data/.cache/collect"), on_image)
    print(report)


if __name__ == "__main__":
    with reported():
        main(sys.argv[1])
