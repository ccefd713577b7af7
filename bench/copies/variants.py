"""Copies of the originals as they turn up on the web, each of a named kind, and the table that says which is whose.

Which originals get copies, where a crop lies, what colour a border has: all follow from the seed, so two seeds make two
sets. Seeds 0 to 3 never copy the same photograph, emoji or logo: tune on one, judge on another. The originals that have no
copies are in every set.
"""

import csv
import io
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from PIL import Image, ImageDraw, ImageEnhance, ImageFont

from bench.copies.originals import Original
from pipeline import image

__all__ = ["ORIGINAL", "Labelled", "build", "kinds", "read_labels"]

ORIGINAL = "original"  # the kind of the files that are no copies
LABELS = "labels.csv"
COPIED = {"photo": 200, "emoji": 100, "logo": 100, "flat": 40}  # how many of a class have copies
QUALITY = 90  # of the JPEG that a site writes after a change of pixels
WHITE, BLACK = (255, 255, 255), (0, 0, 0)
Turn = Image.Transpose


@dataclass(frozen=True)
class Labelled:
    """One file: its path in the folder, the name of the original it shows, the kind of copy, the original's class.

    `detail` is what the seed chose: webp, centred, white.
    """

    path: str
    original: str
    kind: str
    class_: str
    detail: str = ""


@dataclass(frozen=True)
class Copy:
    """An encoded copy, its file's extension, and what the seed chose."""

    data: bytes
    extension: str
    detail: str = ""


Maker = Callable[[Image.Image, random.Random], Copy]


def build(folder: Path, originals: Sequence[Original], seed: int) -> list[Labelled]:
    """Write every original and the copies of those the seed takes to `folder`, and labels.csv. The same seed, the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    labels = []
    copied = {name for class_ in COPIED for name in _taken(originals, class_, seed)}
    for original in sorted(originals, key=lambda original: original.name):
        path = f"{original.name}.{ORIGINAL}{original.path.suffix}"
        (folder / path).write_bytes(original.path.read_bytes())
        labels.append(Labelled(path, original.name, ORIGINAL, original.class_))
        if original.name in copied:
            labels += _copies(folder, original, seed)
    _write(folder / LABELS, labels)
    return labels


def kinds(class_: str) -> tuple[str, ...]:
    """The kinds of copies that an original of this class has."""
    return tuple(MAKERS[class_])


def read_labels(folder: Path) -> list[Labelled]:
    """What build() wrote to this folder."""
    with (folder / LABELS).open(newline="", encoding="utf-8") as file:
        return [Labelled(*row) for row in list(csv.reader(file))[1:]]


def _write(path: Path, labels: Iterable[Labelled]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(field.name.rstrip("_") for field in fields(Labelled))
        table.writerows(astuple(label) for label in labels)


def _taken(originals: Iterable[Original], class_: str, seed: int) -> list[str]:
    """The seed's block of the names, shuffled the same way for all seeds, going round where they end."""
    names = sorted(original.name for original in originals if original.class_ == class_)
    random.Random(class_).shuffle(names)
    count = min(COPIED[class_], len(names))
    start = seed * count
    return [names[(start + place) % len(names)] for place in range(count)]


def _copies(folder: Path, original: Original, seed: int) -> list[Labelled]:
    picture = image.open_image(original.path)
    if original.class_ in ("photo", "flat"):
        picture = picture.convert("RGB")
    labels = []
    for kind, make in MAKERS[original.class_].items():
        copy = make(picture, random.Random(f"{seed} {original.name} {kind}"))
        path = f"{original.name}.{kind}.{copy.extension}"
        (folder / path).write_bytes(copy.data)
        labels.append(Labelled(path, original.name, kind, original.class_, copy.detail))
    return labels


def _encoded(picture: Image.Image, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def _jpeg(picture: Image.Image, detail: str = "", quality: int = QUALITY) -> Copy:
    return Copy(_encoded(picture, "JPEG", quality=quality), "jpg", detail)


def _format(picture: Image.Image, chance: random.Random) -> Copy:
    if chance.random() < 0.5:
        return Copy(_encoded(picture, "PNG"), "png", "png")
    return Copy(_encoded(picture, "WEBP", quality=QUALITY), "webp", "webp")


def _scaled(picture: Image.Image, share: float) -> Image.Image:
    size = (max(1, round(picture.width * share)), max(1, round(picture.height * share)))
    if picture.mode in ("LA", "RGBA"):  # premultiplied, or colours hidden under transparency bleed into the edges
        return picture.convert("RGBA").convert("RGBa").resize(size, Image.Resampling.LANCZOS).convert("RGBA")
    return picture.resize(size, Image.Resampling.LANCZOS)


def _cropped(picture: Image.Image, chance: random.Random, share: float) -> Copy:
    """Takes `share` of a side away: of both, with what is left in the middle or anywhere, or of one side only."""
    flavour = chance.choice(("centred", "off-centre", "one side"))
    along, across = (round(side * (1 - share)) for side in picture.size)
    if flavour == "one side":
        along, across = chance.choice(((along, picture.height), (picture.width, across)))
    x, y = picture.width - along, picture.height - across
    left, top = (x // 2, y // 2) if flavour == "centred" else (chance.randint(0, x), chance.randint(0, y))
    return _jpeg(picture.crop((left, top, left + along, top + across)), flavour)


def _watermarked(picture: Image.Image, chance: random.Random) -> Copy:
    """Half-transparent white letters with a dark edge over 70 % of the width, in the upper, middle or lower part."""
    text = chance.choice(("© Example Photos", "stock preview", "www.photos.example"))
    height = chance.choice((0.25, 0.5, 0.75))
    wide = ImageFont.load_default(100).getlength(text)
    font = ImageFont.load_default(max(8, round(100 * 0.7 * picture.width / wide)))
    over = Image.new("RGBA", picture.size)
    ImageDraw.Draw(over).text(
        (picture.width / 2, picture.height * height), text, (*WHITE, 128), font, anchor="mm", stroke_width=1, stroke_fill=(*BLACK, 128)
    )
    return _jpeg(Image.alpha_composite(picture.convert("RGBA"), over).convert("RGB"), f"{text} at {height}")


def _bordered(picture: Image.Image, chance: random.Random) -> Copy:
    """8 % of the shorter side on every side."""
    name, colour = chance.choice((("white", WHITE), ("black", BLACK), ("coloured", None)))
    width = round(min(picture.size) * 0.08)
    colour = colour or (chance.randrange(256), chance.randrange(256), chance.randrange(256))
    framed = Image.new("RGB", (picture.width + 2 * width, picture.height + 2 * width), colour)
    framed.paste(picture, (width, width))
    return _jpeg(framed, name)


def _leaning(picture: Image.Image, chance: random.Random) -> Copy:
    """3 degrees to either side on the same canvas, its corners white or black."""
    degrees, (name, colour) = chance.choice((3, -3)), chance.choice((("white", WHITE), ("black", BLACK)))
    return _jpeg(picture.rotate(degrees, Image.Resampling.BICUBIC, fillcolor=colour), f"{degrees} {name}")


def _lying(picture: Image.Image, chance: random.Random) -> Copy:
    """Pixels on their side and the EXIF orientation that sets them upright: 6, a quarter turn clockwise (EXIF 2.32, 0x0112)."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return Copy(_encoded(picture.transpose(Turn.ROTATE_90), "JPEG", quality=QUALITY, exif=exif), "jpg")


def _turned(how: Image.Transpose) -> Maker:
    def make(picture: Image.Image, chance: random.Random) -> Copy:
        turned = picture.transpose(how)
        return Copy(_encoded(turned, "PNG"), "png") if picture.mode in ("LA", "RGBA") else _jpeg(turned)

    return make


def _flattened(colour: tuple[int, int, int]) -> Maker:
    return lambda picture, chance: Copy(_encoded(image.flatten(picture, colour), "PNG"), "png")


PHOTO: dict[str, Maker] = {
    "format": _format,
    "jpeg-30": lambda picture, chance: _jpeg(picture, quality=30),
    "jpeg-75": lambda picture, chance: _jpeg(picture, quality=75),
    "half": lambda picture, chance: _jpeg(_scaled(picture, 0.5)),
    "thumb-128": lambda picture, chance: _jpeg(_scaled(picture, 128 / max(picture.size))),
    "up-150": lambda picture, chance: _jpeg(_scaled(picture, 1.5)),
    "fliph": _turned(Turn.FLIP_LEFT_RIGHT),
    "flipv": _turned(Turn.FLIP_TOP_BOTTOM),
    "rot-90": _turned(Turn.ROTATE_90),
    "rot-180": _turned(Turn.ROTATE_180),
    "rot-270": _turned(Turn.ROTATE_270),
    "crop-5": lambda picture, chance: _cropped(picture, chance, 0.05),
    "crop-10": lambda picture, chance: _cropped(picture, chance, 0.10),
    "crop-20": lambda picture, chance: _cropped(picture, chance, 0.20),
    "bright-130": lambda picture, chance: _jpeg(ImageEnhance.Brightness(picture).enhance(1.3)),
    "grey": lambda picture, chance: _jpeg(picture.convert("L")),
    "watermark": _watermarked,
    "border-8": _bordered,
    "lean-3": _leaning,
    "exif-6": _lying,
}
DRAWING: dict[str, Maker] = {
    "on-white": _flattened(WHITE),
    "on-black": _flattened(BLACK),
    "up-300": lambda picture, chance: Copy(_encoded(_scaled(picture, 3), "PNG"), "png"),
    "webp-lossless": lambda picture, chance: Copy(_encoded(picture.convert("RGBA"), "WEBP", lossless=True), "webp"),
    "fliph": _turned(Turn.FLIP_LEFT_RIGHT),
    "rot-90": _turned(Turn.ROTATE_90),
    "palette": lambda picture, chance: Copy(
        _encoded(picture.convert("RGBA").quantize(256, Image.Quantize.FASTOCTREE), "PNG"), "png"
    ),
}
MAKERS = {"photo": PHOTO, "emoji": DRAWING, "logo": DRAWING, "flat": {"jpeg-75": PHOTO["jpeg-75"]}}
