"""10,000 photographs from resize to package: the whole, again with nothing new, and with 1 % added.

The photographs are different parts of those of `make bench ROOM=prepare`, as JPEG of 640x480; crop boxes are given. The stages
themselves run one after the other in processes of their own, as DVC starts them, on all cores. Nobody else does this chain, so there is no
peer. What 1 % more gives must be, byte for byte, what a run from scratch gives; nothing new must write no file.
"""

import hashlib
import io
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from bench.frame import Bench, Goal, Result
from bench.photos.sets import LARGE, photographs
from pipeline.item import Item, image_id, write_index, write_rejections

CACHE = Path(__file__).parent / ".cache"
IMAGES, MORE = 10_000, 100
SIDES = (640, 480)
STAGES = ("resize", "rgb", "augment", "pair", "package")
PARAMS = """
classes: {photos: {terms: [photo], count: 10100}}
resize: {size: 256}
augment: {ops: [fliph]}
train: {kimg: 1}
"""


def run(peers: Path) -> Result:
    with tempfile.TemporaryDirectory(prefix="darkroom-increment-") as place:
        project, fresh = Path(place) / "project", Path(place) / "fresh"
        pictures = _pictures(project / "data/raw/photos", IMAGES + MORE)
        times: dict[str, dict[str, float]] = {}
        times["from scratch"] = _built(project, pictures[:IMAGES])
        stamps = _stamps(project)
        times["nothing added"] = _built(project, pictures[:IMAGES])
        written = sum(stamp != stamps.get(path) for path, stamp in _stamps(project).items())
        times["1 % added"] = _built(project, pictures)
        fresh.mkdir()
        (fresh / "data").mkdir()
        (fresh / "data/raw").symlink_to(project / "data/raw")
        _built(fresh, pictures)
        different = _digests(project) ^ _digests(fresh)
    totals = {name: sum(seconds.values()) for name, seconds in times.items()}
    rows = [[name, *(f"{seconds[stage]:.1f}" for stage in STAGES), f"{totals[name]:.1f}"] for name, seconds in times.items()]
    return Result(("seconds", *STAGES, "all"), rows, [
        Goal("share_of_the_whole_for_1_percent", totals["1 % added"] / totals["from scratch"], 0.10),
        Goal("files_written_for_nothing", written, 0),
        Goal("files_that_differ_from_a_run_from_scratch", len(different), 0),
    ])


def _pictures(folder: Path, count: int) -> list[Item]:
    """Different parts of real photographs, as files and their items."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    _, files = photographs(CACHE, LARGE, 90)
    items: dict[str, Item] = {}
    for data in files:
        source = Image.open(io.BytesIO(data)).convert("RGB")
        for _ in range(count // len(files) + 2):
            left, top = (int(random.integers(0, whole - part)) for whole, part in zip(source.size, SIDES, strict=True))
            buffer = io.BytesIO()
            source.crop((left, top, left + SIDES[0], top + SIDES[1])).save(buffer, "JPEG", quality=90)
            id_ = image_id(buffer.getvalue())
            (folder / f"{id_}.jpg").write_bytes(buffer.getvalue())
            item = Item(id_, "photos", f"photos/{id_}.jpg", *SIDES, buffer.tell(), "JPEG", split="train")
            items[id_] = item.with_more(box="80,0,480,480")
    return list(items.values())[:count]


def _built(project: Path, items: list[Item]) -> dict[str, float]:
    """Wall seconds of each stage, in the project with these images."""
    (project / "params.yaml").write_text(PARAMS)
    write_index(project / "data/crops/index.csv", items)
    write_rejections(project / "data/curated/rejected.csv", [])
    seconds, environment = {}, {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # set here and there for containers: each stage would compile its libraries anew
    for stage in STAGES:
        start = time.perf_counter()
        done = subprocess.run([sys.executable, "-m", f"stages.{stage}"], cwd=project, capture_output=True, text=True, env=environment)
        if done.returncode:
            raise RuntimeError(done.stderr)
        seconds[stage] = time.perf_counter() - start
        print(f"{stage}: {seconds[stage]:.1f} s, {done.stdout.strip()}", flush=True)
    return seconds


def _files(project: Path) -> list[Path]:
    """What the stages give; what they remember for themselves lies in data/.cache."""
    return [path for path in (project / "data").rglob("*") if path.is_file() and not {"raw", "crops", ".cache"} & set(path.parts)]


def _stamps(project: Path) -> dict[Path, tuple[int, int]]:
    return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in _files(project)}


def _digests(project: Path) -> set[tuple[str, str]]:
    return {(path.relative_to(project).as_posix(), hashlib.sha256(path.read_bytes()).hexdigest()) for path in _files(project)}


BENCH = Bench((), run)
