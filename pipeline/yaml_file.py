"""A YAML file read with its line numbers."""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from pipeline.errors import UserError

__all__ = ["line", "parsed"]

HINTS = {  # what is most often behind what a parser says
    "\\t": "indent with spaces, not with tabs",
    "expected ',' or ']'": "text with { } [ ] : # or , in it needs quotes, and every [ and quote its end",
    "expected <block end>": "look at how this line and those before it are indented, and for the space after each colon",
    "mapping values are not allowed": "text with a colon in it needs quotes, and each key a line of its own",
}


def parsed(path: Path) -> CommentedMap:
    """The file's sections. Raises UserError where it is missing, is not YAML, or has no sections."""
    try:
        tree = YAML(typ="rt").load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path} is missing; run this in the project's top folder, or `git checkout {path}`") from None
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None
    except MarkedYAMLError as error:
        where = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise UserError(f"{path}{where}: this is not YAML: {_problem(error.problem or error.context or '')}") from None
    except RecursionError:
        raise UserError(f"{path}: its values lie too deep inside each other") from None
    except (YAMLError, ValueError, KeyError, IndexError, TypeError, AttributeError) as error:  # the last: of ruamel, for odd scalars
        raise UserError(f"{path}: this is not YAML: {' '.join(str(error).split()) or type(error).__name__}") from None
    if not isinstance(tree, CommentedMap):
        raise UserError(f"{path}: sections such as classes: and train: are expected at its top level")
    return tree


def _problem(told: str) -> str:
    """What the parser says, in one line, with what to do."""
    told = " ".join(told.split(" with value ")[0].split())  # what a key found twice has below it is not shown
    hint = next((hint for sign, hint in HINTS.items() if sign in told), "")
    return f"{told}; {hint}" if hint else told


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
