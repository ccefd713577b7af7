"""All of Pillow's own test images, its bombs and crashers among them: pixels or a reason, within the limits of memory and time.

They are in Pillow's source distribution alone, which pip fetches once (47 MB) into the user's cache; nothing of it is compiled.
"""

import os
import shutil
import subprocess
import sys
import tarfile
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import PIL
import pytest
from PIL import Image

from pipeline import bounded, image
from pipeline.bounded import Limits
from tests.conftest import ROOT
from tests.examining import Examine, Examined

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "darkroom"
ARCHIVE = CACHE / f"pillow-{PIL.__version__}.tar.gz"
CLIENTS = ([sys.executable, "-m", "pip"], [str(ROOT / ".uv/bin/pip")], ["uv", "tool", "run", "pip"],
           [str(ROOT / ".uv/bin/uv"), "tool", "run", "pip"], ["pip3"])


def fetched() -> str:
    """Have the archive; else why not."""
    why = "there is no pip"
    CACHE.mkdir(parents=True, exist_ok=True)
    for client in CLIENTS:
        if not shutil.which(client[0]):
            continue
        with TemporaryDirectory(dir=CACHE) as folder:
            wanted = ["--no-deps", "--no-binary", "pillow", "--dest", folder, f"pillow=={PIL.__version__}"]
            command = [*client, "download", "--quiet", "--retries", "1", "--timeout", "10", *wanted]
            try:
                done = subprocess.run(command, capture_output=True, text=True, timeout=120)
            except subprocess.TimeoutExpired:
                return "the package index did not answer in 120 s"
            if found := list(Path(folder).glob("*.tar.gz")):
                found[0].replace(ARCHIVE)
                return ""
            why = (done.stderr.strip().splitlines() or [why])[-1]
    return why


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pillow's folder Tests/images."""
    if not ARCHIVE.exists() and (why := fetched()):
        pytest.skip(f"Pillow {PIL.__version__}'s own images could not be fetched: {why}")
    folder = tmp_path_factory.mktemp("pillow")
    with tarfile.open(ARCHIVE) as archive:
        wanted = [member for member in archive if "/Tests/images/" in member.name]
        archive.extractall(folder, wanted, filter="data")
    return next(folder.glob("*/Tests/images"))


def test_each_of_pillow_s_own_images_is_pixels_or_a_reason(images: Path) -> None:
    files = sorted(path for path in images.rglob("*") if path.is_file())
    limits = Limits()
    found = bounded.run(Examine(), files, "local", 2, limits)
    seen = [each for each in found if isinstance(each, Examined)]
    shown = [each for each in seen if not each.reason]
    print(f"\n{len(files)} files, {len(shown)} pixels, {len(files) - len(shown)} reasons; at most "
          f"{max(each.seconds for each in seen):.2f} s, {max(each.peak for each in seen) / 1e6:.0f} MB")
    print(Counter(each.reason.split(":")[0][:60] for each in seen if each.reason).most_common())
    assert len(files) > 1000 and len(shown) > 650  # so many are of the formats that are read
    assert len(seen) == len(files), [file.name for file, each in zip(files, found, strict=True) if not isinstance(each, Examined)]
    assert all(each.peak <= limits.memory and each.seconds <= limits.seconds for each in seen)
    assert all(each.reason or (each.mode in ("L", "LA", "RGB", "RGBA") and each.size == each.full) for each in seen)
    assert not [each.reason for each in seen if len(each.reason) > 300 or "\n" in each.reason or "object at" in each.reason]


@pytest.mark.parametrize(("pattern", "first", "many"), [
    ("hopper_orientation_*.jpg", "hopper.jpg", 7), ("hopper_orientation_*.webp", "hopper.webp", 7),
    ("g4_orientation_*.tif", "g4_orientation_1.tif", 8), ("avif/rot*mir*.avif", "avif/rot0mir0.avif", 7),
])
def test_pillow_s_pictures_of_each_orientation_are_all_upright(images: Path, pattern: str, first: str, many: int) -> None:
    upright = image.open_image(images / first).convert("L")
    turned = [image.open_image(path).convert("L") for path in sorted(images.glob(pattern))]
    assert len(turned) >= many
    for picture in turned:
        assert picture.size == upright.size
        apart = np.abs(np.asarray(picture, np.int16) - np.asarray(upright, np.int16))
        others = [np.asarray(upright.transpose(method).resize(upright.size), np.int16) for method in Image.Transpose]
        assert apart.mean() < 12 and apart.mean() < min(np.abs(np.asarray(picture, np.int16) - other).mean() for other in others) / 2


@pytest.mark.parametrize(("file", "like", "limit"), [
    ("hopper.Lab.tif", "hopper.jpg", 8), ("pil_sample_cmyk.jpg", "pil_sample_rgb.jpg", 12), ("hopper_bigtiff.tif", "hopper.tif", 1),
    ("tiff_16bit_RGB.tiff", "tiff_16bit_RGB_target.png", 1), ("pil123p.png", "pil123rgba.png", 2), ("avif/hopper.avif", "hopper.jpg", 8),
    ("bmp/g/pal8rle.bmp", "bmp/html/pal8.png", 1), ("bmp/g/rgb16-565.bmp", "bmp/html/rgb16-565.png", 4),
])
def test_other_ways_to_store_a_picture_show_the_same(images: Path, file: str, like: str, limit: int) -> None:
    one, other = (np.asarray(image.open_image(images / name).convert("RGB"), np.int16) for name in (file, like))
    assert one.shape == other.shape and np.abs(one - other).mean() <= limit
