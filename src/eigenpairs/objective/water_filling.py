"""Water-filling: how a total variance T is best spread over modes of rising cost (docs/theory.md, section 3)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

STD_EPS = 1e-4
"""Inside the square root of the standard deviation, as in VICReg's published code."""

FULL = 1 - STD_EPS
"""The variance at which the hinge on the standard deviation reaches zero."""


def rise(cost: np.ndarray) -> np.ndarray:
    """(P,) E_p = sum_{k<=p} (cost_p - cost_k) for ascending costs, as a sum of non-negative steps.

    p cost_p - (cost_1 + ... + cost_p) is the same number with all its digits cancelled when costs nearly agree.
    """
    return np.concatenate([[0.0], np.cumsum(np.arange(1, len(cost)) * np.diff(cost))])


@dataclass
class Filling:
    """min over b >= 0 with sum b = T of cost . b + 2 n |b|^2, for every T, by prefix sums; cost ascending, n > 0.

    On p active modes b_k = (h + cost_p - cost_k) / (4 n) with h = (4 n T - E_p) / p: the level is cost_p + h.
    """

    cost: np.ndarray
    n: float

    @cached_property
    def rise(self) -> np.ndarray:
        """(P,) E_p."""
        return rise(self.cost)

    @cached_property
    def rise_squared(self) -> np.ndarray:
        """(P,) sum_{k<=p} (cost_p - cost_k)^2."""
        step = np.diff(self.cost)
        modes = np.arange(1, len(self.cost))
        return np.concatenate([[0.0], np.cumsum(2 * step * self.rise[:-1] + modes * step**2)])

    @cached_property
    def entry(self) -> np.ndarray:
        """(P,) total at which mode p + 1 comes in; infinite for the last."""
        with np.errstate(over="ignore"):
            return np.append(self.rise[1:] / (4 * self.n), np.inf)

    def _active(self, total: float) -> tuple[int, float]:
        """How many modes are active, and the height h of the level above the last one's cost."""
        p = int(self.entry.searchsorted(total)) + 1
        return p, (4 * self.n * total - self.rise[p - 1]) / p

    def level(self, total: float) -> float:
        """The water level, which is also the derivative of the minimum in T."""
        p, height = self._active(total)
        return self.cost[p - 1] + height

    def gains(self, total: float) -> np.ndarray:
        """(P,) the minimiser b."""
        p, height = self._active(total)
        return np.maximum(height + (self.cost[p - 1] - self.cost), 0.0) / (4 * self.n)

    def minimum(self, total: float) -> float:
        """The minimum."""
        p, height = self._active(total)
        return float(self.cost[p - 1] * total + (p * height**2 - self.rise_squared[p - 1]) / (8 * self.n))

    def held(self, total: float, modes: int) -> float:
        """How much of the total the first `modes` modes hold."""
        p, height = self._active(total)
        first = min(modes, p)
        if first == 0:
            return 0.0
        return (first * (height + (self.cost[p - 1] - self.cost[first - 1])) + self.rise[first - 1]) / (4 * self.n)
