"""The part of the card that says how to load the dataset: lines that run as they stand, in the dataset's folder."""

from pipeline.prepare.dataset.summary import Summary

__all__ = ["loading"]

DATASETS = """\
from pathlib import Path
from datasets import load_dataset

data = load_dataset(str(Path.cwd()), split="{split}")
print(data[0]["{picture}"], data[0]["cls.txt"])"""

WEBDATASET = """\
import glob, webdataset

shards = sorted(glob.glob("shards/{split}-*.tar"))
data = webdataset.WebDataset(shards, shardshuffle=False).decode("pil").to_tuple({members})
print(next(iter(data)))"""

CROISSANT = """\
import mlcroissant

data = mlcroissant.Dataset("croissant.json").records("images")
print(next(iter(data)))"""

TORCHVISION = """\
from torchvision.datasets import ImageFolder  # after, in the project: darkroom export --as imagefolder --out data/images

data = ImageFolder("../images/{split}")
print(data[0], data.classes)"""

DARKROOM = """\
from pathlib import Path
from pipeline.train.dataset import load

data = load(Path("shards"), "{split}")
print(data.images.shape, data.labels.shape, data.classes)"""


def loading(summary: Summary) -> list[str]:
    """The section, with one piece of Python for each library."""
    paired, split = summary.settings.pair.paired, summary.splits[0]
    members = '"input.png", "target.png"' if paired else '"png", "cls.txt"'
    picture = "target.png" if paired else "png"
    pieces = {"Hugging Face datasets": DATASETS, "WebDataset": WEBDATASET, "Croissant": CROISSANT}
    if not paired:
        pieces |= {"torchvision": TORCHVISION, "Darkroom": DARKROOM}
    lines = ["## Loading it", ""]
    for name, code in pieces.items():
        lines += [f"{name}:", "", "```python", code.format(split=split, members=members, picture=picture), "```", ""]
    return [*lines, "mlcroissant keeps what it unpacked by the name of the file: set CROISSANT_CACHE to a new folder for another version.",
            "",
            "Other forms: `darkroom export --as imagefolder | parquet | stylegan-zip | webdataset`.", ""]
