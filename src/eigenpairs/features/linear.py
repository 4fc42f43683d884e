"""`Linear`: affine functions of the columns of X."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from eigenpairs._validate import real_number, table
from eigenpairs.features.base import FeatureMap, Features


@dataclass
class Linear(Features):
    """Phi(x) = x: linear SSL, which is LDA, CCA or locality preserving projections depending on the pairs.

    Parameters
    ----------
    ridge : float or "auto", default 0
        Added to the second moments, relative to their mean eigenvalue trace(S)/D. It shrinks directions of small
        variance, which is what keeps a fit on few rows from finding pairs' noise. "auto" chooses it on held-out pairs,
        by five folds over groups of partners (`Spectrum.ridge` tells the choice).

    Notes
    -----
    X may be a scipy sparse matrix of up to 20,000 columns: it is centred implicitly and never filled. Where more than
    some 5 % of it are nonzero a dense array takes no longer.

    Examples
    --------
    >>> import eigenpairs as ep
    >>> ep.Linear(ridge=1e-3)
    Linear(ridge=0.001)

    Counts of words, of which few are nonzero:

    >>> import scipy.sparse as sp
    >>> X = sp.random_array((1000, 50), density=0.02, rng=0)
    >>> ep.spectrum(X, ep.Relation.from_views(500, 2), ep.Linear()).transform(X).shape
    (1000, 50)
    """

    ridge: float | str = 0.0

    takes_sparse = True

    def validate(self) -> None:
        if self.ridge != "auto":
            real_number(self.ridge, "ridge", 0.0)

    def fitted(self, X: Any, name: str = "X") -> LinearMap:
        return LinearMap(table(X, name, sparse=True).shape[1])

    def restored(self, n_inputs: int, state: dict[str, np.ndarray]) -> LinearMap:
        return LinearMap(n_inputs)


class LinearMap(FeatureMap):
    """The identity on columns."""

    takes_sparse = True

    def __init__(self, n_inputs: int):
        self.n_inputs = self.n_columns = n_inputs

    def __call__(self, chunk: np.ndarray) -> np.ndarray:
        return chunk

    def state(self) -> dict[str, np.ndarray]:
        return {}
