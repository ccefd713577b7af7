"""What tests share: pictures drawn on the spot, and projects cloned into temporary folders."""

import io
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from ruamel.yaml import YAML

ROOT = Path(__file__).parent.parent
LONGEST = ["test_repro", "test_review_page", "test_train_killed", "test_parallel_training"]  # these first: the last to end decides
os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # two tests at once: threads that wait do not burn the other's core


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(LONGEST)))


def picture(seed: int, size: tuple[int, int] = (96, 80), mode: str = "RGB") -> Image.Image:
    """A random picture with structure at several scales, as photographs have: different seeds look nothing alike."""
    random = np.random.default_rng(seed)
    channels = {"RGB": 3, "L": 1, "RGBA": 4, "LA": 2}[mode]
    sum_of_scales = np.zeros((size[1], size[0], channels))
    for cells in (4, 8, 16, 32):
        small = random.normal(0, 1, (cells, cells, channels)).astype(np.float32)
        for channel in range(channels):
            scaled = Image.fromarray(small[:, :, channel]).resize(size, Image.Resampling.BICUBIC)
            sum_of_scales[:, :, channel] += np.asarray(scaled) * 4 / cells**0.5
    pixels = np.clip(128 + 30 * sum_of_scales, 0, 255).astype(np.uint8)
    if mode in ("RGBA", "LA"):
        pixels[:, :, -1] = np.maximum(pixels[:, :, -1], 40)
    return Image.fromarray(pixels[:, :, 0] if channels == 1 else pixels)


def encoded(image: Image.Image, format: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


@dataclass
class Project:
    """A clone of this repository in a folder of its own, with its own HOME."""

    folder: Path
    home: Path

    def run(self, *command: str, check: bool = True, **variables: str) -> subprocess.CompletedProcess[str]:
        programs = Path(sys.executable).parent
        environment = {**os.environ, "HOME": str(self.home), "PATH": f"{programs}:{os.environ['PATH']}", **variables}
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=500)
        if check and done.returncode:
            raise AssertionError(f"{command} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def params(self, **sections: dict) -> None:
        """Change sections of params.yaml, keeping the rest."""
        yaml, path = YAML(), self.folder / "params.yaml"
        tree = yaml.load(path)
        for name, values in sections.items():
            tree[name] = values if name == "classes" else {**tree[name], **values}
        with path.open("w") as file:
            yaml.dump(tree, file)

    def ran(self, output: str) -> list[str]:
        """The stages that a `dvc repro` executed, from its output."""
        return [line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage '")]


def clone(folder: Path, source: Path = ROOT) -> Project:
    """The working tree of `source` as a repository of its own: tracked and new files, nothing ignored."""
    home = folder.parent / f"{folder.name}-home"
    home.mkdir()
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=source, capture_output=True, text=True, check=True)
    for name in listed.stdout.splitlines():
        if (source / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / name, folder / name)
    project = Project(folder, home)
    project.run("git", "init", "-q", "-b", "main")
    project.run("git", "config", "user.email", "test@example.org")
    project.run("git", "config", "user.name", "test")
    project.run("git", "add", "-A")
    project.run("git", "commit", "-qm", "start")
    return project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return clone(tmp_path / "project")
