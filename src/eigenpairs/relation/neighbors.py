"""Nearest neighbours as positive pairs."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import scipy.sparse as sp

from eigenpairs._arrays import to_numpy
from eigenpairs._validate import finite_rows, one_of, table, whole_number
from eigenpairs.relation.approximate import approximate_neighbors, without_itself

METHODS = ("auto", "faiss")
KD_TREE_COLUMNS = 8
"""Up to this many columns a k-d tree beats brute force by far; beyond it, it degrades to worse than brute force."""
GOOD_RECALL = 0.9


def nearest_neighbors(
    X: Any, k: int, metric: str, method: str, random_state: int
) -> tuple[np.ndarray, np.ndarray, float]:
    """Lists i, j of every row with its k nearest other rows, and the share of these that was found.

    Among rows equally far, which are listed is not defined; a row is never its own neighbour.

    A sparse X is searched as it is, by the exact method.

    Raises
    ------
    ValueError
        If X has not more than k rows, or holds NaN or inf.
    ModuleNotFoundError
        If method="faiss" and faiss is not installed.
    """
    one_of(method, "method", METHODS)
    X = table(X, "X", sparse=method == "auto")
    X = X if sp.issparse(X) else to_numpy(X)
    n = X.shape[0]
    if n <= k:
        raise ValueError(f"k = {k} neighbours need more than {k} rows, X has {n}; lower k")
    rows = np.arange(n)
    finite_rows(X, rows, "X")
    if metric == "cosine":
        X, metric = on_sphere(X), "euclidean"  # one order there, and much faster to search
    if method == "faiss":
        if metric != "euclidean":
            raise ValueError(
                f"metric = {metric!r} is unknown to method = 'faiss'; choose from 'euclidean', 'cosine', or method = "
                "'auto', which takes any metric of scikit-learn"
            )
        seed = whole_number(random_state, "random_state", 0)
        found, recall = approximate_neighbors(X, k, seed)
        if recall < GOOD_RECALL:
            warnings.warn(
                f"recall = {recall:.2f}: faiss found that share of the nearest neighbours (estimated); "
                "method='auto' finds all of them, and fewer columns (PCA) are easier to search",
                stacklevel=3,
            )
    else:
        found, recall = without_itself(exact_neighbors(X, k + 1, metric), rows), 1.0
    i, j = np.repeat(rows, k), found.ravel().astype(np.int64)
    return i[j >= 0], j[j >= 0], recall


def on_sphere(X: Any) -> Any:
    """Rows of length 1, sparse if X is; rows of zeros get a direction of their own, orthogonal to all others."""
    if sp.issparse(X):
        from sklearn.preprocessing import normalize

        unit = normalize(normalize(X, "max"))
        return sp.hstack([unit, sp.csr_array(abs(unit).sum(axis=1)[:, None] == 0)], format="csr")
    X = X.astype(np.result_type(X.dtype, np.float32), copy=False)
    largest = np.abs(X).max(axis=1, keepdims=True)
    zero = largest == 0
    unit = X / np.where(zero, 1.0, largest)  # first to a size whose square neither overflows nor vanishes
    unit = unit / np.where(zero, 1.0, np.linalg.norm(unit, axis=1, keepdims=True))
    return np.column_stack([unit, zero]) if zero.any() else unit


def exact_neighbors(X: Any, k: int, metric: str) -> np.ndarray:
    """(n, k) rows of X nearest to each row of X, itself included."""
    if X.shape[1] <= KD_TREE_COLUMNS and metric == "euclidean" and not sp.issparse(X):
        from scipy.spatial import cKDTree

        return cKDTree(X).query(X, k, workers=-1)[1]
    from sklearn.neighbors import NearestNeighbors

    return NearestNeighbors(n_neighbors=k, metric=metric).fit(X).kneighbors(X, return_distance=False)
