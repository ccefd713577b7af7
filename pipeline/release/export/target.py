"""What was exported takes its place all at once, and takes the place of nothing but an earlier export.

A folder of ours has a list of its files, `.darkroom-export`; a zip has a comment. Programs that read the forms look at neither.
"""

import json
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import UserError

__all__ = ["COMMENT", "MARK", "replaced"]

MARK = ".darkroom-export"
COMMENT = b"darkroom export"


@contextmanager
def replaced(target: Path, form: str) -> Iterator[Path]:
    """A path to write a folder or file to, which becomes `target` at the end. On an error or Ctrl-C `target` is as it was."""
    _check(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    draft, old = (target.with_name(f".{target.name}.{word}") for word in ("part", "old"))
    _remove(draft)
    try:
        yield draft
        if draft.is_dir():
            names = sorted(path.relative_to(draft).as_posix() for path in draft.rglob("*") if path.is_file())
            (draft / MARK).write_text(json.dumps({"form": form, "files": names}, indent=0, ensure_ascii=False) + "\n", encoding="utf-8")
        _remove(old)
        if target.exists():
            target.rename(old)
        draft.rename(target)
    finally:
        _remove(draft)
        if old.exists() and not target.exists():
            old.rename(target)
        _remove(old)


def _check(target: Path) -> None:
    """Raise UserError where `target` is not new, empty or an earlier export with nothing added to it."""
    what = "choose another with --out, or move it away"
    if Path.cwd().is_relative_to(target.resolve()):
        raise UserError(f"{target} is the folder you are in, which cannot be replaced; name a new one with --out")
    if target.is_dir():
        files = {path.relative_to(target).as_posix() for path in target.rglob("*") if not path.is_dir()} - {MARK}
        if target.is_symlink():
            raise UserError(f"{target} is a link; {what}")
        if files and (more := sorted(files - _listed(target))):
            raise UserError(f"{target} has {more[0]}{' and more' if len(more) > 1 else ''}, which no export made; {what}")
    elif target.exists() and not _is_ours(target):
        raise UserError(f"{target} is there, and no export made it; {what}")


def _listed(folder: Path) -> set[str]:
    try:
        return set(json.loads((folder / MARK).read_text(encoding="utf-8"))["files"])
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return set()


def _is_ours(file: Path) -> bool:
    if not zipfile.is_zipfile(file):
        return False
    with zipfile.ZipFile(file) as archive:
        return archive.comment.startswith(COMMENT)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
