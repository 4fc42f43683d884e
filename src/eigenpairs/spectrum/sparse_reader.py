"""Reading the rows of a sparse matrix, and products of them: nothing the size of rows x columns is ever made."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

from eigenpairs._validate import finite_rows
from eigenpairs.spectrum.reader import CHUNK_BYTES

MAX_COLUMNS = 20_000
"""Moments are dense, columns x columns: beyond this each would take more than 3.2 GB."""

BLOCK_PRODUCTS = 2**23
"""Multiplications in one product of a block: it bounds what the product and its indices take, some 400 MB."""

MOSTLY_FULL = 0.05
"""Share of nonzeros above which products are faster on dense chunks."""


class SparseReader:
    """Rows of a sparse X as float64, about shift 0 so that they stay sparse; the counterpart of `Reader`.

    Parameters
    ----------
    X : (n_samples, n_columns) csr_array
    device : None
        Products run in scipy.
    name : what the caller calls X, for messages

    Raises
    ------
    ValueError
        If X has more than 20,000 columns, or a device is asked for.
    """

    def __init__(self, X: sp.csr_array, device: str | None = None, name: str = "X"):
        if X.shape[1] > MAX_COLUMNS:
            raise ValueError(
                f"{name} is sparse with {X.shape[1]:,} columns, and the moments are dense, columns x columns; give at "
                f"most {MAX_COLUMNS:,}: keep the most frequent columns, hash them (sklearn's FeatureHasher), or reduce "
                "them (sklearn's TruncatedSVD)"
            )
        if device is not None:
            raise ValueError(f"device = {device!r} is for dense rows, and {name} is sparse; leave device out")
        self.X, self.name = X, name
        self.shift = np.zeros(X.shape[1])

    @property
    def max_rows(self) -> int:
        """How many rows, or differences of two rows, make one block."""
        return rows_of_a_product(2 * np.diff(self.X.indptr), self.X.shape[1])

    def choose_shift(self, rows: np.ndarray) -> np.ndarray:
        """Zero: any other shift would fill the rows."""
        return self.shift

    def read(self, rows: np.ndarray) -> sp.csr_array:
        """These rows, float64."""
        return self.X[rows].astype(np.float64)

    def check(self, second: np.ndarray, rows: np.ndarray) -> None:
        """Raise if these rows hold NaN or inf: it shows in their second moment, without a pass over the data."""
        if np.isfinite(np.trace(second)):
            return
        finite_rows(self.X[rows], rows, self.name)
        raise ValueError(f"{self.name} holds values whose squares overflow; rescale its columns")

    def add_second(self, total: np.ndarray, rows: sp.csr_array, weight: np.ndarray) -> None:
        """total += sum_i weight_i x_i x_i^T, in place."""
        if rows.nnz <= MOSTLY_FULL * rows.shape[0] * rows.shape[1]:
            self.add_product(total, rows, sp.csr_array(sp.diags_array(weight) @ rows))
            return
        step = _dense_rows(rows.shape[1])
        for start in range(0, rows.shape[0], step):
            part = rows[start : start + step].toarray()
            total += part.T @ (weight[start : start + step, None] * part)

    def add_product(self, total: np.ndarray, rows: sp.csr_array, others: Any) -> None:
        """total += rows^T others, in place; `others` may be dense."""
        product = rows.T.tocsr() @ others
        if not sp.issparse(product):
            total += product
            return
        # Time and memory follow the entries of the product; a dense copy of it would cost columns^2 for every block.
        starts = np.arange(0, total.size, total.shape[1])
        at = np.repeat(starts, np.diff(product.indptr)) + product.indices
        total.reshape(-1)[at] += product.data


def rows_of_a_product(entries: np.ndarray, n_columns: int) -> int:
    """How many rows with about so many nonzeros (n,) to multiply at once."""
    entries = entries.astype(np.float64)
    if np.mean(entries) > MOSTLY_FULL * n_columns:
        return _dense_rows(n_columns)
    return max(1, int(BLOCK_PRODUCTS / max(np.mean(entries**2), 64.0)))


def _dense_rows(n_columns: int) -> int:
    """How many dense rows make one chunk."""
    return max(64, CHUNK_BYTES // (8 * max(n_columns, 1)))
