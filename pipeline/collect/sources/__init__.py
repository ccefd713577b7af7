"""The sources by name."""

from contextlib import AbstractContextManager

from pipeline import params
from pipeline.collect.sources import folder, photosite
from pipeline.collect.sources.source import Source

__all__ = ["opened"]


def opened(wanted: params.Source) -> AbstractContextManager[Source]:
    """The source that an entry of `sources:` asks for, ready for the length of a with block."""
    if isinstance(wanted, params.FolderSource):
        return folder.opened(wanted.folder)
    return NAMED[wanted]()


NAMED = {"photosite": photosite.opened}
