"""Measure the generator against the real images."""

from pathlib import Path

from pipeline import params
from pipeline.errors import reported
from pipeline.evaluate.run import run


def main() -> None:
    settings = params.load()
    run(
        Path("data/dataset"), Path("data/model"), Path("data/evaluation"), Path("metrics.json"), Path("data/.cache"),
        settings.package.name, settings.evaluate,
    )


if __name__ == "__main__":
    with reported():
        main()
