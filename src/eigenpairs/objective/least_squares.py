"""The exact optimum of least-squares VICReg, for both orders of its two weights (docs/theory.md, section 2)."""

from __future__ import annotations

from functools import partial

import numpy as np

from eigenpairs.objective.optimum import Optimum, padded
from eigenpairs.objective.rotation import map_with_variances
from eigenpairs.objective.water_filling import rise


def solve_least_squares(rho: np.ndarray, width: int, invariance: float, variance: float, covariance: float) -> Optimum:
    """Minimise variance sum (1-C_kk)^2 + covariance sum off^2 + 2 invariance sum (1-rho_k) b_k over maps.

    With covariance >= variance the modes are best kept apart, b_k = (1 - invariance (1-rho_k)/variance)_+. With
    covariance < variance it pays to spread them evenly over the columns, and b is a water-filling.
    """
    price = invariance * (1 - rho[:width])
    covariance = covariance if width > 1 else variance  # a single column has no off-diagonal
    if covariance >= variance:
        gains = padded(np.maximum(1 - price / variance, 0.0), width)
        variances, note = gains, "exact: modes on columns of their own"
    else:
        gains = padded(_spread(price, width, variance, covariance), width)
        variances, note = np.full(width, gains.sum() / width), "exact: modes spread evenly over the columns"
    off_diagonal = max(np.sum(gains**2) - np.sum(variances**2), 0.0)
    loss = variance * np.sum((1 - variances) ** 2) + covariance * off_diagonal
    loss = float(loss + 2 * price @ gains[: len(price)])
    build = partial(map_with_variances, gains[: len(price)], variances)
    return Optimum(gains, loss, True, loss, note, build)


def _spread(price: np.ndarray, width: int, variance: float, covariance: float) -> np.ndarray:
    """b_k = (level - price_k)_+ / covariance with level = variance - (variance - covariance) sum(b) / width."""
    room = width / (variance - covariance)
    if covariance == 0:  # nothing pushes columns apart: everything on the cheapest mode
        return np.where(np.arange(len(price)) == 0, max(variance - price[0], 0.0) * room, 0.0)
    climb = rise(price)
    # Mode p is on iff the modes before it, filled up to its price, use less than the level there allows.
    on = climb < covariance * room * (variance - price)
    active = len(price) if on.all() else int(np.argmin(on))
    if active == 0:
        return np.zeros(len(price))
    last = price[active - 1]
    height = ((variance - last) * covariance - climb[active - 1] / room) / (covariance + active / room)
    return np.maximum(height + (last - price), 0.0) / covariance
