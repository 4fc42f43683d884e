"""Rows that stand for all rows: sampling, k-means, a bandwidth, and a triangular factor of their kernel matrix."""

from __future__ import annotations

from typing import Any

import numpy as np

from eigenpairs._validate import finite_rows
from eigenpairs.features.base import read_rows

MEDIAN_ROWS = 500
"""Rows whose distances give the bandwidth: 124,750 distances fix their median to about one percent."""

TOLERANCE = 1e-10
"""Share of the largest k(x, x) below which a landmark counts as explained by the others.

Kernel values carry rounding errors near 1e-16 of it. A column is a residual divided by its own norm, at least 1e-5, so
that it still has some six digits: no column is amplified noise, which scaling to unit variance would promote.
"""


def sampled_rows(X: Any, count: int, rng: np.random.Generator, name: str = "X") -> np.ndarray:
    """At most `count` distinct rows of X, float64, in the order of X so that a file is read forward.

    Raises
    ------
    ValueError
        If X is empty, or a sampled row holds NaN or inf.
    """
    n = X.shape[0]
    if n == 0:
        raise ValueError(f"{name} has shape {tuple(X.shape)}, so there is nothing to sample; give at least one row")
    rows = np.arange(n) if n <= count else np.sort(rng.choice(n, count, replace=False))
    sample = read_rows(X, rows).astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        finite_rows(sample, rows, name)
    return sample


def some_of(sample: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """`count` of the rows, or all if there are fewer, in random order."""
    return sample[rng.permutation(len(sample))[:count]]


def median_gamma(sample: np.ndarray, metric: str, rng: np.random.Generator) -> float:
    """1 / median of the distances between rows; `metric` is "sqeuclidean" or "cityblock".

    Equal rows do not count: among many duplicates the median would be 0. All rows equal give 1.

    Raises
    ------
    ValueError
        If the median or its inverse overflows.
    """
    from scipy.spatial.distance import pdist

    distances = pdist(some_of(sample, MEDIAN_ROWS, rng), metric)
    distances = distances[distances > 0]
    if len(distances) == 0:
        return 1.0
    with np.errstate(over="ignore"):
        gamma = 1 / np.median(distances)
    if not 0 < gamma < np.inf:
        raise ValueError("the rows hold values whose distances overflow or vanish; rescale the columns")
    return float(gamma)


def kmeans_centres(sample: np.ndarray, count: int, seed: int) -> np.ndarray:
    """`count` cluster centres; the rows themselves if there are no more of them than that."""
    if len(sample) <= count:
        return sample
    from sklearn.cluster import MiniBatchKMeans

    return MiniBatchKMeans(count, n_init=1, random_state=seed).fit(sample).cluster_centers_


def pivoted_cholesky(K: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which landmarks to keep, and the inverse of the triangular factor of their kernel matrix.

    Parameters
    ----------
    K : (m, m) positive semi-definite; overwritten

    Returns
    -------
    kept : (r,) row numbers, the worst explained first
    inverse : (r, r) lower triangular, column-major, with inverse^T inverse = K[kept, kept]^-1
    """
    from scipy.linalg import lapack

    # K is symmetric, and its transpose has LAPACK's memory order: no copy of what may be 800 MB.
    factor, pivots, rank, _ = lapack.dpstrf(K.T, tol=TOLERANCE * K.diagonal().max(), lower=1, overwrite_a=1)
    # LAPACK leaves the rows and columns beyond the rank half done, and the old K above the diagonal.
    factor = np.triu(factor[:rank, :rank].T).T
    if rank == 0:
        return pivots[:0], factor
    # As accurate here as solving with the factor, and the product with every chunk is a quarter faster.
    inverse, _ = lapack.dtrtri(factor, lower=1, overwrite_c=1)
    return pivots[:rank] - 1, inverse
