"""The contract of an objective: a loss on batches, a gain curve on the spectrum, and its exact optimum."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import reduce
from operator import add
from typing import Any

import numpy as np

from eigenpairs._arrays import Array
from eigenpairs._parameters import Parameters
from eigenpairs._validate import correlations, whole_number
from eigenpairs.objective.moments import Moments, PopulationMoments, moments_of
from eigenpairs.objective.optimum import Optimum


class Objective(Parameters, ABC):
    """A self-supervised loss. Subclasses are dataclasses, one per file, and give:

    `moment_terms` - the loss, written once, on the moments of an embedding (a loss that is no function of second
    moments, such as InfoNCE, gives `terms` and `population_loss` instead);
    `solve` - gains, value, proof status and map of the optimum on a spectrum;
    `view_terms` - only where the authors' code takes statistics view by view;
    `unseen` - only where the loss ignores the scale of z or more.
    """

    centred: bool = True
    """False for a loss whose optimum spends one column on the constant."""

    has_loss: bool = True
    """False for dynamics that follow no scalar, whose `loss` is nan."""

    @property
    def unseen(self) -> str:
        """Changes of z that leave the loss as it is: "nothing", "scale", "column scale" or "any linear map".

        Each takes in those before it; shifts and rotations aside.
        """
        return "nothing"

    @property
    def scale_free(self) -> bool:
        """Whether the loss is the same for z and 2 z."""
        return self.unseen != "nothing"

    def loss(self, Z: Array, G: Any, per_view: bool = False) -> Array:
        """The loss of rows Z under the relation G, a scalar of Z's kind (differentiable in torch).

        Parameters
        ----------
        Z : (n_samples, K) array or tensor
            float16 and bfloat16 are computed in float32, everything else in its own precision.
        G : Relation
            Over the same rows.
        per_view : bool, default False
            False pools statistics over all rows with the relation's marginal: the loss the theory solves.
            True takes them view by view exactly as the authors' code does; needs `Relation.from_views`.
        """
        return reduce(add, self.terms(Z, G, per_view).values())  # sum() would begin with 0, one more step of the graph

    def terms(self, Z: Array, G: Any, per_view: bool = False) -> dict[str, Array]:
        """The named, weighted parts whose sum is `loss`."""
        if per_view:
            return self.view_terms(Z, G)
        return self.moment_terms(moments_of(Z, G))

    def moment_terms(self, moments: Moments) -> dict[str, Array]:
        """The named, weighted parts of the loss, from the moments of an embedding."""
        # Not abstract: a loss of rows, such as InfoNCE, gives `terms` and `population_loss` in its place.
        raise NotImplementedError(f"{type(self).__name__} is no function of second moments")

    def view_terms(self, Z: Array, G: Any) -> dict[str, Array]:
        """The parts of the loss with statistics taken view by view, as in the authors' code."""
        raise ValueError(f"{type(self).__name__} has no per-view form; use per_view=False")

    def population_loss(self, A: np.ndarray, rho: np.ndarray, constant: float = 0.0) -> float:
        """The loss of z = A^T phi(x) with exact expectations; A (m, K) maps the first m modes of `rho`."""
        return float(sum(self.moment_terms(PopulationMoments(A, rho[: len(A)], constant)).values()))

    @abstractmethod
    def solve(self, rho: np.ndarray, width: int) -> Optimum:
        """The optimum over maps of the modes with correlations `rho` (descending) to `width` columns."""

    def retrieval_bias(self, Z: Array, mean: Array, covariance: Array) -> Array | None:
        """(n,) what retrieval adds to the dot product with each bank row Z (n, K); None means cosine similarity.

        `mean` (K,) and `covariance` (K, K) are those of the bank's embedding under the pair distribution.
        """
        return None

    def optimum(self, rho: Any, n_components: int | None = None) -> Optimum:
        """The exact optimum (or bound and best known value) on a spectrum, in O(K log K).

        Parameters
        ----------
        rho : (m,) array
            Pair correlations in descending order, constant mode removed (`Spectrum.rho`).
        n_components : int, optional
            Number K of output columns; m by default. Columns beyond m are legal: the loss counts them.

        Raises
        ------
        ValueError
            If rho is not finite, not descending, or above 1.
        """
        rho = correlations(rho)
        width = len(rho) if n_components is None else whole_number(n_components, "n_components", 1)
        return self.solve(rho, width)

    def gains(self, rho: Any, n_components: int | None = None) -> np.ndarray:
        """(K,) the gain curve b_k(rho) of the optimum."""
        return self.optimum(rho, n_components).gains
