"""Nearest neighbours by faiss, and how many of them it found."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np

log = logging.getLogger("eigenpairs")

EXACT_ROWS = 20_000
"""Up to this many rows a search of all of them takes a second, and cells would not pay."""
CHECKED_ROWS = 200
"""Rows whose neighbours are found exactly as well: their recall has a standard error below 0.01."""
CELLS_SEARCHED = [int(8 * 1.5**step) for step in range(40)]
POINTS_OF_A_CELL = 64
"""Rows per cell that its centre is fitted to; faiss takes 256, three times as long for the same recall."""
AIM = 0.95
"""Recall at which no more cells are searched."""


def without_itself(found: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """(n, k) of the k + 1 rows `found` for each of `rows`, less the row itself."""
    # Among duplicates a row need not be its own first neighbour, nor be listed at all: drop it where it is,
    # the farthest where it is not.
    own = found == rows[:, None]
    own[:, -1] |= ~own.any(axis=1)
    return found[~own].reshape(len(rows), -1)


def approximate_neighbors(X: np.ndarray, k: int, seed: int) -> tuple[np.ndarray, float]:
    """(n, k) rows nearest to each row of X, -1 where fewer were found, and the recall.

    Up to `EXACT_ROWS` all rows are compared (in float32) and recall is 1. Beyond, rows are sorted into sqrt(n) cells,
    and the nearest of these are searched: 8 of them, then half as many again until recall reaches `AIM`; at most an
    eighth of all, where comparing all rows would be about as fast.
    """
    faiss = _faiss()
    rows, queries = np.arange(len(X)), _prepared(X)
    flat = faiss.IndexFlatL2(X.shape[1])
    if len(X) <= EXACT_ROWS:
        flat.add(queries)
        return without_itself(flat.search(queries, k + 1)[1], rows), 1.0
    rng = np.random.default_rng(seed)
    n_cells = int(np.sqrt(len(X)))
    index = faiss.IndexIVFFlat(flat, X.shape[1], n_cells)
    index.cp.seed, index.cp.max_points_per_centroid = int(rng.integers(2**31)), POINTS_OF_A_CELL
    index.train(queries)
    index.add(queries)
    checked = np.sort(rng.choice(len(X), CHECKED_ROWS, replace=False))
    farthest = _distance_of_last(queries, checked, k)
    for cells in (count for count in CELLS_SEARCHED if count <= max(8, n_cells // 8)):
        index.nprobe = cells
        found = without_itself(index.search(queries[checked], k + 1)[1], checked)
        recall = _recall(queries, checked, found, farthest)
        if recall >= AIM:
            break
    log.info("faiss: %d of %d cells searched, recall %.3f on %d rows", index.nprobe, n_cells, recall, CHECKED_ROWS)
    return without_itself(index.search(queries, k + 1)[1], rows), recall


def _faiss() -> Any:
    try:
        import faiss
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "method = 'faiss' needs faiss; install it with: pip install 'eigenpairs[knn]' (or pip install faiss-cpu)"
        ) from None
    return faiss


def _prepared(X: np.ndarray) -> np.ndarray:
    """X as float32 with the same neighbours: neither a large mean nor a large unit costs digits."""
    centred = X - X.mean(axis=0, dtype=np.float64)
    return np.ascontiguousarray(centred / (np.abs(centred).max() or 1.0), dtype=np.float32)


def _distance_of_last(X: np.ndarray, rows: np.ndarray, k: int) -> np.ndarray:
    """(n_rows, 1) exact distance of each of `rows` to its k-th neighbour."""
    from sklearn.neighbors import NearestNeighbors

    search = NearestNeighbors(n_neighbors=k + 1, algorithm="brute").fit(X)
    return search.kneighbors(X[rows])[0][:, -1:]


def _recall(X: np.ndarray, rows: np.ndarray, found: np.ndarray, farthest: np.ndarray) -> float:
    """Share of `found` that is no farther than the true k-th neighbour: among ties any is as good."""
    distance = np.linalg.norm(X[rows][:, None].astype(np.float64) - X[found], axis=2)
    near = distance <= farthest * (1 + 1e-5) + 1e-7  # float32 knows no better
    return float(np.mean(near & (found >= 0)))
