"""Train the generator on the packaged dataset."""

from pathlib import Path

from pipeline import params
from pipeline.errors import reported
from pipeline.train.run import run


def main() -> None:
    run(Path("data/dataset/shards"), Path("data/model"), params.load().train)


if __name__ == "__main__":
    with reported():
        main()
