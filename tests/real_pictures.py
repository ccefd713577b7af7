"""Folders and files as people have them, filled with real pictures of package registries: few of each, the same ones every time.

Where the pictures come from, and on what terms: bench/recipes/packages.py and bench/copies/originals.py.
"""

import io
import subprocess
import tarfile
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bench.copies.archives import ArchiveError, members
from bench.copies.originals import ARCHIVES
from bench.recipes import sets
from bench.recipes.packages import CACHE

__all__ = ["Two", "cifar", "digits", "digits_csv", "digits_idx", "faces", "logos", "photographs", "saved", "sheets"]

Two = tuple[np.ndarray, np.ndarray]
"""Pictures as uint8 (N, H, W, C), and int labels (N,)."""


def had(get: Callable[..., Any], *arguments: Any) -> Any:
    """What `get` returns; where a registry cannot be reached, the test is skipped and says so."""
    try:
        return get(*arguments)
    except (ArchiveError, RuntimeError, OSError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"real pictures cannot be had here: {error}")


def digits(each: int) -> tuple[Two, Two]:
    """MNIST: the first `each` of every digit for training, and a fifth as many for tests; (N, 28, 28, 1)."""
    train, test = had(sets.digits)
    return _first(train, each), _first(test, max(1, each // 5))


def cifar(label: int, each: int) -> tuple[Two, Two]:
    """CIFAR-10 of one label, as `digits`; (N, 32, 32, 3)."""
    train, test = had(sets.cifar)
    return _first(train, each, [label]), _first(test, max(1, each // 5), [label])


def _first(dataset: Any, each: int, labels: Iterable[int] = range(10)) -> Two:
    known = np.asarray(dataset.labels)
    chosen = np.sort(np.concatenate([np.flatnonzero(known == label)[:each] for label in labels]))
    return np.asarray(dataset.images[chosen]).transpose(0, 2, 3, 1), known[chosen]


def digits_csv(path: Path, each: int) -> Path:
    """As Kaggle's digit-recognizer: a header, then a label and 784 pixels a row."""
    (pixels, labels), _ = digits(each)
    head = ",".join(["label", *(f"pixel{number}" for number in range(784))])
    rows = np.concatenate([labels[:, None], pixels.reshape(len(pixels), -1)], 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savetxt(path, rows, "%d", ",", header=head, comments="")
    return path


def digits_idx(root: Path, each: int) -> Path:
    """The four files of MNIST where torchvision looks for them below `root`."""
    folder = root / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for name, (pixels, labels) in zip(("train", "t10k"), digits(each), strict=True):
        (folder / f"{name}-images-idx3-ubyte").write_bytes(_idx(pixels[..., 0]))
        (folder / f"{name}-labels-idx1-ubyte").write_bytes(_idx(labels))
    return root


def _idx(values: np.ndarray) -> bytes:
    """The IDX format: two zeros, 8 for bytes, the number of dimensions, each as a big-endian integer, the values."""
    return bytes([0, 0, 8, values.ndim]) + b"".join(n.to_bytes(4, "big") for n in values.shape) + values.astype(np.uint8).tobytes()


def sheets(archive: Path, train: int, held: int, side: int = 128) -> Path:
    """As pix2pix's maps.tar.gz: maps/train/N.jpg and maps/val/N.jpg, photograph (of a satellite) left and map (a relief) right."""
    with tarfile.open(archive, "w:gz") as tar:
        for name, part, count in zip(("train", "val"), had(sets.maps, side), (train, held), strict=True):
            step = max(1, len(part.images) // count)  # from all over the world
            for number, place in enumerate(islice(range(0, len(part.images), step), count), 1):
                photograph, chart = (np.asarray(half[place]).transpose(1, 2, 0) for half in (part.images, part.given))
                data = _encoded(np.concatenate([photograph, chart], 1), "JPEG", quality=92)
                entry = tarfile.TarInfo(f"maps/{name}/{number}.jpg")
                entry.size = len(data)
                tar.addfile(entry, io.BytesIO(data))
    return archive


def logos(folder: Path) -> Path:
    """Car makers' logos, PNG and SVG, with and without transparency."""
    return _written(folder, _members("car-brand-logos", lambda name: name.endswith((".png", ".svg"))))


def _members(package: str, chosen: Callable[[str], bool]) -> list[tuple[str, bytes]]:
    """Files of a package that bench/copies knows."""
    archive = next(each for each in ARCHIVES if each.name == package)
    return had(members, archive, CACHE / "archives", chosen)


def photographs(folder: Path) -> Path:
    """50 photographs of 500×333: landscapes, things, people."""
    return _written(folder, _members("tabler-ui", lambda name: "/dist/demo/photos/" in name and "-500" in name))


def faces(folder: Path) -> Path:
    """72 photographed faces of 128×128."""
    return _written(folder, _members("tabler-ui", lambda name: "/dist/demo/faces/" in name))


def _written(folder: Path, files: list[tuple[str, bytes]]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files:
        (folder / "-".join(name.split("/")[-2:]).removeprefix("package-")).write_bytes(data)
    assert files, "the package has no such file"
    return folder


def saved(folder: Path, pictures: np.ndarray) -> Path:
    """PNG files by number."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, pixels in enumerate(pictures):
        (folder / f"{number:04d}.png").write_bytes(_encoded(pixels, "PNG"))
    return folder


def _encoded(pixels: np.ndarray, format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(buffer, format, **options)
    return buffer.getvalue()
