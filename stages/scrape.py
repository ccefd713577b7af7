"""Collect the images of one class: python -m stages.scrape CLASS."""

import sys
from pathlib import Path

from pipeline import params
from pipeline.collect.scrape import scrape
from pipeline.collect.tally import shown
from pipeline.errors import reported
from pipeline.forgotten import read_forgotten


def main(name: str) -> None:
    settings = params.load()
    wanted = settings.classes[name]
    with shown(f"scrape {name}", wanted.count) as on_change:
        report = scrape(
            name, wanted, settings.scrape, Path("data/raw") / name, Path("data/.cache/collect"), settings.run,
            read_forgotten(Path("data/review")), on_change,
        )
    print(report)


if __name__ == "__main__":
    with reported():
        main(sys.argv[1])
