"""Coherence: does the embedding's column space lean on a few rows?

mu = (n / r) max_i |U_i|^2, U an orthonormal basis of the column space (Candes & Recht 2009). 1 is spread evenly over
all rows, n / r is a direction that one row has for itself. Of the columns as given: a constant direction counts.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg

from eigenpairs.diagnose.census import Census
from eigenpairs.features.base import read_rows

EXACT_UP_TO = 2**34
"""Products n d r that are done for every row; beyond, a sketch finds the rows worth it."""

SKETCH = 32
CANDIDATES = 4096


def coherence(Z: Any, valid: np.ndarray, census: Census, seed: int = 0) -> tuple[float, int]:
    """(mu, r) of the column space of the `valid` rows of Z, as given, r its numerical rank; mu is nan for zero rows.

    For large files the leverages of all rows are estimated by a random sketch of 32 columns, and computed for the 4,096
    rows where it is largest: mu is then the largest of those, a lower bound.
    """
    if census.rows is not None:
        U, values, _ = scipy.linalg.svd(census.rows + census.shift, full_matrices=False)
        r = int(np.count_nonzero(values > census.smallest(values[0])))
        return (_mu(float(np.sum(U[:, :r] ** 2, axis=1).max()), census.n_valid, r) if r else float("nan")), r
    whiten = _whitener(census)
    r = whiten.shape[1]
    if r == 0:
        return float("nan"), 0
    if census.n_samples * census.n_columns * r <= EXACT_UP_TO:
        return _mu(_largest(Z, valid, whiten), census.n_valid, r), r
    rng = np.random.default_rng(seed)
    sketch = (whiten @ rng.standard_normal((r, SKETCH)) / np.sqrt(SKETCH)).astype(np.float32)
    estimate = np.concatenate([np.sum((rows @ sketch) ** 2, axis=1) for rows in _chunks(Z, valid, np.float32)])
    top = np.sort(valid[np.argpartition(-estimate, CANDIDATES)[:CANDIDATES]])
    return _mu(_largest(Z, top, whiten), census.n_valid, r), r


def largest_share_of_first_direction(Z: Any, valid: np.ndarray, census: Census) -> tuple[int, float]:
    """The row with most of the variance of the first principal direction, and its share of it."""
    if census.rows is not None:
        _, _, axes = scipy.linalg.svd(census.rows - census.first / census.n_valid, full_matrices=False)
        axis = axes[0]
    else:
        d = census.n_columns
        axis = scipy.linalg.eigh(census.covariance, subset_by_index=[d - 1, d - 1])[1][:, 0]
    size = np.concatenate([((rows - census.mean) @ axis) ** 2 for rows in _chunks(Z, valid, np.float64)])
    return int(valid[np.argmax(size)]), float(size.max() / size.sum())


def _whitener(census: Census) -> np.ndarray:
    """(d, r) W with W^T (Z^T Z) W = I."""
    values, vectors = scipy.linalg.eigh(census.n_valid * (census.covariance + np.outer(census.mean, census.mean)))
    s = np.sqrt(np.maximum(values, 0.0))
    kept = s > census.smallest(s[-1])
    return vectors[:, kept] / s[kept]


def _largest(Z: Any, numbers: np.ndarray, whiten: np.ndarray) -> float:
    return max(float(np.sum((rows @ whiten) ** 2, axis=1).max()) for rows in _chunks(Z, numbers, np.float64))


def _chunks(Z: Any, numbers: np.ndarray, dtype: Any) -> Any:
    size = max(256, 2**22 // Z.shape[1])
    for start in range(0, len(numbers), size):
        yield np.asarray(read_rows(Z, numbers[start : start + size]), dtype=dtype)


def _mu(largest: float, n: int, r: int) -> float:
    return n / r * min(largest, 1.0)
