"""Rows that repeat another row, exactly."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from eigenpairs.features.base import read_rows

COLUMNS = 8
"""Columns that are compared first, for all rows; only rows that agree in them are read again."""


def hash_some_columns(rows: np.ndarray) -> np.ndarray:
    """(n,) uint64, equal for rows (n, d) that agree in eight columns spread over all; others differ but by chance."""
    columns = np.linspace(0, rows.shape[1] - 1, min(COLUMNS, rows.shape[1])).astype(int)
    words = (rows[:, columns] + 0.0).astype(np.float64).view(np.uint64)  # -0.0 + 0.0 is 0.0
    mixed = np.zeros(len(rows), dtype=np.uint64)
    for word in words.T:
        mixed = (mixed ^ word) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    return mixed


def count_repeated(Z: Any, valid: np.ndarray, hashes: np.ndarray) -> int:
    """Rows among `valid` that repeat another one: their number minus that of the different rows."""
    order = np.argsort(hashes, kind="stable")
    equal = hashes[order[1:]] == hashes[order[:-1]]
    candidate = np.zeros(len(hashes), dtype=bool)
    candidate[order[1:]] = equal
    candidate[order[:-1]] |= equal
    numbers = valid[candidate]
    different: set[bytes] = set()
    for start in range(0, len(numbers), 1024):
        rows = read_rows(Z, numbers[start : start + 1024]) + 0.0
        different.update(hashlib.blake2b(row.tobytes(), digest_size=16).digest() for row in rows)
    return len(numbers) - len(different)
