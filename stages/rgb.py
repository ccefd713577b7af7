"""Put every image on a plain background."""

from pathlib import Path

from pipeline import params
from pipeline.errors import reported
from pipeline.prepare.rgb import rgb


def main() -> None:
    settings = params.load()
    print(rgb(
        Path("data/resized"), Path("data/rgb"), settings.rgb, settings.pair, settings.run.engine, settings.run.workers,
        Path("data/.cache") / "rgb.json",
    ))


if __name__ == "__main__":
    with reported():
        main()
