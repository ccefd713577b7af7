"""The kernel distance (KID): unbiased squared MMD with a cubic kernel (Binkowski et al., arXiv:1801.01401).

Unlike the Fréchet distance its expectation does not depend on how many images there are, which is what
small datasets need. It may be slightly below 0 where two sets are alike.
"""

from dataclasses import dataclass

import numpy as np

__all__ = ["KernelDistance", "kernel_distance"]

SUBSETS = 100
LARGEST = 1000


@dataclass(frozen=True)
class KernelDistance:
    """Mean and standard deviation over `SUBSETS` random subsets of `size` images from each side."""

    mean: float
    sd: float
    size: int


def kernel_distance(one: np.ndarray, other: np.ndarray, seed: int = 0) -> KernelDistance:
    """The distance between features (n1, d) and (n2, d). Subsets hold min(1000, n1, n2) images; needs two."""
    size = min(LARGEST, len(one), len(other))
    if size < 2:
        raise ValueError("an unbiased estimate needs at least two images")
    a, b = one.astype(np.float64), other.astype(np.float64)
    aa, bb, ab = _kernel(a, a), _kernel(b, b), _kernel(a, b)
    random = np.random.default_rng(seed)
    values = []
    for _ in range(SUBSETS):
        i, j = random.choice(len(a), size, replace=False), random.choice(len(b), size, replace=False)
        within = _off_diagonal_mean(aa[np.ix_(i, i)]) + _off_diagonal_mean(bb[np.ix_(j, j)])
        values.append(within - 2 * ab[np.ix_(i, j)].mean())
    return KernelDistance(float(np.mean(values)), float(np.std(values)), size)


def _kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.asarray((a @ b.T / a.shape[1] + 1) ** 3)


def _off_diagonal_mean(matrix: np.ndarray) -> float:
    n = len(matrix)
    return float((matrix.sum() - np.trace(matrix)) / (n * (n - 1)))
