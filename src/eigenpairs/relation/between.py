"""Row numbers of pairs across two towers, checked."""

from __future__ import annotations

from typing import Any

import numpy as np

from eigenpairs._validate import row_numbers, whole_number


def rows_of_towers(i: Any, j: Any, shape: Any) -> tuple[np.ndarray, np.ndarray, int, int]:
    """i, j as int64 row numbers and the lengths n_a, n_b of the towers: `shape`, or just as long as i, j need."""
    if shape is None:
        i, j = row_numbers(i, "i"), row_numbers(j, "j")
        return i, j, int(i.max(initial=0)) + 1, int(j.max(initial=0)) + 1
    if not isinstance(shape, (tuple, list)) or len(shape) != 2:
        raise ValueError(f"shape = {shape!r} is not a pair; give (n_a, n_b), the rows of the two towers")
    n_a, n_b = whole_number(shape[0], "shape[0]", 1), whole_number(shape[1], "shape[1]", 1)
    return row_numbers(i, "i", n_a), row_numbers(j, "j", n_b), n_a, n_b


def one_to_one(i: np.ndarray, j: np.ndarray, n_a: int, n_b: int) -> bool:
    """Whether row m of the one tower goes with row m of the other, for all m."""
    return n_a == n_b == len(i) == len(j) and np.array_equal(i, j) and np.array_equal(i, np.arange(n_a))
