"""Labels of points: which are classes, in which colours and shapes, and which are numbers on a scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from eigenpairs.report.drawing import SERIES
from eigenpairs.report.texts import shortened

MOST_CLASSES = SERIES**2
"""As many pairs of a colour and a shape there are; rarer classes share the last."""

NONE = -1


@dataclass(frozen=True)
class Classes:
    """A class of every row.

    Attributes
    ----------
    index : (n,) int64, number of the row's class, -1 for none
    names : list of str
    """

    index: np.ndarray
    names: list[str]

    def __getitem__(self, rows: np.ndarray) -> Classes:
        return Classes(self.index[rows], self.names)


@dataclass(frozen=True)
class Scores:
    """A number of every row, (n,) float64, nan for none."""

    values: np.ndarray

    def __getitem__(self, rows: np.ndarray) -> Scores:
        return Scores(self.values[rows])


def read_labels(labels: Any, n_samples: int) -> Classes | Scores:
    """Labels (n_samples,) of any kind: numbers with fractions are scores, everything else names classes.

    None, NaN, an empty text and the integer -1 mean no label.

    Raises
    ------
    ValueError
        If there is not one label per row.
    """
    array = np.asarray(labels)
    if array.ndim != 1 or len(array) != n_samples:
        raise ValueError(
            f"labels has shape {array.shape} and there are {n_samples} rows; give one label per row, "
            f"shape ({n_samples},)"
        )
    if array.dtype.kind == "f" and (np.isfinite(array) & (array != np.round(array))).any():
        return Scores(array.astype(np.float64))
    given = [None if _is_missing(value) else _plain(value) for value in array]
    known = [value for value in given if value is not None]
    counts: dict[Any, int] = {}
    for value in known:
        counts[value] = counts.get(value, 0) + 1
    order = sorted(counts, key=_natural)
    if len(order) > MOST_CLASSES:
        kept = set(sorted(counts, key=lambda value: (-counts[value], _natural(value)))[: MOST_CLASSES - 1])
        rest = len(order) - len(kept)
        order = [value for value in order if value in kept]
        names = [*map(shortened, order), f"{rest} rarer labels"]
    else:
        names = list(map(shortened, order))
    number = {value: at for at, value in enumerate(order)}
    index = [NONE if value is None else number.get(value, len(order)) for value in given]
    return Classes(np.array(index, dtype=np.int64), names)


def _is_missing(value: Any) -> bool:
    """None, an empty text, the number -1, and NaN in its several kinds."""
    if isinstance(value, str):
        return value == ""
    return value is None or str(value) in ("nan", "NaT", "<NA>", "-1", "-1.0")


def _plain(value: Any) -> Any:
    """A whole float as the integer it is, everything that is no number as its text."""
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value))
    if isinstance(value, (int, float, np.integer, np.floating)):
        return int(value) if value == round(value) else float(value)
    return str(value)


def _natural(value: Any) -> tuple[bool, Any]:
    return isinstance(value, str), value
