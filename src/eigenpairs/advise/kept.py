"""What a view still tells about the clean row, direction by direction.

The share kept of a direction u is R^2 of the best linear prediction of u(x) from one view of x. Where two views of a
row are independent given the row, and the mean of a view is linear in the row, the pair spectrum says the same: rho_k
is the squared canonical correlation of row and view, u = sum_k c_k psi_k keeps sum_k rho_k c_k^2, and what is destroyed
of a label is the sum over directions of its energy times 1 - rho.

Asking one view, not how well two agree, also tells the truth about views without chance: two grey copies of a picture
agree perfectly and have lost all colour; two upside-down ones agree and have lost nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg

from eigenpairs.diagnose.label_energy import EPS, PrincipalDirections


@dataclass(frozen=True)
class CleanDirections:
    """The leading principal directions of the clean rows: the columns in which an audit computes.

    Attributes
    ----------
    mean : (D,)
    axes : (D, m), orthonormal
    variances : (m,) descending
    share : float
        Share of all variance that lies in them.
    """

    mean: np.ndarray
    axes: np.ndarray
    variances: np.ndarray
    share: float

    @classmethod
    def of(cls, X: np.ndarray, at_most: int) -> CleanDirections:
        """At most so many directions of rows X (n, D); the smaller Gram matrix is solved.

        Raises
        ------
        ValueError
            If all rows are the same.
        """
        n, D = X.shape
        mean = X.mean(axis=0)
        centred = X - mean
        gram = centred.T @ centred if n >= D else centred @ centred.T
        size = len(gram)
        w, U = scipy.linalg.eigh(gram, subset_by_index=[max(size - at_most, 0), size - 1])
        kept = w > max(n, D) * EPS * (np.trace(gram) + n * np.sum(mean**2))
        if not kept.any():
            raise ValueError("X: all rows are the same, so there is nothing that a view could keep")
        w, U = w[kept][::-1], U[:, kept][:, ::-1]
        axes = U if n >= D else centred.T @ (U / np.sqrt(w))
        return cls(mean, axes, w / (n - 1), float(w.sum() / np.trace(gram)))

    def scores(self, X: np.ndarray) -> np.ndarray:
        """(n, m) coordinates of rows X (n, D)."""
        return (X - self.mean) @ self.axes


def share_kept(views: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How much of each target (n, t) linear functions of one view of every row (n, m) tell.

    Returns
    -------
    kept : (t,)
        Adjusted R^2: right on average, so that it may fall below zero where nothing is kept. 0 for a constant.
    variance : (t,) of the targets

    Examples
    --------
    >>> import numpy as np
    >>> from eigenpairs.advise.kept import share_kept
    >>> X = np.random.default_rng(0).standard_normal((5000, 2))
    >>> noisy = X + [0, 1] * np.random.default_rng(1).standard_normal(X.shape)
    >>> share_kept(noisy, X)[0].round(1)  # kept, and half of it noise
    array([1. , 0.5])
    """
    n = len(views)
    directions = PrincipalDirections.of(views)
    rank = len(directions.variances)
    targets = targets - targets.mean(axis=0)
    total = np.sum(targets**2, axis=0) / (n - 1)
    told = (directions.transform(views).T @ targets) / (n - 1)
    left = (total - np.sum(told**2, axis=0)) * (n - 1) / (n - 1 - rank)
    return 1 - np.divide(left, total, out=np.ones_like(total), where=total > 0), total
