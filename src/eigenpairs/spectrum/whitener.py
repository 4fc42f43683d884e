"""Whitening a covariance, with a stated rank rule and any ridge."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import scipy.linalg

EPS = float(np.finfo(np.float64).eps)

WELL_CONDITIONED = 1e-8
"""Reciprocal condition number above which no eigenvalue can be near the rank rule's threshold."""

HARDLY = 0.1
"""Standard deviation of a column that was made white, below which it was rounding in the first reading."""

DELICATE = 1e-10
"""Share of the largest eigenvalue below which a kept one has fewer than some five digits: sums of squares of float64
rows are rounded at 1e-16 of the largest."""


class Whitener:
    """Bases B of the columns' span with B^T (S + r I) B = I.

    Rank rule: columns are scaled to unit variance (a column whose spread is rounding noise of its mean counts as
    constant and is dropped), and eigenvalues of that correlation matrix below max(D, 10) eps times the largest are
    truncated. Collinear columns and fewer rows than columns therefore work, whatever the units.

    Parameters
    ----------
    S : (D, D) covariance of rows
    mean : (D,)
    name : what the caller calls the data, for messages
    least : standard deviation up to which a column counts as constant

    Attributes
    ----------
    varies : (D,) bool, the columns that are not constant
    scale : (D,) their standard deviations, 0 for constant columns

    Raises
    ------
    ValueError
        If no column varies.
    """

    def __init__(self, S: np.ndarray, mean: np.ndarray, name: str = "X", least: float = 0.0):
        std = np.sqrt(np.maximum(np.diag(S), 0.0))
        self.varies = (std > 10 * EPS * np.abs(mean)) & (std > least)
        if not self.varies.any():
            raise ValueError(
                f"{name} has no column that varies over the rows with a partner; there is nothing to solve"
            )
        self.scale = np.where(self.varies, std, 0.0)
        self.S = S[np.ix_(self.varies, self.varies)]
        self.mean_eigenvalue = float(np.trace(S)) / len(S)
        std = std[self.varies]
        white, self._smallest = _white_basis(self.S / np.outer(std, std))
        self._white = white / std[:, None]

    @cached_property
    def _principal(self) -> tuple[np.ndarray, np.ndarray]:
        """Principal axes and variances of S in the columns' own units, where a ridge is diagonal."""
        values, axes = scipy.linalg.eigh(self.S)
        kept = values > max(len(values), 10) * EPS * values[-1]
        return axes[:, kept], values[kept]

    def rank(self, ridge: float = 0.0) -> int:
        """Dimension of the span after truncation; with a ridge, variances count in the columns' own units."""
        return len(self._principal[1]) if ridge > 0 else self._white.shape[1]

    def added(self, ridge: float) -> float:
        """r, the number on the diagonal that `ridge` stands for."""
        return ridge * self.mean_eigenvalue

    def delicate(self, ridge: float = 0.0) -> bool:
        """Whether S says too little of some direction: sums over the columns of `basis` would say more."""
        return ridge == 0 and self._smallest < DELICATE

    def basis(self, ridge: float = 0.0) -> np.ndarray:
        """(D, r) B with B^T (S + r I) B = I, zero on constant columns."""
        if ridge > 0:
            axes, variances = self._principal
            inner = axes / np.sqrt(variances + self.added(ridge))
        else:
            inner = self._white
        basis = np.zeros((len(self.varies), inner.shape[1]))
        basis[self.varies] = inner
        return basis


def _white_basis(R: np.ndarray) -> tuple[np.ndarray, float]:
    """(D, r) B with B^T R B = I for a correlation matrix R, truncated by the rank rule; and the smallest share kept.

    The share is that of the smallest eigenvalue kept in the largest, or WELL_CONDITIONED where it is no less.

    A matrix that is far from singular has full rank by that rule, and its triangular factor whitens at a tenth of the
    cost of its eigenvectors.
    """
    lapack = scipy.linalg.lapack
    factor, failed = lapack.dpotrf(R, clean=1)
    if not failed and lapack.dpocon(factor, np.abs(R).sum(axis=0).max())[0] > WELL_CONDITIONED:
        return lapack.dtrtri(factor)[0], WELL_CONDITIONED
    values, vectors = scipy.linalg.eigh(R)
    kept = values > max(len(R), 10) * EPS * values[-1]
    values, vectors = values[kept], vectors[:, kept]
    return vectors * (fixed_signs(vectors) / np.sqrt(values)), float(values[0] / values[-1])


def fixed_signs(vectors: np.ndarray, by: np.ndarray | float = 1.0) -> np.ndarray:
    """(m,) +-1 that make each column's largest entry of `vectors` (n, m) (times `by`) positive: results repeat."""
    at = np.argmax(np.abs(vectors * by), axis=0)
    return np.where(vectors[at, np.arange(vectors.shape[1])] < 0, -1.0, 1.0)
