"""What will keep a source from working, as far as that can be told before anything is asked for."""

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline import params
from pipeline.collect import sources
from pipeline.collect.guard import Guard
from pipeline.collect.sources import flickr
from pipeline.source_params import OneSource, name_of, options_of

__all__ = ["obstacles"]

FILES = ("archive", "urls", "pixels")  # whose path is a file


def obstacles(settings: params.Params) -> list[str]:
    """One sentence each, of what is not there: a contact, a key, a package, a file; none twice. Another source of the class may make up."""
    entries = [entry for wanted in settings.classes.values() for entry in wanted.sources or settings.scrape.sources]
    public = dict.fromkeys(name_of(entry) for entry in entries if _wants_contact(name_of(entry), settings.scrape))
    told = [f"scrape.contact, your e-mail address or a web page of yours, is empty; asking for it: {', '.join(public)}"] if public else []
    return [*told, *dict.fromkeys(told for entry in entries for told in _of(entry))]


def _wants_contact(name: str, settings: params.Scrape) -> bool:
    endpoint = settings.endpoints.get(name) or sources.about(name).endpoint
    return bool(endpoint) and not settings.contact and not Guard(frozenset(settings.allow_hosts)).is_named(endpoint)


def _of(entry: str | OneSource) -> Iterator[str]:
    name, options = name_of(entry), options_of(entry)
    if name == "flickr" and not os.environ.get(flickr.KEY):
        yield f"flickr wants a key, and the environment variable {flickr.KEY} has none"
    if name == "kaggle" and importlib.util.find_spec("kagglehub") is None:
        yield "kaggle wants the package kagglehub, which is not installed"
    if told := _missing(name, options):
        yield f"{name}: {told}"


def _missing(name: str, options: Any) -> str:
    """What is wrong with the file or folder that the options name; "" where nothing is."""
    try:
        if name == "folder":
            path = Path(options.path).expanduser()
            if not path.is_dir():
                return f"there is no folder {options.path}"
            return "" if any(each.is_file() for each in path.glob(options.glob)) else f"{options.path} has no file {options.glob}"
        if name in FILES and not Path(options.path).expanduser().is_file():
            return f"there is no file {options.path}"
    except (OSError, RuntimeError, ValueError, NotImplementedError) as error:  # no user's home; a path or pattern that is none
        return f"{options.path}: {error}"
    return ""
