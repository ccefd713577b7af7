"""The entries of augment.ops: each a chain of codes and of transforms, what it is called, and what is wrong with it."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.errors import UserError
from pipeline.prepare.augmentation import codes, transforms
from pipeline.prepare.augmentation.codes import Code
from pipeline.prepare.augmentation.transforms import Problem, Transform
from pipeline.prepare_params import Op

LONGEST = 120  # characters that an entry adds to a file's name; systems allow 255 for all of it

__all__ = ["Entry", "checked", "entry_of", "problems", "told"]


@dataclass(frozen=True)
class Entry:
    """One entry: `text` is how it was written, on one line; `suffix` what it adds to a file's name."""

    text: str
    suffix: str
    steps: tuple[Code | Transform, ...]

    @property
    def random(self) -> bool:
        """Whether it gives another picture each time."""
        return any(step.random for step in self.steps)

    @property
    def filling(self) -> bool:
        """Whether it can show what is beyond the picture as `fill` says."""
        return any(isinstance(step, Code) and step.filling for step in self.steps)

    @property
    def library(self) -> str:
        """The version of Albumentations, if it is asked for: what is made hangs on it."""
        return transforms.version() if any(isinstance(step, Transform) for step in self.steps) else ""


def entry_of(op: Op) -> Entry:
    """An entry of params.yaml, checked there."""
    steps: list[Code | Transform] = []
    suffixes: list[str] = []
    for part in op if isinstance(op, list) else [op]:
        if isinstance(part, str):
            codes_written = [code.strip() for code in part.split(",")]
            steps += [codes.parsed(code) for code in codes_written]
            suffixes += [_code_suffix(code) for code in codes_written]
        else:
            (name, arguments), = part.items()
            steps.append(Transform(name, _compact(arguments)))
            suffixes.append(name + (f"-{hashlib.sha256(_compact(arguments).encode()).hexdigest()[:4]}" if arguments else ""))
    return Entry(op if isinstance(op, str) else _compact(op), _short("__".join(suffixes)), tuple(steps))


def checked(ops: Sequence[Op], size: tuple[int, int], where: str) -> list[Entry]:
    """All entries of a dataset, whose images keep their `size` (width, height). Raises UserError that lists all that cannot be used.

    `where` names the list of entries for people.
    """
    entries = [entry_of(op) for op in ops]
    wrong = problems(entries, size, same_size=True)
    if wrong:
        raise UserError(told(where, wrong))
    return entries


def problems(entries: Sequence[Entry], size: tuple[int, int], same_size: bool) -> list[str]:
    """What cannot be used and why, a sentence each; every entry is tried on a made-up picture of `size` (width, height)."""
    wrong = [reason if len(entry.steps) == 1 else f"{entry.text}: {reason}"  # a single step is named in the reason
             for entry in entries if (reason := _problem(entry, size, same_size))]
    names: dict[str, Entry] = {}
    for entry in entries:
        other = names.setdefault(entry.suffix.lower(), entry)
        if other is not entry:
            wrong.append(f"{entry.text} is given twice; remove one of the two" if entry.text == other.text else
                         f"{entry.text}: its files would be called as those of {other.text}; remove one of the two")
    return wrong


def told(where: str, wrong: Sequence[str]) -> str:
    """One complaint as a sentence, several as a list."""
    if len(wrong) == 1:
        return f"{where}: {wrong[0]}"
    return f"{where}: {len(wrong)} entries cannot be used" + "".join(f"\n  {reason}" for reason in wrong)


def _problem(entry: Entry, size: tuple[int, int], same_size: bool) -> str:
    picture = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    for step in entry.steps:
        try:
            if isinstance(step, Transform):
                picture = transforms.tried(step, picture)
            elif reason := codes.problem(step):
                return reason
        except Problem as error:
            return str(error)
    height, width, _ = picture.shape
    if same_size and (width, height) != size:
        return (f"{entry.suffix} makes {width}x{height} pixels of {size[0]}x{size[1]}, but the images of a dataset keep their size; "
                f"make it a list that ends with {{Resize: {{height: {size[1]}, width: {size[0]}}}}}")
    return ""


def _code_suffix(code: str) -> str:
    """"rot_90" as "rot90", "noise_0.01" as "noise0p01": a dot would end the name."""
    name, *numbers = code.split("_")
    return (name + "_".join(numbers)).replace(".", "p")


def _short(suffix: str) -> str:
    """The suffix itself, or where a chain is too long for a name its beginning and a digest of all of it."""
    return suffix if len(suffix) <= LONGEST else f"{suffix[:LONGEST - 9]}-{hashlib.sha256(suffix.encode()).hexdigest()[:8]}"


def _compact(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
