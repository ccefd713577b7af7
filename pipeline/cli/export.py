"""darkroom export: the packaged dataset in the forms of other programs."""

import argparse
from pathlib import Path

from pipeline.cli.places import DATASET, Commands, positive

__all__ = ["add"]

FORMS = ("imagefolder", "parquet", "stylegan-zip", "webdataset")


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("export", help="write the dataset in a form that other programs read")
    parser.add_argument("dataset", type=Path, nargs="?", default=DATASET, metavar="DATASET",
                        help="a packaged dataset (default data/dataset)")
    parser.add_argument("--as", dest="form", required=True, choices=FORMS, help="imagefolder for torchvision and people; parquet with "
                        "the images in it; stylegan-zip as NVIDIA's dataset_tool has it; webdataset in other shards, with class numbers")
    parser.add_argument("--out", type=Path, metavar="PATH", help="where to (default beside the dataset: data/dataset-imagefolder …)")
    parser.add_argument("--split", default="", metavar="NAME", help="only this split (default all; stylegan-zip: train)")
    parser.add_argument("--originals-only", action="store_true", help="without augmented copies")
    files = parser.add_mutually_exclusive_group()
    files.add_argument("--shards", type=positive, metavar="N", help="files for each split, for parquet and webdataset")
    files.add_argument("--shard-size", type=positive, metavar="MB", help="or megabytes of images in a file (default 256)")
    parser.set_defaults(run=_export)


def _export(given: argparse.Namespace) -> None:
    from pipeline.errors import UserError
    from pipeline.release.export import Wish, default_target, export

    if (given.shards or given.shard_size) and given.form not in ("parquet", "webdataset"):
        raise UserError(f"--shards and --shard-size are for parquet and webdataset; {given.form} has no shards")
    split = given.split or ("train" if given.form == "stylegan-zip" else "")
    wish = Wish(split, given.originals_only, given.shards or 0, (given.shard_size or 256) * 1_000_000)
    print(export(given.dataset, given.form, given.out or default_target(given.dataset, given.form), wish))
