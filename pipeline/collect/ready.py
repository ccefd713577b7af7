"""What will keep a source from working, as far as that can be told before anything is asked for."""

from collections.abc import Iterator
from pathlib import Path

from pipeline import params
from pipeline.collect import sources
from pipeline.collect.guard import Guard
from pipeline.source_params import OneSource, name_of, options_of

__all__ = ["obstacles"]


def obstacles(settings: params.Params) -> list[str]:
    """One sentence each, of a contact or a file that is not there; none twice. A source that goes before may make up for it."""
    return list(dict.fromkeys(
        told for name, wanted in settings.classes.items() for entry in wanted.sources or settings.scrape.sources
        for told in _of(name, entry, settings.scrape)
    ))


def _of(class_: str, entry: str | OneSource, settings: params.Scrape) -> Iterator[str]:
    name = name_of(entry)
    endpoint = settings.endpoints.get(name, "")
    own = bool(endpoint) and Guard(frozenset(settings.allow_hosts)).is_named(endpoint)
    if sources.about(name).public_web and not own and not settings.contact:
        yield f"scrape.contact is empty, and {name} is on the public web: give an e-mail address or a web page of yours"
    path = getattr(options_of(entry), "path", "")
    if path and not Path(path).expanduser().exists():
        yield f"classes.{class_}: {name}: there is no {path}"
