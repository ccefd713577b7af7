"""Write the versioned dataset."""

from pathlib import Path

from pipeline import params
from pipeline.errors import reported
from pipeline.prepare.package import package


def main() -> None:
    print(package(
        Path("data/rgb"), Path("data/augmented"), Path("data/pairs"), Path("data/curated"), Path("data/dataset"), params.load(),
        between=(Path("data/crops"), Path("data/resized")),
    ))


if __name__ == "__main__":
    with reported():
        main()
