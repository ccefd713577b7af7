"""Groups around the picture that is kept."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image, ImageFilter, ImageOps

from pipeline.curate.copies import stars as under_test
from pipeline.curate.copies.match import Match, Seen, match
from pipeline.curate.copies.stars import Member, stars
from pipeline.curate.copies.views import Fingerprint
from tests.conftest import encoded
from tests.copying import COPIES, Made, cut, look, photo, scaled


def starred(made: Sequence[Made], ranks: Sequence[tuple[float, ...]] | None = None, **more: object) -> list[Member]:
    """Of pictures whose place in the list decides, unless they have ranks."""
    prints = [look(each) for each in made]
    given = ranks or [(float(place),) for place in range(len(made))]
    return stars(prints, [f"i{place}" for place in range(len(made))], given, (0.0,) * len(given[0]), 31, **more)


def kept_by(members: Sequence[Member]) -> dict[int, int]:
    return {member.number: member.kept for member in members}


def greys(levels: Sequence[int]) -> list[Image.Image]:
    """Flat pictures: two levels apart they pass for copies, four they do not."""
    return [Image.new("RGB", (200, 160), (level, level, level)) for level in levels]


def fading(steps: int = 6) -> list[Image.Image]:
    """One photograph that becomes another: neighbours are alike, the ends are not."""
    return [Image.blend(photo(6), photo(31), step / (steps - 1)) for step in range(steps)]


def alike(one: Made, other: Made) -> bool:
    return match(Seen(look(one)), Seen(look(other))) is not None


@pytest.mark.parametrize("chain", [greys(range(100, 116, 2)), fading()], ids=["greys", "fading"])
def test_a_chain_of_small_steps_joins_nothing_that_is_not_alike(chain: list[Image.Image]) -> None:
    assert all(alike(one, other) for one, other in pairwise(chain))
    assert not alike(chain[0], chain[-1])
    members = starred(chain)
    assert members
    assert all(alike(chain[member.kept], chain[member.number]) for member in members)
    assert {member.kept for member in members}.isdisjoint(member.number for member in members)


def test_a_chain_breaks_where_the_kept_one_ends() -> None:
    assert kept_by(starred(greys([100, 102, 104, 106]))) == {1: 0, 3: 2}
    ranks = [(1.0,), (0.0,), (1.0,), (2.0,)]  # the second is kept, and both its neighbours are its copies
    assert kept_by(starred(greys([100, 102, 104, 106]), ranks)) == {0: 1, 2: 1}


def stub(joined: set[frozenset[int]], prints: Sequence[Fingerprint], margin: float = 0.9) -> Callable[..., Match | None]:
    """A `match` by which exactly these pairs are copies."""
    def number(seen: Seen) -> int:
        return next(place for place, each in enumerate(prints) if seen.sights[0].view is each.views[0])

    def fake(one: Seen, other: Seen, orientation: int = 0, related: bool = False) -> Match | None:
        return Match("near", 1, 1.0, margin) if frozenset((number(one), number(other))) in joined else None

    return fake


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("margin", [0.1, 0.9])
def test_whatever_is_alike_every_member_is_a_copy_of_the_kept_one(monkeypatch: pytest.MonkeyPatch, seed: int, margin: float) -> None:
    random = np.random.default_rng(seed)
    pairs = [frozenset((a, b)) for a in range(10) for b in range(a)]
    joined = {pair for pair in pairs if random.random() < 0.25}
    prints = [look(made) for made in greys(range(100, 110))]
    monkeypatch.setattr(under_test, "match", stub(joined, prints, margin))
    ids, ranks = [f"i{place}" for place in range(10)], [(float(rank),) for rank in random.permutation(10)]
    members = stars(prints, ids, ranks, (0.0,), 31)
    copies = kept_by(members)
    assert all(frozenset(pair) in joined for pair in copies.items())
    assert not set(copies) & set(copies.values())
    assert all(ranks[kept] < ranks[copy] for copy, kept in copies.items())
    assert len(copies) == len(members)


@pytest.mark.parametrize("first", [0, 1, 2])
def test_a_copy_is_said_to_be_one_of_the_kept_picture_as_that_stands(first: int) -> None:
    """Upright, mirrored and turned: who is kept names the others by itself."""
    made = [photo(4), ImageOps.mirror(photo(4)), photo(4).transpose(Image.Transpose.ROTATE_90)]
    ranks = [(float((place - first) % 3),) for place in range(3)]
    members = starred(made, ranks)
    kinds = {frozenset((0, 1)): "flip", frozenset((0, 2)): "turn", frozenset((1, 2)): "turn"}
    assert {member.number: member.match.kind for member in members} == {
        place: kinds[frozenset((first, place))] for place in range(3) if place != first
    }


def test_a_part_of_a_poor_mirrored_copy_belongs_to_the_original() -> None:
    """The mirrored one is a face of its family, by which its part is found."""
    mirrored = ImageOps.mirror(photo(5))
    poor = encoded(mirrored.filter(ImageFilter.GaussianBlur(2)), "JPEG", quality=10)
    members = starred([photo(5), poor, cut(mirrored, 0.1, 0.1, 0.1, 0.1)])
    assert kept_by(members) == {1: 0, 2: 0}
    assert [member.match.kind for member in members] == ["flip", "crop"]


@pytest.mark.parametrize("copy", ["10 % cut off", "cut to a square", "a white border", "leaning by three degrees"])
def test_the_uncropped_and_unframed_one_is_kept_whatever_its_rank(copy: str) -> None:
    made = [COPIES[copy][1](photo(6)), photo(6)]
    assert kept_by(starred(made)) == {0: 1}
    assert kept_by(starred(made, uncropped=False)) == {1: 0}


def test_a_part_of_a_part_of_a_picture_leads_to_the_picture() -> None:
    made = [cut(photo(7), 0.2, 0.2, 0.2, 0.2), cut(photo(7), 0.1, 0.1, 0.1, 0.1), photo(7)]
    assert kept_by(starred(made)) == {0: 2, 1: 2}


def test_a_border_round_a_part_gives_way_twice() -> None:
    made = [ImageOps.expand(cut(photo(8), 0.1, 0.1, 0.1, 0.1), 24, "white"), cut(photo(8), 0.1, 0.1, 0.1, 0.1), photo(8)]
    assert kept_by(starred(made)) == {0: 2, 1: 2}


def test_what_is_within_the_slack_is_equal_and_the_next_number_decides() -> None:
    made = [photo(1), scaled(photo(1), 0.9), scaled(photo(1), 0.8)]
    prints, ids = [look(each) for each in made], ["a", "b", "c"]
    ranks = [(0.0, 2.0), (0.9, 1.0), (1.1, 0.0)]
    assert kept_by(stars(prints, ids, ranks, (1.0, 0.0), 31)) == {0: 1, 2: 1}
    assert kept_by(stars(prints, ids, ranks, (0.5, 0.0), 31)) == {1: 0, 2: 0}
    assert kept_by(stars(prints, ids, ranks, (2.0, 0.0), 31)) == {0: 2, 1: 2}


def test_of_equals_the_most_typical_is_kept() -> None:
    darker = COPIES["darker"][1](photo(2))
    made = [darker, photo(2), scaled(photo(2), 0.9), scaled(photo(2), 0.7), scaled(photo(2), 0.5)]
    kept = set(kept_by(starred(made, [(0.0,)] * 5)).values())
    assert len(kept) == 1 and kept != {0}


def test_two_families_and_strangers_stay_apart() -> None:
    made = [photo(1), photo(2), photo(3), scaled(photo(1), 0.5), ImageOps.flip(photo(2))]
    assert kept_by(starred(made)) == {3: 0, 4: 1}


def test_nothing_and_one_picture_have_no_copies() -> None:
    assert stars([], [], [], (0.0,), 31) == []
    assert starred([photo(1)]) == []


def test_more_pictures_than_one_block_find_their_copies() -> None:
    originals = [photo(seed, (160, 120)) for seed in range(80)]
    members = starred([*originals, *(scaled(each, 0.75) for each in originals)])
    assert kept_by(members) == {80 + place: place for place in range(80)}


def test_what_is_known_is_not_compared_again(monkeypatch: pytest.MonkeyPatch) -> None:
    made = [photo(1), scaled(photo(1), 0.5), cut(photo(1), 0.1, 0.1, 0.1, 0.1), photo(2), *greys([100, 102])]
    known: dict[tuple[str, str, int], Match | None] = {}
    first = starred(made, known=known)
    assert known

    def never(*_: object, **__: object) -> None:
        raise AssertionError("compared again")

    monkeypatch.setattr(under_test, "match", never)
    assert starred(made, known=dict(known)) == first
    with pytest.raises(AssertionError, match="compared again"):
        starred(made, known={})
