"""Pairs from a file: one column of group ids, or two of row numbers with an optional weight."""

from __future__ import annotations

import os
import warnings

import numpy as np

from eigenpairs.relation.relation import Relation
from eigenpairs.tables import read_columns


def read_pairs(path: str | os.PathLike, n_samples: int) -> Relation:
    """The relation in a .npy, .npz, .csv or .parquet file.

    Parameters
    ----------
    path : file
        One column: the group of each row (integers or texts; -1 or empty is alone). Two columns: row numbers of
        each pair, counted from zero. Three: a weight as well.
    n_samples : int
        Rows of the data.

    Raises
    ------
    ValueError
        If the file has another shape, a row number is out of range, or a group column has the wrong length.
    """
    columns = read_columns(path, "PAIRS")
    try:
        if len(columns) == 1:
            ids = np.asarray(columns[0])
            if len(ids) != n_samples:
                header = (
                    "; is its first line a header? Call it 'group', or leave it out"
                    if len(ids) == n_samples + 1
                    else ""
                )
                raise ValueError(
                    f"one column is the group of each row, but it has {len(ids)} entries for {n_samples} rows{header}"
                )
            return Relation.from_groups(ids)
        if len(columns) in (2, 3):
            if len(columns[0]) == n_samples and np.array_equal(columns[0], np.arange(n_samples)):
                warnings.warn(
                    f"PAIRS {path}: the first column counts the rows; it is read as one end of each pair. If the "
                    "second is a group id, save that column alone",
                    stacklevel=2,
                )
            weight = columns[2] if len(columns) == 3 else None
            return Relation.from_edges(columns[0], columns[1], weight, n_samples)
        raise ValueError(
            f"it has {len(columns)} columns; give one (group ids), two (row numbers) or three (row numbers, weight)"
        )
    except (ValueError, TypeError) as error:
        raise ValueError(f"PAIRS {path}: {error}") from None


def read_pairs_between(path: str | os.PathLike, shape: tuple[int, int]) -> Relation:
    """The relation between two towers in a file: row of the first, row of the second, and a weight if there is one.

    Parameters
    ----------
    path : file
    shape : (n_a, n_b) rows of the two towers

    Raises
    ------
    ValueError
        If the file has another shape, or a row number is out of range.
    """
    columns = read_columns(path, "PAIRS")
    try:
        if len(columns) not in (2, 3):
            raise ValueError(
                f"it has {len(columns)} column(s); between two tables give two (row of each, from zero), or three "
                "(a weight as well)"
            )
        return Relation.between(columns[0], columns[1], columns[2] if len(columns) == 3 else None, shape)
    except (ValueError, TypeError) as error:
        raise ValueError(f"PAIRS {path}: {error}") from None
