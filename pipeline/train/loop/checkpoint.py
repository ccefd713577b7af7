"""A run on the disk: tensors as safetensors, everything else as JSON, nothing that could run code.

    <folder>/000000012800/state.safetensors, state.json     the run after 12,800 images
    <folder>/best/000000009600/…                            the best generator so far, in the same form

A checkpoint is written in a folder beside, flushed to the disk, and given its name by one rename; only then do older ones go. So
whatever happens at whatever moment, what has a number for its name is whole, and the one before is still there.
"""

import hashlib
import json
import math
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from pipeline.errors import UserError

__all__ = ["Saved", "best", "keep_best", "latest", "prune", "read_tensors", "save"]

TENSORS, NUMBERS, BEST = "state.safetensors", "state.json", "best"
FORMAT = 1
RUN_CODE = {".pt", ".pth", ".pkl", ".ckpt"}


@dataclass(frozen=True)
class Saved:
    """A run after `seen` images. `tensors` by name, of any type and shape, come back on the CPU; `numbers` are JSON values."""

    seen: int
    tensors: Mapping[str, torch.Tensor]
    numbers: Mapping[str, Any]


def save(folder: Path, saved: Saved, keep: int = 2) -> None:
    """Write `saved` as the end of the run in `folder`, on the disk once this returns.

    Then only the newest `keep` checkpoints stay, and the one that `best` was taken from. Those of more images than `saved` go too:
    a run only comes back to an earlier place when they could not be read.
    """
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        _flush(folder.parent)
    _sweep(folder)
    target = folder / f"{saved.seen:012d}"
    with _draft(target) as draft:
        _write(draft, saved)
        if target.exists():
            _discard(target)
        draft.rename(target)
    _flush(folder)
    found, spared = _numbered(folder), {path.name for path in _numbered(folder / BEST)}
    past = [path for path in found if path <= target]
    for path in found:
        if path not in past[-keep:] and (path > target or path.name not in spared):
            _discard(path)


def latest(folder: Path) -> Saved | None:
    """The newest checkpoint that is whole; None where there is none. One that is damaged is passed over with a line on stderr."""
    for path in reversed(_numbered(folder)):
        try:
            return _whole(path)
        except UserError as error:
            print(f"darkroom: {error}; it is passed over", file=sys.stderr)
    return None


def keep_best(folder: Path, generator: Saved, score: float) -> bool:
    """Keep `generator` as the best of the run if `score` is lower than that of the one kept, and say so. NaN is never the best."""
    before = best(folder)
    if not math.isfinite(score) or (before is not None and score >= before.numbers["score"]):
        return False
    save(folder / BEST, Saved(generator.seen, generator.tensors, {**generator.numbers, "score": score}), keep=1)
    return True


def best(folder: Path) -> Saved | None:
    """What `keep_best` kept last, with its score as numbers["score"]; None where nothing was or it is damaged."""
    return latest(folder / BEST)


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a safetensors file, on the CPU. Raises UserError for every other kind of file, whatever its name."""
    if not path.is_file():
        raise UserError(f"{path} is not there; give a .safetensors file, or the folder of a checkpoint")
    with path.open("rb") as file:
        start = file.read(9)
    if path.suffix.lower() in RUN_CODE or start[8:] != b"{" or int.from_bytes(start[:8], "little") > path.stat().st_size:
        raise UserError(
            f"{path} is not read, for it is no whole .safetensors file, and other forms of weights (.pt, .pth, .pkl, .ckpt) can run code "
            "when they are opened; give a .safetensors file (where you trust this one, safetensors.torch.save_file makes one of it)"
        )
    try:
        mapped = load_file(path, device="cpu")
    except SafetensorError as error:
        raise UserError(f"{path} is damaged ({error}); fetch or export it again") from None
    return {name: tensor.clone() for name, tensor in mapped.items()}  # of their own: aligned as new ones are, and the file may go


def prune(root: Path, newest: int = 3, own: Path | None = None) -> None:
    """Remove the state folders (those with checkpoints/) in `root` but for the `newest` ones by their last checkpoint, and `own`."""
    _sweep(root)
    states = [path for path in root.glob("[!.]*/") if (path / "checkpoints").is_dir() and not path.is_symlink() and path != own]
    for path in sorted(states, key=lambda path: (path / "checkpoints").stat().st_mtime_ns, reverse=True)[newest:]:
        _discard(path)


def _write(draft: Path, saved: Saved) -> None:
    """The two files of a checkpoint, flushed."""
    save_file({name: _plain(tensor) for name, tensor in saved.tensors.items()}, draft / TENSORS)
    digest = _sha256(draft / TENSORS)
    content = {"format": FORMAT, "seen": saved.seen, "torch": torch.__version__, "sha256": digest, "numbers": dict(saved.numbers)}
    content = json.loads(json.dumps(content))  # as it will be read, with lists for tuples and text for keys
    (draft / NUMBERS).write_text(json.dumps({**content, "check": _check(content)}, indent=1) + "\n", encoding="utf-8")
    for path in (draft / TENSORS, draft / NUMBERS, draft):
        _flush(path)


def _whole(path: Path) -> Saved:
    """The checkpoint in `path`. Raises UserError where it is not byte for byte what was written."""
    try:
        content = json.loads((path / NUMBERS).read_text(encoding="utf-8"))
        if content.pop("check") != _check(content) or content["sha256"] != _sha256(path / TENSORS):
            raise ValueError("its bytes are not those that were written")
        if content["format"] != FORMAT:
            raise ValueError(f"it has the format {content['format']}, and this version of the program reads {FORMAT}")
        return Saved(content["seen"], read_tensors(path / TENSORS), content["numbers"])
    except (FileNotFoundError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise UserError(f"the checkpoint {path} cannot be used ({error})") from None


def _plain(tensor: torch.Tensor) -> torch.Tensor:
    """The values alone: on the CPU, in rows, sharing memory with no other."""
    return tensor.detach().to("cpu", copy=True).contiguous()


def _check(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _numbered(folder: Path) -> list[Path]:
    """The checkpoints of a folder, from the oldest on."""
    return sorted(path for path in folder.glob("*") if re.fullmatch(r"\d{12}", path.name)) if folder.is_dir() else []


@contextmanager
def _draft(target: Path) -> Iterator[Path]:
    """An empty folder beside `target`, whose name tells that it is unfinished and whose; gone at the end unless it was renamed."""
    draft = target.with_name(f".{target.name}.{os.getpid()}.part")
    draft.mkdir()
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _discard(path: Path) -> None:
    """Remove a folder; it loses its name first, so that half of it never passes for a checkpoint."""
    gone = path.with_name(f".{path.name}.{os.getpid()}.gone")
    path.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)


def _sweep(folder: Path) -> None:
    """Remove what processes that have ended left unfinished."""
    for path in folder.glob(".*"):
        owner = re.fullmatch(r"\..+\.(\d+)\.(part|gone)", path.name)
        if owner and not _runs_elsewhere(int(owner[1])):
            shutil.rmtree(path, ignore_errors=True)


def _runs_elsewhere(process: int) -> bool:
    """Whether another process of that number runs here."""
    if process == os.getpid():
        return False
    if os.name == "nt":  # there, os.kill would end it
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass
    return True


def _flush(path: Path) -> None:
    """Have the system put a file, or the names in a folder, on the disk. Windows keeps names by itself."""
    if os.name == "nt" and path.is_dir():
        return
    handle = os.open(path, os.O_RDWR if path.is_file() else os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
