"""The library made of rows.c, for opaque colour pictures; where there is none, resample.py computes the same bytes in more time.

`python -m pipeline.prepare.pixels.rows` makes it, as `make setup` does. It lies beside the installed packages, under a name that tells
of which code it was made, so that one of older code is never used.
"""

import ctypes
import hashlib
import platform
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import numpy as np

from pipeline.prepare.pixels.filters import FIRST_BITS, KEPT_BITS, SECOND_BITS, Axis, Bands

__all__ = ["WIDEST", "available", "build", "resampled"]

WIDEST = 1 << 16  # pixels, as a JPEG is at most: what belongs to some rows stays near the CPU

SOURCE = Path(__file__).with_suffix(".c")
FLAGS = ("-O3", "-std=gnu11", "-shared", "-fPIC")
RESULTS, TAPS = 4, 4  # as in rows.c


class _Table(ctypes.Structure):
    _fields_ = (
        ("size", ctypes.c_int32),
        ("count", ctypes.c_int32),
        ("length", ctypes.c_int32),
        ("starts", ctypes.c_void_p),
        ("weights", ctypes.c_void_p),
    )


def available() -> bool:
    return _library() is not None


def resampled(pixels: np.ndarray, across: Axis, down: Axis) -> np.ndarray:
    """uint8 (H, W, 4) pixels, the last of the four without meaning, at the size of the axes, in the same form. Both axes are of pairs,
    or neither. Raises MemoryError, and ValueError where the axes need other pixels than are there."""
    library, pairs = _library(), across.pairs
    assert library and down.pairs == pairs and pixels.dtype == np.uint8 and pixels.strides[1:] == (4, 1)
    needed = (down.count * (1 + pairs), across.count * (1 + pairs))
    if pixels.shape[:2] != needed:
        raise ValueError(f"the axes are for {needed[1]}x{needed[0]} pixels, and {pixels.shape[1]}x{pixels.shape[0]} are there")
    out = np.empty((-(-down.size // RESULTS) * RESULTS, across.size, 4), np.uint8)
    by_row, by_column = down.bands(FIRST_BITS, RESULTS, TAPS), across.bands(SECOND_BITS, 1)
    failed = library.resample(
        pixels.ctypes.data, pixels.strides[0], pixels.shape[1], pixels.shape[0], pairs,
        _table(by_row, down), 2.0 ** (KEPT_BITS - FIRST_BITS), _table(by_column, across), 2.0 ** -(KEPT_BITS + SECOND_BITS),
        out.ctypes.data,
    )  # fmt: skip
    if failed:
        raise MemoryError
    return out[: down.size]


def _table(bands: Bands, axis: Axis) -> _Table:
    return _Table(axis.size, axis.count, bands.length, bands.starts.ctypes.data, bands.weights.ctypes.data)


@cache
def _library() -> ctypes.CDLL | None:
    path = _path()
    if not path.exists():
        return None
    library = ctypes.CDLL(str(path))
    pointer, table = ctypes.c_void_p, ctypes.POINTER(_Table)
    library.resample.argtypes = [
        pointer, ctypes.c_ssize_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, table, ctypes.c_float, table, ctypes.c_float, pointer,
    ]  # fmt: skip
    library.resample.restype = ctypes.c_int
    return library


def _path() -> Path:
    made_of = hashlib.sha256(SOURCE.read_bytes() + " ".join(FLAGS).encode()).hexdigest()[:16]
    return Path(sys.prefix, "lib", f"darkroom-rows-{platform.machine()}-{made_of}.so")


def build(path: Path) -> str:
    """Make the library, and take away those of other code; "" or why there is none."""
    if not shutil.which("cc"):
        return "there is no C compiler"
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        made = Path(folder, path.name)
        result = subprocess.run(["cc", *FLAGS, "-o", str(made), str(SOURCE)], capture_output=True, text=True)
        if result.returncode:
            return f"the C compiler does not take rows.c ({result.stderr.strip().splitlines()[-1]})"
        for other in path.parent.glob("darkroom-rows-*.so"):
            other.unlink()
        made.replace(path)
    return ""


if __name__ == "__main__":
    if reason := build(_path()):
        print(f"setup: {reason}, so resizing takes up to twice as long (Debian and Ubuntu: apt-get install gcc); the bytes are the same")
