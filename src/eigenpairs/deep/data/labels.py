"""Label sets from arrays, columns and files, as codes with names."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from eigenpairs._arrays import to_numpy
from eigenpairs._validate import group_ids
from eigenpairs.tables import read_columns

LabelSet = tuple[np.ndarray, tuple[str, ...]]
"""Codes (n,) int64 with -1 for none, and what the codes 0, 1, ... stand for."""


def label_set(values: Any, name: str) -> LabelSet:
    """Codes and names of `values` (n,), integers or texts; -1, empty and missing ones are no label.

    Codes follow the sorted values.
    """
    values = np.asarray(to_numpy(values))
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.dtype.kind == "b":
        values = values.astype(np.int64)
    if values.dtype.kind == "f":  # how numbers with missing ones come out of most tables
        values = np.where(np.isnan(values), -1, values)
    codes = group_ids(values, f"labels {name!r}")
    kept, first = np.unique(codes, return_index=True)
    text = values.dtype.kind in "OUS"
    names = tuple(str(value) if text else str(int(value)) for value in values[first[kept >= 0]])
    return codes, names


def label_columns(labels: Any, column: Callable[[str], np.ndarray | None]) -> dict[str, str]:
    """The label sets of `given_labels` that are columns of the table, by name."""
    named = labels if isinstance(labels, Mapping) else {labels: labels} if isinstance(labels, str) else {}
    return {str(name): given for name, given in named.items() if isinstance(given, str) and column(given) is not None}


def given_labels(labels: Any, column: Callable[[str], np.ndarray | None]) -> dict[str, LabelSet]:
    """Label sets by name from what a user gives: an array, a column's name, a path, or a dict of these.

    `column` looks a name up in the table the inputs come from; None where there is none of that name. One set that
    is given without a name is called ``"label"``, or as its column.
    """
    if labels is None:
        return {}
    if not isinstance(labels, Mapping):
        named = isinstance(labels, str) and column(labels) is not None
        labels = {labels if named else "label": labels}
    return {str(name): label_set(_values(given, str(name), column), str(name)) for name, given in labels.items()}


def _values(given: Any, name: str, column: Callable[[str], np.ndarray | None]) -> Any:
    if not isinstance(given, (str, os.PathLike)):
        return given
    found = column(given) if isinstance(given, str) else None
    if found is not None:
        return found
    path = str(given).rsplit(":", 1)[0] if ".npz:" in str(given) else given
    if not Path(path).is_file():
        raise FileNotFoundError(f"labels {name!r}: {str(given)!r} is neither a column of the data nor a file")
    columns = read_columns(given, f"labels {name!r}")
    if len(columns) != 1:
        raise ValueError(f"labels {name!r}: {given} has {len(columns)} columns; give a table with one")
    return columns[0]


def named_codes(codes: np.ndarray, names: Sequence[str] | None, n_classes: int) -> LabelSet:
    """Codes with the given names, or their numbers where there are none."""
    return codes.astype(np.int64), tuple(names or map(str, range(n_classes)))
