"""The exact optimum of VICReg as practised: a water-filling over the spectrum (docs/theory.md, section 3).

With mu_k = 2 (1 - rho_k) and a total variance T = sum b, the gains are b_k = (level - s mu_k)_+ / (4 n), and every
output column gets the variance T / K. For m >= 16 n this is the global minimum over all maps of the class. For
m < 16 n the columns may want unequal variances (`std_hinge_bounds`).
"""

from __future__ import annotations

from functools import partial

import numpy as np

from eigenpairs.objective.optimum import Optimum, padded
from eigenpairs.objective.polish import POLISH_UP_TO, polish, std_hinge_loss
from eigenpairs.objective.rotation import map_with_variances
from eigenpairs.objective.std_hinge_bounds import envelope_bound, two_level
from eigenpairs.objective.water_filling import FULL, STD_EPS, Filling


def solve_std_hinge(rho: np.ndarray, width: int, invariance: float, variance: float, covariance: float) -> Optimum:
    """Minimise (1/K)[s E|z-z+|^2 + m sum hinge(C_kk) + 2 n sum off^2] over maps to K = `width` columns."""
    cost = invariance * 2 * (1 - rho[:width])
    covariance = covariance if width > 1 else 0.0  # a single column has no off-diagonal
    if cost[0] >= variance / (2 * np.sqrt(STD_EPS)):
        loss = variance * (1 - np.sqrt(STD_EPS))
        build = partial(np.zeros, (1, width))
        return Optimum(np.zeros(width), loss, True, loss, "exact: invariance costs more than variance pays", build)
    if variance >= 16 * covariance:
        gains = _flat(cost, width, variance, covariance)
        variances = np.full(width, gains.sum() / width)
        loss = _value(cost, gains, variances, variance, covariance)
        build = partial(map_with_variances, gains, variances)
        note = "exact: variance >= 16 covariance, columns of equal variance"
        return Optimum(padded(gains, width), loss, True, loss, note, build)
    gains, variances = two_level(cost, width, variance, covariance)
    loss = _value(cost, gains, variances, variance, covariance)
    bound = min(envelope_bound(cost, width, variance, covariance), loss)
    note = "bound: variance < 16 covariance; best of two-level column variances, convex-envelope bound"
    build = partial(map_with_variances, gains, variances)
    found = Optimum(padded(gains, width), loss, False, bound, note, build).attained(
        loss, floor=1e-13 * (variance + covariance)
    )
    if found.exact or width > POLISH_UP_TO:
        return found
    A, better = polish(build(), rho[:width], std_hinge_loss(invariance, variance, covariance, STD_EPS))
    if better >= loss:
        return found
    gains = padded(np.sum(A**2, axis=1), width)
    note = "bound: variance < 16 covariance; best value found by descent, convex-envelope bound"
    return Optimum(gains, better, False, min(bound, better), note, partial(np.array, A))


def _value(cost: np.ndarray, gains: np.ndarray, variances: np.ndarray, variance: float, covariance: float) -> float:
    hinge = np.maximum(1 - np.sqrt(variances + STD_EPS), 0.0).sum()
    off_diagonal = max(np.sum(gains**2) - np.sum(variances**2), 0.0)
    return float((cost @ gains + variance * hinge + 2 * covariance * off_diagonal) / len(variances))


def _flat(cost: np.ndarray, width: int, m: float, n: float) -> np.ndarray:
    """The gains (P,) for m >= 16 n: one convex problem in the total T, solved piece by piece."""
    if n == 0:  # nothing pushes columns apart: all variance on the cheapest mode
        total = width * _root(0.0, cost[0], m)
        return np.where(np.arange(len(cost)) == 0, total, 0.0)
    filling, p = Filling(cost, n), np.arange(1, len(cost) + 1)
    capped = np.minimum(filling.entry, width * FULL)  # total at which mode p + 1 comes in
    level = cost + (4 * n * capped - filling.rise) / p
    slope = level - 4 * n * capped / width - m / (2 * np.sqrt(capped / width + STD_EPS))
    active = int(np.argmax((slope >= 0) | (filling.entry >= width * FULL)))
    A, B = 4 * n * (width - p[active]) / p[active], float(np.mean(cost[: active + 1]))
    return filling.gains(width * _root(A, B, m))


def _root(A: float, B: float, m: float) -> float:
    """T/K in [0, FULL] where the slope A T/K + B - m / (2 sqrt(T/K + eps)) changes sign.

    In u = sqrt(T/K + eps) this is the cubic 2 A u^3 + 2 (B - A eps) u = m, increasing on the interval.
    """
    low, high = np.sqrt(STD_EPS), 1.0
    linear = B - A * STD_EPS
    for _ in range(200):
        u = 0.5 * (low + high)
        if u in (low, high):
            break
        if 2 * A * u**3 + 2 * linear * u < m:
            low = u
        else:
            high = u
    at_cap = 2 * A + 2 * linear <= m
    return FULL if at_cap else max(high**2 - STD_EPS, 0.0) if high > np.sqrt(STD_EPS) * (1 + 1e-15) else 0.0
