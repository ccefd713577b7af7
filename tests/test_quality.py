import io
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageDraw, ImageFilter, ImageFont

from pipeline import image
from pipeline.collect.photosite.catalogue import emoji
from pipeline.curate.quality.measure import FLAGS, LIMIT, flagged, measure
from tests.conftest import encoded, picture

SENTENCE = "the quick brown fox jumps over a lazy dog and looks at the old house on the hill where nobody has lived for years"
WORDS = SENTENCE.split()


def photo(seed: int = 1, size: tuple[int, int] = (640, 480)) -> Image.Image:
    """Structure down to single pixels, as a sharp photograph has."""
    coarse = np.asarray(picture(seed, size)).astype(np.float64)
    fine = np.random.default_rng(seed).normal(0, 30, (*coarse.shape[:2], 1))
    return Image.fromarray(np.clip(coarse + fine, 0, 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(0.7))


def scores(data: bytes) -> dict[str, float]:
    return measure(data, image.reduced(data, 128))


def flags(made: Image.Image | bytes, format: str = "PNG", **options: object) -> list[str]:
    data = made if isinstance(made, bytes) else encoded(made, format, **options)
    return flagged(scores(data))


def page(ink: str = "black", paper: str = "white", size: int = 22) -> Image.Image:
    made = Image.new("RGB", (800, 1000), paper)
    draw, font = ImageDraw.Draw(made), ImageFont.load_default(size)
    for line in range(int(900 / (size * 1.4))):
        words = " ".join(WORDS[(line * 5 + n) % len(WORDS)] for n in range(40))
        while draw.textlength(words, font) > 700:
            words = words.rsplit(" ", 1)[0]
        draw.text((50, 50 + line * size * 1.4), words, ink, font)
    return made


def window() -> Image.Image:
    """A program's window: a title bar, a column of names, a table."""
    made = Image.new("RGB", (1280, 800), "white")
    draw, font = ImageDraw.Draw(made), ImageFont.load_default(15)
    draw.rectangle((0, 0, 1280, 44), "#24292e")
    draw.rectangle((0, 45, 240, 800), "#f3f3f3")
    draw.line((240, 45, 240, 800), "#c0c0c0", 2)
    for row in range(20):
        draw.text((20, 60 + 34 * row), WORDS[row], "#333333", font)
        draw.line((270, 90 + 34 * row, 1250, 90 + 34 * row), "#dddddd", 1)
        for column in range(5):
            draw.text((280 + 190 * column, 66 + 34 * row), f"{WORDS[(row + column) % 20]} {row * column}", "black", font)
    return made


def stamped(base: Image.Image, strength: float, angle: float) -> Image.Image:
    """A word over the whole picture again and again, half seen through."""
    width, height = base.size
    mask, font = Image.new("L", (2 * width, 2 * height)), ImageFont.load_default(30)
    for top in range(0, 2 * height, 70):
        for left in range(0, 2 * width, 150):
            ImageDraw.Draw(mask).text((left, top), "SAMPLE", 255, font)
    mask = mask.rotate(angle, Image.Resampling.BICUBIC).crop((width // 2, height // 2, width // 2 + width, height // 2 + height))
    made = base.copy()
    made.paste((255, 255, 255), (0, 0), mask.point(lambda level: int(level * strength)))
    return made


def barred(base: Image.Image, colour: str, across: int, down: int) -> Image.Image:
    made = Image.new("RGB", (base.width + 2 * across, base.height + 2 * down), colour)
    made.paste(base, (across, down))
    return made


def logo(mode: str = "RGB", ground: tuple[int, ...] = (255, 255, 255), ink: str = "#b01020") -> Image.Image:
    made = Image.new(mode, (1200, 1200), ground)
    draw = ImageDraw.Draw(made)
    draw.ellipse((250, 150, 950, 850), ink)
    draw.polygon([(600, 250), (850, 720), (350, 720)], "#f0d020")
    draw.text((600, 1000), "HOUSE", ink, ImageFont.load_default(200), anchor="mm")
    return made.resize((400, 400), Image.Resampling.LANCZOS)


def profile(red: tuple[float, ...], green: tuple[float, ...], blue: tuple[float, ...], gamma: float = 2.2, space: bytes = b"RGB ") -> bytes:
    """A matrix profile, by ICC.1:2022: header, tag table, three colorants and one curve for all."""
    bodies = [(name, b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in colorant)))
              for name, colorant in ((b"rXYZ", red), (b"gXYZ", green), (b"bXYZ", blue))]
    curve = b"curv\0\0\0\0" + struct.pack(">IHxx", 1, round(gamma * 256))
    bodies += [(name, curve) for name in (b"rTRC", b"gTRC", b"bTRC")]
    start, table, body = 132 + 12 * len(bodies), struct.pack(">I", len(bodies)), b""
    for name, content in bodies:
        table += struct.pack(">4sII", name, start + len(body), len(content))
        body += content
    header = struct.pack(">I4sI4s4s4s12x4s", start + len(body), b"test", 0x02400000, b"mntr", space, b"XYZ ", b"acsp").ljust(128, b"\0")
    return header + table + body


# Colorants adapted to D50: Lindbloom, "RGB/XYZ Matrices" (sRGB, Adobe RGB 1998); Display P3 from its profile as published by Apple
SRGB = ((0.4360747, 0.2225045, 0.0139322), (0.3850649, 0.7168786, 0.0971045), (0.1430804, 0.0606169, 0.7141733))
ADOBE = ((0.6097559, 0.3111242, 0.0194811), (0.2052401, 0.6256560, 0.0608902), (0.1492240, 0.0632197, 0.7448387))
P3 = ((0.5151, 0.2412, -0.0011), (0.2919, 0.6922, 0.0419), (0.1572, 0.0666, 0.7841))


@pytest.mark.parametrize("format", ["PNG", "JPEG"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_sharp_photograph_has_no_flag(seed: int, format: str) -> None:
    assert flags(photo(seed), format) == []


@pytest.mark.parametrize(("flag", "made"), [
    ("small", photo(size=(300, 128))),
    ("blurry", photo().filter(ImageFilter.GaussianBlur(4))),
    ("blurry", photo(size=(80, 60)).resize((640, 480), Image.Resampling.BICUBIC)),
    ("dark", photo().point(lambda level: level // 5)),
    ("bright", photo().point(lambda level: 255 - (255 - level) // 5)),
    ("flat", photo().point(lambda level: 128 + (level - 128) // 20)),
    ("flat", Image.new("RGB", (300, 300), "#3070a0")),
    ("aspect", photo(size=(960, 320))),
    ("aspect", photo(size=(300, 1000))),
    ("text", page()),
    ("text", page("#dddddd", "#202020")),
    ("text", page("white", "#204080", 40)),
    ("bars", barred(photo(), "black", 0, 60)),
    ("bars", barred(photo(), "black", 80, 0)),
    ("bars", barred(photo(), "white", 0, 60)),
    ("bars", barred(photo(), "#208040", 90, 0)),
    ("bars", barred(photo(), "black", 60, 60)),
    ("watermark", stamped(photo(), 0.5, 0)),
    ("watermark", stamped(photo(2), 0.5, 30)),
    ("screenshot", window()),
    ("grey", photo().convert("L")),
    ("grey", photo().convert("L").convert("RGB")),
    ("colorspace", photo().convert("L").convert("I;16")),
])
def test_each_flag_is_set_where_it_belongs_and_nowhere_else(flag: str, made: Image.Image) -> None:
    allowed = {"flat": {"flat", "grey"}, "colorspace": {"colorspace", "dark", "flat", "grey"}, "text": {"text", "grey"}}.get(flag, {flag})
    found = set(flags(made))
    assert flag in found
    if flag not in ("screenshot", "flat"):  # a screen has text too; a plain colour may be anything
        assert found <= allowed


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
def test_text_bars_and_windows_survive_compression(format: str) -> None:
    assert "text" in flags(page(), format)
    assert flags(barred(photo(), "black", 0, 60), format) == ["bars"]
    assert "screenshot" in flags(window(), format)


@pytest.mark.parametrize("ground", [(255, 255, 255), (0, 0, 0), (30, 60, 120)])
def test_a_logo_on_a_ground_has_no_bars_and_is_no_screen(ground: tuple[int, ...]) -> None:
    assert flags(logo(ground=ground)) == []


@pytest.mark.parametrize("hidden", [(0, 0, 0, 0), (255, 255, 255, 0)])
def test_what_is_transparent_is_not_judged(hidden: tuple[int, ...]) -> None:
    assert flags(logo("RGBA", hidden)) == []
    assert flags(logo("RGBA", hidden).quantize(64)) == []


def test_the_colour_under_transparency_changes_little() -> None:
    one, other = (scores(encoded(logo("RGBA", hidden))) for hidden in ((0, 0, 0, 0), (255, 0, 255, 0)))
    assert all(abs(one[flag] - other[flag]) < 0.1 for flag in FLAGS)


def test_emoji_are_small_and_hardly_anything_else() -> None:
    found = [flags(photo.file.read_bytes()) for photo in emoji()[::20]]
    assert len(found) > 100
    assert all("small" in some for some in found)
    for flag in set(FLAGS) - {"small"}:
        assert sum(flag in some for some in found) <= 0.03 * len(found), flag


def test_a_caption_is_not_mostly_text() -> None:
    made = photo()
    ImageDraw.Draw(made).rectangle((0, 430, 640, 480), "black")
    ImageDraw.Draw(made).text((20, 440), "The house on the hill, 2026", "white", ImageFont.load_default(26))
    assert flags(made) == []


def test_stripes_of_a_flag_are_not_bars() -> None:
    made = Image.new("RGB", (600, 400), "white")
    ImageDraw.Draw(made).rectangle((0, 0, 600, 130), "#c8102e")
    ImageDraw.Draw(made).rectangle((0, 270, 600, 400), "#c8102e")
    assert "bars" not in flags(made)


def test_one_even_side_is_not_bars() -> None:
    made = photo()
    made.paste((235, 240, 250), (0, 0, 640, 200))  # an even sky
    assert "bars" not in flags(made)


def test_an_animation_has_more_than_one_frame() -> None:
    frames = [photo(seed, (300, 300)) for seed in (1, 2)]
    assert "animated" in flags(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    assert "animated" not in flags(encoded(frames[0], "GIF"))


def test_a_file_without_its_end_is_truncated() -> None:
    data = encoded(photo())
    assert flags(data) == []
    assert flags(data[:-12]) == ["truncated"]  # all pixels are there, its last chunk is not


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_picture_decoded_halfway_is_truncated_and_judged_by_what_there_is(share: float) -> None:
    made = photo()
    made.paste((128, 128, 128), (0, round(480 * (1 - share)), 640, 480))
    assert flags(made, "JPEG", quality=85) == ["truncated"]


def test_a_plain_grey_picture_is_flat_but_whole() -> None:
    found = flags(Image.new("RGB", (300, 300), (128, 128, 128)))
    assert "flat" in found
    assert "truncated" not in found


@pytest.mark.parametrize(("icc", "foreign"), [
    (b"", False),
    (profile(*SRGB), False),
    (ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(), False),
    (profile(*P3), True),
    (profile(*ADOBE), True),
    (profile(*SRGB, gamma=1.0), True),
    (profile(*SRGB, space=b"CMYK"), True),
    (profile(*SRGB)[:140], True),
    (b"no profile at all", True),
])
def test_a_profile_that_is_not_srgb_is_a_foreign_colour_space(icc: bytes, foreign: bool) -> None:
    assert ("colorspace" in flags(photo(), "JPEG", icc_profile=icc)) == foreign


def test_cmyk_is_a_foreign_colour_space() -> None:
    assert flags(photo().convert("CMYK"), "JPEG") == ["colorspace"]


def test_scores_grow_with_what_they_measure() -> None:
    blurred = [scores(encoded(photo().filter(ImageFilter.GaussianBlur(sigma))))["blurry"] for sigma in (0, 1, 2, 4)]
    darker = [scores(encoded(photo().point(lambda level, by=by: int(level * by))))["dark"] for by in (1, 0.4, 0.2, 0.1)]
    longer = [scores(encoded(photo(size=(width, 300))))["aspect"] for width in (300, 600, 900, 1200)]
    for values in (blurred, darker, longer):
        assert values == sorted(values)
        assert values[0] < values[-1]
    assert longer == [0, 0.25, 0.5, 0.75]  # three to one is the limit


def test_flagged_is_in_the_order_of_the_flags_and_the_limit_itself_counts() -> None:
    assert flagged(dict.fromkeys(reversed(FLAGS), 0.5)) == list(FLAGS)
    assert flagged(dict.fromkeys(FLAGS, 0.499)) == []
    assert tuple(LIMIT) == FLAGS


@given(width=st.integers(1, 40), height=st.integers(1, 40), mode=st.sampled_from(["L", "LA", "RGB", "RGBA"]), fill=st.integers(0, 255),
       alpha=st.integers(0, 255), noise=st.booleans())
@settings(max_examples=150, deadline=None)
def test_any_picture_has_every_score_between_0_and_1(width: int, height: int, mode: str, fill: int, alpha: int, noise: bool) -> None:
    pixels = np.full((height, width, len(mode)), fill, np.uint8)
    if noise:
        pixels = np.random.default_rng(fill).integers(0, 256, pixels.shape, dtype=np.uint8)
    if mode.endswith("A"):
        pixels[:, :, -1] = np.where(pixels[:, :, -1] > 127, alpha, 0) if noise else alpha
    buffer = io.BytesIO()
    Image.fromarray(pixels[:, :, 0] if mode == "L" else pixels).save(buffer, "PNG")
    found = scores(buffer.getvalue())
    assert tuple(found) == FLAGS
    assert all(0 <= score <= 1 and score == round(score, 3) for score in found.values())
    assert found == scores(buffer.getvalue())


@pytest.mark.parametrize("size", [(1, 3000), (3000, 1), (17, 2000), (2000, 130)])
@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_very_long_pictures_are_measured_too(size: tuple[int, int], mode: str) -> None:
    assert "aspect" in flags(picture(1, size, mode))


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_nothing_to_see_is_flat(mode: str) -> None:
    assert "flat" in flags(Image.new(mode, (300, 300)))
