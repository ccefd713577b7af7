"""A YAML file read with its line numbers, and what is wrong in it told in one line."""

import difflib
import json
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from pipeline.errors import UserError

__all__ = ["line", "parsed", "worded"]

ALLOWED = {  # for the keys that take values of several shapes
    "resize.size": "a whole number from 4 to 4096, or [width, height]",
    "scrape.licenses": "any, or a list of cc0, pdm, cc-by, cc-by-sa, cc-by-nc, cc-by-nd, … other, unknown",
    "scrape.formats": "any, or a list of jpeg, png, webp, gif, bmp, tiff, avif, heic, svg",
    "resize.pad": "transparent, or [red, green, blue]",
    "rgb.background": "white, black, checker, border, random, or [red, green, blue]",
    "augment.fill": "reflect, edge, or [red, green, blue]",
}


def parsed(path: Path) -> CommentedMap:
    """The file's sections. Raises UserError where it is missing, is not YAML, or has no sections."""
    try:
        tree = YAML(typ="rt").load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path} is missing; run this in the project's top folder, or `git checkout {path}`") from None
    except MarkedYAMLError as error:
        where = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise UserError(f"{path}{where}: this is not YAML: {error.problem or error.context}") from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: this is not YAML: {str(error).splitlines()[0]}") from None
    if not isinstance(tree, CommentedMap):
        raise UserError(f"{path}: sections such as classes: and train: are expected at its top level")
    return tree


def worded(error: ValidationError, tree: CommentedMap, path: Path, model: type[BaseModel]) -> str:
    """The first thing that pydantic found wrong, as one line: file, line, key, value, what is allowed."""
    first = error.errors(include_url=False)[0]
    where = tuple(step for step in first["loc"] if step == "classes" or _in_file(tree, first["loc"], step))
    allowed = ALLOWED.get(".".join(map(str, where[:2])))
    message = first["msg"].removeprefix("Value error, ")
    if allowed and first["type"] != "value_error":
        message = f"{_shown(tree, where)} is not allowed; allowed: {allowed}"
    elif first["type"] == "extra_forbidden":
        message = f"there is no such key; {_near(str(where[-1]), where[:-1], model)}"
    elif first["type"] == "missing":
        where, message = (*where, first["loc"][-1]), "this key is required"
    elif first["type"] == "model_type":
        message = f"{_shown(tree, where)} is not allowed; keys below it, such as in the shipped params.yaml, are expected"
    elif first["type"] != "value_error":
        message = f"{_shown(tree, where)} is not allowed; {message[0].lower()}{message[1:]}"
    return f"{path}{line(tree, where)}: {'.'.join(map(str, where))}: {message}"


def _shown(tree: CommentedMap, where: tuple[int | str, ...]) -> str:
    node: Any = tree
    for step in where:
        node = node[step]
    return json.dumps(node, default=str)


def _in_file(tree: CommentedMap, location: tuple[int | str, ...], step: int | str) -> bool:
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


def _near(key: str, above: tuple[int | str, ...], model: type[BaseModel]) -> str:
    """What may stand where `key` does: the closest name, or all of them."""
    kinds: list[Any] = [model]
    for step in above:
        kinds = [inner for kind in kinds for inner in _inside(kind, step)]
    names = sorted({name for kind in kinds for name in kind.model_fields})
    close = difflib.get_close_matches(key, names, 1)
    return f"did you mean {close[0]}?" if close else f"allowed here: {', '.join(names)}"


def _inside(kind: Any, step: int | str) -> list[type[BaseModel]]:
    """The models that may stand at `step` of a model: through lists, dicts, options and unions."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return _models(kind.model_fields[str(step)].annotation) if str(step) in kind.model_fields else [kind]
    return [kind]


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]


def line(tree: CommentedMap, where: tuple[int | str, ...]) -> str:
    """', line N' of the key or list entry at `where`, or '' where the file does not tell."""
    node: Any = tree
    number = None
    for step in where:
        try:
            places: Any = node.lc  # type: ignore[attr-defined,unused-ignore]  # ruamel's line and column
            number = (places.key(step) if isinstance(node, dict) else places.item(step))[0] + 1
            node = node[step]
        except (AttributeError, KeyError, IndexError, TypeError):
            break
    return f", line {number}" if number else ""
