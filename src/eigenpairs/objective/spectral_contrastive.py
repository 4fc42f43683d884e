"""The spectral contrastive loss (HaoChen, Wei, Gaidon & Ma 2021, arXiv 2106.04156).

In words: reward the dot product of positives, penalise the squared dot product of independent samples. On the
spectrum it is the *identity*: b_k = rho_k for positive rho, nothing for the others. The loss does not centre, so
the constant (rho = 1) is a mode like any other and takes the first column. Always exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from eigenpairs._arrays import Array, namespace
from eigenpairs.objective.base import Objective
from eigenpairs.objective.moments import Moments, views_of
from eigenpairs.objective.optimum import Optimum, padded


@dataclass
class SpectralContrastive(Objective):
    """-2 E[z . z+] + E[(z . z')^2], z' an independent sample (all ordered pairs, self-pairs included).

    The optimum factorises the pair operator, z z'^T = its best rank-K approximation: gains rho_+, loss
    -1 - sum rho_k^2 over the K - 1 kept modes (docs/theory.md, section 2).

    Examples
    --------
    >>> import eigenpairs as ep
    >>> best = ep.SpectralContrastive().optimum([0.8, 0.5, -0.2], n_components=3)
    >>> best.gains, best.constant, round(best.loss, 3)
    (array([0.8, 0.5, 0. ]), 1.0, -1.89)
    """

    centred = False

    def moment_terms(self, moments: Moments) -> dict[str, Array]:
        return {"positives": -2 * moments.agreement, "negatives": moments.second_moment_energy}

    def view_terms(self, Z: Array, G: Any) -> dict[str, Array]:
        """The authors' code: negatives are the other view's other rows; averaged over pairs of views."""
        stack = views_of(Z, G)
        xp, (V, n, _) = namespace(stack), stack.shape
        positives = negatives = 0.0
        for a in range(V):
            for b in range(a + 1, V):
                one, other = stack[a, ...], stack[b, ...]
                own = xp.sum(one * other, axis=1)
                # sum_ij (a_i . b_j)^2 = <A^T A, B^T B>, without the n x n matrix
                everyone = xp.sum((one.T @ one / n) * (other.T @ other / n))
                positives = positives - 2 * xp.mean(own)
                negatives = negatives + n / (n - 1) * everyone - xp.mean(own * own) / (n - 1)
        n_pairs = V * (V - 1) // 2
        return {"positives": positives / n_pairs, "negatives": negatives / n_pairs}

    def solve(self, rho: np.ndarray, width: int) -> Optimum:
        gains = padded(np.maximum(rho[: width - 1], 0.0), width)
        loss = float(-1 - np.sum(gains**2))
        build = partial(_after_constant, gains[: len(rho)], width)
        return Optimum(gains, loss, True, loss, "exact: best factorisation of rank K", build, constant=1.0)


def _after_constant(gains: np.ndarray, width: int) -> np.ndarray:
    """The first column is the constant's, the modes follow it one by one."""
    return np.eye(len(gains), width, k=1) * np.sqrt(gains)[:, None]
