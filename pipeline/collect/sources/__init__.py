"""The sources by name: one module each, and those that other packages bring (entry points "darkroom.sources").

Such an entry point names a module, or any object, with what the modules here have: `ABOUT` and `opened(options, context)`.
"""

import importlib
from contextlib import AbstractContextManager
from importlib.metadata import entry_points
from typing import Any, Protocol

from pipeline.collect.sources.source import About, Context, Source
from pipeline.source_params import NAMES, OneSource, installed_names, name_of, options_of

__all__ = ["SourceModule", "about", "module_of", "names", "opened"]

MODULES = {"torchvision": "torchvision_sets"}  # a module of that name would hide the package


class SourceModule(Protocol):
    """What a module of this package, or an entry point, offers."""

    ABOUT: About

    def opened(self, options: Any, context: Context) -> AbstractContextManager[Source]:
        """The source, ready for the length of a with block. Raises UserError."""


def names() -> list[str]:
    """Every source there is, Darkroom's own first."""
    return [*NAMES, *installed_names()]


def about(name: str) -> About:
    """What the source needs and allows."""
    return module_of(name).ABOUT


def opened(entry: str | OneSource, context: Context) -> AbstractContextManager[Source]:
    """The source that an entry of `sources:` asks for, ready for the length of a with block."""
    return module_of(name_of(entry)).opened(options_of(entry), context)


def module_of(name: str) -> SourceModule:
    """Loaded when it is first asked for: a source that is not used costs nothing."""
    if name in NAMES:
        return importlib.import_module(f"{__package__}.{MODULES.get(name, name)}")
    return next(point for point in entry_points(group="darkroom.sources") if point.name == name).load()
