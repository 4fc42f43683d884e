"""`Free`: every function of the sample is allowed, one value per row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from eigenpairs.features.base import FeatureMap, Features


@dataclass
class Free(Features):
    """Phi = identity on samples: the spectrum of the graph itself (Laplacian eigenmaps).

    The class knows nothing of the data, so it needs none (``ep.spectrum(None, G, features=ep.Free())``) and has
    no value for new rows: ``transform(None)`` gives the fitted ones.

    Examples
    --------
    >>> import eigenpairs as ep
    >>> path = ep.Relation.from_edges([0, 1, 2], [1, 2, 3])
    >>> ep.spectrum(None, path, features=ep.Free()).rho.round(3)
    array([ 0.5, -0.5, -1. ])
    """

    def fitted(self, X: Any, name: str = "X") -> FeatureMap:
        raise TypeError("Free has no feature columns; ep.spectrum solves the graph itself")

    def restored(self, n_inputs: int, state: dict[str, np.ndarray]) -> FeatureMap:
        return self.fitted(None)
