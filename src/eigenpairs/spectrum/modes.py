"""`ColumnModes`: the modes of one span of feature columns, applied to data a chunk at a time; and their moments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse as sp

from eigenpairs._arrays import back_like, namespace
from eigenpairs._validate import table
from eigenpairs.features.base import FeatureMap, read_rows


@dataclass
class ColumnModes(FeatureMap):
    """phi(x) = (Phi(x) - mean) @ weights, a map to columns itself.

    Attributes
    ----------
    feature_map : FeatureMap, x -> Phi(x) of D columns
    mean : (D,)
    weights : (D, n_modes)
    """

    feature_map: FeatureMap
    mean: np.ndarray
    weights: np.ndarray

    def __post_init__(self) -> None:
        self.n_inputs, self.n_columns = self.feature_map.n_inputs, self.weights.shape[1]

    @classmethod
    def over(cls, columns: FeatureMap, mean: np.ndarray, weights: np.ndarray) -> ColumnModes:
        """The modes with these weights in `columns`; where those are combinations themselves, of what they combine."""
        if isinstance(columns, ColumnModes):
            return replace(columns, weights=columns.weights @ weights)
        return cls(columns, mean, weights)

    def __call__(self, chunk: Any) -> np.ndarray:
        """phi of the rows `chunk`, an array or a csr_array."""
        if sp.issparse(chunk):
            return chunk @ self.weights - self.mean @ self.weights
        return (self.feature_map(chunk) - self.mean) @ self.weights

    def state(self) -> dict[str, np.ndarray]:
        own = {"mean": self.mean, "weights": self.weights}
        return own | {f"features.{name}": value for name, value in self.feature_map.state().items()}

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
        if X.shape[1] != self.n_inputs:
            raise ValueError(f"{name} has {X.shape[1]} columns, the model was fitted on {self.n_inputs}")
        outputs = self if A is None else replace(self, weights=self.weights[:, : len(A)] @ A)
        chunk_rows = max(64, 2**22 // max(1, sum(outputs.weights.shape)))
        for start in range(0, max(1, X.shape[0]), chunk_rows):
            yield outputs(read_rows(X, np.arange(start, min(start + chunk_rows, X.shape[0]))))

    def _table(self, X: Any, name: str) -> Any:
        return table(X, name, sparse=self.feature_map.takes_sparse)


@dataclass(frozen=True)
class ModeMoments:
    """The modes' mean (m,) and covariance (m, m) under the pair distribution."""

    mean: np.ndarray
    covariance: np.ndarray

    @classmethod
    def of_rows(cls, chunks: Iterable[np.ndarray], marginal: np.ndarray) -> ModeMoments:
        """Of the rows of phi, chunk by chunk, that weigh something in `marginal` (n,), which sums to 1."""
        first, second, start = np.zeros(()), np.zeros(()), 0
        for chunk in chunks:
            weight = marginal[start : start + len(chunk)]
            start += len(chunk)
            rows, weight = chunk[weight > 0], weight[weight > 0]
            first = first + weight @ rows
            second = second + rows.T @ (weight[:, None] * rows)
        return cls(first, second - np.outer(first, first))

    def mapped(self, A: np.ndarray) -> ModeMoments:
        """The moments of A^T phi, for a map A (k, K) of the first k modes."""
        k = len(A)
        return ModeMoments(self.mean[:k] @ A, A.T @ self.covariance[:k, :k] @ A)
