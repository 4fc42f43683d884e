"""DirectSet(alpha) (Wang, Chen, Du & Tian 2021, arXiv 2110.04947; DirectPred: Tian, Chen & Ganguli 2021,
arXiv 2102.06810): learning without negatives, with a predictor that is set instead of trained.

The predictor is W_p = F^alpha + eps I, F = E[f f^T] the second moment of the output, normalised or not. There is no
loss that goes down; what counts is where the dynamics ends. On the spectrum that is a *threshold*:

- criterion "l2", norm "none" (the analysed model): the fixed point p = (rho + sqrt(rho^2 - 4 eta))/2 of the predictor,
  b = (p - eps)_+^(1/alpha). The weight decay eta decides what is kept: rho > 2 sqrt(eta).
- criterion "cosine" with a normalised F (what networks train): the predictor's eigenvalues become proportional to rho,
  whatever eta is. Now eps decides: a mode dies iff rho_k <= rho_1 eps/(1 + eps) (spectral norm).

The other combinations have no fixed point to go to: an unnormalised F under a loss that ignores scale, or a normalised
F under one that shrinks it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from eigenpairs._arrays import Array, namespace
from eigenpairs._validate import one_of, real_number
from eigenpairs.objective.base import Objective
from eigenpairs.objective.moments import BatchMoments
from eigenpairs.objective.optimum import Optimum, diagonal_map, padded

NORMS, CRITERIA = ("none", "spectral", "frobenius"), ("l2", "cosine")


@dataclass
class DirectSet(Objective):
    """The stable fixed point of a linear network with predictor F^alpha + eps I and a stop-gradient.

    `loss` is nan: the dynamics follows no scalar. `optimum` gives the limit of F per mode: absolute for norm="none",
    scaled to a largest entry of 1 for "spectral" and to a norm of 1 for "frobenius", where only the shape has a limit.

    Parameters
    ----------
    alpha : float, default 1
        Power of F: 1 is DirectCopy, 1/2 DirectPred.
    weight_decay : float, default 4e-4
        eta, on the network's weights.
    eps : float, default 0.3
        Added to the predictor's diagonal.
    norm : "none", "spectral" or "frobenius", default "spectral"
        What F is divided by.
    criterion : "l2" or "cosine", default "cosine"
        The loss between prediction and target.

    Raises
    ------
    ValueError
        From `optimum`, for norm="none" with "cosine" and for a normalised F with "l2", which have no isolated non-zero
        fixed point.

    Examples
    --------
    >>> import eigenpairs as ep
    >>> ep.DirectSet(alpha=1.0, eps=0.3).gains([0.9, 0.5, 0.2]).round(3)  # dies at .9 * .3/1.3 = .208
    array([1.   , 0.422, 0.   ])
    >>> ep.DirectSet(alpha=1.0, weight_decay=0.04, eps=0.0, norm="none", criterion="l2").gains([0.9, 0.5, 0.3]).round(3)
    array([0.853, 0.4  , 0.   ])
    """

    has_loss = False

    alpha: float = 1.0
    weight_decay: float = 4e-4
    eps: float = 0.3
    norm: str = "spectral"
    criterion: str = "cosine"

    def validate(self) -> None:
        real_number(self.alpha, "alpha", 0.0, above=True)
        real_number(self.weight_decay, "weight_decay", 0.0)
        real_number(self.eps, "eps", 0.0)
        one_of(self.norm, "norm", NORMS)
        one_of(self.criterion, "criterion", CRITERIA)

    @property
    def unseen(self) -> str:
        return "nothing" if self.norm == "none" else "scale"

    def terms(self, Z: Array, G: Any, per_view: bool = False) -> dict[str, Array]:
        rows = BatchMoments(Z, G).Z
        return {"loss": namespace(rows).sum(rows) * float("nan")}

    def population_loss(self, A: np.ndarray, rho: np.ndarray, constant: float = 0.0) -> float:
        return float("nan")

    def solve(self, rho: np.ndarray, width: int) -> Optimum:
        rho = rho[:width]
        if (self.norm == "none") != (self.criterion == "l2"):
            raise ValueError(
                f"norm = {self.norm!r} with criterion = {self.criterion!r} has no isolated non-zero fixed point; "
                "use norm='none' with 'l2', or 'spectral' or 'frobenius' with 'cosine'"
            )
        if self.norm == "none":
            gains, note = self._absolute(rho), "exact: stable fixed point, mode by mode"
        else:
            limit = self._relative_to_largest if self.norm == "spectral" else self._of_norm_one
            gains, note = limit(rho), "exact: stable fixed point of the shape"
        build = partial(diagonal_map, gains, width)
        return Optimum(padded(gains, width), float("nan"), True, float("nan"), note, build)

    def _absolute(self, rho: np.ndarray) -> np.ndarray:
        """w' = w (-p^2 + p rho - eta), p = (w^2)^alpha + eps: the larger root of p is stable, if it exceeds eps."""
        eta, eps = self.weight_decay, self.eps
        reached = rho > (2 * np.sqrt(eta) if eps <= np.sqrt(eta) else eps + eta / eps)
        p = (rho + np.sqrt(np.maximum(rho**2 - 4 * eta, 0.0))) / 2
        return np.where(reached, np.maximum(p - eps, 0.0) ** (1 / self.alpha), 0.0)

    def _relative_to_largest(self, rho: np.ndarray) -> np.ndarray:
        if not rho[0] > 0:
            return np.zeros_like(rho)
        p = (1 + self.eps) * rho / rho[0]
        return np.maximum(p - self.eps, 0.0) ** (1 / self.alpha)

    def _of_norm_one(self, rho: np.ndarray) -> np.ndarray:
        """(rho/c - eps)_+^(1/alpha), c such that the squares sum to 1: they fall as c rises, to 0 at rho_1/eps."""
        if not rho[0] > 0:
            return np.zeros_like(rho)

        def shape(log_c: float) -> np.ndarray:
            return np.maximum(rho / np.exp(log_c) - self.eps, 0.0) ** (1 / self.alpha)

        from scipy.optimize import brentq

        # The first entry is the largest: at the lower end it is 1, at the upper end m^(-1/2), so that all m squares
        # together are at most 1.
        low = np.log(rho[0] / (1 + self.eps))
        high = np.log(rho[0] / (len(rho) ** (-self.alpha / 2) + self.eps)) + 1e-9
        alone = np.sum(shape(low) ** 2) <= 1  # the first mode is the only one alive
        found = shape(low if alone else brentq(lambda x: np.sum(shape(x) ** 2) - 1, low, high, xtol=1e-15))
        return found / np.linalg.norm(found)


def DirectPred(weight_decay: float = 4e-4, eps: float = 0.1) -> DirectSet:
    """`DirectSet` with alpha = 1/2 as in the public code: W_p = sqrt(F / |F|) + eps I in the spectral norm.

    Examples
    --------
    >>> import eigenpairs as ep
    >>> ep.DirectPred().gains([0.9, 0.5, 0.05]).round(3)
    array([1.   , 0.261, 0.   ])
    """
    return DirectSet(0.5, weight_decay, eps)


def DirectCopy(weight_decay: float = 4e-4, eps: float = 0.3) -> DirectSet:
    """`DirectSet` with alpha = 1: W_p = F / |F| + eps I, no eigendecomposition.

    Sources differ on the norm; the spectral one is the default here, ``DirectSet(norm="frobenius")`` the other.

    Examples
    --------
    >>> import eigenpairs as ep
    >>> ep.DirectCopy() == ep.DirectSet()
    True
    """
    return DirectSet(1.0, weight_decay, eps)
