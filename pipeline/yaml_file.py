"""A YAML file read with its line numbers."""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from pipeline.errors import UserError

__all__ = ["line", "parsed"]


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
