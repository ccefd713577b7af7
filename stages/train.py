"""Train the generator on the packaged dataset."""

from pathlib import Path

from pipeline import params
from pipeline.errors import reported
from pipeline.evaluate.lent import lent
from pipeline.train.run import run


def main() -> None:
    settings = params.load()
    shards, cache = Path("data/dataset/shards"), Path("data/.cache")
    run(shards, Path("data/model"), cache / "train", settings.train, lent(shards, settings.evaluate.weights, cache))


if __name__ == "__main__":
    with reported():
        main()
