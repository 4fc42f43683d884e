"""Log-determinant objectives (total coding rate, Yu et al. 2020, arXiv 2006.08558; CorInfoMax, Ozsoy et al. 2022,
arXiv 2209.07999).

In words: make positives agree, and let the output fill as much volume as that allows. On the spectrum it is a
*reciprocal*: b = 1/(2 g (1 - rho)) - eps, so the most invariant modes are blown up, without limit as rho nears 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from eigenpairs._arrays import Array
from eigenpairs._validate import real_number
from eigenpairs.objective.base import Objective
from eigenpairs.objective.moments import Moments
from eigenpairs.objective.optimum import LARGEST_RHO, Optimum, diagonal_map, padded


@dataclass
class LogDet(Objective):
    """-log det(Cov(z) + eps I) + g E|z - z+|^2, g = invariance.

    For rho = 1 the loss has no minimum: volume is free. Such modes get the gain of rho = 1 - 1e-6, and the optimum says
    so (docs/theory.md, section 5).

    Parameters
    ----------
    invariance : float, default 1
    eps : float, default 1e-3
        The volume that a dead direction still has; above 0.

    Examples
    --------
    >>> import eigenpairs as ep
    >>> ep.LogDet(invariance=1.0, eps=0.1).gains([0.9, 0.5, -0.2]).round(3)
    array([4.9  , 0.9  , 0.317])
    """

    invariance: float = 1.0
    eps: float = 1e-3

    def validate(self) -> None:
        real_number(self.invariance, "invariance", 0.0, above=True)
        real_number(self.eps, "eps", 0.0, above=True)

    def moment_terms(self, moments: Moments) -> dict[str, Array]:
        energy = moments.energy  # first, so that its gradient comes last, when the matrices' memory is free again
        return {"volume": -moments.log_volume(self.eps), "invariance": self.invariance * energy}

    def solve(self, rho: np.ndarray, width: int) -> Optimum:
        rho = rho[:width]
        cost = 2 * self.invariance * (1 - np.minimum(rho, LARGEST_RHO))
        gains = np.maximum(1 / cost - self.eps, 0.0)
        price = 2 * self.invariance * np.sum((1 - rho) * gains)
        loss = float(price - np.sum(np.log(padded(gains, width) + self.eps)))
        build = partial(diagonal_map, gains, width)
        if len(rho) and rho[0] > LARGEST_RHO:
            note = "gains above rho = 1 - 1e-6 are capped there; at rho = 1 volume is free and the loss unbounded below"
            return Optimum(padded(gains, width), loss, False, -np.inf, note, build)
        return Optimum(padded(gains, width), loss, True, loss, "exact: convex in each gain", build)
