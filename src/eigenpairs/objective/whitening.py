"""Whitening (W-MSE, Ermolov et al. 2021, arXiv 2007.06346; Laplacian eigenmaps).

In words: make positives agree, under the constraint that the output is white. On the spectrum it is a *cut*: the K
most invariant modes with gain 1, the others not at all. Always exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from eigenpairs._arrays import Array
from eigenpairs.objective.base import Objective
from eigenpairs.objective.moments import Moments
from eigenpairs.objective.optimum import Optimum, padded


@dataclass
class Whitening(Objective):
    """E|w - w+|^2 of the whitened output w = Cov(z)^{-1/2} z.

    The loss depends on the span of z alone. A direction that is missing from z (rank below K) cannot be whitened;
    it counts 4, the most a whitened direction can cost, so that dropping directions never pays.

    Examples
    --------
    >>> import eigenpairs as ep
    >>> best = ep.Whitening().optimum([0.9, 0.5, -0.2], n_components=2)
    >>> best.gains, round(best.loss, 3)  # 2 (1 - .9) + 2 (1 - .5)
    (array([1., 1.]), 1.2)
    """

    unseen = "any linear map"

    def moment_terms(self, moments: Moments) -> dict[str, Array]:
        agreement, missing = moments.whitened
        return {
            "invariance": 2 * (moments.width - missing) - 2 * agreement,
            "missing": 4.0 * missing + 0 * agreement,
        }

    def solve(self, rho: np.ndarray, width: int) -> Optimum:
        # Under weighting="samples" rho may fall below -1; such a mode is better left out.
        kept = int(np.count_nonzero(rho[:width] >= -1))
        loss = float(2 * np.sum(1 - rho[:kept]) + 4 * (width - kept))
        build = partial(np.eye, kept, width)
        return Optimum(padded(np.ones(kept), width), loss, True, loss, "exact: Ky Fan's trace maximum", build)
