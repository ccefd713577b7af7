import numpy as np
import pytest

from pipeline.evaluate.kernel import kernel_distance


def literal(x: np.ndarray, y: np.ndarray) -> float:
    """Equation 4 of arXiv:1801.01401 with k(a, b) = (a.b / d + 1)^3, sum by sum."""
    def k(a: np.ndarray, b: np.ndarray) -> float:
        return (a @ b / len(a) + 1) ** 3

    m, n = len(x), len(y)
    within_x = sum(k(x[i], x[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    within_y = sum(k(y[i], y[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    return within_x + within_y - 2 * sum(k(a, b) for a in x for b in y) / (m * n)


def test_it_is_the_definition() -> None:
    random = np.random.default_rng(0)
    x, y = random.normal(size=(12, 5)), random.normal(size=(12, 5)) + 1
    found = kernel_distance(x, y)
    assert found.mean == pytest.approx(literal(x, y), rel=1e-9)  # with 12 of 12, every subset is the whole
    assert found.sd == pytest.approx(0, abs=1e-9) and found.size == 12


def test_it_is_unbiased_whatever_the_number_of_images() -> None:
    random = np.random.default_rng(1)
    for size in (20, 200):
        values = [kernel_distance(random.normal(size=(size, 16)), random.normal(size=(size, 16))).mean for _ in range(30)]
        assert abs(np.mean(values)) < 4 * np.std(values) / 30**0.5


def test_subsets_follow_from_the_seed() -> None:
    random = np.random.default_rng(2)
    x, y = random.normal(size=(30, 8)), random.normal(size=(60, 8)) + 0.5
    assert kernel_distance(x, y, seed=1) == kernel_distance(x, y, seed=1) != kernel_distance(x, y, seed=2)


def test_one_image_is_too_few() -> None:
    with pytest.raises(ValueError, match="at least two"):
        kernel_distance(np.ones((1, 4)), np.ones((5, 4)))
