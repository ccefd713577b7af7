"""Run by the interpreter that has img2dataset: its own Resizer on the files of a folder, once for each line read.

Writes the CPU seconds of each round as a line, and the pixels of the first to the folder OUT. Its encoder is taken out, for no
other way is charged for one. It has no mode that stretches: center_crop resizes the shorter side to 256 and cuts the middle.
"""

import io
import sys
import time
from pathlib import Path

import cv2
import numpy as np
from img2dataset import resizer

kept: list[np.ndarray] = []


def keep(_: str, pixels: np.ndarray, params: object = None) -> tuple[bool, np.ndarray]:
    kept.append(pixels)
    return True, np.zeros(1, np.uint8)


def main(folder: str, out: str) -> None:
    files = [path.read_bytes() for path in sorted(Path(folder).glob("*.jpg"))]
    resize = resizer.Resizer(256, "center_crop", resize_only_if_bigger=False)
    resizer.cv2.imencode = keep
    for _ in sys.stdin:
        kept.clear()
        start = time.process_time()
        for data in files:
            error = resize(io.BytesIO(data))[5]
            if error:
                raise SystemExit(error)
        seconds = time.process_time() - start
        if not Path(out).exists():
            np.save(out, np.stack([cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB) for pixels in kept]))
        print(seconds, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
