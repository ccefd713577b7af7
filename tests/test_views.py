"""What is remembered of one file."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps

from pipeline.curate.copies.views import COLOURS, LOOK, Fingerprint, View
from tests.conftest import encoded, picture
from tests.copying import cut, face, look, photo, with_alpha

SMALL = (120, 100)  # looked at in full


def kinds(print_: Fingerprint) -> list[tuple[str, bool]]:
    return [(view.ground, view.core) for view in print_.views]


def mean_colour(view: View) -> list[int]:
    return view.thumb.reshape(-1, 3).mean(0).round().astype(int).tolist()


def apart(one: View, other: View) -> float:
    """Squared Hellinger distance of the colours, times two."""
    return float(((one.colours.astype(np.float32) - other.colours) ** 2).sum())


def test_an_opaque_picture_without_a_border_has_one_view() -> None:
    print_ = look(photo(1))
    assert kinds(print_) == [("", False)]
    view = print_.views[0]
    assert view.share == 1 and view.quality == 100
    assert (view.hashes.shape, view.hashes.dtype) == ((8, 32), np.uint8)
    assert view.colours.shape == (COLOURS,) and np.linalg.norm(view.colours.astype(np.float32)) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(
    ("size", "expected"), [((480, 480), (48, 48)), ((400, 300), (42, 55)), ((300, 400), (55, 42)), ((900, 100), (16, 144))]
)
def test_a_thumbnail_keeps_the_aspect(size: tuple[int, int], expected: tuple[int, int]) -> None:
    # 48 * 48 pixels shared out: 2304 * 4/3 = 55.4 squared, 2304 / (4/3) = 41.6 squared, 2304 * 9 = 144 squared
    assert look(photo(2, size)).views[0].thumb.shape == (*expected, 3)


def test_a_line_of_pixels_is_a_picture_too() -> None:
    for size in ((1, 1), (1, 300), (700, 2)):
        view = look(Image.new("RGB", size, (10, 200, 30))).views[0]
        assert mean_colour(view) == [10, 200, 30] and view.quality == 0 and min(view.thumb.shape[:2]) >= 8


@pytest.mark.parametrize("colour", ["white", "black", (200, 30, 40)])
def test_a_border_of_one_colour_is_seen_with_and_without(colour: object) -> None:
    inside = photo(3)
    print_ = look(ImageOps.expand(inside, 40, colour))
    assert kinds(print_) == [("", False), ("", True)]
    whole, core = print_.views
    assert core.share == pytest.approx(360 * 270 / (440 * 350), abs=0.06)
    assert apart(core, look(inside).views[0]) < 0.02 < apart(whole, look(inside).views[0])


def test_bars_on_two_sides_are_a_border_and_a_wall_on_one_side_too() -> None:
    for border in ((0, 40, 0, 40), (60, 0, 0, 0)):
        assert kinds(look(ImageOps.expand(photo(3), border, "black"))) == [("", False), ("", True)]


def test_a_line_of_a_border_is_none() -> None:
    assert kinds(look(ImageOps.expand(photo(3), 1, "white"))) == [("", False)]


def test_a_border_that_leaves_next_to_nothing_is_the_picture() -> None:
    made = Image.new("RGB", (300, 300), "white")
    made.paste(photo(3, (60, 60)), (120, 120))
    assert kinds(look(made)) == [("", False)]


def test_a_flat_picture_has_no_border() -> None:
    assert kinds(look(Image.new("RGB", (300, 200), "white"))) == [("", False)]


@pytest.mark.parametrize(("noise", "expected"), [(4, 2), (40, 1)])
def test_a_border_may_be_as_uneven_as_scanned_paper(noise: int, expected: int) -> None:
    paper = np.random.default_rng(1).integers(200 - noise, 201 + noise, (240, 250, 3), dtype=np.uint8)
    made = Image.fromarray(paper)
    made.paste(photo(3, (200, 190)), (25, 25))
    assert len(look(made).views) == expected


def test_a_transparent_picture_is_seen_over_light_and_over_dark_the_whole_first() -> None:
    print_ = look(with_alpha(photo(4)))
    assert sorted(kinds(print_)) == [("dark", False), ("dark", True), ("light", False), ("light", True)]
    assert not any(view.core for view in print_.views[:2])
    by_ground = {view.ground: view for view in print_.views[:2]}
    assert by_ground["light"].thumb[0, 0].tolist() == [255, 255, 255] and by_ground["dark"].thumb[0, 0].tolist() == [0, 0, 0]


def test_what_is_not_seen_does_not_count() -> None:
    one = with_alpha(photo(4))
    pixels = np.array(one)
    pixels[pixels[:, :, 3] == 0, :3] = (0, 255, 0)
    other = look(Image.fromarray(pixels))
    for a, b in zip(look(one).views, other.views, strict=True):
        assert np.array_equal(a.thumb, b.thumb) and np.array_equal(a.hashes, b.hashes)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_idle_alpha_is_no_transparency(mode: str) -> None:
    made = photo(5, SMALL).convert("L" if mode == "LA" else "RGB")
    assert kinds(look(made.convert(mode))) == [("", False)]
    assert look(made.convert(mode)).digest == look(made).digest


def turned_by_exif(made: Image.Image) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 3  # stored upside down, EXIF 2.32
    return encoded(made.rotate(180), "PNG", exif=exif)


def test_the_digest_is_of_the_pixels_as_they_are_seen() -> None:
    made = photo(5, SMALL)
    grey = made.convert("L")
    formats = [encoded(made, "BMP"), encoded(made, "TIFF"), encoded(made, "WEBP", lossless=True)]
    assert len({look(each).digest for each in (made, *formats, made.convert("RGBA"), turned_by_exif(made))}) == 1
    assert len({look(each).digest for each in (grey, grey.convert("RGB"), grey.convert("LA"), grey.convert("RGBA"))}) == 1


def test_one_pixel_one_level_of_alpha_or_the_shape_make_another_digest() -> None:
    made = with_alpha(photo(5, SMALL))
    pixel, fainter = made.copy(), made.copy()
    red, *others = made.getpixel((60, 50))
    pixel.putpixel((60, 50), (red ^ 1, *others))
    fainter.putalpha(made.getchannel("A").point(lambda level: level - 1 if level else 0))
    white, tall = (Image.new("RGB", size, "white") for size in ((100, 200), (200, 100)))
    assert len({look(each).digest for each in (made, pixel, fainter, white, tall)}) == 5


def test_what_is_looked_at_reduced_has_no_digest() -> None:
    large = photo(6, (600, 400))
    assert min(large.size) >= 2 * LOOK
    assert look(large).digest == look(large, "JPEG").digest == ""
    assert len(look(photo(6, (255, 300))).digest) == 64


def test_size_and_format_are_of_the_upright_file() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    print_ = look(photo(6, (600, 400)), "JPEG", exif=exif)
    assert (print_.width, print_.height) == (400, 600)
    assert print_.views[0].thumb.shape[0] > print_.views[0].thumb.shape[1]


@pytest.mark.parametrize(
    ("format", "lossless"), [("PNG", True), ("BMP", True), ("TIFF", True), ("GIF", True), ("JPEG", False), ("WEBP", False), ("AVIF", False)]
)
def test_formats_that_keep_every_pixel_are_known(format: str, lossless: bool) -> None:
    assert look(photo(7, SMALL), format).lossless is lossless


def test_colours_move_little_for_a_copy_and_far_for_another_picture() -> None:
    original = look(photo(8)).views[0]
    for copy in (cut(photo(8), 0.1, 0.1, 0.1, 0.1), photo(8).rotate(90, expand=True)):
        assert apart(original, look(copy).views[0]) < 0.05
    orange, sienna = (look(face(skin=colour)).views[0] for colour in ("orange", "sienna"))
    assert apart(orange, sienna) > 0.3
    assert apart(original, look(picture(9)).views[0]) > 0.3


def test_the_same_picture_drawn_again_gives_the_same_fingerprint() -> None:
    def framed() -> Image.Image:
        made = ImageOps.expand(photo(9), 12, "navy")
        ImageDraw.Draw(made).line((0, 0, 100, 90), "white", 4)
        return made

    one, other = look(framed()), look(framed())
    for a, b in zip(one.views, other.views, strict=True):
        assert a.hashes.tobytes() + a.thumb.tobytes() + a.colours.tobytes() == b.hashes.tobytes() + b.thumb.tobytes() + b.colours.tobytes()
