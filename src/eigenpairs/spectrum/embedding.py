"""`Embedding`: the optimum of one objective on one spectrum, as a map that can be applied to data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from eigenpairs._arrays import namespace
from eigenpairs._html import card
from eigenpairs.objective import Objective, Optimum

if TYPE_CHECKING:
    from eigenpairs.spectrum.spectrum import Spectrum


@dataclass
class Embedding:
    """z = map^T phi(x), made by `Spectrum.embed`.

    Attributes
    ----------
    spectrum : Spectrum
    objective : Objective
    optimum : Optimum
        Gains, loss and what is proved about it.
    map : (n_modes, K) float64
        Row energies are the gains; the columns carry the rotation the objective asks for.
    """

    spectrum: Spectrum
    objective: Objective
    optimum: Optimum
    map: np.ndarray

    @property
    def n_components(self) -> int:
        """Number K of output columns."""
        return self.map.shape[1]

    def transform(self, X: Any = None, tower: int | None = None) -> Any:
        """(n, K) embedding of rows X, in X's kind and float dtype; None gives the fitted rows.

        A model of two towers needs to know whose rows they are, 0 or 1; given `Towers` (or None) and no `tower`, it
        returns the second tower's rows below the first's, the order of `Relation.between`.
        """
        Z = self.spectrum.apply_map(X, self.map, tower)
        if self.optimum.constant == 0:
            return Z
        column = namespace(Z).zeros_like(Z[:1, :])
        column[:, 0] = np.sqrt(self.optimum.constant)
        return Z + column

    @property
    def components(self) -> np.ndarray:
        """(K, D) z = (Phi(x) - mean) @ components.T + offset: which columns drive an output."""
        return self.components_of(None)

    def components_of(self, tower: int | None) -> np.ndarray:
        """(K, D) `components` of one of two towers."""
        return (self.spectrum.modes_of(tower).weights[:, : len(self.map)] @ self.map).T

    def __repr__(self) -> str:
        return f"Embedding({self.objective!r}, {self.n_components} columns: {self.optimum!r})"

    def _repr_html_(self) -> str:
        return card(repr(self), {"rho": self.spectrum.rho[: self.n_components], "gains": self.optimum.gains})
