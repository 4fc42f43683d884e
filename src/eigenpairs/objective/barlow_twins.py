"""Barlow Twins (Zbontar, Jing, Misra, LeCun & Deny 2021, arXiv 2103.03230), as practised.

In words: standardise every column and make the cross-correlation matrix of positives the identity, off-diagonals
weighing `redundancy`. On the spectrum it is *not* whitening: energy flows to the modes of largest rho until their
redundancy costs as much as the next mode's lack of invariance. A small `redundancy` (the usual 5e-3) therefore keeps
few modes, at `redundancy=1` less invariant modes may even get the larger gains, and b = 1 (CCA) is optimal only for
special spectra, equal rho among them.

Is the optimum exact? For 0 <= redundancy <= 1 the water-filling value is a proved lower bound; it is attained, hence
exact, whenever a rotation flattens two diagonals at once: always for K = 2 and K a power of two, for
redundancy 0 or 1, for a single active mode. For other K the rotation is found numerically (and then proves itself);
for K = 3, 5, 7 there may be none, and bound and best attained value are both given. See docs/theory.md, section 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from eigenpairs._arrays import Array, namespace
from eigenpairs._validate import real_number
from eigenpairs.objective.base import Objective
from eigenpairs.objective.cross_correlation import solve_cross_correlation
from eigenpairs.objective.moments import Moments, diagonal, off_diagonal_energy, views_of
from eigenpairs.objective.optimum import Optimum

BATCH_NORM_EPS = 1e-5
"""Added to variances by the authors' BatchNorm; only used with per_view=True."""


@dataclass
class BarlowTwins(Objective):
    """sum_k (1 - C_kk)^2 + redundancy sum_{k!=l} C_kl^2, C the cross-correlation of standardised outputs.

    C is symmetrised over the pair and standardised with pooled, biased moments: identical views give C_kk = 1, and
    a dead column gives C_kk = 0 with a finite gradient.

    Parameters
    ----------
    redundancy : float, default 5e-3
        Weight of the off-diagonals (lambda in the paper).

    Examples
    --------
    >>> import eigenpairs as ep
    >>> ep.BarlowTwins(redundancy=1.0).gains([0.9, 0.6]).round(3)
    array([0.872, 1.128])
    >>> ep.BarlowTwins(redundancy=5e-3).optimum([0.9, 0.8, 0.7, 0.6]).rank
    2
    """

    unseen = "column scale"

    redundancy: float = 5e-3

    def validate(self) -> None:
        real_number(self.redundancy, "redundancy", 0.0)

    def moment_terms(self, moments: Moments) -> dict[str, Array]:
        return self._correlation_terms(*moments.correlation, moments.namespace)

    def _correlation_terms(self, own: Array, others: Array, xp: Any) -> dict[str, Array]:
        shortfall = 1 - own
        return {
            "invariance": xp.sum(shortfall * shortfall),
            "redundancy": self.redundancy * others,
        }

    def view_terms(self, Z: Array, G: Any) -> dict[str, Array]:
        """The authors' code: every view standardised by BatchNorm's own statistics, C between two views."""
        stack = views_of(Z, G)
        xp, (V, n, _) = namespace(stack), stack.shape
        centred = stack - xp.mean(stack, axis=1, keepdims=True)
        variance = xp.mean(centred * centred, axis=1, keepdims=True)
        rows = centred / xp.sqrt(variance + BATCH_NORM_EPS)
        pairs = [(a, b) for a in range(V) for b in range(a + 1, V)]
        matrices = [rows[a, ...].T @ rows[b, ...] / n for a, b in pairs]
        parts = [self._correlation_terms(diagonal(C), off_diagonal_energy(C), xp) for C in matrices]
        return {name: sum(part[name] for part in parts) / len(pairs) for name in parts[0]}

    def solve(self, rho: np.ndarray, width: int) -> Optimum:
        return solve_cross_correlation(rho, width, self.redundancy, self.population_loss)
