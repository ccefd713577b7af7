"""Find copies of one picture, and forget the classes that params.yaml no longer has."""

from pathlib import Path

from pipeline import params
from pipeline.curate.dedupe import dedupe, prune
from pipeline.errors import reported


def main() -> None:
    settings = params.load()
    for name in prune(Path("data/raw"), list(settings.classes)):
        print(f"class {name} is no longer in params.yaml: its images are removed")
    deduped = dedupe(
        Path("data/raw"), Path("data/deduped"), Path("data/.cache") / "curate.sqlite", list(settings.classes), settings.dedupe,
        settings.run.engine, settings.run.workers,
    )
    print(f"{deduped} (see data/deduped/rejected.csv)")


if __name__ == "__main__":
    with reported():
        main()
