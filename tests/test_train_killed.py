"""kill -9 on `dvc repro` while it trains, then `dvc repro`: it goes on, and the model is the one of an undisturbed run."""

import io
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.train.loop.checkpoint import latest
from tests.conftest import Project, clone, encoded, picture

REPRO = ("dvc", "repro", "--single-item", "train")
THIN = {
    "seed": 1, "epochs": None, "kimg": 0.8, "batch": 8, "channels": 8, "learning_rate": None, "augment": None, "ticks": 8, "best_kimg": 0,
    "device": "cpu", "threads": 1,
    "generator": {}, "discriminator": {}, "weights": {}, "steps": None, "labeled_fraction": 1.0, "warmup_kimg": None, "augment_p": None,
}
FAMILIES: dict[str, dict[str, object]] = {
    "dcgan": {"augment": ["color", "translation"], "augment_p": "adaptive"},
    "acgan": {"weights": {"matching": 1.0}, "steps": [3, 1]},
    "sslgan": {"labeled_fraction": 0.5},
    "pix2pix": {"generator": {"depth": 4}, "discriminator": {"layers": 2}},
    "srgan": {"weights": {"perceptual": 0.0}, "warmup_kimg": 0.4},
    "wgan-gp": {},
    "r3gan": {"channels": 32, "augment": ["color", "cutout"]},
}
KINDS = {"pix2pix": 32, "srgan": 8}


def packaged(folder: Path, given: int | None) -> None:
    """20 pictures of two classes as the stage package writes them; of `given` pixels the input of each, if they are pairs."""
    folder.mkdir(parents=True)
    with tarfile.open(folder / "train-00000.tar", "w") as archive:
        for number in range(20):
            image = picture(number, (32, 32))
            files = {"target.png": encoded(image), "input.png": encoded(image.resize((given, given)))} if given else {"png": encoded(image)}
            for end, content in {**files, "cls.txt": b"ab"[number % 2 : number % 2 + 1]}.items():
                member = tarfile.TarInfo(f"i{number:016x}.{end}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    yield clone(tmp_path_factory.mktemp("killed") / "project")


def prepare(project: Project, family: str) -> None:
    for stale in ("data/dataset", "data/model", "data/.cache/train", ".dvc/cache"):  # the last, or DVC remembers the run before
        shutil.rmtree(project.folder / stale, ignore_errors=True)
    packaged(project.folder / "data/dataset/shards", KINDS.get(family))
    project.params(train={**THIN, "recipe": family, **FAMILIES[family]})


def seen(project: Project) -> int:
    """How many images the newest checkpoint has seen; 0 without one."""
    found = (project.folder / "data/.cache/train").glob("*/checkpoints/[0-9]*")
    return max((int(path.name) for path in found), default=0)


def killed_after(project: Project, images: int, more: float) -> tuple[str, bool]:
    """Run `dvc repro` until a checkpoint of `images` is there and `more` seconds, then kill it and all that it started.

    What it printed, and whether it was still running.
    """
    environment = {**os.environ, "HOME": str(project.home), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    with (project.home / "printed").open("w+") as printed:
        running = subprocess.Popen(
            REPRO, cwd=project.folder, env=environment, stdout=printed, stderr=subprocess.STDOUT, start_new_session=True,
        )
        while running.poll() is None and seen(project) < images:
            time.sleep(0.005)
        try:
            running.wait(more)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
        ended = running.wait()
        printed.seek(0)
        return printed.read(), ended == -signal.SIGKILL


def made(project: Project) -> dict[str, bytes]:
    names = ("generator.safetensors", "config.json", "samples.png", "evolution.gif", "curves.png")
    return {name: (project.folder / "data/model" / name).read_bytes() for name in names}


def resumed_at(printed: str) -> int:
    [kimg] = re.findall(r"resumed at ([\d.]+) kimg", printed) or ["0"]
    return round(float(kimg) * 1000)


def killed_and_finished(project: Project, family: str, times: int) -> None:
    prepare(project, family)
    project.run(sys.executable, "-m", "stages.train")
    undisturbed = made(project)
    prepare(project, family)
    moments = random.Random(family)
    length = float(str({**THIN, **FAMILIES[family]}["kimg"])) * 1000
    kept = 0
    for number in range(times):
        target = length * (number + moments.uniform(0.1, 0.9)) / (times + 1)
        printed, was_running = killed_after(project, max(round(target), kept + 1), moments.uniform(0, 0.2))
        assert was_running, printed
        assert resumed_at(printed) == kept, "it goes on from the last checkpoint, so no more than a tick is repeated"
        kept = seen(project)
    whole = [latest(folder) for folder in (project.folder / "data/.cache/train").glob("*/checkpoints")]
    assert [saved.seen for saved in whole if saved] == [kept]
    done = project.run(*REPRO)
    assert resumed_at(done.stdout) == kept
    assert made(project) == undisturbed


def test_killed_and_run_again(project: Project) -> None:
    killed_and_finished(project, "dcgan", 1)


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_killed_four_times_and_run_again(project: Project, family: str) -> None:
    killed_and_finished(project, family, 4)
