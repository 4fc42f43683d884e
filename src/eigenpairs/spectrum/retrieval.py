"""Nearest rows of a bank by dot product and bias: exact, in chunks, with faiss where it is installed."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

BLOCK_BYTES = 2**26
"""Size of one block of scores."""

SPARE = 32
"""faiss computes in float32: so many more candidates than asked for are scored again in float64."""


class Matches(NamedTuple):
    """The best rows of a bank for each query, best first.

    rows : (n_queries, k) int64, row numbers of the bank
    scores : (n_queries, k) float64
    """

    rows: np.ndarray
    scores: np.ndarray


def of_length_one(Z: np.ndarray) -> np.ndarray:
    """Rows scaled to length one, so that dot products are cosines; zero rows stay zero."""
    length = np.linalg.norm(Z, axis=1, keepdims=True)
    return Z / np.where(length > 0, length, 1.0)


def scores(queries: np.ndarray, bank: np.ndarray, bias: np.ndarray | None) -> np.ndarray:
    """(n, m) q_i . b_j + c_j."""
    found = queries @ bank.T
    return found if bias is None else found + bias


def best_matches(queries: np.ndarray, bank: np.ndarray, bias: np.ndarray | None, k: int) -> Matches:
    """The k rows of the bank (m, K) with the highest scores for each query (n, K); equal ones by row number."""
    try:
        import faiss
    except ModuleNotFoundError:
        candidates = _by_product(queries, bank, bias, k)
    else:
        spare = min(k + SPARE, len(bank))
        candidates, sure = _by_faiss(faiss.IndexFlatIP, queries, bank, bias, k, spare)
        candidates[~sure] = _by_product(queries[~sure], bank, bias, spare)
    rows = np.empty((len(queries), k), dtype=np.int64)
    best = np.empty((len(queries), k))
    step = max(1, BLOCK_BYTES // (8 * bank.shape[1] * max(1, candidates.shape[1])))
    for start in range(0, len(queries), step):
        part = slice(start, start + step)
        found = np.einsum("qk,qck->qc", queries[part], bank[candidates[part]])
        if bias is not None:
            found += bias[candidates[part]]
        order = np.lexsort((candidates[part], -found), axis=1)[:, :k]
        rows[part] = np.take_along_axis(candidates[part], order, axis=1)
        best[part] = np.take_along_axis(found, order, axis=1)
    return Matches(rows, best)


def _by_product(queries: np.ndarray, bank: np.ndarray, bias: np.ndarray | None, k: int) -> np.ndarray:
    """(n, k) the best rows in any order; of equal ones those with the smallest row numbers."""
    found = np.empty((len(queries), k), dtype=np.int64)
    step = max(1, BLOCK_BYTES // (8 * len(bank)))
    for start in range(0, len(queries), step):
        block = scores(queries[start : start + step], bank, bias)
        best = np.argpartition(-block, k - 1, axis=1)[:, :k]
        last = np.take_along_axis(block, best, axis=1).min(axis=1)
        # A product in blocks gives equal rows scores that differ by rounding.
        near = block >= (last - 1e-12 * np.maximum(np.abs(last), 1.0))[:, None]
        for query in np.flatnonzero(near.sum(axis=1) > k):
            equal = np.flatnonzero(near[query])
            exact = np.einsum("k,ck->c", queries[start + query], bank[equal])
            exact += 0.0 if bias is None else bias[equal]
            best[query] = equal[np.lexsort((equal, -exact))[:k]]
        found[start : start + step] = best
    return found


def _by_faiss(
    make_index: Callable, queries: np.ndarray, bank: np.ndarray, bias: np.ndarray | None, k: int, spare: int
) -> tuple[np.ndarray, np.ndarray]:
    """(n, spare) candidates by inner product in float32, and (n,) whether the k best must be among them.

    The bias is a column that every query meets with a 1.
    """
    if bias is not None:
        queries = np.concatenate([queries, np.ones((len(queries), 1))], axis=1)
        bank = np.concatenate([bank, bias[:, None]], axis=1)
    index = make_index(bank.shape[1])
    index.add(np.ascontiguousarray(bank, dtype=np.float32))
    found, candidates = index.search(np.ascontiguousarray(queries, dtype=np.float32), spare)
    # What float32 loses grows with the terms of the sum, not with the sum.
    size = np.linalg.norm(queries, axis=1) * np.linalg.norm(bank, axis=1).max(initial=0.0)
    sure = found[:, -1] < found[:, k - 1] - 1e-5 * size
    return candidates, sure | (spare == len(bank))
