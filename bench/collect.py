"""Downloads beside img2dataset, files untouched, from nginx on loopback: images per second, CPU seconds, memory.

2,000 JPEGs of 640 x 480 pixels and about 75 KB, all different; three rounds, the tools in turn, the median of each.
img2dataset re-encodes nothing (`--disable_all_reencoding --output_format files`, 2 processes x 32 threads); Darkroom does
all it always does: guard, robots.txt, ledger, SHA-256, header and end of every file. Then 20,000 for its memory.
Needs nginx on the PATH (Debian: nginx-light).
"""

import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from bench.frame import Bench, Goal, Result

IMAGES, MANY, ROUNDS, BASES = 2000, 20_000, 5, 200
NGINX = """
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{ access_log off; sendfile on; keepalive_requests 1000000; types {{ image/jpeg jpg; }}
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{ listen 127.0.0.1:{port}; root {folder}/www; }} }}
"""
OURS = """
import json, sys, time
from pathlib import Path
from pipeline import params
from pipeline.collect.scrape import scrape

urls, host, count, out = sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4])
wanted = params.Class.model_validate({"count": count, "sources": [{"urls": {"path": urls}}]})
settings = params.Scrape(allow_hosts=[host], contact="bench@example.org")
start = time.perf_counter()
report = scrape("bench", wanted, settings, out / "bench", out / "ledger", params.Run(per_host=64))
assert len(report.items) == count, (report.tally, report.rejections[:3])
print(json.dumps({"images": len(report.items), "seconds": time.perf_counter() - start}))
"""


@dataclass(frozen=True)
class Measured:
    """One run: images written, their rate without start-up, and the whole process tree's seconds and memory."""

    images: int
    rate: float
    wall: float
    cpu: float
    megabytes: float


def run(peers: Path) -> Result:
    if shutil.which("nginx") is None:
        sys.exit("darkroom: bench collect needs nginx on the PATH (Debian and Ubuntu: apt-get install nginx-light)")
    with tempfile.TemporaryDirectory(dir=_in_memory()) as name:
        folder = Path(name)
        _write_images(folder / "www")
        with _served(folder) as host:
            lists = {count: _write_list(folder / f"{count}.txt", host, count) for count in (IMAGES, MANY)}
            ours, theirs = [], []
            for _ in range(ROUNDS):
                ours.append(_ours(lists[IMAGES], host, IMAGES, folder / "out"))
                theirs.append(_theirs(peers, lists[IMAGES], folder / "out"))
            many = _ours(lists[MANY], host, MANY, folder / "out")
    one, other = _median(ours), _median(theirs)
    rows = [_row("Darkroom", one), _row("img2dataset 1.47.0", other), _row("Darkroom", many)]
    goals = [
        Goal("collect_rate_against_img2dataset", one.rate / other.rate, 2, at_least=True),
        Goal("collect_wall_against_img2dataset", one.wall / other.wall, 0.5),
        Goal("collect_cpu_against_img2dataset", one.cpu / other.cpu, 0.5),
        Goal("collect_images", min(one.images / IMAGES, many.images / MANY), 1, at_least=True),
        Goal("collect_megabytes_at_20k", many.megabytes, 300),
        Goal("collect_megabytes_from_2k_to_20k", many.megabytes - one.megabytes, 100),
    ]
    return Result(("tool", "images", "img/s", "wall s in all", "CPU s in all", "peak MB"), rows, goals)


def _in_memory() -> str | None:
    """A folder that is no disk, where there is room: a disk that is busy writing would be what is measured."""
    shared = Path("/dev/shm")
    return str(shared) if shared.is_dir() and shutil.disk_usage(shared).free > 8e9 else None


def _row(name: str, measured: Measured) -> tuple[object, ...]:
    return (name, measured.images, f"{measured.rate:.0f}", f"{measured.wall:.2f}", f"{measured.cpu:.2f}", f"{measured.megabytes:.0f}")


def _median(runs: list[Measured]) -> Measured:
    return Measured(*(statistics.median(getattr(run, field) for run in runs) for field in Measured.__dataclass_fields__))


def _write_images(folder: Path) -> None:
    """MANY files, each with a comment segment of its own, so that no two have the same bytes."""
    folder.mkdir()
    random = np.random.default_rng(0)
    bases = []
    for _ in range(BASES):
        noise = [random.normal(0, 100 / cells**0.6, (cells, cells, 3)) for cells in (4, 8, 16, 32, 64, 128)]
        scales = sum(cv2.resize(grid, (640, 480), interpolation=cv2.INTER_CUBIC) for grid in noise)
        pixels = np.clip(128 + scales + random.normal(0, 6, (480, 640, 3)), 0, 255).astype(np.uint8)
        bases.append(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 89])[1].tobytes())
    for number in range(MANY):
        data = bases[number % BASES]
        (folder / f"{number}.jpg").write_bytes(data[:2] + b"\xff\xfe\x00\x06" + number.to_bytes(4, "big") + data[2:])


def _write_list(path: Path, host: str, count: int) -> Path:
    path.write_text("".join(f"http://{host}/{number}.jpg\n" for number in range(count)))
    return path


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    os.chmod(folder, 0o755)  # noqa: PTH101  # nginx's worker is another user
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port))
    server = subprocess.Popen(["nginx", "-c", folder / "nginx.conf", "-e", folder / "error.log"])
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(10)


def _ours(urls: Path, host: str, count: int, out: Path) -> Measured:
    printed, wall, cpu, megabytes = _run([sys.executable, "-c", OURS, urls, host, str(count), out], out)
    told = json.loads(printed)
    return Measured(told["images"], told["images"] / told["seconds"], wall, cpu, megabytes)


def _theirs(peers: Path, urls: Path, out: Path) -> Measured:
    command = [
        peers.with_name("img2dataset"), f"--url_list={urls}", f"--output_folder={out}", "--output_format=files",
        "--disable_all_reencoding=True", "--processes_count=2", "--thread_count=32", "--number_sample_per_shard=1000",
    ]
    _, wall, cpu, megabytes = _run(command, out, keep=True)
    shards = [json.loads(path.read_text()) for path in out.glob("*_stats.json")]
    seconds = max(shard["end_time"] for shard in shards) - min(shard["start_time"] for shard in shards)
    images = len(list(out.glob("*/*.jpg")))
    shutil.rmtree(out)
    return Measured(images, images / seconds, wall, cpu, megabytes)


def _run(command: list[object], out: Path, keep: bool = False) -> tuple[str, float, float, float]:
    """What it printed, wall seconds, CPU seconds of it and its children, peak memory of the largest process in MB."""
    start = time.perf_counter()
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}  # both compiled, as installed
    environment["NO_ALBUMENTATIONS_UPDATE"] = "1"
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen([str(part) for part in command], stdout=output, stderr=errors, env=environment)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - start
        output.seek(0)
        printed = output.read()
        errors.seek(0)
        told = errors.read()
    if process.returncode:
        sys.exit(f"darkroom: {command[0]} ended with {process.returncode}: {told[-500:]}")
    if not keep:
        shutil.rmtree(out)
    return printed, wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


BENCH = Bench(("img2dataset==1.47.0",), run)
