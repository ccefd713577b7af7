"""torchvision's own loaders read small files in the real formats. Their published sums cannot fit those, so the tables
of sums in torchvision's classes hold the small files' sums instead; that they are compared is left as it is."""

import gzip
import hashlib
import io
import pickle
import socket
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from fastapi import FastAPI, Response
from PIL import Image
from torchvision import datasets

from pipeline.collect.answer import FetchError
from pipeline.collect.sources import torchvision_sets
from pipeline.collect.sources.source import Candidate
from pipeline.errors import UserError
from pipeline.source_params import Torchvision
from tests.conftest import encoded, picture
from tests.replay.local import context, fetched, listed, page
from tests.replay.serving import served

LABELS = [7, 0, 7, 3, 7]
QUOTA_PAGE = b"<!DOCTYPE html><html><head><title>Google Drive - Quota exceeded</title></head></html>"


def md5(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()


def pixels(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def decoded(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == "PNG"
        return np.asarray(image)


def refused(base: Path, **options: object) -> str:
    with pytest.raises(UserError) as caught, torchvision_sets.opened(Torchvision(**options), context(base)):
        pass
    assert "\n" not in str(caught.value)
    return str(caught.value)


def idx(values: np.ndarray) -> bytes:
    """The IDX format: two zeros, 8 for bytes, the number of dimensions, each as a big-endian integer, the values."""
    return bytes([0, 0, 8, values.ndim]) + b"".join(size.to_bytes(4, "big") for size in values.shape) + values.tobytes()


def mnist_files(train: int = len(LABELS)) -> dict[str, bytes]:
    labels = np.resize(np.array(LABELS, np.uint8), train)
    return {
        "train-images-idx3-ubyte": idx(pixels(1, train, 28, 28)), "train-labels-idx1-ubyte": idx(labels),
        "t10k-images-idx3-ubyte": idx(pixels(2, 2, 28, 28)), "t10k-labels-idx1-ubyte": idx(np.array([7, 1], np.uint8)),
    }


@pytest.fixture
def mnist(tmp_path: Path) -> Path:
    (tmp_path / "MNIST/raw").mkdir(parents=True)
    for name, data in mnist_files().items():
        (tmp_path / "MNIST/raw" / name).write_bytes(data)
    return tmp_path


def test_mnist_from_a_folder(mnist: Path) -> None:
    with torchvision_sets.opened(Torchvision(dataset="mnist", root="."), context(mnist)) as source:
        assert (source.name, source.takes_terms, source.local) == ("torchvision", False, True)
        found = listed(source)
        assert [(c.address, c.split) for c in found] == [
            *((f"mnist/train/{number:05}", "train") for number in range(5)),
            ("mnist/test/00000", "holdout"), ("mnist/test/00001", "holdout"),
        ]
        address = "mnist/train/00000"
        assert found[0] == Candidate(
            address, page_url="http://yann.lecun.com/exdb/mnist/", title=address, license="unknown", width=28, height=28, split="train",
        )
        assert (decoded(fetched(source, "mnist/train/00003")) == pixels(1, 5, 28, 28)[3]).all()
        assert (decoded(fetched(source, "mnist/test/00001")) == pixels(2, 2, 28, 28)[1]).all()
        with pytest.raises(FetchError):
            fetched(source, "mnist/train/00005")


def test_a_label_and_a_split(mnist: Path) -> None:
    for split, expected in (("all", ["train/00000", "train/00002", "train/00004", "test/00000"]), ("test", ["test/00000"])):
        with torchvision_sets.opened(Torchvision(dataset="mnist", root=str(mnist), label=7, split=split), context(mnist)) as source:
            assert [c.address for c in listed(source)] == [f"mnist/{name}" for name in expected]
    with torchvision_sets.opened(Torchvision(dataset="mnist", root=".", label=9), context(mnist)) as source:
        assert listed(source) == []


def test_pages_go_on_in_a_fresh_source_over_the_splits(tmp_path: Path) -> None:
    (tmp_path / "MNIST/raw").mkdir(parents=True)
    for name, data in mnist_files(train=999).items():
        (tmp_path / "MNIST/raw" / name).write_bytes(data)
    pages, cursor = [], None
    for _ in range(3):
        with torchvision_sets.opened(Torchvision(dataset="mnist", root="."), context(tmp_path)) as source:
            pages.append(page(source, cursor))
            cursor = pages[-1].next
    assert [len(part.candidates) for part in pages] == [500, 500, 1] and cursor is None
    assert [c.address for part in pages for c in part.candidates] == [
        *(f"mnist/train/{number:05}" for number in range(999)), "mnist/test/00000", "mnist/test/00001",
    ]


@pytest.fixture
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def test_mnist_is_downloaded_into_the_cache_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_proxy: None) -> None:
    files = {f"{name}.gz": gzip.compress(data) for name, data in mnist_files().items()}
    app = FastAPI()

    @app.get("/mnist/{name}")
    def one(name: str) -> Response:
        return Response(files[name], media_type="application/gzip")

    with served(app) as site:
        monkeypatch.setattr(datasets.MNIST, "mirrors", [f"{site.base}/mnist/"])
        monkeypatch.setattr(datasets.MNIST, "resources", [(name, md5(data)) for name, data in files.items()])
        for _ in range(2):
            with torchvision_sets.opened(Torchvision(dataset="mnist", split="test"), context(tmp_path)) as source:
                assert (decoded(fetched(source, "mnist/test/00000")) == pixels(2, 2, 28, 28)[0]).all()
        assert {path for path in site.requests if path.endswith(".gz")} == {f"/mnist/{name}" for name in files}
        asked = len(site.requests)
    assert asked == 2 * len(files)  # torchvision follows redirects by one request and downloads by a second
    assert (tmp_path / "cache/torchvision/MNIST/raw/t10k-images-idx3-ubyte").exists()


def test_a_blocked_download_says_which_files_go_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_proxy: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed = listener.getsockname()[1]
    monkeypatch.setattr(datasets.MNIST, "mirrors", [f"http://127.0.0.1:{closed}/"])
    told = refused(tmp_path, dataset="mnist")
    assert "mnist could not be downloaded (Error downloading train-images-idx3-ubyte.gz" in told
    assert "MNIST/raw/train-images-idx3-ubyte" in told and told.endswith("in a folder of your own and name it as root")


def test_files_with_other_sums_are_refused(tmp_path: Path) -> None:
    scipy.io.savemat(tmp_path / "train_32x32.mat", {"X": pixels(1, 32, 32, 3, 2), "y": np.array([[1], [2]], np.uint8)})
    assert "svhn could not be loaded (Dataset not found or corrupted." in refused(tmp_path, dataset="svhn", split="train", root=".")


@pytest.fixture
def svhn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """As the site has them: X is height x width x 3 x images, y a column in which 10 stands for the digit 0."""
    table = {}
    for number, split in enumerate(("train", "test", "extra")):
        name = f"{split}_32x32.mat"
        scipy.io.savemat(tmp_path / name, {"X": pixels(number, 32, 32, 3, 3), "y": np.array([[10], [7], [number]], np.uint8)})
        table[split] = [f"http://127.0.0.1/{name}", name, md5((tmp_path / name).read_bytes())]
    monkeypatch.setattr(datasets.SVHN, "split_list", table)
    return tmp_path


def test_svhn_counts_its_zeros_as_zeros_and_its_extra_images_as_training(svhn: Path) -> None:
    with torchvision_sets.opened(Torchvision(dataset="svhn", root=".", label=0), context(svhn)) as source:
        assert [(c.address, c.split, c.license) for c in listed(source)] == [
            ("svhn/train/00000", "train", "other"), ("svhn/train/00002", "train", "other"),
            ("svhn/test/00000", "holdout", "other"), ("svhn/extra/00000", "train", "other"),
        ]
        assert (decoded(fetched(source, "svhn/extra/00001")) == pixels(2, 32, 32, 3, 3)[..., 1]).all()


def test_svhn_without_scipy_says_what_to_install(svhn: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.io", None)
    assert "svhn needs the package scipy (" in refused(svhn, dataset="svhn", root=".")


@pytest.fixture
def cifar10(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """As the "python version": a pickled dict per batch, whose rows are 1024 red, then green, then blue values."""
    folder, sums = tmp_path / "cifar-10-batches-py", {}
    folder.mkdir()
    names = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
    batches = {name: {"data": pixels(number, 2, 3072), "labels": [number, 9]} for number, name in enumerate(names)}
    for name, batch in [*batches.items(), ("batches.meta", {"label_names": list("abcdefghij")})]:
        data = pickle.dumps(batch, protocol=2)
        (folder / name).write_bytes(data)
        sums[name] = md5(data)
    monkeypatch.setattr(datasets.CIFAR10, "train_list", [[name, sums[name]] for name in names[:5]])
    monkeypatch.setattr(datasets.CIFAR10, "test_list", [[names[5], sums[names[5]]]])
    monkeypatch.setattr(datasets.CIFAR10, "meta", {"filename": "batches.meta", "key": "label_names", "md5": sums["batches.meta"]})
    return tmp_path


def test_cifar10_rows_are_colour_images(cifar10: Path) -> None:
    with torchvision_sets.opened(Torchvision(dataset="cifar10", root="."), context(cifar10)) as source:
        found = listed(source)
        assert [c.address for c in found if c.split == "train"] == [f"cifar10/train/{number:05}" for number in range(10)]
        assert [c.address for c in found if c.split == "holdout"] == ["cifar10/test/00000", "cifar10/test/00001"]
        expected = pixels(1, 2, 3072)[1].reshape(3, 32, 32).transpose(1, 2, 0)  # the second image of the second batch
        assert (decoded(fetched(source, "cifar10/train/00003")) == expected).all()
    with torchvision_sets.opened(Torchvision(dataset="cifar10", root=".", label=5), context(cifar10)) as source:
        assert [c.address for c in listed(source)] == ["cifar10/test/00000"]


@pytest.fixture
def celeba(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Six aligned faces, two a split (0 train, 1 valid, 2 test), by two people."""
    folder = tmp_path / "celeba"
    (folder / "img_align_celeba").mkdir(parents=True)
    names = [f"{number:06}.jpg" for number in range(1, 7)]
    for number, name in enumerate(names):
        (folder / "img_align_celeba" / name).write_bytes(encoded(picture(number, (178, 218)), "JPEG"))
    tables = {
        "list_eval_partition.txt": [f"{name} {number // 2}" for number, name in enumerate(names)],
        "identity_CelebA.txt": [f"{name} {2880 if number % 2 else 10177}" for number, name in enumerate(names)],
        "list_bbox_celeba.txt": ["6", "image_id x_1 y_1 width height", *(f"{name}    95  71 226 313" for name in names)],
        "list_landmarks_align_celeba.txt": ["6", "lefteye_x lefteye_y", *(f"{name} 69  109" for name in names)],
        "list_attr_celeba.txt": ["6", "Bald Young", *(f"{name} -1  1" for name in names)],
    }
    for name, lines in tables.items():
        (folder / name).write_text("\n".join(lines) + "\n")
    sums = [("", md5((folder / name).read_bytes()), name) for name in tables]
    monkeypatch.setattr(datasets.CelebA, "file_list", [("0B7EVK8r0v71pZjFTYXZWM3FlRnM", "", "img_align_celeba.zip"), *sums])
    return tmp_path


def test_celeba_gives_its_own_files_by_person(celeba: Path) -> None:
    with torchvision_sets.opened(Torchvision(dataset="celeba", root=".", label=2880), context(celeba)) as source:
        found = listed(source)
        assert [(c.address, c.split) for c in found] == [
            ("celeba/train/00001", "train"), ("celeba/valid/00001", "holdout"), ("celeba/test/00001", "holdout"),
        ]
        assert (found[0].width, found[0].height, found[0].license) == (178, 218, "other")
        for candidate, name in zip(found, ("000002.jpg", "000004.jpg", "000006.jpg"), strict=True):
            assert fetched(source, candidate.address) == (celeba / "celeba/img_align_celeba" / name).read_bytes()


def test_a_quota_page_saved_as_the_zip_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def download(id: str, output: str, quiet: bool, user_agent: str) -> None:
        Path(output).write_bytes(QUOTA_PAGE)

    gdown = types.ModuleType("gdown")
    gdown.download = download
    monkeypatch.setitem(sys.modules, "gdown", gdown)
    told = refused(tmp_path, dataset="celeba")
    saved = tmp_path / "cache/torchvision/celeba/img_align_celeba.zip"
    assert f"{saved} is a web page, as Google Drive gives when its quota for the day is spent: delete it" in told
    assert "File not found or corrupted" in told and "celeba/img_align_celeba, the folder" in told


def test_celeba_without_gdown_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gdown", None)
    assert "pip install gdown" in refused(tmp_path, dataset="celeba")


def test_splits_and_labels_that_there_are_not(tmp_path: Path) -> None:
    assert "mnist has no split 'extra'; there are train, test" in refused(tmp_path, dataset="mnist", split="extra")
    assert "cifar10 has no label 10; there are 0 to 9" in refused(tmp_path, dataset="cifar10", label=10)
    assert "celeba has no label 0; there are 1 to 10177" in refused(tmp_path, dataset="celeba", label=0)
