"""Datasets that torchvision knows: MNIST, SVHN, CIFAR-10, CelebA. It downloads them and checks their published sums."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.collect.answer import FetchError
from pipeline.collect.sources.source import About, Candidate, Context, Found, Page, Source
from pipeline.errors import UserError
from pipeline.image import encode_png
from pipeline.source_params import Torchvision

__all__ = ["ABOUT", "Part", "TorchvisionSource", "opened"]

ABOUT = About(
    needs="One download of the dataset, or its files in a folder; for celeba also the package gdown, for svhn scipy.",
    allows="All images of mnist, svhn, cifar10 and celeba; svhn and celeba are for non-commercial research only.",
    public_web=False,
)
PAGE = 500


@dataclass(frozen=True)
class Part:
    """One split, loaded: the label of every image, and how to get the bytes of one."""

    labels: Sequence[int]
    data: Callable[[int], bytes]


@dataclass(frozen=True)
class Kind:
    """What is known of a dataset before it is loaded: `files` are those that belong under its root."""

    page_url: str
    license: str
    splits: tuple[str, ...]
    labels: range
    size: tuple[int, int]
    files: str
    load: Callable[[Path, str, bool], Part]


@dataclass(frozen=True)
class TorchvisionSource:
    """Images by split and number, such as "mnist/train/00042"."""

    dataset: str
    parts: Mapping[str, Part]
    label: int | None
    name: str = "torchvision"
    takes_terms: bool = False
    local: bool = True

    async def search(self, term: str, cursor: str | None) -> Page:
        """The images from `cursor` on, a split and a number in it such as "train/500"."""
        split, number = (cursor or f"{next(iter(self.parts))}/0").split("/")
        candidates: list[Candidate] = []
        for place in list(self.parts)[list(self.parts).index(split) :]:
            labels = self.parts[place].labels
            for at in range(int(number) if place == split else 0, len(labels)):
                if len(candidates) == PAGE:
                    return Page(candidates, f"{place}/{at}")
                if self.label in (None, labels[at]):
                    candidates.append(self._candidate(place, at))
        return Page(candidates)

    async def fetch(self, candidate: Candidate) -> Found:
        """The file's own bytes where the dataset has files, as celeba; a lossless PNG of the pixels elsewhere."""
        _, split, number = candidate.address.split("/")
        try:
            return Found(await asyncio.to_thread(self.parts[split].data, int(number)), candidate)
        except (OSError, KeyError, IndexError) as error:
            raise FetchError("read_error", f"{candidate.address}: {error}") from None

    def _candidate(self, split: str, number: int) -> Candidate:
        kind, address = KINDS[self.dataset], f"{self.dataset}/{split}/{number:05}"
        return Candidate(
            address, page_url=kind.page_url, title=address, license=kind.license, width=kind.size[0], height=kind.size[1],
            split="train" if split in ("train", "extra") else "holdout",
        )


@contextmanager
def opened(options: Torchvision, context: Context) -> Iterator[Source]:
    """The dataset, downloaded where it is not there yet. Raises UserError where it cannot be had, or lacks that split or label."""
    kind, name = KINDS[options.dataset], options.dataset
    if options.split not in ("all", *kind.splits):
        raise UserError(f"params.yaml: sources: torchvision: {name} has no split {options.split!r}; there are {', '.join(kind.splits)}")
    if options.label is not None and options.label not in kind.labels:
        raise UserError(
            f"params.yaml: sources: torchvision: {name} has no label {options.label}; "
            f"there are {kind.labels.start} to {kind.labels.stop - 1}"
        )
    given = Path(options.root).expanduser() if options.root else None
    root = context.base / given if given else context.cache / "torchvision"
    splits = kind.splits if options.split == "all" else (options.split,)
    yield TorchvisionSource(name, {split: _loaded(name, root, split, given is None) for split in splits}, options.label)


def _loaded(name: str, root: Path, split: str, download: bool) -> Part:
    try:
        return KINDS[name].load(root, split, download)
    except ImportError as error:
        package = (error.name or "").split(".")[0]
        raise UserError(f"params.yaml: sources: torchvision: {name} needs the package {package} ({error}); pip install {package}") from None
    except Exception as error:  # torchvision's, urllib's and gdown's errors have no other class in common
        why = " ".join(str(error).split()) or type(error).__name__
        for page in _web_pages(root / name):
            why += f"; {page} is a web page, as Google Drive gives when its quota for the day is spent: delete it and try again tomorrow"
        verb = "downloaded" if download else "loaded"
        raise UserError(
            f"params.yaml: sources: torchvision: {name} could not be {verb} ({why}); "
            f"or have {KINDS[name].files} in a folder of your own and name it as root"
        ) from error


def _web_pages(folder: Path) -> Iterator[Path]:
    """What was saved under the name of an archive or a table, and is HTML."""
    for path in sorted([*folder.glob("*.zip"), *folder.glob("*.txt")]):
        with path.open("rb") as file:
            if file.read(64).lstrip().lower().startswith((b"<!doctype", b"<html")):
                yield path


def _mnist(root: Path, split: str, download: bool) -> Part:
    from torchvision import datasets

    dataset = datasets.MNIST(str(root), train=split == "train", download=download)
    return Part(dataset.targets.tolist(), _png_of(dataset))


def _svhn(root: Path, split: str, download: bool) -> Part:
    from torchvision import datasets

    dataset = datasets.SVHN(str(root), split=split, download=download)
    return Part(dataset.labels.tolist(), _png_of(dataset))


def _cifar10(root: Path, split: str, download: bool) -> Part:
    from torchvision import datasets

    dataset = datasets.CIFAR10(str(root), train=split == "train", download=download)
    return Part(dataset.targets, _png_of(dataset))


def _celeba(root: Path, split: str, download: bool) -> Part:
    from torchvision import datasets

    dataset = datasets.CelebA(str(root), split=split, target_type="identity", download=download)
    folder = root / dataset.base_folder / "img_align_celeba"
    return Part(dataset.identity[:, 0].tolist(), lambda number: (folder / dataset.filename[number]).read_bytes())


def _png_of(dataset: Any) -> Callable[[int], bytes]:
    return lambda number: encode_png(dataset[number][0])


KINDS = {
    "mnist": Kind(
        "http://yann.lecun.com/exdb/mnist/", "unknown", ("train", "test"), range(10), (28, 28),
        "MNIST/raw/train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte", _mnist,
    ),
    "svhn": Kind(
        "http://ufldl.stanford.edu/housenumbers/", "other", ("train", "test", "extra"), range(10), (32, 32),
        "train_32x32.mat, test_32x32.mat and extra_32x32.mat", _svhn,
    ),
    "cifar10": Kind(
        "https://www.cs.toronto.edu/~kriz/cifar.html", "unknown", ("train", "test"), range(10), (32, 32),
        "cifar-10-batches-py, the folder in cifar-10-python.tar.gz,", _cifar10,
    ),
    "celeba": Kind(
        "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html", "other", ("train", "valid", "test"), range(1, 10_178), (178, 218),
        "celeba/img_align_celeba, the folder, and celeba/list_attr_celeba.txt, identity_CelebA.txt, list_bbox_celeba.txt, "
        "list_landmarks_align_celeba.txt and list_eval_partition.txt", _celeba,
    ),
}
