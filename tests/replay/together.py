"""Several sites on one server: starting and stopping one takes longer than most tests."""

from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import FastAPI

from tests.replay.serving import Served, served

__all__ = ["served_together"]


@contextmanager
def served_together(**sites: FastAPI) -> Iterator[Served]:
    """Each site below /<its name>, for the length of the block."""
    root = FastAPI()
    for name, site in sites.items():
        root.mount(f"/{name}", site)
    with served(root) as server:
        for name, site in sites.items():
            site.state.base = f"{server.base}/{name}"
        yield server
