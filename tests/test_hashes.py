import io

import numpy as np
import pytest
from PIL import Image

from pipeline.curate.copies.hashes import BITS, ORIENTATIONS, averaged, hamming, perceptual_hashes, turned
from tests.conftest import encoded, picture
from tests.copying import levels

SIZES = [(400, 300), (300, 400), (128, 128), (96, 80), (65, 63), (31, 47), (9, 200)]


def hashes(made: Image.Image) -> np.ndarray:
    return perceptual_hashes(levels(made))[0]


def distance(one: Image.Image, other: Image.Image) -> int:
    return int(hamming(hashes(one)[0], hashes(other)[:1])[0])


def test_size_and_compression_hardly_move_the_hash() -> None:
    original = picture(1, (400, 300))
    jpeg = Image.open(io.BytesIO(encoded(original, "JPEG", quality=30)))
    assert distance(original, jpeg) <= 16
    assert distance(original, original.resize((150, 112), Image.Resampling.LANCZOS)) <= 16


def test_different_pictures_are_about_half_of_the_bits_apart() -> None:
    distances = [distance(picture(n, (300, 300)), picture(n + 1, (300, 300))) for n in range(12)]
    assert min(distances) > 80 and 110 < np.mean(distances) < 146


def test_half_of_the_bits_are_set_in_every_orientation() -> None:
    bits = np.unpackbits(hashes(picture(3, (200, 200))), axis=1)
    assert bits.shape == (ORIENTATIONS, BITS)
    assert (bits.sum(1) == 128).all()  # by the definition: above the median of 256 values


def test_the_bits_are_those_of_the_definition() -> None:
    pixels = np.asarray(levels(picture(8, (64, 64))), np.float64)
    frequency, place = np.mgrid[1:17, 0:64]
    waves = np.cos(np.pi / 64 * frequency * (place + 0.5))  # DCT-II without its first row, ITU T.81 A.3.3
    spectrum = waves @ pixels @ waves.T
    expected = (spectrum > np.median(spectrum)).ravel()
    assert np.array_equal(np.unpackbits(perceptual_hashes(levels(picture(8, (64, 64))))[0][0]), expected)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("orientation", range(ORIENTATIONS))
def test_a_turned_picture_has_the_hash_that_was_foretold(size: tuple[int, int], orientation: int) -> None:
    luma = levels(picture(4, size))
    foretold = perceptual_hashes(luma)[0][orientation]
    found = perceptual_hashes(np.ascontiguousarray(turned(luma, orientation)))[0][0]
    assert int(hamming(foretold, found[None])[0]) <= 4  # rounding at the median


def test_the_eight_orientations_are_all_there_are() -> None:
    square = np.arange(6).reshape(2, 3)
    assert np.array_equal(turned(square, 1), [[2, 5], [1, 4], [0, 3]])  # a quarter turn to the left
    assert np.array_equal(turned(square, 4), [[2, 1, 0], [5, 4, 3]])  # mirrored
    assert len({turned(square, each).tobytes() + bytes(turned(square, each).shape) for each in range(ORIENTATIONS)}) == 8


@pytest.mark.parametrize("size", SIZES)
def test_averaging_is_the_same_from_either_side(size: tuple[int, int]) -> None:
    pixels = np.asarray(picture(5, size), np.float32)
    for wanted in ((64, 64), (32, 32), (48, 40)):
        there = averaged(pixels, *wanted)
        mirrored = averaged(np.ascontiguousarray(pixels[::-1, ::-1]), *wanted)
        assert there.shape == (wanted[1], wanted[0], 3)
        assert np.allclose(there, mirrored[::-1, ::-1], atol=0.02)


def test_averaging_takes_the_mean_of_what_lies_under_a_pixel() -> None:
    pixels = np.array([[0, 10, 20, 30], [40, 50, 60, 70]], np.float32)
    assert np.allclose(averaged(pixels, 2, 1), [[25, 45]])
    assert np.allclose(averaged(pixels[:, :1], 1, 4), [[0], [0], [40], [40]])


def test_hamming_counts_differing_bits() -> None:
    one = np.array([0b1011, 255], np.uint8)
    assert hamming(one, np.array([[0b1011, 255], [0b0010, 255], [0b0100, 0]], np.uint8)).tolist() == [0, 2, 12]


def test_quality_tells_flat_from_structured() -> None:
    assert perceptual_hashes(np.full((200, 200), 90, np.uint8))[1] == 0
    assert perceptual_hashes(levels(picture(4, (200, 200))))[1] == 100
