"""Reading rows as columns of a class of functions, a chunk at a time."""

from __future__ import annotations

from typing import Any

import numpy as np

from eigenpairs._validate import finite_rows
from eigenpairs.features.base import FeatureMap, read_rows

CHUNK_BYTES = 2**24
"""Size of one float64 chunk; a few of them are alive at a time."""


def rows_of_a_chunk(feature_map: FeatureMap) -> int:
    """How many rows of float64 columns make one chunk.

    Each chunk is followed by the addition of columns^2 numbers; with thousands of columns its rows have to be many for
    the products to be what costs.
    """
    D = feature_map.n_columns
    return max(64, CHUNK_BYTES // (8 * D), D // 2 if D > 2048 else 0)


class Reader:
    """Rows of X as shifted float64 columns, and products of them.

    Parameters
    ----------
    X : (n_samples, n_inputs) array, memmap or tensor
    feature_map : chunked map to the columns
    device : torch device for the products, None for numpy
    name : what the caller calls X, for messages
    """

    def __init__(self, X: object, feature_map: FeatureMap, device: str | None, name: str = "X"):
        self.X, self.feature_map, self.device, self.name = X, feature_map, device, name
        self.shift = np.zeros(feature_map.n_columns)

    def choose_shift(self, rows: np.ndarray) -> np.ndarray:
        """The mean of these rows; where they are all equal, their value itself, so that a constant is exactly 0."""
        if len(rows):
            columns = self._columns(rows).astype(np.float64)
            if not np.isfinite(np.sum(columns)):
                finite_rows(read_rows(self.X, rows), rows, self.name)
            constant = columns.min(axis=0) == columns.max(axis=0)
            self.shift = np.where(constant, columns[0], columns.mean(axis=0))
        return self.shift

    def _columns(self, rows: np.ndarray) -> np.ndarray:
        return self.feature_map(read_rows(self.X, rows))

    def read(self, rows: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Phi of these rows minus the shift, float64."""
        return np.subtract(self._columns(rows), self.shift, out=out, dtype=np.float64)

    def check(self, second: np.ndarray, rows: np.ndarray) -> None:
        """Raise if these rows hold NaN or inf: it shows in their second moment, without a pass over the data."""
        if np.isfinite(np.trace(second)):
            return
        for start in range(0, len(rows), 1024):
            part = rows[start : start + 1024]
            finite_rows(read_rows(self.X, part), part, self.name)
        raise ValueError(f"{self.name} holds values whose squares overflow; rescale its columns")

    @property
    def max_rows(self) -> int:
        """How many rows make one chunk."""
        return rows_of_a_chunk(self.feature_map)

    def add_second(self, total: np.ndarray, rows: np.ndarray, weight: np.ndarray) -> None:
        """total += sum_i weight_i x_i x_i^T, in place; weights are not negative."""
        if np.ptp(weight) == 0:
            total += weight[0] * self.gram(rows)
        else:
            total += self.gram(np.sqrt(weight)[:, None] * rows)

    def add_product(self, total: np.ndarray, rows: np.ndarray, others: Any) -> None:
        """total += rows^T others, in place; `others` may be sparse."""
        total += self.gram(rows, others)

    def gram(self, rows: np.ndarray, others: np.ndarray | None = None) -> np.ndarray:
        """rows^T others, by default rows^T rows."""
        if self.device is None:
            return rows.T @ (rows if others is None else others)
        try:
            import torch
        except ModuleNotFoundError:
            raise ModuleNotFoundError(
                f"device = {self.device!r} needs torch; install it with: pip install 'eigenpairs[deep]' "
                "(or pip install torch)"
            ) from None

        left = torch.as_tensor(rows, device=self.device)
        right = left if others is None else torch.as_tensor(others, device=self.device)
        return (left.T @ right).cpu().numpy()
