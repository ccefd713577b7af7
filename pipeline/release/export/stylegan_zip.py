"""A zip file for NVIDIA's StyleGAN family, in the form that their dataset_tool documents: uncompressed entries, uncompressed PNG,
00000/img00000000.png and on, and dataset.json with {"labels": [[name, class number], …]}. One split, square pictures of one size, a power
of two, and of one mode."""

import io
import json
import zipfile
from pathlib import Path

from PIL import Image

from pipeline import image
from pipeline.errors import UserError
from pipeline.release.export.packed import Packed, Sample
from pipeline.release.export.target import COMMENT
from pipeline.release.export.wish import Wish

__all__ = ["write"]

FIRST_DAY = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can say


def write(packed: Packed, target: Path, wish: Wish) -> str:
    """Write the zip. Raises UserError where the dataset's pictures do not fit the form."""
    split = wish.split or "train"
    if packed.paired:
        raise UserError("export: this dataset holds pairs, and stylegan-zip single images; choose another form")
    labels, expected = [], None
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        archive.comment = COMMENT
        for number, sample in enumerate(packed.samples(split, wish.originals_only)):
            picture = _decoded(sample)
            expected = expected or picture
            _check(picture, expected, sample.key)
            name = f"{number // 1000:05d}/img{number:08d}.png"
            _add(archive, name, _plain_png(picture))
            labels.append([name, packed.classes.index(sample.facts["class"])])
        _add(archive, "dataset.json", json.dumps({"labels": labels}).encode())
    return "python train.py --data=FOLDER --cond=1 …"


def _decoded(sample: Sample) -> Image.Image:
    try:
        return image.decode(sample.read("png"))
    except image.ImageError as error:
        raise UserError(f"export: {sample.key} in {sample.shard}: {error}; run `dvc repro package` to make it again") from None


def _check(picture: Image.Image, first: Image.Image, key: str) -> None:
    width, height = picture.size
    if picture.size != first.size or picture.mode != first.mode:
        raise UserError(f"export: {key} is {width}x{height} {picture.mode}, others are {first.width}x{first.height} {first.mode}, and "
                        "StyleGAN wants one size; set resize.fit in params.yaml to fill or pad and run `dvc repro package`")
    if width != height or width & (width - 1):
        nearest = 1 << max(2, round(max(width, height)).bit_length() - 1)
        raise UserError(f"export: the images are {width}x{height}, and StyleGAN wants squares whose side is a power of two; set "
                        f"resize.size in params.yaml to {nearest} or {2 * nearest} (and crop.aspect to 1) and run `dvc repro package`")


def _plain_png(picture: Image.Image) -> bytes:
    sink = io.BytesIO()
    picture.save(sink, "PNG", compress_level=0, optimize=False)
    return sink.getvalue()


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    entry = zipfile.ZipInfo(name, FIRST_DAY)
    entry.create_system, entry.external_attr = 3, 0o644 << 16  # the same on every system
    archive.writestr(entry, data)
