"""The PDQ hash beside Meta's own (pdqhash), on the emoji at several sizes: the same bits, images per CPU-second."""

import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from bench.frame import Bench, Goal, Result
from pipeline import image
from pipeline.collect.photosite.catalogue import emoji
from pipeline.curate.hashes import pdq

PEER = """
import sys, time, numpy as np, pdqhash
pictures = np.load(sys.argv[1])
start = time.process_time()
hashes = [pdqhash.compute(picture) for picture in pictures]
seconds = time.process_time() - start
bits, quality = (np.array(found) for found in zip(*hashes))
np.savez(sys.argv[2], bits=bits, quality=quality, seconds=seconds)
"""


def run(peers: Path) -> Result:
    rows, worst_bits, worst_quality = [], 0, 0
    for side in (72, 256, 512):
        pictures = np.stack([np.asarray(_picture(photo.file, side)) for photo in emoji()[::40]])
        theirs = _theirs(peers, pictures)
        start = time.process_time()
        ours = [pdq(Image.fromarray(picture)) for picture in pictures]
        seconds = time.process_time() - start
        bits = np.array([np.unpackbits(np.frombuffer(found, np.uint8)) for found, _ in ours])
        differing = (bits != theirs["bits"][:, ::-1]).sum(1)  # pdqhash lists the same bits from the last to the first
        quality = np.abs(np.array([q for _, q in ours]) - theirs["quality"]).max()
        worst_bits, worst_quality = max(worst_bits, int(differing.max())), max(worst_quality, int(quality))
        rates = (f"{len(pictures) / taken:.0f}" for taken in (seconds, theirs["seconds"]))
        rows.append((side, len(pictures), int(differing.max()), *rates))
    goals = [Goal("pdq_differing_bits", worst_bits, 2), Goal("pdq_quality_difference", worst_quality, 1)]
    return Result(("side", "images", "differing bits, most", "ours img/CPU-s", "pdqhash img/CPU-s"), rows, goals)


def _picture(path: Path, side: int) -> Image.Image:
    return image.flatten(image.open_image(path), (255, 255, 255)).resize((side, side), Image.Resampling.LANCZOS)


def _theirs(peers: Path, pictures: np.ndarray) -> dict[str, np.ndarray]:
    with tempfile.TemporaryDirectory() as folder:
        np.save(f"{folder}/in.npy", pictures)
        subprocess.run([peers, "-c", PEER, f"{folder}/in.npy", f"{folder}/out.npz"], check=True)
        with np.load(f"{folder}/out.npz") as found:
            return dict(found)


BENCH = Bench(("pdqhash", "numpy"), run)
