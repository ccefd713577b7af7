"""The Fréchet distance between two sets of features, each taken as a Gaussian (Heusel et al., arXiv:1706.08500).

d = |m1 - m2|^2 + tr S1 + tr S2 - 2 tr sqrt(S1 S2). The last trace is the sum of the singular values of
(X1 - m1)(X2 - m2)^T / sqrt((n1 - 1)(n2 - 1)), which needs no matrix square root and is exact where there
are fewer images than features; with more of both, the eigenvalues of F^T S2 F with F F^T = S1 are cheaper.
"""

import numpy as np

__all__ = ["frechet_distance"]

NEGLIGIBLE = 1e-12  # eigenvalues below this share of the largest are rounding


def frechet_distance(one: np.ndarray, other: np.ndarray) -> float:
    """The distance between features (n1, d) and (n2, d), computed in float64. Needs two rows of each."""
    if min(len(one), len(other)) < 2:
        raise ValueError("a covariance needs at least two images")
    a, b = one.astype(np.float64), other.astype(np.float64)
    mean_gap = a.mean(0) - b.mean(0)
    a, b = (a - a.mean(0)) / np.sqrt(len(a) - 1), (b - b.mean(0)) / np.sqrt(len(b) - 1)
    features = a.shape[1]
    root = _root_by_gram(a, b) if min(len(a), len(b)) <= features else _root_by_factor(a, b)
    return float(mean_gap @ mean_gap + (a * a).sum() + (b * b).sum() - 2 * root)


def _root_by_gram(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.linalg.svd(a @ b.T, compute_uv=False).sum())


def _root_by_factor(a: np.ndarray, b: np.ndarray) -> float:
    values, vectors = np.linalg.eigh(a.T @ a)
    keep = values > NEGLIGIBLE * values[-1]
    factor = vectors[:, keep] * np.sqrt(values[keep])
    projected = b @ factor
    return float(np.sqrt(np.linalg.eigvalsh(projected.T @ projected).clip(min=0)).sum())
