"""One pass over the rows of an embedding: moments, and rows that hold NaN or inf.

Memory is a few chunks plus columns^2 and a number a row, so files may be larger than memory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from eigenpairs._arrays import is_torch_array
from eigenpairs.diagnose.repeated import hash_some_columns
from eigenpairs.features.base import read_rows

CHUNK_BYTES = 2**23
"""Size of one chunk; its products are added in float64."""

SMALLEST = 1e-140
"""Spread below which squares vanish in float64; its inverse is the largest."""

FLOAT64 = float(np.finfo(np.float64).eps)

Progress = Callable[[float], None]


@dataclass(frozen=True)
class Census:
    """What one pass found. Moments are of the finite rows alone.

    Attributes
    ----------
    n_samples, n_columns : int
    eps : float
        Rounding unit of the numbers as they are stored.
    invalid : (m,) int64, rows that hold NaN or inf
    shift : (d,) subtracted from every row first, so that a large mean costs no digits
    first, second : (d,), (d, d) sums about the shift; `second` is None if there are no more rows than columns
    rows : (n_valid, d) float64 about the shift, only if there are no more rows than columns
    hashes : (n_valid,) uint64, equal for rows that agree in some of their columns
    """

    n_samples: int
    n_columns: int
    eps: float
    invalid: np.ndarray
    shift: np.ndarray
    first: np.ndarray
    second: np.ndarray | None
    rows: np.ndarray | None
    hashes: np.ndarray

    @property
    def n_valid(self) -> int:
        """Rows without NaN and inf."""
        return self.n_samples - len(self.invalid)

    @cached_property
    def mean(self) -> np.ndarray:
        """(d,) mean of the valid rows."""
        return self.shift + self.first / self.n_valid

    @cached_property
    def covariance(self) -> np.ndarray:
        """(d, d) population covariance of the valid rows."""
        centred = self.first / self.n_valid
        second = self.rows.T @ self.rows if self.rows is not None else self.second
        assert second is not None
        return second / self.n_valid - np.outer(centred, centred)

    @cached_property
    def variance(self) -> np.ndarray:
        """(d,) population variance of each column; nan without a valid row."""
        if self.n_valid == 0:
            return np.full(self.n_columns, np.nan)
        if self.rows is not None:
            return np.var(self.rows, axis=0)
        return np.maximum(np.diag(self.covariance), 0.0)

    @cached_property
    def size(self) -> float:
        """Root mean square of an entry, the mean included."""
        return float(np.sqrt(np.mean(self.variance + self.mean**2)))

    def smallest(self, largest: float) -> float:
        """Singular values below this are rounding: of the numbers as stored, and of their squares in float64."""
        n, d = self.n_valid, self.n_columns
        stored = self.eps * (np.sqrt(max(n, d)) * largest + (np.sqrt(n) + np.sqrt(d)) * self.size)
        if self.rows is not None:
            return stored
        # Errors of a product in the stored precision fall as its chunks are many; adding them up in float64 leaves
        # the second term.
        squares = 4 * self.eps * np.sqrt(d / n) if self.eps > FLOAT64 else 4 * FLOAT64 * np.sqrt(d)
        return max(stored, largest * np.sqrt(squares))


def take_census(Z: Any, progress: Progress | None = None) -> Census:
    """Read the rows of Z (n, d) once, chunk by chunk.

    Products of float32 rows are taken in float32, chunk by chunk about the shift, and added in float64: the rounding of
    many chunks averages out below that of the rows themselves.

    Parameters
    ----------
    Z : array, memmap or tensor
    progress : callable, optional
        Called with the share done, 0 to 1.
    """
    n, d = Z.shape
    eps = stored_eps(Z)
    dtype = np.float64 if eps <= FLOAT64 or n <= d else np.float32
    per_chunk = max(256, CHUNK_BYTES // (np.dtype(dtype).itemsize * d))
    shift, unit = _shift(Z, per_chunk)
    shift = shift.astype(dtype)
    first, second = np.zeros(d), np.zeros((d, d)) if n > d else None
    kept: list[np.ndarray] = []
    invalid: list[np.ndarray] = []
    hashes: list[np.ndarray] = []
    buffer = np.empty((min(per_chunk, n), d), dtype)
    ones = np.ones(len(buffer), dtype)
    with np.errstate(invalid="ignore", over="ignore"):
        for start in range(0, n, per_chunk):
            numbers = np.arange(start, min(start + per_chunk, n))
            stored = read_rows(Z, numbers)
            chunk = np.subtract(stored, shift, out=buffer[: len(numbers)], dtype=dtype)
            if unit != 1.0:
                chunk /= dtype(unit)
            total = ones[: len(chunk)] @ chunk
            if not np.isfinite(total).all():  # NaN and inf survive a sum
                bad = ~np.isfinite(stored).all(axis=1)
                invalid.append(numbers[bad])
                stored, chunk = stored[~bad], chunk[~bad].astype(np.float64)
                total = chunk.sum(axis=0)
            first += total
            if second is None:
                kept.append(chunk.copy())
            else:
                second += _squares(chunk)
            hashes.append(hash_some_columns(stored))
            if progress is not None:
                progress((numbers[-1] + 1) / n)
    if not SMALLEST < unit < 1 / SMALLEST:
        raise ValueError(f"Z spreads over about {unit:.1g}, whose squares leave the range of float64; rescale it")
    first *= unit
    if second is not None:
        second *= unit**2
    bad_rows = np.concatenate(invalid) if invalid else np.empty(0, dtype=np.int64)
    rows = unit * np.concatenate(kept) if second is None else None
    return Census(n, d, eps, bad_rows, shift.astype(np.float64), first, second, rows, np.concatenate(hashes))


def _squares(chunk: np.ndarray) -> np.ndarray:
    """chunk^T chunk, in float64 where it overflows the chunk's own precision."""
    product = chunk.T @ chunk
    if np.isfinite(np.trace(product)):
        return product
    chunk = chunk.astype(np.float64)
    product = chunk.T @ chunk
    if not np.isfinite(np.trace(product)):
        raise ValueError("Z holds values whose squares overflow float64; rescale it")
    return product


def _shift(Z: Any, count: int) -> tuple[np.ndarray, float]:
    """(d,) mean of the first finite rows, and a power of two near their spread if their squares might not fit.

    A constant column gives its value itself, so that it becomes exactly 0.
    """
    rows = np.asarray(read_rows(Z, np.arange(min(count, Z.shape[0]))), dtype=np.float64)
    rows = rows[np.isfinite(rows).all(axis=1)]
    if not len(rows):
        return np.zeros(Z.shape[1]), 1.0
    low, high = rows.min(axis=0), rows.max(axis=0)
    spread = float(np.max(high - low))
    unit = 1.0 if spread == 0 or 1e-8 < spread < 1e8 else float(2.0 ** np.round(np.log2(spread)))
    return np.where(low == high, low, rows.mean(axis=0)), unit


def stored_eps(Z: Any) -> float:
    """Rounding unit of the numbers in Z; whole numbers are exact."""
    if is_torch_array(Z):
        import torch

        return float(torch.finfo(Z.dtype).eps) if Z.dtype.is_floating_point else float(np.finfo(np.float64).eps)
    dtype = np.dtype(Z.dtype)
    return float(np.finfo(dtype).eps) if dtype.kind == "f" else float(np.finfo(np.float64).eps)
