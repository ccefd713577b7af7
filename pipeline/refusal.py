"""What pydantic found wrong in settings, told in one line: where, what, what is allowed."""

import difflib
import json
import re
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from ruamel.yaml.comments import CommentedMap

from pipeline import yaml_file

__all__ = ["in_file", "of_value"]

Where = tuple[int | str, ...]

SEVERAL = {  # what is allowed for the keys that take values of several shapes, or names of one's own
    "classes": "each class's name, with terms: and count: below it",
    "resize.size": "a whole number from 4 to 4096, or [width, height]",
    "scrape.licenses": "any, or a list of cc0, pdm, cc-by, cc-by-sa, cc-by-nc, cc-by-nd, … other, unknown",
    "scrape.formats": "any, or a list of jpeg, png, webp, gif, bmp, tiff, avif, heic, svg",
    "resize.pad": "transparent, or [red, green, blue]",
    "rgb.background": "white, black, checker, border, random, or [red, green, blue]",
    "augment.fill": "reflect, edge, or [red, green, blue]",
    "train.steps": "[steps of the discriminator, steps of the generator], such as [3, 1], or a list of {kimg: from when on, steps: [D, G]}",
    "train.augment_p": "a number from 0 to 1, or adaptive",
    "train.fast": "true, false, or auto",
    "train.generator": "options of the network, such as {norm: instance}",
    "train.discriminator": "options of the network, such as {norm: instance}",
}
PLAIN = {  # the beginning of pydantic's name of an error to what is allowed instead
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "string": "text",
    "dict": "keys and values below it",
}
BOUNDS = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("more than", "gt"),
    "less_than_equal": ("at most", "le"),
    "less_than": ("less than", "lt"),
}
KEY = "[key]"  # what ends a pydantic location that means a key, not the value behind it


def in_file(error: ValidationError, tree: CommentedMap, path: Path, model: type[BaseModel]) -> str:
    """The first thing that is wrong in the file: 'path, line N: key.of.it: what is wrong; allowed: ...'."""
    first = _first(error)
    where = tuple(step for step in first["loc"] if step == "classes" or _in_tree(tree, first["loc"], step))
    several = SEVERAL.get(".".join(map(str, where[:2])))
    if first["type"] == "missing":
        where, message = (*where, first["loc"][-1]), "this key is required"
    elif first["type"] == "extra_forbidden":
        message = f"there is no such key; {_near(str(where[-1]), where[:-1], model)}"
    elif first["loc"][-1] == KEY:
        message = f"there is no such key; {_named(first)}"
    elif first["type"] == "model_type":
        message = f"{_shown(tree, where)} is not allowed; allowed: keys below it, such as {', '.join(_names(where, model)[:4])}"
    elif several and first["type"] != "value_error":
        message = f"{_shown(tree, where)} is not allowed; allowed: {several}"
    else:
        message = of_value(first, _shown(tree, where))
    return f"{path}{yaml_file.line(tree, where)}: {'.'.join(map(str, where))}: {message}"


def of_value(first: Any, shown: str | None = None) -> str:
    """What is wrong with one value, and what is allowed; `first` is an entry of pydantic's list of errors."""
    message: str = first["msg"].removeprefix("Value error, ")
    if first["type"] == "value_error":
        return message
    shown = json.dumps(first["input"], default=str) if shown is None else shown
    return f"{shown} is not allowed; {_named(first) if first['type'] == 'literal_error' else _plain(first, message)}"


def _first(error: ValidationError) -> Any:
    """Of the errors the first; but a key that nobody knows goes before one that is missing beside it."""
    errors = error.errors(include_url=False)
    first = errors[0]
    if first["type"] == "missing":
        beside = [e for e in errors if e["type"] == "extra_forbidden" and e["loc"][:-1] == first["loc"][:-1]]
        first = (beside or [first])[0]
    return first


def _named(first: Any) -> str:
    """What is allowed, for a name that has to be one of some, and the closest of them."""
    names = re.findall(r"'([^']*)'", first["ctx"]["expected"]) or [first["ctx"]["expected"]]
    close = difflib.get_close_matches(str(first["input"]), names, 1)
    return f"allowed: {', '.join(names)}" + (f"; did you mean {close[0]}?" if close else "")


def _plain(first: Any, message: str) -> str:
    kind, given = first["type"], first["input"]
    if kind in BOUNDS:
        words, bound = BOUNDS[kind]
        return f"allowed: {words} {first['ctx'][bound]:g}"
    if kind.split("_")[0] in ("list", "tuple", "set"):
        return "allowed: a list" + (f", such as [{given}]" if isinstance(given, str | int | float) else "")
    if kind == "float_parsing" and (share := re.fullmatch(r"\s*([\d.]+)\s*%\s*", str(given))):
        return f"allowed: a number, such as {float(share[1]) / 100:g}"
    allowed = PLAIN.get(kind.split("_")[0])
    return f"allowed: {allowed}" if allowed else f"{message[0].lower()}{message[1:]}"


def _shown(tree: CommentedMap, where: Where) -> str:
    node: Any = tree
    for step in where:
        node = node[step]
    return json.dumps(node, default=str, ensure_ascii=False)


def _in_tree(tree: CommentedMap, location: Where, step: int | str) -> bool:
    """Whether `step` of a pydantic location is a key or position of the file (not a name of a union's arm)."""
    node: Any = tree
    for current in location:
        inside = (isinstance(node, dict) and current in node) or (
            isinstance(node, list) and isinstance(current, int) and current < len(node)
        )
        if current == step:
            return inside
        if inside:
            node = node[current]
    return False


def _near(key: str, above: Where, model: type[BaseModel]) -> str:
    """What may stand where `key` does: the closest name, or all of them."""
    names = sorted(_names(above, model))
    close = difflib.get_close_matches(key, names, 1)
    return f"did you mean {close[0]}?" if close else f"allowed here: {', '.join(names)}"


def _names(where: Where, model: type[BaseModel]) -> list[str]:
    """Of the keys that may stand below `where`, those that must come first."""
    kinds: list[Any] = [model]
    for step in where:
        kinds = [inner for kind in kinds for inner in _inside(kind, step)]
    fields = {name: field.is_required() for kind in kinds for name, field in kind.model_fields.items()}
    return sorted(fields, key=lambda name: not fields[name])


def _inside(kind: Any, step: int | str) -> list[type[BaseModel]]:
    """The models that may stand at `step` of a model: through lists, dicts, options and unions."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return _models(kind.model_fields[str(step)].annotation) if str(step) in kind.model_fields else [kind]
    return [kind]


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]
