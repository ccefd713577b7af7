"""The groups of a set of files."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps

from pipeline.collect.photosite.catalogue import emoji
from pipeline.item import image_id
from tests.conftest import encoded
from tests.copying import COPIES, Files, cut, face, photo, scaled, with_alpha


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path / "files")


@pytest.mark.parametrize("seed", [1, 2])
def test_every_kind_of_copy_at_once_is_one_group_around_the_original(files: Files, seed: int) -> None:
    files.add("original", photo(seed))
    for name, (_, made) in COPIES.items():
        files.add(name, made(photo(seed)))
    files.add("the same bytes", files.paths["original"].read_bytes())
    files.add("another", photo(seed + 10))
    found = files.copies(prefer=["uncropped", "pixels", "bytes"])
    kept = {kept for kept, _ in found.values()}
    lesser = {name for name, (kind, _) in COPIES.items() if kind in ("crop", "border")} | {"half the size", "a thumbnail"}
    assert len(kept) == 1 and kept.isdisjoint(lesser)
    assert len(found) == len(COPIES) + 1 and "another" not in found


@pytest.mark.parametrize("seed", [3])
@pytest.mark.parametrize("name", COPIES)
def test_a_copy_alone_with_its_original_is_found_by_its_kind(files: Files, name: str, seed: int) -> None:
    kind, made = COPIES[name]
    files.add("original", photo(seed))
    files.add("copy", made(photo(seed)))
    files.add("another", photo(seed + 10))
    found = files.copies(before={"copy": 1})
    assert found == {"copy": ("original", kind)}


def test_an_image_twice_as_large_is_kept_and_says_so(files: Files) -> None:
    files.add("original", photo(1))
    files.add("upscaled", scaled(photo(1), 2))
    assert files.copies() == {"original": ("upscaled", "near")}


def exif_turned(made: Image.Image) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6  # stored on its side: what lies left is up, EXIF 2.32
    return encoded(made.transpose(Image.Transpose.ROTATE_90), "PNG", exif=exif)


PIXELS = {
    "BMP": lambda made: encoded(made, "BMP"),
    "TIFF": lambda made: encoded(made, "TIFF", compression="tiff_lzw"),
    "WebP without loss": lambda made: encoded(made, "WEBP", lossless=True),
    "opaque RGBA": lambda made: encoded(made.convert("RGBA")),
    "turned by EXIF": exif_turned,
    "packed otherwise": lambda made: encoded(made, compress_level=0),
}


@pytest.mark.parametrize("near", [True, False])
@pytest.mark.parametrize("size", [(120, 90), (640, 480)])
@pytest.mark.parametrize("name", PIXELS)
def test_the_same_pixels_are_named_so_in_small_and_in_large_files(files: Files, name: str, size: tuple[int, int], near: bool) -> None:
    files.add("original", photo(3, size))
    files.add("copy", PIXELS[name](photo(3, size)))
    files.add("another", photo(4, size))
    assert files.copies(before={"copy": 1}, near=near) == {"copy": ("original", "pixels")}


@pytest.mark.parametrize("near", [True, False])
@pytest.mark.parametrize("size", [(120, 90), (640, 480)])
def test_grey_as_one_channel_and_as_three_are_the_same_pixels(files: Files, size: tuple[int, int], near: bool) -> None:
    grey = photo(3, size).convert("L")
    files.add("L", grey)
    files.add("RGB", grey.convert("RGB"))
    files.add("LA", grey.convert("LA"))
    found = files.copies(before={"RGB": 1, "LA": 2}, near=near)
    assert found == {"RGB": ("L", "pixels"), "LA": ("L", "pixels")}


@pytest.mark.parametrize("size", [(120, 90), (640, 480)])
def test_a_jpeg_and_the_png_made_of_it_have_the_same_pixels(files: Files, size: tuple[int, int]) -> None:
    files.add("photo.jpg", photo(5, size), "JPEG", quality=80)
    with Image.open(files.paths["photo.jpg"]) as decoded:
        files.add("screenshot.png", decoded.convert("RGB"))
    files.add("poorer.jpg", photo(5, size), "JPEG", quality=40)
    before = {"screenshot.png": 1, "poorer.jpg": 2}
    assert files.copies(before=before, near=True) == {"screenshot.png": ("photo.jpg", "pixels"), "poorer.jpg": ("photo.jpg", "near")}
    if size == (120, 90):
        assert files.copies(before=before, near=False) == {"screenshot.png": ("photo.jpg", "pixels")}


def test_a_large_jpeg_and_the_png_made_of_it_are_the_same_pixels_without_near_ones_too(files: Files) -> None:
    files.add("photo.jpg", photo(5, (640, 480)), "JPEG", quality=80)
    with Image.open(files.paths["photo.jpg"]) as decoded:
        files.add("screenshot.png", decoded.convert("RGB"))
    files.add("poorer.jpg", photo(5, (640, 480)), "JPEG", quality=40)
    files.add("another.jpg", photo(6, (640, 480)), "JPEG", quality=80)
    assert files.copies(before={"screenshot.png": 1, "poorer.jpg": 2}, near=False) == {"screenshot.png": ("photo.jpg", "pixels")}


@pytest.mark.parametrize("size", [(120, 90), (640, 480)])
def test_one_pixel_that_differs_is_not_the_same_pixels(files: Files, size: tuple[int, int]) -> None:
    other = photo(3, size)
    red, *others = other.getpixel((60, 50))
    other.putpixel((60, 50), (red ^ 1, *others))
    files.add("one", photo(3, size))
    files.add("other", other)
    assert files.copies(near=False) == {}
    assert files.copies(before={"other": 1}) == {"other": ("one", "near")}


def test_without_near_ones_only_the_same_bytes_and_pixels_are_found(files: Files) -> None:
    files.add("original", photo(1))
    files.add("the same bytes", files.paths["original"].read_bytes())
    for name, (_, made) in COPIES.items():
        files.add(name, made(photo(1)))
    before = dict.fromkeys([*COPIES, "the same bytes"], 1)
    assert files.copies(before=before, near=False) == {"the same bytes": ("original", "exact"), "another format": ("original", "pixels")}


@pytest.mark.parametrize("near", [True, False])
def test_white_paper_upright_and_on_its_side_have_other_pixels(files: Files, near: bool) -> None:
    files.add("upright", Image.new("RGB", (100, 200), "white"))
    files.add("on its side", Image.new("RGB", (200, 100), "white"))
    assert "pixels" not in {kind for _, kind in files.copies(near=near).values()}


def test_pictures_that_only_look_alike_are_no_copies(files: Files) -> None:
    for colour in ("white", "black", "red", "silver", "navy"):
        files.add(f"flat {colour}", Image.new("RGB", (160, 160), colour))
    files.add("gradient", Image.linear_gradient("L"))
    files.add("round gradient", Image.radial_gradient("L"))
    for skin in ("orange", "peachpuff", "tan", "sienna"):
        files.add(f"{skin} face", face(skin=skin))
        files.add(f"{skin} face without a mouth", face(mouth=False, skin=skin))
    for seed in range(10):
        files.add(f"photo {seed}", photo(seed))
        files.add(f"cut out {seed}", with_alpha(photo(seed + 20)))
    for seed in range(3):
        made = Image.new("RGBA", (200, 200), (255, 255, 255, 0))
        points = [tuple(point) for point in np.random.default_rng(seed).integers(10, 190, (9, 2)).tolist()]
        ImageDraw.Draw(made).line(points, fill="white", width=9)
        files.add(f"white line {seed}", made)
    assert files.copies() == {}


def test_emoji_of_another_skin_are_no_copies_and_every_larger_one_finds_its_own(files: Files) -> None:
    hands = [each for each in emoji() if "sign" in each.title and ("Waving hand" in each.title or "Thumbs up" in each.title)]
    assert len(hands) == 12
    for each in hands:
        files.add(each.slug, each.file.read_bytes())
        with Image.open(each.file) as opened:
            files.add(f"large {each.slug}", scaled(opened.convert("RGBA"), 2))
    assert files.copies() == {each.slug: (f"large {each.slug}", "near") for each in hands}


def test_the_whole_picture_is_kept_although_a_part_has_more_pixels(files: Files) -> None:
    files.add("part", scaled(cut(photo(2), 0.1, 0.1, 0.1, 0.1), 2))
    files.add("whole", photo(2))
    assert files.copies() == {"part": ("whole", "crop")}
    assert files.copies(prefer=["pixels", "bytes"]) == {"whole": ("part", "crop")}


def test_the_framed_picture_loses_although_it_has_more_pixels(files: Files) -> None:
    files.add("framed", ImageOps.expand(photo(2), 40, "white"))
    files.add("plain", photo(2))
    assert files.copies() == {"framed": ("plain", "border")}
    assert files.copies(prefer=["pixels"]) == {"plain": ("framed", "border")}


def test_preferences_decide_in_their_order(files: Files) -> None:
    files.add("large.jpg", scaled(photo(2), 1.5), "JPEG", quality=20)
    files.add("small.png", photo(2))
    assert len(files.paths["small.png"].read_bytes()) > 4 * len(files.paths["large.jpg"].read_bytes())
    assert set(files.copies()) == {"small.png"}
    assert set(files.copies(prefer=["lossless", "pixels"])) == {"large.jpg"}
    assert set(files.copies(prefer=["bytes", "pixels"])) == {"large.jpg"}
    assert set(files.copies(prefer=["pixels", "lossless"])) == {"small.png"}


def padded(data: bytes, length: int) -> bytes:
    """The same JPEG with so many bytes, by a comment."""
    comment = b"\xff\xfe" + (length - len(data) - 2).to_bytes(2, "big") + bytes(length - len(data) - 4)
    return data[:2] + comment + data[2:]


def test_bytes_decide_only_from_a_factor_of_two_on(files: Files) -> None:
    """Of three equals the odd one out is not typical; so it is kept only where its bytes decide."""
    odd = encoded(COPIES["darker"][1](photo(2)), "JPEG", quality=60)
    plain = [encoded(photo(2), "JPEG", quality=quality) for quality in (60, 62)]
    base = max(map(len, (odd, *plain)))
    for number, data in enumerate(plain):
        files.add(f"plain {number}", padded(data, base + 10 + number))
    files.add("odd", padded(odd, round(1.8 * base)))
    assert "odd" in files.copies()
    files.add("odd", padded(odd, round(2.2 * base)))
    assert set(files.copies()) == {"plain 0", "plain 1"}


def test_what_comes_before_beats_every_preference(files: Files) -> None:
    files.add("large", scaled(photo(2), 2))
    files.add("small", photo(2))
    assert files.copies(before={"large": 1}) == {"large": ("small", "near")}
    assert files.copies(before={"small": 1}) == {"small": ("large", "near")}


def test_the_same_bytes_as_a_copy_belong_to_the_group_of_that(files: Files) -> None:
    files.add("original", photo(1))
    files.add("mirrored", ImageOps.mirror(scaled(photo(1), 0.5)))
    files.add("mirrored again", files.paths["mirrored"].read_bytes())
    files.add("mirrored in another format", ImageOps.mirror(scaled(photo(1), 0.5)), "BMP")
    found = files.copies()
    assert {kept for kept, _ in found.values()} == {"original"} and len(found) == 3
    assert {kind for _, kind in found.values()} == {"flip"}


def some(files: Files) -> None:
    for seed in range(6):
        files.add(f"{seed} original", photo(seed))
        for name in ("half the size", "mirrored", "10 % cut off", "a white border", "a poor JPEG", "another format"):
            files.add(f"{seed} {name}", COPIES[name][1](photo(seed)))


@pytest.mark.parametrize("order", range(3))
def test_the_order_of_the_files_does_not_matter(files: Files, order: int) -> None:
    some(files)
    names = list(files.paths)
    shuffled = [names[place] for place in np.random.default_rng(order).permutation(len(names))]
    expected = files.copies(names)
    assert files.copies(shuffled) == expected and len(expected) >= 30


def test_nothing_has_no_copies(files: Files) -> None:
    assert files.copies() == {}


@pytest.mark.parametrize("names", [["upright", "mirrored", "dark"], ["dark", "mirrored", "upright"], ["mirrored", "dark", "upright"]])
def test_nor_where_nothing_tells_which_is_better(files: Files, names: list[str]) -> None:
    """Two bitmaps of one size, one the mirror image of the other: the id decides."""
    for name, made in (("upright", photo(1)), ("mirrored", ImageOps.mirror(photo(1))), ("dark", photo(2))):
        files.add(name, made, "BMP")
    first, second = sorted(["upright", "mirrored"], key=lambda name: image_id(files.paths[name].read_bytes()))
    assert files.copies(names) == {second: (first, "flip")}
