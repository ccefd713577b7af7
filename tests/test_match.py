"""Are two files one picture?"""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps

from pipeline.collect.photosite.catalogue import emoji
from pipeline.curate.copies.hashes import turned as turned_pixels
from pipeline.curate.copies.match import Match, Seen, match
from tests.conftest import encoded
from tests.copying import COPIES, Made, cut, face, look, photo, scaled, with_alpha

NEAR = {**COPIES, "another format": ("near", COPIES["another format"][1])}  # the same pixels are told elsewhere


def seen(made: Made) -> Seen:
    return Seen(look(made))


def matched(one: Made, other: Made, *more: object) -> Match | None:
    return match(seen(one), seen(other), *more)


def kind(one: Made, other: Made) -> str | None:
    """Of both ways round, which must agree about whether."""
    there, back = matched(one, other), matched(other, one)
    assert (there is None) == (back is None)
    return there.kind if there else None


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", NEAR)
def test_a_copy_is_found_and_its_kind_is_named(name: str, seed: int) -> None:
    expected, made = NEAR[name]
    assert kind(photo(seed), made(photo(seed))) == expected


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", ["5 % cut off", "20 % cut off", "cut to a square", "a white border", "bars above and below"])
def test_the_part_and_the_framed_one_are_the_lesser(name: str, seed: int) -> None:
    copy = COPIES[name][1](photo(seed))
    for number, pair in ((1, (photo(seed), copy)), (0, (copy, photo(seed)))):
        found = matched(*pair)
        assert found is not None and found.lesser == number


@pytest.mark.parametrize("name", ["half the size", "a poor JPEG", "mirrored", "half a turn", "grey", "watermarked"])
def test_of_two_whole_pictures_neither_is_the_lesser(name: str) -> None:
    found = matched(photo(1), COPIES[name][1](photo(1)))
    assert found is not None and found.lesser is None


@pytest.mark.parametrize("orientation", range(1, 8))
def test_the_orientation_is_how_the_second_is_turned_to_be_the_first(orientation: int) -> None:
    first = photo(4)
    second = Image.fromarray(np.ascontiguousarray(turned_pixels(np.asarray(first), orientation)))
    found = matched(first, second)
    assert found is not None
    assert np.array_equal(turned_pixels(np.asarray(second), found.orientation), np.asarray(first))


def test_a_part_of_a_mirrored_copy_is_found_where_the_orientation_is_known() -> None:
    part = ImageOps.mirror(cut(photo(5), 0.1, 0.1, 0.1, 0.1))
    assert matched(photo(5), part) is None
    found = matched(photo(5), part, 4)
    assert found is not None and (found.kind, found.orientation, found.lesser) == ("crop", 4, 1)


def test_the_margin_falls_from_one_to_none_as_pictures_grow_apart() -> None:
    sharp, other = photo(6), photo(31)
    margins = [found.margin if (found := matched(sharp, Image.blend(sharp, other, share))) else -1.0 for share in (0, 0.15, 0.3, 0.6)]
    assert margins[0] == pytest.approx(1, abs=1e-3) and margins == sorted(margins, reverse=True) and margins[1] > 0 > margins[3]


@pytest.mark.parametrize("seed", range(4))
def test_another_picture_is_no_copy(seed: int) -> None:
    one = photo(seed)
    for other in (photo(seed + 30), cut(photo(seed + 30), 0.1, 0.1, 0.1, 0.1), ImageOps.mirror(photo(seed + 30))):
        assert kind(one, other) is None


@pytest.mark.parametrize(("one", "other"), [("white", "black"), ("red", "blue"), ("grey", "silver"), ("white", "ivory")])
def test_flat_pictures_of_other_colours_are_others(one: str, other: str) -> None:
    made = [Image.new("RGB", (200, 160), colour) for colour in (one, other)]
    assert kind(*made) is None
    assert kind(made[0], scaled(made[0], 0.5)) == "near"


def test_a_gradient_is_not_its_mean_and_not_another_gradient() -> None:
    up, round_ = Image.linear_gradient("L").resize((200, 200)), Image.radial_gradient("L").resize((200, 200))
    flat = Image.new("L", (200, 200), 128)
    assert kind(up, flat) is None and kind(round_, flat) is None and kind(up, round_) is None
    assert kind(up, ImageOps.flip(up)) in ("flip", "turn")


@pytest.mark.parametrize("size", [72, 144, 512])
def test_a_mouth_makes_another_face(size: int) -> None:
    assert kind(face(size=size), face(mouth=False, size=size)) is None
    assert kind(face(size=size), encoded(face(size=size), "JPEG", quality=85)) == "near"
    assert kind(face(size=size), scaled(face(size=size), 2)) == "near"


@pytest.mark.parametrize("mouth", ["peru", "chocolate", "salmon"])
def test_a_pale_mouth_makes_another_face_too(mouth: str) -> None:
    pale = face(mouth=False)
    ImageDraw.Draw(pale).rectangle((45, 93, 99, 105), fill=mouth)
    assert kind(face(mouth=False), pale) is None
    assert kind(pale, scaled(pale, 2)) == "near"


@pytest.mark.parametrize(("one", "other"), [("orange", "gold"), ("peachpuff", "tan"), ("peru", "sienna"), ("red", "green")])
def test_another_colour_makes_another_drawing(one: str, other: str) -> None:
    assert kind(face(skin=one), face(skin=other)) is None


def test_skin_tones_of_an_emoji_are_others_and_a_smaller_one_is_the_same() -> None:
    hands = [Image.open(each.file).convert("RGBA") for each in emoji() if each.title.startswith("Waving hand sign")]
    assert len(hands) == 6
    for number, one in enumerate(hands):
        assert kind(one, scaled(one, 2)) == "near"
        assert [other for other in hands[:number] if kind(one, other)] == []


def badge(inside: tuple[int, int, int, int]) -> Image.Image:
    """A red badge whose middle is white, or a hole: over white both look the same."""
    made = Image.new("RGBA", (200, 160), (0, 0, 0, 0))
    draw = ImageDraw.Draw(made)
    draw.rectangle((20, 20, 180, 140), fill=(200, 30, 30, 255))
    draw.ellipse((60, 40, 140, 120), fill=inside)
    return made


def test_transparent_pictures_must_agree_on_either_ground() -> None:
    white, hole = badge((255, 255, 255, 255)), badge((0, 0, 0, 0))
    over_white = [Image.alpha_composite(Image.new("RGBA", (200, 160), "white"), each) for each in (white, hole)]
    assert over_white[0].tobytes() == over_white[1].tobytes()
    assert kind(white, hole) is None
    assert kind(white, scaled(white, 2)) == kind(hole, scaled(hole, 2)) == "near"


def scribble(seed: int, ink: str = "white") -> Image.Image:
    made = Image.new("RGBA", (200, 200), (0, 0, 0, 0))
    points = [tuple(point) for point in np.random.default_rng(seed).integers(10, 190, (9, 2)).tolist()]
    ImageDraw.Draw(made).line(points, fill=ink, width=9)
    return made


@pytest.mark.parametrize("ink", ["white", "black"])
def test_drawings_in_the_colour_of_the_ground_are_told_apart(ink: str) -> None:
    assert kind(scribble(1, ink), scribble(2, ink)) is None
    assert kind(scribble(1, ink), scaled(scribble(1, ink), 2)) == "near"
    assert kind(scribble(1, "white"), scribble(1, "black")) is None


@pytest.mark.parametrize("ground", ["white", "black"])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_transparent_picture_flattened_on_a_ground_is_the_same(ground: str, seed: int) -> None:
    cutout = with_alpha(photo(seed))
    flat = Image.alpha_composite(Image.new("RGBA", cutout.size, ground), cutout).convert("RGB")
    assert kind(cutout, flat) == "alpha"
    assert kind(cutout, encoded(flat, "JPEG", quality=85)) == "alpha"
    assert kind(with_alpha(photo(seed + 20)), flat) is None


def scene(seed: int) -> Image.Image:
    """One layout, sky over lawn, and in the middle an object of its own."""
    pixels = np.empty((270, 360, 3))
    pixels[:130], pixels[130:] = (190, 210, 235), (90, 140, 70)
    pixels += np.random.default_rng(seed).normal(0, 6, pixels.shape)
    made = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    made.paste(photo(seed, (160, 140)), (100, 70))
    return made


@pytest.mark.parametrize("seed", range(4))
def test_the_same_layout_with_another_object_is_another_picture(seed: int) -> None:
    assert kind(scene(seed), scene(seed + 10)) is None
    assert kind(scene(seed), cut(scene(seed + 10), 0.1, 0.1, 0.1, 0.1)) is None
    assert kind(scene(seed), encoded(scene(seed), "JPEG", quality=60)) == "near"


def test_the_same_object_in_another_colour_is_another_photograph() -> None:
    red, *others = photo(7).split()
    assert kind(photo(7), Image.merge("RGB", (others[0], red, others[1]))) is None


def test_a_picture_stretched_by_a_quarter_is_no_copy_of_one_frame() -> None:
    found = matched(photo(8), photo(8).resize((450, 270)))
    assert found is None or found.kind != "near"


def test_white_on_transparent_is_not_the_white_paper_it_vanishes_on() -> None:
    paper = Image.new("RGB", (200, 200), "white")
    assert kind(scribble(1), paper) is None
    assert kind(scribble(1, "black"), Image.new("RGB", (200, 200), "black")) is None


@pytest.mark.parametrize("level", range(100, 110, 2))
def test_flat_pictures_of_nearly_one_colour_are_one_whatever_their_shape(level: int) -> None:
    one, other = (Image.new("RGB", (200, 160), (each,) * 3) for each in (level, level + 2))
    assert kind(one, other) == "near"
