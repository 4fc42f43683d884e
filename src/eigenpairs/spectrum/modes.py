"""`ColumnModes`: the modes of one span of feature columns, applied to data a chunk at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from eigenpairs._arrays import back_like, namespace
from eigenpairs._validate import table
from eigenpairs.features.base import FeatureMap, read_rows


@dataclass(frozen=True)
class ColumnModes:
    """phi(x) = (Phi(x) - mean) @ weights.

    Attributes
    ----------
    feature_map : FeatureMap, x -> Phi(x) of D columns
    mean : (D,)
    weights : (D, n_modes)
    """

    feature_map: FeatureMap
    mean: np.ndarray
    weights: np.ndarray

    def apply(self, X: Any, A: np.ndarray | None = None, name: str = "X") -> Any:
        """phi(X) @ A for a map A (at most n_modes, K) (None is the identity), in X's kind and float dtype.

        DataFrames and sparse matrices give numpy arrays.
        """
        X = self._table(X, name)
        parts = [back_like(part, X) for part in self.chunks(X, A, name)]
        return parts[0] if len(parts) == 1 else namespace(parts[0]).concat(parts)

    def chunks(self, X: Any, A: np.ndarray | None = None, name: str = "X") -> Iterator[np.ndarray]:
        """The rows of phi(X) @ A in float64, a chunk at a time (one empty chunk for no rows)."""
        X = self._table(X, name)
        if X.shape[1] != self.feature_map.n_inputs:
            raise ValueError(f"{name} has {X.shape[1]} columns, the model was fitted on {self.feature_map.n_inputs}")
        weights = self.weights if A is None else self.weights[:, : len(A)] @ A
        offset = self.mean @ weights if sp.issparse(X) else None
        chunk_rows = max(64, 2**22 // max(1, sum(weights.shape)))
        for start in range(0, max(1, X.shape[0]), chunk_rows):
            rows = np.arange(start, min(start + chunk_rows, X.shape[0]))
            part = read_rows(X, rows)
            if offset is None:
                yield (self.feature_map(part) - self.mean) @ weights
            else:
                yield part @ weights - offset

    def _table(self, X: Any, name: str) -> Any:
        return table(X, name, sparse=self.feature_map.takes_sparse)
