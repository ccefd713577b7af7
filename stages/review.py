"""Apply what people decided, stop where they have not, and hold some images out."""

from pathlib import Path

from pipeline import params
from pipeline.curate.gate import gate
from pipeline.errors import reported


def main() -> None:
    settings = params.load()
    curated = gate(
        Path("data/raw"), Path("data/deduped"), Path("data/review"), Path("data/curated"),
        settings.classes, settings.review,
    )
    print(curated)


if __name__ == "__main__":
    with reported():
        main()
