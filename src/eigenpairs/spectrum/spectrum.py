"""`Spectrum`: the pair correlations rho and the modes phi, from which every objective's optimum follows."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from eigenpairs._arrays import back_like
from eigenpairs._html import card
from eigenpairs._validate import a_relation, an_instance, table, whole_number
from eigenpairs.features.base import FeatureMap, Features, read_rows
from eigenpairs.objective import Objective
from eigenpairs.relation import Relation
from eigenpairs.spectrum.embedding import Embedding


@dataclass
class Spectrum:
    """Modes of a hypothesis class in descending order of invariance; made by `spectrum`.

    Attributes
    ----------
    rho : (n_modes,) float64
        Correlation of each mode across a positive pair, descending: 1 is perfectly invariant, 0 means that
        partners are unrelated. The global constant is removed.
    rank : int
        Dimension of the class (constants removed), however many modes were asked for.
    features : Features
    weighting : "pairs" or "samples"
    n_samples : int
        Rows the relation was defined on.
    mean, weights : (D,), (D, n_modes)
        For feature columns: phi(x) = (Phi(x) - mean) @ weights, with E[phi phi^T] = I.
    values : (n_samples, n_modes)
        For `Free`: phi at the fitted rows, 0 at rows without a partner.
    ridge : float
        The ridge used, relative to the mean eigenvalue; chosen on held-out pairs with ``Linear(ridge="auto")``.
    faithful : bool
        Whether the modes are orthonormal under the pair distribution (no ridge; weighting "pairs" or equal degrees),
        so that an optimum on this spectrum is the optimum of the loss on the pairs.
    """

    rho: np.ndarray
    rank: int
    features: Features
    weighting: str
    n_samples: int
    feature_map: FeatureMap | None = None
    mean: np.ndarray | None = None
    weights: np.ndarray | None = None
    values: np.ndarray | None = None
    ridge: float = 0.0
    faithful: bool = True
    fitted: Any = field(default=None, repr=False, compare=False)

    @property
    def n_modes(self) -> int:
        """How many modes are held."""
        return len(self.rho)

    def transform(self, X: Any = None) -> Any:
        """The modes at rows X, (n, n_modes), in X's kind and float dtype; None gives the fitted rows."""
        return self.apply_map(X, None)

    def apply_map(self, X: Any, A: np.ndarray | None) -> Any:
        """phi(X) @ A for a map A (n_modes, K) of the modes (None is the identity), a chunk at a time."""
        if self.values is not None:
            if X is not None:
                raise ValueError("Free knows the fitted rows only: transform(None). For new rows use ep.Linear()")
            return self.values if A is None else self.values[:, : len(A)] @ A
        X = self.fitted if X is None else X
        if X is None:
            raise ValueError("transform(None) needs the fitted rows, which a saved model does not hold; pass X")
        X = table(X, "X")
        assert self.feature_map is not None and self.mean is not None and self.weights is not None
        if X.shape[1] != self.feature_map.n_inputs:
            raise ValueError(f"X has {X.shape[1]} columns, the model was fitted on {self.feature_map.n_inputs}")
        weights = self.weights if A is None else self.weights[:, : len(A)] @ A
        chunk_rows = max(64, 2**22 // max(1, sum(weights.shape)))
        parts = []
        for start in range(0, X.shape[0], chunk_rows):
            rows = np.arange(start, min(start + chunk_rows, X.shape[0]))
            columns = self.feature_map(read_rows(X, rows))
            parts.append(back_like((columns - self.mean) @ weights, X))
        if not parts:
            return back_like(np.empty((0, weights.shape[1])), X)
        if isinstance(parts[0], np.ndarray):
            return np.concatenate(parts)
        import torch

        return torch.cat(parts)

    def embed(self, objective: Objective, n_components: int | None = None) -> Embedding:
        """The optimal embedding of `objective`, ready to transform data.

        Parameters
        ----------
        objective : Objective
        n_components : int, optional
            Number K of output columns, all modes by default; reduced with a warning to the rank of the class.

        Raises
        ------
        ValueError
            If fewer modes than K were computed although the class has more.
        """
        an_instance(objective, Objective, "objective", "ep.VICReg()")
        constants = 0 if objective.centred else 1  # a loss that does not centre spends a column on the constant
        width = self.n_modes + constants
        K = width if n_components is None else whole_number(n_components, "n_components", 1)
        if self.rank + constants < K:
            warnings.warn(
                f"n_components = {K} exceeds the rank {self.rank} of the class "
                f"({type(self.features).__name__} features of these rows); using {self.rank + constants}",
                stacklevel=2,
            )
            K = self.rank + constants
        if width < K:
            raise ValueError(
                f"n_components = {K} needs {K - constants} modes, this spectrum holds {self.n_modes} of {self.rank}; "
                f"compute it with ep.spectrum(..., n_components={K - constants})"
            )
        optimum = objective.optimum(self.rho, K)
        A = optimum.map()
        if not optimum.exact:
            optimum = optimum.attained(objective.population_loss(A, self.rho, optimum.constant))
        if not self.faithful:
            why = "a ridge" if self.ridge > 0 else "equal weights on samples of unequal degree"
            note = f"relative to a spectrum with {why}; the loss on the pairs themselves differs"
            optimum = replace(optimum, exact=False, lower_bound=np.nan, note=note)
        return Embedding(self, objective, optimum, A)

    def heldout(self, X: Any, relation: Relation) -> np.ndarray:
        """(n_modes,) correlation of each mode across the pairs of other rows: what rho is worth out of sample.

        A held-out value far below rho means that the class fitted the pairs' noise; use more pairs or a ridge.
        """
        a_relation(relation)
        Z = np.asarray(self.transform(X), dtype=np.float64)
        return pair_correlations(Z, relation)

    def __repr__(self) -> str:
        kind = type(self.features).__name__
        lead = ", ".join(f"{value:.3f}" for value in self.rho[:4])
        more = ", ..." if self.n_modes > 4 else ""
        return f"Spectrum({kind}: {self.n_modes} of {self.rank} modes, rho = {lead}{more})"

    def _repr_html_(self) -> str:
        return card(repr(self), {"rho": self.rho})


def pair_correlations(Z: np.ndarray, relation: Relation) -> np.ndarray:
    """(K,) correlation of each column of Z (n, K) across positive pairs; 0 for a column that is constant."""
    if len(Z) != relation.n_samples:
        raise ValueError(f"relation has {relation.n_samples} rows and X has {len(Z)}; give one row per sample")
    if not relation.total > 0:
        raise ValueError("relation has no pair among these rows; split by groups so that partners stay together")
    marginal = (relation.degrees / relation.total)[:, None]
    Z = Z - np.sum(marginal * Z, axis=0)
    variance = np.sum(marginal * Z**2, axis=0)
    agreement = np.sum(Z * (relation @ Z), axis=0) / relation.total
    return np.divide(agreement, variance, out=np.zeros_like(variance), where=variance > 0)
