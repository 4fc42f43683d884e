"""VICReg (Bardes, Ponce & LeCun 2022, arXiv 2105.04906), as practised and in the least-squares form of theory.

In words: pull the two views of a sample together (invariance), hold every column's standard deviation at one
(variance), and push columns apart (covariance). On the spectrum it is a *threshold with a slope*: modes that pairs
barely keep (small rho) cost invariance, and beyond a price they are dropped.

Which form?
- ``form="practice"`` is what networks train: a hinge on the standard deviation, everything divided by K, defaults
  25, 25, 1. Its exact optimum is a water-filling, proved for ``variance >= 16 * covariance`` (docs/theory.md,
  section 3); otherwise a lower bound and the best known value are given.
- ``form="least-squares"`` is the one of Balestriero & LeCun 2022 (arXiv 2205.11508): squares instead of the hinge,
  no 1/K; with ``covariance=None`` (equal to `variance`) it is |I - Cov|_F^2 and the optimum is always exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from eigenpairs._arrays import Array, namespace
from eigenpairs._validate import one_of, real_number
from eigenpairs.objective.base import Objective
from eigenpairs.objective.least_squares import solve_least_squares
from eigenpairs.objective.moments import Moments, diagonal, off_diagonal_energy, views_of
from eigenpairs.objective.optimum import Optimum
from eigenpairs.objective.std_hinge import solve_std_hinge
from eigenpairs.objective.water_filling import STD_EPS

FORMS = ("practice", "least-squares")


@dataclass
class VICReg(Objective):
    """Variance-invariance-covariance regularisation.

    practice:  (1/K) [ s E|z-z+|^2 + m sum_k (1 - sqrt(C_kk + 1e-4))_+ + 2 n sum_{k!=l} C_kl^2 ]
    least-squares:  s E|z-z+|^2 + m sum_k (1 - C_kk)^2 + n sum_{k!=l} C_kl^2

    with C = Cov(z), s = invariance, m = variance, n = covariance. (2 n because the authors add the covariance
    terms of two views; `terms` gives the three parts.)

    Parameters
    ----------
    invariance, variance : float, default 25
    covariance : float, optional
        1 in "practice", equal to `variance` in "least-squares", where any value is exact.
    form : "practice" or "least-squares"

    Examples
    --------
    >>> import eigenpairs as ep
    >>> ep.VICReg(invariance=1.0, variance=1.0, form="least-squares").gains([0.9, 0.5, -0.2]).round(3)
    array([0.9, 0.5, 0. ])
    >>> ep.VICReg().optimum([0.9, 0.5, -0.2])
    Optimum(loss 8.99002, exact; rank 1 of 3)
    """

    invariance: float = 25.0
    variance: float = 25.0
    covariance: float | None = None
    form: str = "practice"

    def validate(self) -> None:
        one_of(self.form, "form", FORMS)
        real_number(self.invariance, "invariance", 0.0)
        real_number(self.variance, "variance", 0.0, above=True)
        if self.covariance is not None:
            real_number(self.covariance, "covariance", 0.0)

    @property
    def covariance_weight(self) -> float:
        """`covariance` with its default filled in."""
        if self.covariance is not None:
            return self.covariance
        return 1.0 if self.form == "practice" else self.variance

    def moment_terms(self, moments: Moments) -> dict[str, Array]:
        energy = moments.energy  # first, so that its gradient comes last, when the matrices' memory is free again
        if self.form == "practice":
            return self._practice(energy, std_hinge(moments.variance), moments.off_diagonal, moments.width)
        excess = 1 - moments.variance
        return {
            "invariance": self.invariance * energy,
            "variance": self.variance * moments.namespace.sum(excess * excess),
            "covariance": self.covariance_weight * moments.off_diagonal,
        }

    def _practice(self, energy: Array, hinge: Array, off_diagonal: Array, width: int) -> dict[str, Array]:
        return {
            "invariance": self.invariance / width * energy,
            "variance": self.variance / width * hinge,
            "covariance": 2 * self.covariance_weight / width * off_diagonal,
        }

    def view_terms(self, Z: Array, G: Any) -> dict[str, Array]:
        """The authors' statistics: n - 1, per view; hinge averaged and covariances summed over two views."""
        if self.form != "practice":
            raise ValueError("per_view=True is the authors' code, which is form='practice'")
        stack = views_of(Z, G)
        V, n, width = stack.shape
        hinge = off_diagonal = 0.0
        for view in range(V):
            rows = stack[view, ...]
            centred = rows - namespace(rows).mean(rows, axis=0)
            covariance = centred.T @ centred / (n - 1)
            hinge = hinge + std_hinge(diagonal(covariance)) / V
            off_diagonal = off_diagonal + off_diagonal_energy(covariance) / V
        energy = G.dirichlet(namespace(stack).reshape(stack, (V * n, width))) / G.total
        return self._practice(energy, hinge, off_diagonal, width)

    def solve(self, rho: np.ndarray, width: int) -> Optimum:
        weights = (self.invariance, self.variance, self.covariance_weight)
        if self.form == "practice":
            return solve_std_hinge(rho, width, *weights)
        return solve_least_squares(rho, width, *weights)


def std_hinge(variance: Array) -> Array:
    """sum_k (1 - sqrt(c_k + eps))_+ of the columns' variances c (K,)."""
    xp = namespace(variance)
    shortfall = 1 - xp.sqrt(variance + STD_EPS)
    return xp.sum(xp.where(shortfall > 0, shortfall, xp.zeros_like(shortfall)))
