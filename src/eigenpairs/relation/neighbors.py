"""Nearest neighbours as positive pairs."""

from __future__ import annotations

from typing import Any

import numpy as np

from eigenpairs._arrays import to_numpy
from eigenpairs._validate import table

KD_TREE_COLUMNS = 8
"""Up to this many columns a k-d tree beats brute force by far; beyond it, it degrades to worse than brute force."""


def nearest_neighbors(X: Any, k: int, metric: str) -> tuple[np.ndarray, np.ndarray]:
    """Lists i, j of every row with its k nearest other rows (ties and duplicates broken by row number).

    Raises
    ------
    ValueError
        If X has not more than k rows.
    """
    X = to_numpy(table(X, "X"))
    n = X.shape[0]
    if n <= k:
        raise ValueError(f"k = {k} neighbours need more than {k} rows, X has {n}; lower k")
    if X.shape[1] <= KD_TREE_COLUMNS and metric == "euclidean":
        from scipy.spatial import cKDTree

        found = cKDTree(X).query(X, k + 1, workers=-1)[1]
    else:
        from sklearn.neighbors import NearestNeighbors

        found = NearestNeighbors(n_neighbors=k + 1, metric=metric).fit(X).kneighbors(X, return_distance=False)
    # Among duplicates a row need not be its own first neighbour, nor be listed at all: drop it where it is,
    # the farthest where it is not.
    own = found == np.arange(n)[:, None]
    own[:, -1] |= ~own.any(axis=1)
    return np.repeat(np.arange(n), k), found[~own].astype(np.int64)
