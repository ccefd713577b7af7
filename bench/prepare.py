"""JPEG files of 640x480 and 3000x2000 to 256x256: images per CPU-second, and error against Lanczos in floating point, beside
Pillow, OpenCV, torchvision and img2dataset's own resizer, in alternating rounds on one thread each.

Everyone starts with a file's bytes and ends with pixels; nobody encodes. Errors are in 8-bit levels of sRGB against the whole file
decoded by Pillow; the mean that rounding alone costs is 0.25. OpenCV's area and torchvision's bicubic are other filters: their
error says how far from Lanczos they are, not how well they are made. About 60 MB are downloaded the first time.

They are of the quality that photographs on the web have (see bench/photos/sets.py), the large ones of quality 90, too: half as many
bytes again, whose decoding nobody can do without, so all ways are closer to each other. The goals hold for both.
"""

import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import torch
from threadpoolctl import threadpool_limits

from bench.frame import Bench, Goal, Result
from bench.photos.methods import METHODS, SIDE, reference
from bench.photos.sets import LARGE, SMALL, photographs

CACHE = Path(__file__).parent / ".cache"
WEB, FINE = 80, 90  # quality
SETS = ((SMALL, WEB), (LARGE, WEB), (LARGE, FINE))
ROUNDS = {SMALL: 9, LARGE: 5}
OURS, PILLOW, IMG2DATASET = "darkroom lanczos", "Pillow lanczos", "img2dataset area, center_crop"
Figures = dict[str, tuple[float, float, float]]  # name to images per CPU-second, mean and maximum error


def run(peers: Path) -> Result:
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    measured = []
    with threadpool_limits(1):
        for size, quality in SETS:
            folder, files = photographs(CACHE, size, quality)
            kilobytes = statistics.mean(map(len, files)) / 1000
            print("{}x{} at quality {}: {} photographs of {:.0f} KB on average".format(*size, quality, len(files), kilobytes))
            measured.append(_figures(folder, files, size, peers))
    small, large, fine = measured
    columns = ["", *(cell for (size, quality) in SETS for cell in ("{}x{}, {}: images/CPU-s".format(*size, quality), "mean error", "max"))]
    rows = [[name, *(cell for figures in measured for cell in _cells(figures[name]))] for name in small]
    return Result(columns, rows, [
        Goal("mean_error_640x480", small[OURS][1], 0.35),
        Goal("mean_error_3000x2000", large[OURS][1], 0.35),
        Goal("rate_against_pillow_640x480", small[OURS][0] / small[PILLOW][0], 1.2, at_least=True),
        Goal("rate_against_pillow_3000x2000", large[OURS][0] / large[PILLOW][0], 4, at_least=True),
        Goal("mean_error_3000x2000_quality_90", fine[OURS][1], 0.35),
        Goal("rate_against_pillow_3000x2000_quality_90", fine[OURS][0] / fine[PILLOW][0], 4, at_least=True),
    ])


def _figures(folder: Path, files: Sequence[bytes], size: tuple[int, int], peers: Path) -> Figures:
    errors = {name: [] for name in (*METHODS, IMG2DATASET)}
    seconds: dict[str, list[float]] = {name: [] for name in errors}
    with _img2dataset(peers, folder) as (process, out):
        for data in files:  # warms up, too
            expected = reference(data, (SIDE, SIDE))
            for name, method in METHODS.items():
                errors[name].append(np.abs(np.asarray(method(data, size)) - expected))
        for _ in range(ROUNDS[size]):
            for name, method in METHODS.items():
                start = time.process_time()
                for data in files:
                    method(data, size)
                seconds[name].append(time.process_time() - start)
            seconds[IMG2DATASET].append(_round(process))
        for data, pixels in zip(files, np.load(out), strict=True):
            width = int(size[0] * SIDE / size[1] + 0.5)
            left = (width - SIDE) // 2
            errors[IMG2DATASET].append(np.abs(pixels - reference(data, (width, SIDE), (left, 0, left + SIDE, SIDE))))
    return {
        name: (len(files) / statistics.median(seconds[name]), float(np.mean(errors[name])), float(np.max(errors[name]))) for name in errors
    }


@contextmanager
def _img2dataset(python: Path, folder: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "pixels.npy"
        command = [str(python), str(Path(__file__).with_name("photos") / "img2dataset_rounds.py"), str(folder), str(out)]
        environment = {**os.environ, "NO_ALBUMENTATIONS_UPDATE": "1", "OMP_NUM_THREADS": "1"}
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        try:
            yield process, out
        finally:
            process.kill()
            process.wait()


def _round(process: subprocess.Popen[str]) -> float:
    assert process.stdin and process.stdout
    process.stdin.write("again\n")
    process.stdin.flush()
    return float(process.stdout.readline())


def _cells(figures: tuple[float, float, float]) -> list[str]:
    rate, mean, most = figures
    return [f"{rate:.1f}", f"{mean:.3f}", f"{most:.1f}"]


BENCH = Bench(("img2dataset==1.47.0",), run)
