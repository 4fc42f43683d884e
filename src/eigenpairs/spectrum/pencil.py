"""The generalised eigenproblem C v = rho S v of a span, with a stated rank rule.

Solved as M v = (1 - rho) S v with M = S - C, the pairs' disagreement: small 1 - rho keep their digits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg

EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Pencil:
    """Solution of C v = rho S v.

    rho : (m,) descending
    weights : (D, m) columns v with v^T S v = 1 (with a ridge: v^T (S + ridge) v = 1)
    rank : dimension of the span after truncation
    """

    rho: np.ndarray
    weights: np.ndarray
    rank: int


def solve_pencil(S: np.ndarray, M: np.ndarray, mean: np.ndarray, n_components: int, ridge: float = 0.0) -> Pencil:
    """The leading eigenpairs of (S - M) v = rho S v.

    Rank rule: columns are scaled to unit variance (a column whose spread is rounding noise of its mean counts as
    constant and is dropped), and eigenvalues of that correlation matrix below max(D, 10) eps times the largest are
    truncated. Collinear columns and fewer rows than columns therefore work, whatever the units.

    Parameters
    ----------
    S, M : (D, D) covariance and disagreement of pairs
    mean : (D,)
    n_components : int, at most this many pairs
    ridge : float, added to S relative to trace(S) / D

    Raises
    ------
    ValueError
        If no column varies.
    """
    D = len(S)
    std = np.sqrt(np.maximum(np.diag(S), 0.0))
    varies = std > 10 * EPS * np.abs(mean)
    if not varies.any():
        raise ValueError("X has no column that varies over the rows with a partner; there is nothing to solve")
    scale = std[varies]
    correlation = S[np.ix_(varies, varies)] / np.outer(scale, scale)
    values, vectors = scipy.linalg.eigh(correlation)
    kept = values > max(D, 10) * EPS * values[-1]
    basis = vectors[:, kept] / np.sqrt(values[kept]) / scale[:, None]  # basis^T S basis = 1
    rank, m = basis.shape[1], min(n_components, basis.shape[1])
    disagreement = basis.T @ M[np.ix_(varies, varies)] @ basis
    disagreement = 0.5 * (disagreement + disagreement.T)
    if ridge > 0:
        # (C) v = rho (S + r) v is (M + r) v = (1 - rho)(S + r) v.
        extra = ridge * np.trace(S) / D * (basis.T @ basis)
        loss, inner = scipy.linalg.eigh(disagreement + extra, np.eye(rank) + extra, subset_by_index=[0, m - 1])
    else:
        loss, inner = scipy.linalg.eigh(disagreement, subset_by_index=[0, m - 1])
    weights = np.zeros((D, m))
    weights[varies] = fixed_signs(basis @ inner, by=scale[:, None])
    return Pencil(np.minimum(1 - loss, 1.0), weights, rank)


def fixed_signs(vectors: np.ndarray, by: np.ndarray | float = 1.0) -> np.ndarray:
    """`vectors` (n, m) with each column's largest entry (times `by`) positive, so that results repeat."""
    at = np.argmax(np.abs(vectors * by), axis=0)
    return vectors * np.where(vectors[at, np.arange(vectors.shape[1])] < 0, -1.0, 1.0)
