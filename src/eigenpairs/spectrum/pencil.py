"""The generalised eigenproblem C v = rho S v of a span, with a stated rank rule.

Solved as M v = (1 - rho) S v with M = S - C, the pairs' disagreement: small 1 - rho keep their digits.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import scipy.linalg

from eigenpairs.spectrum.lapack import lowest

EPS = float(np.finfo(np.float64).eps)


class Pencil:
    """The pair (S - M, S) of a span, whitened once and solved for any number of modes and any ridge.

    Rank rule: columns are scaled to unit variance (a column whose spread is rounding noise of its mean counts as
    constant and is dropped), and eigenvalues of that correlation matrix below max(D, 10) eps times the largest are
    truncated. Collinear columns and fewer rows than columns therefore work, whatever the units.

    Parameters
    ----------
    S, M : (D, D) covariance of rows, disagreement of pairs
    mean : (D,)

    Attributes
    ----------
    rank : int, dimension of the span after truncation

    Raises
    ------
    ValueError
        If no column varies.
    """

    def __init__(self, S: np.ndarray, M: np.ndarray, mean: np.ndarray):
        std = np.sqrt(np.maximum(np.diag(S), 0.0))
        self.varies = std > 10 * EPS * np.abs(mean)
        if not self.varies.any():
            raise ValueError("X has no column that varies over the rows with a partner; there is nothing to solve")
        block = np.ix_(self.varies, self.varies)
        self.S, self.M, self.scale = S[block], M[block], std[self.varies]
        self.mean_eigenvalue = float(np.trace(S)) / len(S)
        values, vectors = scipy.linalg.eigh(self.S / np.outer(self.scale, self.scale))
        kept = values > max(len(S), 10) * EPS * values[-1]
        self.basis = vectors[:, kept] / np.sqrt(values[kept]) / self.scale[:, None]  # basis^T S basis = 1
        self.rank = self.basis.shape[1]

    @cached_property
    def _principal(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Principal axes of S in the columns' own units, where a ridge is diagonal: axes, variances, disagreement."""
        values, axes = scipy.linalg.eigh(self.S)
        kept = values > max(len(values), 10) * EPS * values[-1]
        return axes[:, kept], values[kept], axes[:, kept].T @ self.M @ axes[:, kept]

    def solve(self, n_components: int, ridge: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
        """The leading eigenpairs of (S - M) v = rho (S + r I) v, r = `ridge` trace(S) / D.

        Returns
        -------
        rho : (m,) descending, m = min(n_components, rank)
        weights : (D, m), columns v with v^T (S + r I) v = 1 and fixed signs
        """
        if ridge > 0:
            # (M + r) v = (1 - rho)(S + r) v on the principal axes, where S + r is diagonal.
            added = ridge * self.mean_eigenvalue
            axes, variances, disagreement = self._principal
            shrink = 1 / np.sqrt(variances + added)
            basis = axes * shrink
            matrix = shrink[:, None] * (disagreement + added * np.eye(len(variances))) * shrink
        else:
            basis, matrix = self.basis, self.basis.T @ self.M @ self.basis
        m = min(n_components, self.rank, len(matrix))
        loss, inner = lowest(matrix, m)
        weights = np.zeros((len(self.varies), m))
        weights[self.varies] = fixed_signs(basis @ inner, by=self.scale[:, None])
        return np.minimum(1 - loss, 1.0), weights


def fixed_signs(vectors: np.ndarray, by: np.ndarray | float = 1.0) -> np.ndarray:
    """`vectors` (n, m) with each column's largest entry (times `by`) positive, so that results repeat."""
    at = np.argmax(np.abs(vectors * by), axis=0)
    return vectors * np.where(vectors[at, np.arange(vectors.shape[1])] < 0, -1.0, 1.0)
