"""Where a dataset project keeps things, and what the commands share."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

__all__ = ["CROPPED", "DATASET", "DEDUPED", "LEDGER", "LOOKED", "MODEL", "RAW", "REVIEW", "REVIEW_CACHE", "Commands",
           "given_path", "positive"]

DEDUPED, RAW, REVIEW, MODEL = Path("data/deduped"), Path("data/raw"), Path("data/review"), Path("data/model")
DATASET = Path("data/dataset")
REVIEW_CACHE = Path("data/.cache/review")
LEDGER = Path("data/.cache/collect")
LOOKED = Path("data/.cache/curate.sqlite")
CROPPED = Path("data/.cache/crop.sqlite")

if TYPE_CHECKING:
    Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
else:
    Commands = argparse.Action


def positive(text: str) -> int:
    """A whole number from 1 on, for argparse."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not allowed; at least 1 is")
    return number


def given_path(text: str) -> Path:
    """A path, for argparse; not the empty text that a variable without a value leaves, which would be this folder."""
    if not text:
        raise argparse.ArgumentTypeError("an empty name is not allowed; . is this folder")
    return Path(text)
