"""The seam between data and spectrum: a hypothesis class is a chunked map x -> Phi(x)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import scipy.sparse as sp

from eigenpairs._arrays import to_numpy
from eigenpairs._parameters import Parameters


class Features(Parameters, ABC):
    """A linear span of functions of the data, given by its columns Phi(x).

    To add a class: subclass this as a dataclass, implement `fitted` (look at the data once, return a
    `FeatureMap`), `restored` (the same map back from its arrays), and
    list it in `eigenpairs.features.FEATURES` so that models can be saved and loaded.
    """

    ridge: float | str = 0.0

    takes_sparse: bool = False
    """Whether the rows may be those of a sparse matrix, which is said before there is a map."""

    @abstractmethod
    def fitted(self, X: Any, name: str = "X") -> FeatureMap:
        """The map for this data: number of columns, landmarks and the like; `name` is what messages call X."""

    @abstractmethod
    def restored(self, n_inputs: int, state: dict[str, np.ndarray]) -> FeatureMap:
        """The map whose `FeatureMap.state` was `state`."""


class FeatureMap(ABC):
    """x -> Phi(x), applied to one chunk of rows at a time."""

    n_inputs: int
    n_columns: int

    takes_sparse: bool = False
    """Whether Phi(x) = x, so that rows of a sparse matrix need not be filled."""

    @abstractmethod
    def __call__(self, chunk: np.ndarray) -> np.ndarray:
        """Phi of the rows `chunk` (n, n_inputs) as a real array (n, n_columns)."""

    @abstractmethod
    def state(self) -> dict[str, np.ndarray]:
        """The arrays that `Features.restored` needs to rebuild this map."""


def read_rows(X: Any, rows: np.ndarray) -> Any:
    """Rows of an array, memmap or tensor as numpy, of a sparse matrix as csr_array; consecutive ones by a slice."""
    if len(rows) and rows[-1] - rows[0] == len(rows) - 1 and (np.diff(rows) == 1).all():
        found = X[int(rows[0]) : int(rows[-1]) + 1]  # needs no copy
    else:
        found = X[rows]
    return found if sp.issparse(found) else to_numpy(found)
