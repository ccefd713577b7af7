"""What pydantic found wrong in settings, told in one line: where, what, what is allowed."""

import difflib
import json
import re
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from ruamel.yaml.comments import CommentedMap

from pipeline import yaml_file

__all__ = ["in_file", "of_value"]

Where = tuple[int | str, ...]

SEVERAL = {  # what is allowed for the keys that take values of several shapes, or names of one's own
    "classes": "each class's name, with terms: and count: below it",
    "resize.size": "a whole number from 4 to 4096, or [width, height]",
    "scrape.licenses": "any, or a list of cc0, pdm, cc-by, cc-by-sa, cc-by-nc, cc-by-nd, cc-by-nc-sa, cc-by-nc-nd, "
                       "all-rights-reserved, other, unknown",
    "scrape.formats": "any, or a list of jpeg, png, webp, gif, bmp, tiff, avif, heic, svg",
    "resize.pad": "transparent, or [red, green, blue], each from 0 to 255",
    "rgb.background": "white, black, checker, border, random, or [red, green, blue], each from 0 to 255",
    "augment.fill": "reflect, edge, or [red, green, blue], each from 0 to 255",
    "package.name": "small letters, digits, dots, _ and -, a letter or digit first, such as my-houses",
    "package.url": "an address that begins with http:// or https://, or nothing",
    "train.steps": "[steps of the discriminator, steps of the generator], each from 1 to 100, such as [3, 1], "
                   "or a list of {kimg: from when on, steps: [D, G]}",
    "train.augment_p": "a number from 0 to 1, or adaptive",
    "train.fast": "true, false, or auto",
    "train.generator": "options of the network, such as {norm: instance}",
    "train.discriminator": "options of the network, such as {norm: instance}",
}
PLAIN = {  # pydantic's name of an error, or its beginning, to what is allowed instead
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "finite": "a number",
    "string_type": "text",
    "string_too_short": "text that is not empty",
    "dict": "keys and values below it",
}
BOUNDS = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("more than", "gt"),
    "less_than_equal": ("at most", "le"),
    "less_than": ("less than", "lt"),
}
KEY = "[key]"  # what ends a pydantic location that means a key, not the value behind it
LONGEST = 80  # characters of a value that are shown
CLOSE = 0.72  # how alike two names are, of 1, for one to be taken for the other misspelt


def in_file(error: ValidationError, tree: CommentedMap, path: Path, model: type[BaseModel]) -> str:
    """The first thing that is wrong in the file: 'path, line N: key.of.it: what is wrong; allowed: ...'."""
    first = _first(error, tree)
    where, kind = _where(first, tree), first["type"]
    several = SEVERAL.get(".".join(map(str, where[:2])))
    if kind == "missing" and isinstance(where[-1], int):
        where = where[:-1]
        message = f"{_shown(tree, where)}; allowed: {several or 'more of them'}"
    elif kind == "missing":
        message = "this key is required"
    elif kind in ("extra_forbidden", "invalid_key"):
        comma = "; a number is written without commas" if isinstance(where[-1], int) else ""
        message = f"there is no such key; {_near(str(where[-1]), where[:-1], model)}{comma}"
    elif first["loc"][-1] == KEY:
        message = f"there is no such key; {_named(first)}" if kind == "literal_error" else "a key is text; put quotes around it"
    elif kind == "model_type":
        message = f"{_shown(tree, where)}; allowed: keys below it, such as {', '.join(_names(where, model)[:4])}"
    elif several and kind != "value_error":
        message = f"{_shown(tree, where)}; allowed: {several}"
    else:
        message = of_value(first, _shown(tree, where))
    place = ".".join(map(str, where))
    return _one_line(f"{path}{yaml_file.line(tree, where)}: {place}{': ' if place else ''}{message}")


def of_value(first: Any, shown: str | None = None) -> str:
    """What is wrong with one value, and what is allowed; `first` is an entry of pydantic's list of errors."""
    message: str = first["msg"].removeprefix("Value error, ")
    if first["type"] == "value_error":
        return message
    shown = _refused(first["input"]) if shown is None else shown
    return f"{shown}; {_named(first) if first['type'] == 'literal_error' else _plain(first, message)}"


def _first(error: ValidationError, tree: CommentedMap) -> Any:
    """Of the errors of the key that pydantic names first, the one that lies deepest: of the forms that a value may have, that is the one it
    was meant to have. A key that nobody knows goes before one that is missing beside it."""
    errors = error.errors(include_url=False)
    key = _where(errors[0], tree)[:2]
    together = [each for each in errors if _where(each, tree)[: len(key)] == key]
    return max(together, key=lambda each: (len(_where(each, tree)), each["type"] != "missing"))


def _where(first: Any, tree: CommentedMap) -> Where:
    """The keys and positions of the file that a pydantic location has, without the names of a union's arms."""
    found: list[int | str] = []
    node: Any = tree
    for step in first["loc"]:
        inside = (isinstance(node, dict) and step in node) or (isinstance(node, list) and isinstance(step, int) and step < len(node))
        if inside:
            found.append(step)
            node = node[step]
    named = first["loc"][-1:]
    lacks = first["type"] == "missing" or (first["type"] == "invalid_key" and list(map(str, named)) != list(map(str, found[-1:])))
    return (*found, *named) if lacks else tuple(found)


def _named(first: Any) -> str:
    """What is allowed, for a name that has to be one of some, and the closest of them."""
    names = re.findall(r"'([^']*)'", first["ctx"]["expected"]) or [first["ctx"]["expected"]]
    close = _close(str(first["input"]), names)
    return f"allowed: {', '.join(names)}" + (f"; did you mean {close}?" if close else "")


def _close(name: str, names: list[str]) -> str:
    """The one of `names` that `name` is misspelt, or begins; "" where it is none."""
    name = name.lower()
    begun = [each for each in names if len(name) > 2 and each.startswith(name)]
    return next(iter(begun or difflib.get_close_matches(name, names, 1, CLOSE)), "")


def _plain(first: Any, message: str) -> str:
    kind, given = first["type"], first["input"]
    if kind in BOUNDS:
        words, bound = BOUNDS[kind]
        return f"allowed: {words} {first['ctx'][bound]:g}"
    if kind.split("_")[0] in ("list", "tuple", "set"):
        return "allowed: a list" + (f", such as [{json.dumps(given, ensure_ascii=False)}]" if isinstance(given, str) and given else "")
    if kind == "float_parsing" and (share := re.fullmatch(r"(\d{1,3}(?:\.\d+)?) ?%", str(given))) and float(share[1]) <= 100:
        return f"allowed: a number, such as {float(share[1]) / 100:g}"
    allowed = PLAIN.get(kind) or PLAIN.get(kind.split("_")[0])
    return f"allowed: {allowed}" if allowed else f"{message[:1].lower()}{message[1:]}"


def _shown(tree: CommentedMap, where: Where) -> str:
    node: Any = tree
    for step in where:
        node = node[step]
    return _refused(node)


def _refused(value: Any) -> str:
    """The value, and that it is not allowed."""
    if value is None:
        return "there is nothing (a # begins a comment)"
    try:
        text = json.dumps(value, default=str, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):  # keys that JSON has no words for; a value that holds itself
        text = type(value).__name__
    return f"{text if len(text) <= LONGEST else f'{text[:LONGEST]}…'} is not allowed"


def _one_line(text: str) -> str:
    """The text with everything that could end a line, or that nobody can see, written out."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


def _near(key: str, above: Where, model: type[BaseModel]) -> str:
    """What may stand where `key` does: the closest name, or all of them."""
    names = sorted(_names(above, model))
    close = _close(key, names)
    return f"did you mean {close}?" if close else f"allowed here: {', '.join(names)}"


def _names(where: Where, model: type[BaseModel]) -> list[str]:
    """The keys that may stand below `where`, those that must first."""
    kinds: list[Any] = [model]
    for step in where:
        kinds = [inner for kind in kinds for inner in _inside(kind, step)]
    models = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
    fields = {name: field.is_required() for kind in models for name, field in kind.model_fields.items()}
    return sorted(fields, key=lambda name: not fields[name])


def _inside(kind: Any, step: int | str) -> Iterator[Any]:
    """What may stand at `step` of an annotation, unions and Annotated resolved."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        field = kind.model_fields.get(str(step))
        yield from _resolved(field.annotation) if field else ()
    elif get_origin(kind) is dict:
        yield from _resolved(get_args(kind)[1])
    elif get_origin(kind) in (list, tuple) and isinstance(step, int):
        yield from (inner for part in get_args(kind) for inner in _resolved(part))


def _resolved(annotation: Any) -> Iterator[Any]:
    if get_origin(annotation) is Annotated:
        yield from _resolved(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, types.UnionType):
        yield from (inner for part in get_args(annotation) for inner in _resolved(part))
    else:
        yield annotation
