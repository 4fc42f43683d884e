"""SimCLR's NT-Xent (Chen, Kornblith, Norouzi & Hinton 2020, arXiv 2002.05709), that is InfoNCE (van den Oord, Li &
Vinyals 2018, arXiv 1807.03748) over a batch.

In words: tell a row's positive from all other rows. On the spectrum of Gaussian modes (docs/theory.md, section 6):

- ``critic="dot"``: the *identity*, b = tau rho, as for spectral contrastive;
- ``critic="density-ratio"``: dot product plus the bias that makes it a log density ratio; b = tau rho/(1 - rho^2),
  steeper than any other objective here, and the best ranking for retrieval;
- ``critic="cosine"`` (what networks train): a *budget*. b = (rho + theta)_+ with sum b = 1/tau, so the temperature
  decides how many modes are kept: large tau keeps the most invariant ones, small tau approaches whitening.

These are optima for Gaussian modes and many candidates, hence a reference and no bound: `exact` is False, and values
are relative to log N, the loss by chance among N candidates. `Embedding.refined` finds the optimum on actual rows.

NNCLR (Dwibedi et al. 2021, arXiv 2104.14548) is this loss on a neighbour relation:
``ep.SimCLR().loss(Z, ep.Relation.from_neighbors(Z, k=1))``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from eigenpairs._arrays import Array, like, namespace
from eigenpairs._validate import one_of, real_number
from eigenpairs.objective.base import Objective
from eigenpairs.objective.info_nce import agreement_of, log_sum_exp, unit_rows
from eigenpairs.objective.matrix_function import matrix_function
from eigenpairs.objective.moments import BatchMoments, views_of
from eigenpairs.objective.optimum import LARGEST_RHO, Optimum, diagonal_map, padded

CRITICS = ("cosine", "dot", "density-ratio")
SMALLEST_TEMPERATURE = 1e-30
"""Squares of 1/tau, and rows over tau in float32, have to stay finite."""

NOTE = "Gaussian reference for many candidates, relative to log N; no bound"


@dataclass
class SimCLR(Objective):
    """-log exp(s(z, z+)) / sum_j exp(s(z, z_j)), the mean over pairs.

    Anchors are all rows; candidates of a row are all other rows, its positives included and itself not (NT-Xent); for a
    relation `between` two towers, all rows of the other tower, and both directions are averaged. Several positives of a
    row: the mean of their terms, weighted by G. The N x N matrix of similarities is never held.

    Parameters
    ----------
    temperature : float, default 0.1
        tau, divides the similarity; at least 1e-30.
    critic : "cosine", "dot" or "density-ratio"
        s = cos(z, z')/tau; z.z'/tau; or z.z'/tau + c(z') on centred rows, where c is derived from Cov(z) (`bias`).

    Examples
    --------
    >>> import eigenpairs as ep
    >>> ep.SimCLR(temperature=1.0, critic="density-ratio").gains([0.9, 0.5, -0.2]).round(3)
    array([4.737, 0.667, 0.   ])
    >>> ep.SimCLR(temperature=1.0).gains([0.9, 0.5, -0.2]).round(3)  # sums to 1 / temperature
    array([0.7, 0.3, 0. ])
    """

    temperature: float = 0.1
    critic: str = "cosine"

    def validate(self) -> None:
        real_number(self.temperature, "temperature", SMALLEST_TEMPERATURE)
        one_of(self.critic, "critic", CRITICS)

    @property
    def unseen(self) -> str:
        return "scale" if self.critic == "cosine" else "nothing"

    # ------------------------------------------------------------------ on rows

    def terms(self, Z: Array, G: Any, per_view: bool = False) -> dict[str, Array]:
        if per_view:
            views_of(Z, G)  # NT-Xent takes no statistics, so views only have to exist
        rows, bias = self._scaled(BatchMoments(Z, G))
        xp, (weight, total) = namespace(rows), _positive_weight(G)
        pulled = like(weight, rows, rows.dtype)
        agreement = agreement_of(rows, G) - _own_agreement(rows, G)
        if bias is not None:
            agreement = agreement + xp.sum(pulled * bias)
        spread = xp.sum(pulled * self._normaliser(rows, bias, G))
        return {"positives": -agreement / total, "candidates": spread / total}

    def _scaled(self, moments: BatchMoments) -> tuple[Array, Array | None]:
        """Rows r and bias c (None: zero) such that the critic is r_i . r_j + c_j."""
        if self.critic == "cosine":
            return unit_rows(moments.Z, self.temperature**-0.5), None
        if self.critic == "dot":
            return moments.Z / self.temperature**0.5, None
        return moments.centred / self.temperature**0.5, self.bias(moments.centred, moments.covariance)

    def _normaliser(self, rows: Array, bias: Array | None, G: Any) -> Array:
        """(n,) log sum exp over each row's candidates."""
        if G.tower is None:
            return log_sum_exp(rows, rows, bias, own=True)
        _only_across(G)
        xp = namespace(rows)
        sides = [like(np.flatnonzero(G.tower == side), rows) for side in (0, 1)]
        rows_a, rows_b = (xp.take(rows, side, axis=0) for side in sides)
        bias_a, bias_b = (None if bias is None else xp.take(bias, side, axis=0) for side in sides)
        found = [log_sum_exp(rows_a, rows_b, bias_b, own=False), log_sum_exp(rows_b, rows_a, bias_a, own=False)]
        order = like(np.argsort(np.concatenate([np.flatnonzero(G.tower == side) for side in (0, 1)])), rows)
        return xp.take(xp.concat(found), order, axis=0)

    def bias(self, Z: Array, covariance: Array) -> Array:
        """(n,) c(z) = -(1/2) z^T P z / tau for centred rows: what makes z.z'/tau a log density ratio.

        On Gaussian modes the critic of gain b = tau rho/(1 - rho^2) belongs to the bias -rho^2 phi^2/(2 (1 - rho^2)) =
        -rho z^2/(2 tau). rho is a function of b, so P is that function of Cov(z), whatever the rotation.
        """
        P = matrix_function(covariance / self.temperature, _rho_of_gain, _rho_slope)
        return namespace(Z).sum((Z @ P) * Z, axis=1) / (-2 * self.temperature)

    def retrieval_bias(self, Z: Array, mean: Array, covariance: Array) -> Array | None:
        if self.critic != "density-ratio":
            return None
        # In units of z.z', of which the critic's product of centred rows keeps -z'.mean, and what the query alone says.
        return self.temperature * self.bias(Z - mean, covariance) - Z @ mean

    # ------------------------------------------------------------------ on the spectrum

    def solve(self, rho: np.ndarray, width: int) -> Optimum:
        rho, tau = rho[:width], self.temperature
        positive = np.clip(rho, 0.0, LARGEST_RHO)
        if self.critic == "dot":
            gains = tau * np.maximum(rho, 0.0)
        elif self.critic == "density-ratio":
            gains = tau * positive / (1 - positive**2)
        else:
            gains = _budget(rho, 1 / tau)
        loss = self.population_loss(diagonal_map(gains, width), rho)
        return Optimum(padded(gains, width), loss, False, np.nan, NOTE, partial(diagonal_map, gains, width))

    def population_loss(self, A: np.ndarray, rho: np.ndarray, constant: float = 0.0) -> float:
        """The loss minus log N for Gaussian modes and N large; for "cosine", where norms concentrate."""
        M = A.T @ A / self.temperature  # eigenvalues of the critic on the modes; Z sees them rotated
        R = A.T @ (rho[: len(A), None] * A) / self.temperature
        if self.critic == "cosine":
            trace = self.temperature * np.trace(M)
            M, R = (matrix / trace if trace > 0 else matrix for matrix in (M, R))
        if self.critic != "density-ratio":
            return float(-np.trace(R) + 0.5 * np.sum(M * M))
        m = np.maximum(np.linalg.eigvalsh(M), 0.0)
        q = m * _rho_of_gain(m)
        return float(-np.trace(R) + 0.5 * np.sum(q - np.log1p(q) + m**2 / (1 + q)))


def _rho_of_gain(x: Array) -> Array:
    """The rho whose rho/(1 - rho^2) is x, in a form that keeps its digits."""
    return 2 * x / (1 + (1 + 4 * x * x) ** 0.5)


def _rho_slope(x: Array) -> Array:
    root = (1 + 4 * x * x) ** 0.5
    return 2 / (root * (1 + root))


def _budget(rho: np.ndarray, total: float) -> np.ndarray:
    """(rho + theta)_+ with sum `total`, rho descending: the first p modes for which mode p + 1 would get nothing."""
    below = rho - rho[0]  # differences keep their digits beside a large total
    level = (total - np.cumsum(below)) / np.arange(1, len(rho) + 1)
    on = np.flatnonzero(below + level > 0)
    return np.maximum(below + level[on[-1]], 0.0)


def _positive_weight(G: Any) -> tuple[np.ndarray, float]:
    """(n,) weight of each row's positives, self-pairs ignored, and its sum."""
    weight = G.degrees - G.diagonal
    total = float(weight.sum())
    if not total > 1e-12 * G.total:
        raise ValueError("the relation holds self-pairs only; InfoNCE needs two rows that are positives of each other")
    return weight, total


def _own_agreement(rows: Array, G: Any) -> Array | float:
    """sum_i G_ii r_i . r_i, which `agreement_of` contains."""
    xp = namespace(rows)
    if not G.diagonal.any():
        return 0.0
    return xp.sum(like(G.diagonal, rows, rows.dtype)[:, None] * rows * rows)


def _only_across(G: Any) -> None:
    first = (G.tower == 0).astype(np.float64)
    if np.any((G @ first)[G.tower == 0] > 0) or np.any((G @ (1 - first))[G.tower == 1] > 0):
        raise ValueError("the relation between two towers holds pairs inside one; InfoNCE compares across towers only")
