"""A Kaggle dataset: kagglehub downloads and unpacks it, then it is a folder."""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.collect.sources.folder import FolderSource, addresses_below
from pipeline.collect.sources.source import About, Context, Source
from pipeline.errors import UserError
from pipeline.source_params import Kaggle

__all__ = ["ABOUT", "opened"]

CREDENTIALS = "KAGGLE_USERNAME and KAGGLE_KEY in the environment, or the file ~/.kaggle/kaggle.json"
ABOUT = About(
    needs=f"The package kagglehub (pip install kagglehub) and Kaggle's credentials: {CREDENTIALS}.",
    allows="Whole datasets, kept in kagglehub's own cache; the licence is on the dataset's page and recorded as unknown.",
    public_web=False,
    terms_of_service="https://www.kaggle.com/terms",
)


@contextmanager
def opened(options: Kaggle, context: Context) -> Iterator[Source]:
    """The dataset's files as a source, downloaded first where they are not yet. Raises UserError."""
    folder = _downloaded(options.dataset)
    owner, name = options.dataset.split("/")[:2]
    page_url = f"https://www.kaggle.com/datasets/{owner}/{name}"
    yield FolderSource(folder, addresses_below(folder, options.glob, "kaggle"), page_url, "kaggle")


def _downloaded(dataset: str) -> Path:
    try:
        kagglehub = importlib.import_module("kagglehub")
    except ImportError:
        raise UserError(
            "params.yaml: sources: kaggle: the package kagglehub is not installed; "
            f"pip install kagglehub, and give it Kaggle's credentials: {CREDENTIALS}"
        ) from None
    try:
        return Path(kagglehub.dataset_download(dataset))
    except Exception as error:  # kagglehub's errors, and those of what it uses, have no other class in common
        why = " ".join(str(error).split()) or type(error).__name__
        raise UserError(
            f"params.yaml: sources: kaggle: {dataset} could not be downloaded ({why}); check the dataset's name, "
            f"and the credentials: {CREDENTIALS}"
        ) from error
