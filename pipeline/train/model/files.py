"""Files of pictures through a model: one, or all of a folder, each by itself, so that a broken one costs only itself."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from PIL import Image

from pipeline import bounded
from pipeline.errors import UserError
from pipeline.files import put
from pipeline.image import ImageError, open_image
from pipeline.train.model.pictures import FORMATS, encode

__all__ = ["Converted", "Job", "convert", "jobs", "pictures"]

SUFFIXES = {".avif", ".bmp", ".gif", ".heic", ".heif", ".jfif", ".jpe", ".jpeg", ".jpg", ".png", ".svg", ".tif", ".tiff", ".webp"}
WRITTEN = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg"}


@dataclass(frozen=True)
class Job:
    """One file to read, one to write, and its format, a key of pictures.FORMATS."""

    source: Path
    target: Path
    format: str


@dataclass(frozen=True)
class Converted:
    """The files that were written, and for each other one why not."""

    written: list[Path]
    failed: list[str]


def jobs(source: Path, target: Path, format: str | None = None) -> list[Job]:
    """What to do for a picture, or for every picture in a folder and the folders in it.

    A picture's target is a file that ends in .png, .jpg or .jpeg, or a folder. In a folder names stay but for their ending; where two
    differ in nothing else, a.png and a.jpg, both endings stay (a-png.png). `format` (png or jpeg; None: what the target's ending says,
    else png). Raises UserError where there is no picture, and where the target would take a source's place.
    """
    _check(source)
    if source.is_dir():
        return _in_folder(source, target, format or "png")
    named = WRITTEN.get(target.suffix.lower())
    if target.is_dir() or not target.suffix:
        target, named = target / f"{source.stem}{FORMATS[format or 'png']}", format or "png"
    if named is None or format not in (None, named):
        raise UserError(f"{target} does not end as a {format or 'png or jpeg'} file; name it .png, .jpg or .jpeg, or give a folder")
    if target.resolve() == source.resolve():
        raise UserError(f"{target} is the picture itself; give its result another name or folder")
    return [Job(source, target, named)]


def pictures(given: Iterable[Path]) -> list[Path]:
    """The pictures that are meant: a file itself, every picture in a folder and in the folders in it; each once, a folder's by name.

    Raises UserError where something is not there, and where a folder has none.
    """
    found: list[Path] = []
    for source in given:
        _check(source)
        found += [source / name for name in _sorted_names(source)] if source.is_dir() else [source]
    return list(dict.fromkeys(found))


def convert(
    todo: list[Job], work: Callable[[Image.Image], Image.Image], quality: int = 90, told: Callable[[float], object] = lambda count: None
) -> Converted:
    """Read, change and write each file; one that cannot be read or is too large is told, and the rest goes on.

    Each is decoded in a process of its own, within limits of time and memory (`bounded`). `told` is called after each.
    """
    written, failed = [], []
    for job in todo:
        reason = _changed(job, work, quality)
        if reason:
            failed.append(reason)
        else:
            written.append(job.target)
        told(1)
    return Converted(written, failed)


def _changed(job: Job, work: Callable[[Image.Image], Image.Image], quality: int) -> str:
    """Write the result of one picture; else the reason why not."""
    try:
        read = bounded.run(open_image, [job.source])[0]
    except ImageError as error:
        return str(error)
    except OSError as error:
        return f"{job.source}: {error.strerror}"
    if isinstance(read, bounded.Lost):
        return f"{job.source}: it {read.reason}"
    try:
        made = work(read)
    except ImageError as error:
        return f"{job.source}: {error}"
    put(job.target, encode(made, job.format, quality))
    return ""


def _in_folder(source: Path, target: Path, format: str) -> list[Job]:
    if target.resolve() == source.resolve() or target.is_file():
        raise UserError(f"the results cannot go to {target}, which is {'a file' if target.is_file() else 'where the pictures are'}; "
                        "give another folder")
    names = _sorted_names(source, target)
    bare = [name.with_suffix("").as_posix() for name in names]
    times = Counter(stem.lower() for stem in bare)
    found, taken = [], set[str]()
    for name, stem in zip(names, bare, strict=True):
        free = stem if times[stem.lower()] == 1 else f"{stem}-{name.suffix[1:]}"
        while free.lower() in taken:
            free += "-2"
        taken.add(free.lower())
        found.append(Job(source / name, target / f"{free}{FORMATS[format]}", format))
    return found


def _check(source: Path) -> None:
    if not source.exists():
        raise UserError(f"{source} does not exist; give a picture, or a folder of pictures")


def _sorted_names(source: Path, target: Path | None = None) -> list[PurePosixPath]:
    names = sorted(_names(source, target))
    if not names:
        raise UserError(f"{source} holds no pictures ({', '.join(sorted(s[1:] for s in SUFFIXES))}), nor do the folders in it")
    return names


def _names(source: Path, target: Path | None) -> Iterator[PurePosixPath]:
    """The pictures by their endings; hidden files and the folder of the results are left out."""
    left_out = target and target.resolve()
    for place, folders, files in os.walk(source):
        inside = Path(place)
        folders[:] = [name for name in folders if not name.startswith(".") and (inside / name).resolve() != left_out]
        for name in files:
            if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES:
                yield PurePosixPath((inside / name).relative_to(source).as_posix())
