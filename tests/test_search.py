"""Which pictures of many may be copies."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from pipeline.curate.copies.hashes import hamming, turned
from pipeline.curate.copies.search import HashShelf, Shelf, perhaps_same_pixels
from pipeline.curate.copies.views import Fingerprint
from tests.conftest import encoded
from tests.copying import COPIES, Made, cut, face, look, photo, scaled


def pairs(asked: np.ndarray, found: np.ndarray, bits: np.ndarray) -> set[tuple[int, int, int]]:
    told = list(zip(asked.tolist(), found.tolist(), bits.tolist(), strict=True))
    assert len(told) == len(set(told))
    return set(told)


def by_hand(shelf: np.ndarray, asked: np.ndarray, bits: int) -> set[tuple[int, int, int]]:
    apart = {(row, number): int(far) for row, one in enumerate(asked) for number, far in enumerate(hamming(one, shelf))}
    return {(*pair, far) for pair, far in apart.items() if far <= bits}


@pytest.mark.parametrize("bits", [0, 1, 31, 63])
def test_all_hashes_within_the_bits_are_found_and_no_other(bits: int) -> None:
    random = np.random.default_rng(bits)
    shelf = random.integers(0, 256, (300, 32), dtype=np.uint8)
    asked = np.repeat(shelf[:40], 2, axis=0)
    for row, wrong in zip(asked[1::2], range(1, 81, 2), strict=True):  # every second with so many wrong bits
        places = random.choice(256, wrong, replace=False)
        row ^= np.packbits(np.isin(np.arange(256), places))
    index = HashShelf(bits)
    index.add(shelf[:100])
    index.add(shelf[100:])
    expected = by_hand(shelf, asked, bits)
    assert pairs(*index.near(asked)) == expected
    assert {far for _, _, far in expected} == {0, *range(1, bits + 1, 2)}


@settings(max_examples=50, deadline=None)
@given(arrays(np.uint8, (5, 32), elements=st.sampled_from([0, 1, 255])), arrays(np.uint8, (4, 32), elements=st.sampled_from([0, 1, 3])),
       st.integers(0, 63))
def test_few_and_equal_hashes_are_found_too(shelf: np.ndarray, asked: np.ndarray, bits: int) -> None:
    index = HashShelf(bits)
    index.add(shelf)
    assert pairs(*index.near(asked)) == by_hand(shelf, asked, bits)


def shelf_of(*made: Made) -> Shelf:
    shelf = Shelf(31)
    prints = [look(each) for each in made]
    shelf.add(range(100, 100 + len(made)), prints)
    return shelf


def found(shelf: Shelf, made: Made) -> dict[int, float]:
    return shelf.near([look(made)])[0]


@pytest.mark.parametrize("name", COPIES)
def test_a_copy_finds_its_original_among_others(name: str) -> None:
    shelf = shelf_of(*(photo(seed) for seed in range(8)))
    near = found(shelf, COPIES[name][1](photo(3)))
    assert sorted(near, key=lambda number: near[number]).index(103) < 2 and len(near) < 8


@pytest.mark.parametrize("orientation", range(8))
def test_each_orientation_is_found_by_its_hash(orientation: int) -> None:
    """Twenty pictures with the very colours of the one that is asked for stand between it and its darker original."""
    bright = np.asarray(COPIES["brighter"][1](photo(2).convert("L")))
    shuffled = [np.roll(bright, (20 * number, 31 * number), (0, 1)) for number in range(1, 21)]
    shelf = shelf_of(photo(2).convert("L"), *(Image.fromarray(each) for each in shuffled))
    near = found(shelf, Image.fromarray(np.ascontiguousarray(turned(bright, orientation))))
    assert near[100] <= 31 / 256 and len(near) < 21


def test_a_shelf_with_nothing_on_it_finds_nothing() -> None:
    assert Shelf(31).near([look(photo(1)), look(photo(2))]) == [{}, {}]
    assert Shelf(31).near([]) == []
    empty = Shelf(31)
    empty.add([], [])
    assert empty.near([look(photo(1))]) == [{}]


def test_what_is_flat_is_found_by_colour_alone() -> None:
    shelf = shelf_of(*(Image.new("RGB", (200, 200), colour) for colour in ("red", "white")))
    assert set(found(shelf, Image.new("RGB", (100, 50), "white"))) == {101}
    assert found(shelf, Image.new("RGB", (100, 50), "blue")) == {}


def test_what_is_put_on_later_is_found_as_well() -> None:
    shelf = shelf_of(photo(1))
    shelf.add([7], [look(photo(2))])
    assert 7 in found(shelf, scaled(photo(2), 0.5)) and 100 in found(shelf, cut(photo(1), 0.1))


def test_pictures_among_themselves_are_found_like_on_a_shelf() -> None:
    made = [photo(1), scaled(photo(1), 0.5), photo(1).rotate(90, expand=True), photo(2), face(), face(mouth=False)]
    prints = [look(each) for each in made]
    numbers = [10, 20, 30, 40, 50, 60]
    shelf = Shelf(31)
    shelf.add(numbers, prints)
    there, here = shelf.near(prints), Shelf(31).among(numbers, prints)
    for one, other in zip(there, here, strict=True):
        assert set(one) == set(other)
        assert all(one[number] == pytest.approx(other[number], abs=0.002) for number in one)
    assert {20, 30} <= set(here[0]) and 60 in here[4]


def maybe(*made: Fingerprint) -> set[tuple[int, int]]:
    return {(first, later) for first, later, _ in perhaps_same_pixels(made)}


def test_large_files_of_one_size_and_look_may_have_the_same_pixels() -> None:
    large, other = photo(1, (640, 480)), photo(2, (640, 480))
    assert maybe(look(large), look(other), look(large, "BMP"), look(large.resize((660, 480))), look(large, "TIFF")) == {(0, 2), (0, 4)}


def test_a_darker_file_has_other_pixels_though_its_hash_is_the_same() -> None:
    large = photo(1, (640, 480))
    assert maybe(look(large), look(COPIES["darker"][1](large))) == set()


def test_flat_files_may_have_the_same_pixels_where_their_colour_is_one() -> None:
    flats = [look(Image.new("RGB", (400, 300), colour), format) for colour, format in
             (("white", "PNG"), ("black", "PNG"), ("white", "BMP"), ("black", "BMP"))]
    assert maybe(*flats) == {(0, 2), (1, 3)}


def test_files_that_were_looked_at_in_full_need_no_guess() -> None:
    small = photo(1, (120, 100))
    assert maybe(look(small), look(encoded(small, "BMP"))) == set()
