"""Checks of users' input: each error names the argument, what was given, what is allowed and what to do."""

from __future__ import annotations

import math
import numbers
from typing import Any

import numpy as np
import scipy.sparse as sp

from eigenpairs._frames import from_frame, is_frame


def whole_number(value: Any, name: str, minimum: int) -> int:
    """`value` as an int of at least `minimum`."""
    if isinstance(value, bool) or not isinstance(value, (numbers.Integral, np.integer)):
        raise TypeError(f"{name} = {value!r} is not a whole number; give an integer of at least {minimum}")
    if value < minimum:
        raise ValueError(f"{name} = {value} is too small; give an integer of at least {minimum}")
    return int(value)


def real_number(value: Any, name: str, minimum: float = -np.inf, above: bool = False) -> float:
    """`value` as a finite float of at least (with `above`: more than) `minimum`."""
    if isinstance(value, bool) or not isinstance(value, (numbers.Real, np.floating)):
        raise TypeError(f"{name} = {value!r} is not a number; give a real number")
    low = value <= minimum if above else value < minimum
    if not math.isfinite(value) or low:
        bound = "" if minimum == -np.inf else f" {'above' if above else 'of at least'} {minimum:g}"
        raise ValueError(f"{name} = {value} is not allowed; give a finite number{bound}")
    return float(value)


def one_of(value: Any, name: str, allowed: tuple[str, ...]) -> str:
    """`value` if it is one of the words in `allowed`."""
    if value not in allowed:
        raise ValueError(f"{name} = {value!r} is unknown; choose from {', '.join(map(repr, allowed))}")
    return value


def row_numbers(values: Any, name: str, n_samples: int | None = None) -> np.ndarray:
    """`values` (m,) as int64 row numbers, all in 0 .. n_samples - 1 when that is known."""
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"{name} has shape {array.shape}; give one row number per pair, shape (n_pairs,)")
    array = _as_integers(array, name)
    bad = (array < 0) if n_samples is None else (array < 0) | (array >= n_samples)
    if bad.any():
        at = int(np.argmax(bad))
        span = "0 or more" if n_samples is None else f"0 to {n_samples - 1} (n_samples = {n_samples})"
        raise ValueError(f"{name}[{at}] = {array[at]} is out of range; row numbers are {span}, counted from zero")
    return array


def group_ids(values: Any, name: str) -> np.ndarray:
    """`values` (n,) of integers or texts as consecutive int64 codes; -1 and empty texts mean alone."""
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"{name} has shape {array.shape}; give one id per row, shape (n_samples,)")
    if len(array) == 0:
        raise ValueError(f"{name} is empty; give one id per row")
    if array.dtype.kind in "OUS":
        array = np.array(["" if _missing(value) else str(value) for value in array])
        alone = (array == "") | (array == "-1")
    else:
        array = _as_integers(array, name)
        if (array < -1).any():
            at = int(np.argmax(array < -1))
            raise ValueError(
                f"{name}[{at}] = {array[at]} is negative; use ids of 0 or more, or -1 for a row that is alone"
            )
        alone = array == -1
    codes = np.full(len(array), -1, dtype=np.int64)
    codes[~alone] = np.unique(array[~alone], return_inverse=True)[1]
    return codes


def pair_weights(values: Any, name: str, n_pairs: int) -> np.ndarray:
    """`values` (n_pairs,) as float64, finite and non-negative."""
    array = np.asarray(values, dtype=np.float64)
    if array.shape != (n_pairs,):
        raise ValueError(f"{name} has shape {array.shape}; give one weight per pair, shape ({n_pairs},)")
    bad = ~(np.isfinite(array) & (array >= 0))
    if bad.any():
        at = int(np.argmax(bad))
        raise ValueError(
            f"{name}[{at}] = {array[at]} is not allowed; weights are finite and 0 or more: drop or mend that pair"
        )
    return array


def row_weights(values: Any, name: str, n_samples: int) -> np.ndarray:
    """`values` (n_samples,) as float64, finite and non-negative, not all 0."""
    array = np.asarray(values, dtype=np.float64)
    if array.shape != (n_samples,):
        raise ValueError(f"{name} has shape {array.shape}; give one weight per row, shape ({n_samples},)")
    bad = ~(np.isfinite(array) & (array >= 0))
    if bad.any():
        at = int(np.argmax(bad))
        raise ValueError(
            f"{name}[{at}] = {array[at]} is not allowed; weights are finite and 0 or more, and 0 leaves a row out"
        )
    if not array.any():
        raise ValueError(f"{name}: every weight is zero, so no row counts; give some rows a positive weight")
    return array


def correlations(rho: Any, name: str = "rho") -> np.ndarray:
    """`rho` (m,) as float64: finite, at most 1 (up to rounding), descending."""
    try:
        array = np.asarray(rho, dtype=np.float64)
    except (TypeError, ValueError):
        raise TypeError(
            f"{name} is a {type(rho).__name__}; give an array of correlations such as spectrum.rho"
        ) from None
    if array.ndim != 1 or len(array) == 0:
        raise ValueError(f"{name} has shape {array.shape}; give the pair correlations of one or more modes, shape (m,)")
    bad = ~np.isfinite(array) | (array > 1 + 1e-8)
    if bad.any():
        at = int(np.argmax(bad))
        raise ValueError(f"{name}[{at}] = {array[at]} is not a pair correlation; values are finite and at most 1")
    rising = np.diff(array) > 1e-12
    if rising.any():
        at = int(np.argmax(rising))
        raise ValueError(
            f"{name}[{at + 1}] = {array[at + 1]} is larger than the value before it; sort {name} in descending order"
        )
    return np.minimum(array, 1.0)


def a_relation(value: Any, name: str = "relation") -> Any:
    """`value` if it is a Relation."""
    if not hasattr(value, "n_samples") or not hasattr(value, "dirichlet"):
        raise TypeError(
            f"{name} is a {type(value).__name__}; make a relation with ep.Relation.from_groups and the like"
        )
    return value


def an_instance(value: Any, kind: type, name: str, example: str) -> Any:
    """`value` if it is an object of `kind`; classes and names of them are met often enough to be named."""
    if not isinstance(value, kind):
        given = f"the class {value.__name__}" if isinstance(value, type) else repr(value)
        raise TypeError(f"{name} = {given} is not an object of the right kind; give for instance {example}")
    return value


def table(X: Any, name: str, sparse: bool = False) -> Any:
    """`X` if it is two-dimensional and numeric with at least one column (numpy, memmap or torch); a DataFrame as numpy.

    A sparse matrix becomes a csr_array where the caller takes one (`sparse`), otherwise it is refused.
    """
    if sp.issparse(X):
        if not sparse:
            raise TypeError(
                f"{name} is a sparse matrix, which ep.Linear takes and this does not; pass {name}.toarray()"
            )
        X = sp.csr_array(X) if X.ndim == 2 else X
    elif is_frame(X):
        X = from_frame(X, name)
    elif not hasattr(X, "shape") or not hasattr(X, "dtype"):
        given, X = type(X).__name__, np.asarray(X)
        if X.ndim == 0:
            raise TypeError(f"{name} is a {given}, which holds no rows; give an array of shape (n_samples, n_columns)")
    if len(X.shape) != 2:
        hint = "; reshape images to (n, pixels)" if len(X.shape) > 2 else "; one row per sample, one column per feature"
        raise ValueError(f"{name} has shape {tuple(X.shape)}, not two dimensions{hint}")
    if X.shape[1] == 0:
        raise ValueError(f"{name} has shape {tuple(X.shape)}, no column at all; give at least one column")
    if isinstance(X, (np.ndarray, sp.csr_array)) and X.dtype.kind not in "fiub":
        raise TypeError(f"{name} has dtype {X.dtype}; give real numbers")
    return X


def finite_rows(chunk: Any, rows: np.ndarray, name: str) -> None:
    """Raise for the first NaN or infinite entry of `chunk`, whose rows are numbered `rows` in the whole array.

    The chunk is a numpy array or a csr_array.
    """
    entries = chunk.data if sp.issparse(chunk) else chunk
    if np.isfinite(np.sum(entries)):  # one pass, no temporary: NaN and inf survive a sum
        return
    if sp.issparse(chunk):
        at = np.flatnonzero(~np.isfinite(entries))[:1]
        row = np.searchsorted(chunk.indptr, at, side="right") - 1
        chunk, rows = chunk[row].toarray(), rows[row]
    bad = ~np.isfinite(chunk)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise ValueError(
            f"{name}[{rows[row]}, {column}] = {chunk[row, column]}: NaN and inf have no place in a covariance; "
            "drop or impute such rows"
        )


def _missing(value: Any) -> bool:
    """None, or one of the values that are not equal to themselves: NaN, NaT and pandas' NA."""
    same = value is not None and value == value
    return not (isinstance(same, (bool, np.bool_)) and same)


def _as_integers(array: np.ndarray, name: str) -> np.ndarray:
    if array.dtype.kind in "iu":
        return array.astype(np.int64)
    if array.dtype.kind == "b":
        raise TypeError(f"{name} is boolean; give integer numbers")
    if array.dtype.kind == "f":
        bad = ~np.isfinite(array) | (array != np.round(array))
        if bad.any():
            at = int(np.argmax(bad))
            raise ValueError(f"{name}[{at}] = {array[at]} is not a whole number; give integers")
        return array.astype(np.int64)
    raise TypeError(f"{name} has dtype {array.dtype}; give integers")
