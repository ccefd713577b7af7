"""Two pictures for each image: a sheet is cut in its halves, or one half is made from the image.

Last of all, so that everything before did the same to both. Half a lies left on a sheet, or is derived; half b lies right, or is the
image itself, which then stays where it is.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from pipeline import image, params
from pipeline.folder import Made, Task, Work, mirror
from pipeline.item import Item, read_index
from pipeline.prepare.pixels.derive import DERIVED
from pipeline.prepare.pixels.halves import halves

__all__ = ["Derived", "Half", "pair"]


@dataclass(frozen=True)
class Half:
    """Cut one half, "a" or "b", out of a sheet."""

    half: str

    def __call__(self, source: Path, item: Item) -> bytes:
        left, right = halves(image.open_image(source))
        return image.encode_png(left if self.half == "a" else right)


@dataclass(frozen=True)
class Derived:
    """Make half a out of the image, by one of `derive.DERIVED`."""

    kind: str
    scale: int

    def __call__(self, source: Path, item: Item) -> bytes:
        return image.encode_png(DERIVED[self.kind](image.open_image(source), self.scale))


def pair(
    rgb: Path, augmented: Path, out: Path, settings: params.Pair, engine: str = "local", workers: int = 0, seen: Path | None = None
) -> Made:
    """Bring `out` in line with the images and their augmented copies: <class>/<name>.a.png, and .b.png where it is cut from a sheet.

    Adds the column `half`. Without pairs the folder holds an empty index.
    """
    works: dict[str, Work] = {}
    if settings.on_sheets:
        works = {"a": Half("a"), "b": Half("b")}
    elif settings.paired:
        works = {"a": Derived(settings.derive, settings.scale if settings.derive == "low_resolution" else 1)}
    tasks = [
        Task(source, item, work, replace(item, path=str(PurePosixPath(item.path).with_suffix(f".{half}.png"))).with_more(half=half))
        for source, item in _images(rgb, augmented) for half, work in works.items()
    ]
    return mirror(tasks, out, engine, workers, seen=seen)


def _images(*folders: Path) -> Iterator[tuple[Path, Item]]:
    for folder in folders:
        yield from ((folder / item.path, item) for item in read_index(folder / "index.csv"))
