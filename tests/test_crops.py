"""Finding one picture in another."""

import numpy as np
import pytest
from PIL import Image, ImageFilter, ImageOps

from pipeline.curate.copies.crops import Fit, detail, find_part, luma_of, tint_apart
from tests.copying import cut, leaned, look, photo


def thumb(made: Image.Image) -> np.ndarray:
    return look(made).views[0].thumb


def fitted(one: Image.Image, other: Image.Image) -> Fit | None:
    return find_part(thumb(one), thumb(other))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("left", "top", "right", "bottom"),
    [(0.05, 0.05, 0.05, 0.05), (0.1, 0.1, 0.1, 0.1), (0.2, 0.2, 0.2, 0.2), (0.25, 0, 0, 0), (0, 0, 0, 0.3), (0.3, 0, 0, 0.2),
     (0.2, 0, 0.2, 0)],
)
def test_a_part_is_found_wherever_it_was_cut_out(seed: int, left: float, top: float, right: float, bottom: float) -> None:
    whole = photo(seed)
    part = cut(whole, left, top, right, bottom)
    shown = (1 - left - right) * (1 - top - bottom)
    for number, pair in ((1, (whole, part)), (0, (part, whole))):
        fit = fitted(*pair)
        assert fit is not None
        assert fit.part == number and fit.share == pytest.approx(shown, rel=0.06)
        assert fit.correlation > 0.8 and fit.agreeing > 0.9


@pytest.mark.parametrize("share", [0.05, 0.1, 0.15, 0.2])
def test_a_part_of_a_picture_of_small_things_is_found_at_every_size(share: float) -> None:
    """What is a few pixels large in a thumbnail fits at no other size than its own."""
    cells = np.random.default_rng(1).integers(0, 256, (27, 36), dtype=np.uint8)
    small = Image.fromarray(cells).resize((360, 270), Image.Resampling.BICUBIC).convert("RGB")
    fit = fitted(small, cut(small, share, share, share, share))
    assert fit is not None and fit.correlation > 0.8 and fit.share == pytest.approx((1 - 2 * share) ** 2, rel=0.06)


@pytest.mark.parametrize("degrees", [-3, 2, 3])
def test_a_small_turn_is_fitted(degrees: float) -> None:
    fit = fitted(photo(3), leaned(photo(3), degrees))
    assert fit is not None and fit.correlation > 0.8


@pytest.mark.parametrize("degrees", [15, 45])
def test_a_large_turn_is_not(degrees: float) -> None:
    assert fitted(photo(3), cut(photo(3).rotate(degrees, Image.Resampling.BICUBIC), 0.2, 0.2, 0.2, 0.2)) is None


def test_another_picture_is_not_found() -> None:
    for seed in range(8):
        fit = fitted(photo(seed), cut(photo(seed + 20), 0.1, 0.1, 0.1, 0.1))
        assert fit is None or fit.correlation < 0.4


def test_broad_shapes_alone_prove_nothing() -> None:
    """Sky over ground, twice: brightness agrees nearly in full, detail not at all."""
    y = np.linspace(230, 60, 300)[:, None, None]
    one, other = (
        Image.fromarray(np.clip(y + np.asarray(photo(seed, (300, 300)), float) * 0.25 - 30, 0, 255).astype(np.uint8)) for seed in (4, 5)
    )
    a, b = (luma_of(thumb(each)) for each in (one, other))
    assert np.corrcoef(a.ravel(), b.ravel())[0, 1] > 0.9
    assert detail(a, b)[0] < 0.35
    fit = fitted(one, cut(other, 0.1, 0.1, 0.1, 0.1))
    assert fit is None or fit.correlation < 0.4


def test_a_flat_picture_is_part_of_nothing() -> None:
    assert fitted(photo(5), Image.new("RGB", (300, 200), "white")) is None
    assert fitted(Image.new("RGB", (300, 200), "red"), Image.new("RGB", (300, 200), "blue")) is None


def test_thin_pictures_are_no_error() -> None:
    for size in ((700, 2), (1, 1), (3, 400)):
        assert fitted(photo(5), photo(6, size)) is None


def test_detail_of_a_picture_and_itself_agrees_everywhere_and_of_its_negative_nowhere() -> None:
    luma = luma_of(thumb(photo(6)))
    assert detail(luma, luma) == (pytest.approx(1, abs=1e-3), 1.0)
    correlation, agreeing = detail(luma, 255 - luma)
    assert correlation == pytest.approx(-1, abs=1e-3) and agreeing == 0


def test_detail_is_in_the_places_where_it_is() -> None:
    """Half of the picture is another: about half of the places still agree."""
    one, other = photo(6), photo(7)
    mixed = one.copy()
    mixed.paste(other.crop((180, 0, 360, 270)), (180, 0))
    correlation, agreeing = detail(luma_of(thumb(one)), luma_of(thumb(mixed)))
    assert 0.3 < correlation < 0.75 and 0.4 < agreeing < 0.7


def test_detail_knows_no_brightness() -> None:
    luma = luma_of(thumb(photo(6)))
    assert detail(luma, luma * 0.5 + 60)[0] == pytest.approx(1, abs=1e-2)


def test_tint_is_the_most_that_a_place_differs_and_grey_has_none() -> None:
    one = photo(8)
    spot = one.copy()
    spot.paste((220, 20, 20), (40, 40, 130, 130))
    a = thumb(one)
    assert tint_apart(a, a) == 0
    assert tint_apart(a, thumb(spot)) > 27 > tint_apart(a, thumb(one.filter(ImageFilter.GaussianBlur(1))))
    assert tint_apart(a, thumb(ImageOps.grayscale(one).convert("RGB"))) == 0


def test_luma_is_that_of_rec_601() -> None:
    pixels = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]], np.uint8)
    assert luma_of(pixels)[0].tolist() == [76, 150, 29, 255]  # 0.299, 0.587 and 0.114 of 255
