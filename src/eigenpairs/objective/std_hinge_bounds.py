"""VICReg as practised with variance < 16 covariance: a lower bound and the best known value.

Then the price of a column's variance is not convex, equal columns are neither optimal nor a bound, and columns
split: some full, the others held low (docs/theory.md, section 3).
"""

from __future__ import annotations

import numpy as np

from eigenpairs.objective.water_filling import FULL, STD_EPS, Filling


def two_level(cost: np.ndarray, width: int, m: float, n: float) -> tuple[np.ndarray, np.ndarray]:
    """Best gains (P,) and column variances (K,) among those with q columns at one level and the others at another.

    Schur and Horn ask one thing of the gains: the first q modes hold at least what the q high columns need.
    """
    counts = np.arange(width + 1) if width <= 64 else np.unique(np.geomspace(1, width, 12).astype(int)) - 1
    _, q, high, low = min((_best_levels(cost, width, m, n, int(q)) for q in counts), key=lambda found: found[0])
    rest = (width - q) * low
    gains = Filling(cost, n).gains(q * high + rest)
    if 0 < q < len(cost) and gains[:q].sum() < q * high:
        gains = np.concatenate([Filling(cost[:q], n).gains(q * high), Filling(cost[q:], n).gains(rest)])
    variances = np.concatenate([np.full(q, high), np.full(width - q, low)])
    return gains, variances * (gains.sum() / variances.sum()) if variances.any() else variances


def _best_levels(cost: np.ndarray, width: int, m: float, n: float, q: int) -> tuple[float, int, float, float]:
    """(value, q, high, low) of the best two levels for q high columns: a coarse grid, then a compass search."""
    whole = Filling(cost, n)
    parts = (Filling(cost[:q], n), Filling(cost[q:], n)) if 0 < q < len(cost) else None

    def value(high: float, low: float) -> float:
        top, rest = q * high, (width - q) * low
        total = top + rest
        if parts is None or whole.held(total, q) >= top:
            filling = whole.minimum(total)
        else:
            filling = parts[0].minimum(top) + parts[1].minimum(rest)
        return filling + q * _column(high, m, n) + (width - q) * _column(low, m, n)

    grid = np.linspace(0.0, FULL, 13)
    if q in (0, width):
        found = min((value(x, x), x, x) for x in grid)
    else:
        found = min((value(high, low), high, low) for high in grid for low in grid[grid <= high])
    step = grid[1] / 2
    while step > 1e-11:
        _, high, low = found
        moves = [
            (high + a, low + b) for a, b in ((step, 0), (-step, 0), (0, step), (0, -step), (step, step), (-step, -step))
        ]
        allowed = [(min(max(x, 0.0), FULL), min(max(y, 0.0), FULL)) for x, y in moves]
        better = min(((value(x, y), x, y) for x, y in allowed if x >= y), default=found)
        if better[0] < found[0]:
            found = better
        else:
            step /= 2
    return found[0], q, found[1], found[2]


def _column(c: float, m: float, n: float) -> float:
    """What a column of variance c costs beside the water-filling: m hinge(c) - 2 n c^2."""
    return m * max(1 - np.sqrt(c + STD_EPS), 0.0) - 2 * n * c**2


def envelope_bound(cost: np.ndarray, width: int, m: float, n: float) -> float:
    """Lower bound for m < 16 n: the loss grows with n, so every n' <= n bounds it; take the best of a grid."""
    return max(_envelope_minimum(cost, width, m, weaker) for weaker in np.geomspace(m / 16, n, 25))


def _envelope_minimum(cost: np.ndarray, width: int, m: float, n: float) -> float:
    """min over T of filling(T) + K phi**(T/K), phi** the convex envelope of m hinge(c) - 2 n c^2 on [0, FULL]."""

    def slope(c: float) -> float:
        return -m / (2 * np.sqrt(c + STD_EPS)) - 4 * n * c

    # phi is convex up to the inflection and concave beyond; the envelope follows phi up to the point whose
    # tangent hits the right end, and that tangent from there on.
    low, high = 0.0, min(max((m / (16 * n)) ** (2 / 3) - STD_EPS, 0.0), FULL)
    for _ in range(100):
        touch = 0.5 * (low + high)
        if _column(touch, m, n) + slope(touch) * (FULL - touch) < _column(FULL, m, n):
            low = touch
        else:
            high = touch
    touch = low
    chord = (_column(FULL, m, n) - _column(touch, m, n)) / (FULL - touch) if FULL - touch > 1e-12 else slope(touch)
    filling = Filling(cost, n)
    low, high = 0.0, width * FULL
    for _ in range(100):
        total = 0.5 * (low + high)
        c = total / width
        if filling.level(total) + (slope(c) if c < touch else chord) < 0:
            low = total
        else:
            high = total
    c = high / width
    envelope = _column(c, m, n) if c < touch else _column(touch, m, n) + chord * (c - touch)
    # The minimiser is located to rounding; the value is flat there, and 1e-13 covers what is left.
    return (filling.minimum(high) + width * envelope) / width - 1e-13 * (m + n)
