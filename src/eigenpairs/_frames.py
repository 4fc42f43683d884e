"""DataFrames of pandas and polars as numpy arrays, recognised by what they can do: neither library is imported."""

from __future__ import annotations

from typing import Any

import numpy as np

NUMBERS = "fiub"
"""Kinds of dtypes that are numbers: floats, integers and booleans."""


def is_frame(X: Any) -> bool:
    """Whether X is a DataFrame (or polars' LazyFrame)."""
    return hasattr(X, "collect_schema") or (hasattr(X, "columns") and hasattr(X, "dtypes"))


def from_frame(X: Any, name: str) -> np.ndarray:
    """(n, D) columns of a DataFrame in one dtype that holds them all; a missing number is NaN.

    Raises
    ------
    TypeError
        If a column holds no numbers, or X is lazy.
    """
    if hasattr(X, "collect"):
        raise TypeError(f"{name} is a {type(X).__name__}, which holds a query and no rows; pass {name}.collect()")
    array = np.asarray(X)  # no copy where the frame holds one block
    if array.dtype.kind in NUMBERS:
        return array
    found = [_numbers(X.iloc[:, k] if hasattr(X, "iloc") else X[:, k]) for k in range(X.shape[1])]
    columns = [column for column in found if column is not None]
    if len(columns) < len(found):
        bad = [k for k, column in enumerate(found) if column is None]
        kinds = [f"{X.columns[k]!r} ({_dtype(X, k)})" for k in bad]
        more = f" and {len(bad) - 5} more" if len(bad) > 5 else ""
        raise TypeError(
            f"{name} has columns that hold no numbers: {', '.join(kinds[:5])}{more}; leave them out, or encode them "
            "as numbers (a category by one 0-1 column for each of its values)"
        )
    return np.column_stack(columns) if columns else np.empty(X.shape)


def _numbers(series: Any) -> np.ndarray | None:
    """The values of one column (n,), or None if they are no numbers."""
    values = np.asarray(series)
    if values.dtype.kind in NUMBERS and values.ndim == 1:
        return values
    if str(series.dtype) in ("boolean", "Boolean"):  # with missing values, otherwise numpy has a dtype for it
        return np.asarray(series.astype(float) if hasattr(series, "astype") else series.cast(float))
    return None


def _dtype(X: Any, k: int) -> str:
    return str(X.dtypes.iloc[k] if hasattr(X.dtypes, "iloc") else X.dtypes[k])
