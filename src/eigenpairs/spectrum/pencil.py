"""The generalised eigenproblem C v = rho S v of a span, with a stated rank rule.

Solved as M v = (1 - rho) S v with M = S - C, the pairs' disagreement: small 1 - rho keep their digits.
"""

from __future__ import annotations

import numpy as np

from eigenpairs.spectrum.lapack import lowest
from eigenpairs.spectrum.whitener import Whitener, fixed_signs


class Pencil:
    """The pair (S - M, S) of a span, solved for any number of modes and any ridge.

    Parameters
    ----------
    S, M : (D, D) covariance of rows, disagreement of pairs
    mean : (D,)
    least : standard deviation up to which a column counts as constant

    Attributes
    ----------
    whitener : Whitener, which holds the rank rule

    Raises
    ------
    ValueError
        If no column varies.
    """

    def __init__(self, S: np.ndarray, M: np.ndarray, mean: np.ndarray, least: float = 0.0):
        self.whitener, self.M = Whitener(S, mean, least=least), M

    def rank(self, ridge: float = 0.0) -> int:
        """Dimension of the span after truncation."""
        return self.whitener.rank(ridge)

    def solve(self, n_components: int, ridge: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
        """The leading eigenpairs of (S - M) v = rho (S + r I) v, r = `ridge` trace(S) / D.

        Returns
        -------
        rho : (m,) descending, m = min(n_components, rank)
        weights : (D, m), columns v with v^T (S + r I) v = 1 and fixed signs
        """
        basis = self.whitener.basis(ridge)
        matrix = basis.T @ self.M @ basis  # (M + r) v = (1 - rho)(S + r) v in the whitened basis
        if ridge > 0:
            matrix += self.whitener.added(ridge) * (basis.T @ basis)
        m = min(n_components, len(matrix))
        loss, inner = lowest(matrix, m)
        weights = basis @ inner
        weights *= fixed_signs(weights, by=self.whitener.scale[:, None])
        return np.minimum(1 - loss, 1.0), weights
