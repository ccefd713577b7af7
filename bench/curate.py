"""Deduplication beside imagehash, imagededup and pdqhash on one labelled set: pair precision, recall by kind of copy, originals
lost, images per CPU-second (this process and its children); and 100,000 hashes searched, each against each.

The set is made of photographs, emoji, logos and flats out of packages, see `bench.copies`. Thresholds were chosen on copies of other
originals, with seeds 0 and 1.
"""

import csv
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from bench.copies.originals import gather
from bench.copies.peers import REQUIREMENTS, group
from bench.copies.score import Score, score
from bench.copies.variants import Labelled, build
from bench.frame import Bench, Goal, Result
from pipeline.curate.copies.search import BLOCK, HashShelf

SEED = 2
CACHE = Path(__file__).parent / ".cache"
DISTANCE = 31
WHOLE = ("format", "jpeg-30", "jpeg-75", "half", "thumb-128", "up-150", "fliph", "flipv", "rot-90", "rot-180", "rot-270", "exif-6",
         "up-300", "webp-lossless", "palette")


def run(peers: Path) -> Result:
    gathered = gather(CACHE)
    if gathered.missing:
        print(f"not to be had here, so the set is smaller: {', '.join(map(str, gathered.missing))}", file=sys.stderr)
    folder = CACHE / f"set-{SEED}"
    shutil.rmtree(folder, ignore_errors=True)
    labels = build(folder, gathered.originals, SEED)
    ours, rate = _ours(folder, labels)
    scores = {"darkroom": ours}
    rates = {"darkroom": rate}
    for found in group(peers, folder, [label.path for label in labels]):
        name = f"{found.tool} {found.threshold}"
        scores[name], rates[name] = score(labels, found.groups), found.rate
    seconds, pairs = _search(100_000)
    originals = len({label.original for label in labels})
    print(f"{len(labels)} files of {originals} originals; {len(pairs)} planted pairs of 100,000 hashes found in {seconds:.1f} CPU-s")
    return Result(("", *scores), _rows(scores, rates), _goals(ours, rate, originals, seconds, len(pairs)))


def _ours(folder: Path, labels: Sequence[Labelled]) -> tuple[Score, float]:
    with tempfile.TemporaryDirectory() as name:
        out = Path(name) / "groups.csv"
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [sys.executable, "-m", "pipeline.cli", "dedupe", str(folder), "--out", str(out), "--cache", f"{name}/seen.sqlite"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        with out.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    known = {label.path for label in labels}
    judged = [row for row in rows if row["path"] in known]
    kept = [row["path"] for row in judged if row["kept"] == "yes"]
    return score(labels, {row["path"]: row["group"] for row in judged}, kept), len(judged) / seconds


def _search(count: int) -> tuple[float, set[tuple[int, int]]]:
    """CPU seconds to find all pairs of random hashes within the distance, as deduplication does it, and the planted ones found."""
    random = np.random.default_rng(0)
    hashes = random.integers(0, 256, (count, 32), dtype=np.uint8)
    planted = {(number, count - 1000 + number) for number in range(1000)}
    for number, (first, second) in enumerate(sorted(planted)):
        flipped = random.permutation(256)[: number % (DISTANCE + 1)]
        bits = np.unpackbits(hashes[first])
        bits[flipped] ^= 1
        hashes[second] = np.packbits(bits)
    found = set()
    start = time.process_time()
    with threadpool_limits(1):
        shelf = HashShelf(DISTANCE)
        for begin in range(0, count, BLOCK):
            some = hashes[begin : begin + BLOCK]
            shelf.add(some)
            asked, places, _ = shelf.near(some)
            found |= {(place, begin + one) for one, place in zip(asked.tolist(), places.tolist(), strict=True) if place < begin + one}
    return time.process_time() - start, found & planted


def _rows(scores: Mapping[str, Score], rates: Mapping[str, float]) -> list[list[object]]:
    kinds = sorted({kind for each in scores.values() for kind in each.recall})
    rows: list[list[object]] = [
        ["images per CPU-second", *(f"{rates[name]:.0f}" for name in scores)],
        ["pair precision", *(f"{each.precision:.5f}" for each in scores.values())],
        ["originals lost", *(len(each.lost) for each in scores.values())],
        ["largest group", *(each.largest for each in scores.values())],
    ]
    return rows + [[" ".join(kind), *(f"{each.recall[kind]:.3f}" for each in scores.values())] for kind in kinds]


def _goals(ours: Score, rate: float, originals: int, seconds: float, planted: int) -> list[Goal]:
    def least(*names: str) -> float:
        return min(share for (_, kind), share in ours.recall.items() if kind in names)

    return [
        Goal("pair_precision", ours.precision, 0.998, at_least=True),
        Goal("recall_format_size_quality_flip_turn", least(*WHOLE), 1.0, at_least=True),
        Goal("recall_crop_10", least("crop-10"), 0.9, at_least=True),
        Goal("recall_crop_20", least("crop-20"), 0.8, at_least=True),
        Goal("recall_border", least("border-8"), 0.9, at_least=True),
        Goal("recall_flattened_alpha", least("on-white", "on-black"), 0.95, at_least=True),
        Goal("originals_lost_in_1000", 1000 * len(ours.lost) / originals, 3),
        Goal("images_per_cpu_second", rate, 200, at_least=True),
        Goal("search_100k_cpu_seconds", seconds, 15),
        Goal("search_100k_planted_pairs_found", planted, 1000, at_least=True),
    ]


BENCH = Bench(REQUIREMENTS, run)
