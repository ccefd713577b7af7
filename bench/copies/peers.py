"""Public tools that group near-duplicates, each in its own process of the interpreter that has them."""

import json
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import UserError

__all__ = ["REQUIREMENTS", "TOOLS", "Grouping", "group"]

REQUIREMENTS = ("numpy>=2", "pdqhash", "ImageHash", "imagededup")  # imagededup brings torch, whose wheels are large
TOOLS = ("imagehash", "imagededup", "pdqhash")
TIMEOUT = 900  # seconds for one tool


@dataclass(frozen=True)
class Grouping:
    """What one tool made of the files: path to group, pairs within `threshold` bits closed transitively, files per CPU-second."""

    tool: str
    threshold: int
    groups: dict[str, str]
    rate: float


def group(python: Path, folder: Path, paths: Sequence[str], tools: Sequence[str] = TOOLS) -> Iterator[Grouping]:
    """Have each tool group the files `paths` of `folder`, once, at its thresholds (of 64 bits; pdqhash: of 256).

    The rate counts decoding, hashing and search, in the process and its children. Raises UserError where a tool fails or
    takes longer than 15 minutes.
    """
    for tool in tools:
        for found in _results(python, tool, folder, list(paths)):
            groups = {path: str(number) for path, number in found["groups"].items()}
            yield Grouping(tool, found["threshold"], groups, len(groups) / found["seconds"])


def _results(python: Path, tool: str, folder: Path, paths: list[str]) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as scratch:
        listed, out = Path(scratch, "paths.json"), Path(scratch, "out.json")
        listed.write_text(json.dumps(paths))
        command = [str(part) for part in (python, Path(__file__).with_name("hashers.py"), tool, folder, listed, out)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            raise UserError(f"bench: {tool} took longer than {TIMEOUT} seconds for {len(paths)} files; give it fewer") from None
        if done.returncode:
            said = done.stderr.strip().splitlines() or ["nothing"]
            raise UserError(f"bench: {tool} failed ({said[-1]}); delete bench/.venv and run `make bench ROOM=curate` again")
        return list(json.loads(out.read_text()))
