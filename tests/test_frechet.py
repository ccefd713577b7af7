import warnings

import numpy as np
import pytest
from scipy.linalg import LinAlgWarning, sqrtm

from pipeline.evaluate.frechet import frechet_distance


def features(seed: int, count: int, size: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    mixed = random.normal(size=(count, size)) @ random.normal(size=(size, size)) / size**0.5
    return np.maximum(mixed + random.normal(size=size), 0)


def by_square_root(one: np.ndarray, other: np.ndarray) -> float:
    """The definition, literally."""
    s1, s2 = np.cov(one, rowvar=False), np.cov(other, rowvar=False)
    gap = one.mean(0) - other.mean(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LinAlgWarning)  # of fewer images than features the product is singular
        root = sqrtm(s1 @ s2)
    return float(gap @ gap + np.trace(s1 + s2 - 2 * root.real))


@pytest.mark.parametrize(("n1", "n2"), [(200, 300), (40, 300), (300, 40), (64, 64), (65, 65)])
def test_it_is_the_definition(n1: int, n2: int) -> None:
    one, other = features(1, n1, 64), features(2, n2, 64)
    assert frechet_distance(one, other) == pytest.approx(by_square_root(one, other), rel=1e-5)


def test_both_routes_give_the_same_number() -> None:
    from pipeline.evaluate import frechet

    a, b = features(1, 300, 64) - 1, features(2, 200, 64) - 1
    assert frechet._root_by_gram(a, b) == pytest.approx(frechet._root_by_factor(a, b), rel=1e-10)


def test_a_set_is_at_no_distance_from_itself() -> None:
    for count in (30, 300):
        assert frechet_distance(features(1, count, 64), features(1, count, 64)) == pytest.approx(0, abs=1e-9)


def test_known_gaussians() -> None:
    # N(0, I) and N(m, s^2 I) in d dimensions: |m|^2 + d (1 - s)^2
    z = np.random.default_rng(0).normal(size=(50_000, 4))
    z = (z - z.mean(0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(z, rowvar=False))).T  # exactly white
    assert frechet_distance(z, 3 * z + 2) == pytest.approx(4 * 4 + 4 * 4, rel=1e-9)


def test_it_is_symmetric_and_does_not_mind_float32() -> None:
    one, other = features(1, 50, 64).astype(np.float32), features(2, 80, 64).astype(np.float32)
    assert frechet_distance(one, other) == pytest.approx(frechet_distance(other, one), rel=1e-9)


def test_one_image_is_too_few() -> None:
    with pytest.raises(ValueError, match="at least two"):
        frechet_distance(features(1, 1, 8), features(2, 9, 8))
