"""One step of the preparation alone on a folder: what goes in, what may be written to, what is told.

The output is a folder of its own, for outputs beside their sources would be sources the next time. It holds a file that says which
command made it from what; nothing in it that this command did not write is ever changed or deleted.
"""

import hashlib
import json
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from pipeline.errors import UserError
from pipeline.item import Item, Rejection, read_index, read_rejections, write_rejections

if TYPE_CHECKING:
    from pipeline.folder import Task

__all__ = ["Output", "Source", "run", "sources"]

EXTENSIONS = {"avif", "bmp", "gif", "heic", "heif", "jfif", "jpe", "jpeg", "jpg", "png", "svg", "tif", "tiff", "webp"}
MARK = ".darkroom.json"
PLANNED = "planned"  # while a run lasts: what it and those before it may have written, though no index has it
LONGEST = 240  # bytes of a file's name; systems allow 255, and a draft's name is a little longer
SHOWN = 5


@dataclass(frozen=True)
class Source:
    """One file: its path within the folder as the system has it, the item made of it, and the stem of its outputs, which no other has.

    Item and stem are text, even where the path is not.
    """

    path: str
    item: Item
    stem: str


@dataclass(frozen=True)
class Output:
    """One file to make of a source: what its name has behind the stem, the work, and further columns for the index."""

    source: Source
    suffix: str
    work: Callable[[Path, Item], bytes]
    columns: tuple[tuple[str, str], ...] = ()


def sources(folder: Path, out: Path) -> tuple[list[Source], list[str]]:
    """The image files of a folder and of the folders in it, by their endings; hidden ones and former outputs are left out.

    Beside them what to tell of the files that may not be read.

    Raises UserError where there are none, or where `out` and the folder overlap in a way that mixes them up.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} is no folder; give one that holds image files")
    if out.resolve() == folder.resolve() or out.resolve() in folder.resolve().parents:
        raise UserError(f"the outputs cannot go to {out}, which holds the images themselves; give another folder with --out")
    closed: list[str] = []
    paths = sorted(_files(folder, out, closed))
    if not paths:
        why = f"; {closed[0]}" if closed else ""
        raise UserError(f"{folder} holds no image files ({', '.join(sorted(EXTENSIONS))}), nor do the folders in it{why}")
    relative = [path.relative_to(folder).as_posix() for path in paths]
    stems = _stems(relative)
    found = []
    for name, path in zip(relative, paths, strict=True):
        try:
            found.append(Source(name, _item(path, _legible(name)), stems[name]))
        except OSError as error:
            closed.append(_denied(error, path))
    if not found:
        raise UserError(f"none of the {len(paths)} image files can be read; {closed[0]}")
    return found, closed


def run(command: str, folder: Path, out: Path, outputs: Sequence[Output], closed: Sequence[str], workers: int) -> str:
    """Make the outputs in `out`, doing only what changed. Returns what to tell. Raises UserError where nothing could be done.

    `closed`: what to tell of files that could not be read at all.
    """
    from pipeline.folder import Task, mirror

    tasks = [
        Task(folder / output.source.path, output.source.item, output.work,
             replace(output.source.item, path=path).with_more(original=output.source.item.path, **dict(output.columns)))
        for output, path in zip(outputs, _paths(outputs), strict=True)
    ]
    wanted = {task.result.path for task in tasks}
    mark = {"command": command, "folder": _legible(Path(os.path.relpath(folder.resolve(), out.resolve())).as_posix())}
    ours, foreign = _there(out, mark, wanted)
    out.mkdir(parents=True, exist_ok=True)
    _put_mark(out, {**mark, PLANNED: sorted(ours | wanted)})
    made = mirror(tasks, out, "local", workers, strangers=True, beside=(*foreign, MARK))
    _put_mark(out, mark)
    told = _legible(f"made {made.made}, kept {made.kept}, removed {made.removed}, in {out}")
    rejected = _rejected(out, tasks, closed)
    if rejected:
        more = len(rejected) - SHOWN
        told += "\nnot done:" + "".join(f"\n  {line}" for line in rejected[:SHOWN])
        told += f"\n  and {more} more, in {out / 'rejected.csv'}" if more > 0 else ""
    if not made.made + made.kept:
        raise UserError(f"nothing could be made of {folder}; {told}")
    return told


def _files(folder: Path, out: Path, closed: list[str]) -> Iterator[Path]:
    """The image files, by their endings; `closed` gets a line for what may not be looked at."""
    for place, folders, names in os.walk(folder, onerror=lambda error: closed.append(_denied(error, Path(error.filename)))):
        inside = [Path(place) / name for name in folders if not name.startswith(".")]
        folders[:] = [path.name for path in inside if path.resolve() != out.resolve() and not os.access(path / MARK, os.F_OK)]
        for path in (Path(place) / name for name in names if not name.startswith(".")):
            try:
                if path.suffix.lower().removeprefix(".") in EXTENSIONS and path.is_file():
                    yield path
            except OSError as error:
                closed.append(_denied(error, path))


def _denied(error: OSError, path: Path) -> str:
    return _legible(f"{path}: {error.strerror}")


def _legible(text: str) -> str:
    """What the system calls something, as text that can be printed: bytes that are not UTF-8 as \\xff."""
    return os.fsencode(text).decode(errors="backslashreplace")


def _item(path: Path, name: str) -> Item:
    from pipeline import image
    from pipeline.item import image_id

    data = path.read_bytes()
    try:
        header = image.read_header(data)
    except image.ImageError:  # the work will say so, in its row
        return Item(image_id(data), "", name, 0, 0, len(data), path.suffix.lower().removeprefix("."))
    return Item(image_id(data), "", name, header.width, header.height, len(data), header.format)


def _stems(paths: Sequence[str]) -> dict[str, str]:
    """Each path without its ending; where two would be the same, the ending stays: a.png and a.jpg become a-png and a-jpg."""
    bare = {path: str(PurePosixPath(_legible(path)).with_suffix("")) for path in paths}
    times: dict[str, int] = {}
    for stem in bare.values():
        times[stem.lower()] = times.get(stem.lower(), 0) + 1
    return {path: stem if times[stem.lower()] == 1 else f"{stem}-{PurePosixPath(path).suffix[1:]}" for path, stem in bare.items()}


def _paths(outputs: Sequence[Output]) -> list[str]:
    """A name for each output that no other has: fliph of a__rot90.png and rot_90,fliph of a.png would else be the same."""
    taken: set[str] = set()
    paths = []
    for output in outputs:
        name = _short(output.source.stem + output.suffix)
        number, free = 2, name
        while free.lower() in taken:
            number, free = number + 1, f"{name}-{number}"
        taken.add(free.lower())
        paths.append(f"{free}.png")
    return paths


def _short(name: str) -> str:
    """The name itself, or where it is too long for a file its beginning and a digest of all of it."""
    folder, slash, last = name.rpartition("/")
    if len(f"{last}.png".encode()) <= LONGEST:
        return name
    return f"{folder}{slash}{last.encode()[:LONGEST - 24].decode(errors='ignore')}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _there(out: Path, mark: Mapping[str, str], wanted: Collection[str]) -> tuple[set[str], list[str]]:
    """What of `out` this command wrote or may have written, and what it did not. Raises UserError where the folder is someone else's,
    or something in the way."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return set(), []
    known = _known(out)
    if known is None:
        raise UserError(f"{out} holds files that this command did not make; give another folder with --out")
    if {name: known.get(name) for name in mark} != mark:
        raise UserError(f"{out} holds what `darkroom {known.get('command')}` made of {os.path.normpath(out / known.get('folder', ''))}; "
                        "give another folder with --out, or delete it")
    recorded = _recorded(out)
    planned = {str(path) for path in known.get(PLANNED) or ()}
    ours = {*recorded, *planned}
    files = {*ours, "index.csv", "rejected.csv", MARK}
    mine = files | {str(PurePosixPath(path).with_name(f".{PurePosixPath(path).name}.part")) for path in files}
    is_folder = {path.relative_to(out).as_posix(): path.is_dir() and not path.is_symlink() for path in out.rglob("*")}
    foreign = {path for path, folder in is_folder.items() if not folder} - mine
    needed = {parent.as_posix() for path in wanted for parent in PurePosixPath(path).parents}
    in_the_way = sorted((foreign & {*wanted, *needed}) | {path for path in wanted if is_folder.get(path)})
    if in_the_way:
        raise UserError(f"{out / in_the_way[0]} was not made by this command; move it away, or give another folder with --out")
    _untouched(out, {path: digest for path, digest in recorded.items() if path not in planned})
    return ours, sorted(foreign)


def _known(out: Path) -> dict[str, Any] | None:
    """What the mark in `out` says; None where there is none."""
    try:
        known = json.loads((out / MARK).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return known if isinstance(known, dict) else None


def _recorded(out: Path) -> dict[str, str]:
    """Path to digest, of what the index lists."""
    if not (out / "index.csv").exists():
        return {}
    try:
        return {item.path: item.more.get("digest", "") for item in read_index(out / "index.csv")}
    except UserError:
        raise UserError(f"{out / 'index.csv'} was changed and no longer lists what was made; delete {out}, or give another --out") from None


def _untouched(out: Path, recorded: dict[str, str]) -> None:
    """Raise UserError where a file is no longer what was written: it is now somebody's own."""
    from pipeline.identity import digest

    for path, written in sorted(recorded.items()):
        if (out / path).is_file() and digest((out / path).read_bytes()) != written:
            raise UserError(f"{out / path} was changed since it was made; move it away to keep it, or delete it to have it made again")


def _put_mark(out: Path, mark: Mapping[str, object]) -> None:
    from pipeline.files import put

    put(out / MARK, (json.dumps(mark, indent=1, ensure_ascii=False) + "\n").encode())


def _rejected(out: Path, tasks: Sequence["Task"], closed: Sequence[str]) -> list[str]:
    """The rejections as lines with the file's path, each said once, of every file with these bytes; rejected.csv is written anew."""
    paths: dict[str, set[str]] = {}
    for task in tasks:
        paths.setdefault(task.item.id, set()).add(str(task.source))
    rows = {Rejection("", "", "unreadable", line) for line in closed}
    for row in read_rejections(out / "rejected.csv"):
        named = any(row.detail.startswith(f"{path}: ") for path in paths[row.id])
        rows |= {row} if named else {replace(row, detail=_legible(f"{path}: {row.detail}")) for path in paths[row.id]}
    write_rejections(out / "rejected.csv", rows)
    return sorted(row.detail for row in rows)
