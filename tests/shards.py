"""Shards made by hand, with Python's own tarfile and Pillow alone."""

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image


def png(pixels: np.ndarray) -> bytes:
    """uint8 (H, W) or (H, W, 3) as a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def noise(number: int, shape: tuple[int, ...] = (6, 4, 3)) -> np.ndarray:
    """Pixels, other ones for each number."""
    return np.random.default_rng(number).integers(0, 256, shape, np.uint8)


def write_shard(path: Path, members: Mapping[str, bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


def singles(folder: Path, names: Mapping[str, str], shape: tuple[int, ...] = (6, 4, 3), shards: int = 2) -> dict[str, np.ndarray]:
    """Write train-*.tar of images with these keys and classes; gives the pixels of each."""
    drawn = {key: noise(number, shape) for number, key in enumerate(names)}
    for shard in range(shards):
        members: dict[str, bytes] = {}
        for key in list(names)[shard::shards]:
            members |= {f"{key}.cls.txt": names[key].encode(), f"{key}.json": b"{}", f"{key}.png": png(drawn[key])}
        write_shard(folder / f"train-{shard:06d}.tar", members)
    return drawn


def pairs(folder: Path, count: int, given: tuple[int, ...] = (6, 4), target: tuple[int, ...] = (12, 8, 3)) -> dict[str, tuple]:
    """Write one shard of pairs; gives (input, target) of each key."""
    drawn = {f"i{number:02d}": (noise(number, given), noise(number + 1000, target)) for number in range(count)}
    members: dict[str, bytes] = {}
    for key, (one, other) in drawn.items():
        members |= {f"{key}.cls.txt": b"maps", f"{key}.input.png": png(one), f"{key}.json": b"{}", f"{key}.target.png": png(other)}
    write_shard(folder / "train-000000.tar", members)
    return drawn
