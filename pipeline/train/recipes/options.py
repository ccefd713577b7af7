"""What a person may say of a network beyond its width: the arguments of its constructor that the dataset does not set."""

import difflib
import inspect
from collections.abc import Callable, Mapping

from torch import nn

from pipeline.errors import UserError

__all__ = ["Option", "checked"]

Option = bool | int | float | str
SET_BY_OTHERS = {"self", "size", "colors", "given_size", "given_colors", "classes", "latent", "channels"}


def checked(where: str, family: str, network: Callable[..., nn.Module], options: Mapping[str, Option]) -> Mapping[str, Option]:
    """`options`, which stand at `where` in params.yaml. Raises UserError for one that the network lacks, or of another kind."""
    defaults = {name: given.default for name, given in inspect.signature(network).parameters.items() if name not in SET_BY_OTHERS}
    for name, value in options.items():
        if name in SET_BY_OTHERS:
            raise UserError(f"params.yaml: {where}.{name}: the dataset or another setting of train says that; leave it out")
        if name not in defaults:
            close = difflib.get_close_matches(name, defaults, 1)
            near = f"did you mean {close[0]}? " if close else ""
            has = f"it has {', '.join(defaults)}" if defaults else "it has none"
            raise UserError(f"params.yaml: {where}.{name}: the network {family} has no such option; {near}{has}")
        kind = int if defaults[name] is None else type(defaults[name])  # None: as many as the size asks for
        if not (type(value) is kind or (kind is float and type(value) is int)):
            wanted = {bool: "true or false", int: "a whole number", float: "a number", str: "a word"}[kind]
            raise UserError(f"params.yaml: {where}.{name}: {value!r} is not allowed; give {wanted}, such as {_shown(defaults[name])}")
    return options


def _shown(default: Option | None) -> str:
    return "3" if default is None else str(default).lower()
