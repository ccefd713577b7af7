"""darkroom dedupe: the copies in any folder of images."""

import argparse
import os
from pathlib import Path

from pipeline import params
from pipeline.cli.places import Commands, given_path

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    settings = params.Dedupe()
    parser = commands.add_parser("dedupe", help="find the copies in a folder of images; nothing in it is changed")
    parser.add_argument("folder", type=given_path, metavar="DIR", help="a folder of image files, and of folders of them")
    parser.add_argument("--out", type=Path, default=Path("groups.csv"), metavar="FILE.csv",
                        help="path, group, kept, kind and distance of every readable file; the others go to rejected.csv beside it")
    parser.add_argument("--exact", action="store_true", help="only the same bytes and the same pixels")
    parser.add_argument("--turned", choices=("all", "photos", "none"), default=settings.turned,
                        help="what is the same mirrored or turned; default %(default)s")
    parser.add_argument("--distance", type=int, default=settings.distance, metavar="BITS",
                        help=f"bits of 256 in which two hashes may differ for their pictures to be compared; default {settings.distance}")
    parser.add_argument("--quality", type=Path, metavar="FILE.csv", help="also a table of each file's quality scores")
    parser.add_argument("--workers", type=int, default=0, metavar="N", help="processes; default: all cores")
    parser.add_argument("--cache", type=Path, default=_cache(), metavar="FILE", help="where what was seen is kept; default %(default)s")
    parser.set_defaults(run=_dedupe)


def _dedupe(given: argparse.Namespace) -> None:
    from pydantic import ValidationError

    from pipeline.curate.dedupe import dedupe_folder
    from pipeline.errors import UserError

    try:
        settings = params.Dedupe(near=not given.exact, distance=given.distance, turned=given.turned)
    except ValidationError:
        raise UserError(f"--distance {given.distance} is not allowed; 0 to 63 bits are") from None
    found = dedupe_folder(given.folder, given.out, given.cache, settings, given.workers, given.quality)
    print(f"{found}\nin {given.out}, a row for every image; what could not be read is in {given.out.with_name('rejected.csv')}")


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "darkroom" / "curate.sqlite"
