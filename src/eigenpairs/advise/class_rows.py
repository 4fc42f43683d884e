"""`ClassRows`: rows in coordinates of a class of functions that are white over the rows, whatever the pairs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from eigenpairs.features.base import FeatureMap, read_rows
from eigenpairs.relation import Relation
from eigenpairs.spectrum.modes import ColumnModes
from eigenpairs.spectrum.solve import sums_of_rows
from eigenpairs.spectrum.sums import PairSums
from eigenpairs.spectrum.whitener import HARDLY, Whitener


@dataclass(frozen=True)
class ClassRows:
    """Rows in coordinates z of a class, (n, r), with mean 0 and covariance I over all rows alike.

    No pair has a say in them, so that pairs can be tested against functions of them.

    Attributes
    ----------
    X : (n, n_inputs) rows
    columns : ColumnModes, x -> z
    """

    X: Any
    columns: ColumnModes

    @classmethod
    def white(cls, X: Any, feature_map: FeatureMap) -> ClassRows:
        """All rows X in coordinates of the span of `feature_map`."""
        everyone = Relation.from_labels(np.zeros(X.shape[0], dtype=np.int64))  # every row with degree 1
        (sums,) = sums_of_rows(X, feature_map, everyone)
        whitener = Whitener(sums.covariance, sums.mean)
        columns = ColumnModes(feature_map, sums.mean, whitener.basis())
        if whitener.delicate():
            (sums,) = sums_of_rows(X, columns, everyone)
            columns = ColumnModes.over(columns, sums.mean, Whitener(sums.covariance, sums.mean, least=HARDLY).basis())
        return cls(X, columns)

    @property
    def n_samples(self) -> int:
        """n."""
        return int(self.X.shape[0])

    @property
    def dimension(self) -> int:
        """r."""
        return self.columns.n_columns

    def at(self, rows: np.ndarray) -> np.ndarray:
        """(len(rows), r) z of some rows."""
        return np.asarray(self.columns(read_rows(self.X, rows)), dtype=np.float64)

    def values(self, weights: np.ndarray) -> np.ndarray:
        """(n, k) z @ weights (r, k) of all rows."""
        return np.concatenate(list(self.columns.chunks(self.X, weights)))

    def sums(self, relation: Relation) -> PairSums:
        """Moments of the pairs in these coordinates, about 0."""
        (found,) = sums_of_rows(self.X, self.columns, relation)
        return PairSums.zero(np.zeros(self.dimension)) + found
