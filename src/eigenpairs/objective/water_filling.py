"""Water-filling: how a total variance T is best spread over modes of rising cost (docs/theory.md, section 3)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

STD_EPS = 1e-4
"""Inside the square root of the standard deviation, as in VICReg's published code."""

FULL = 1 - STD_EPS
"""The variance at which the hinge on the standard deviation reaches zero."""


@dataclass
class Filling:
    """min over b >= 0 with sum b = T of cost . b + 2 n |b|^2, for every T, by prefix sums; cost ascending."""

    cost: np.ndarray
    n: float

    @cached_property
    def spent(self) -> np.ndarray:
        return np.cumsum(self.cost)

    @cached_property
    def entry(self) -> np.ndarray:
        """(P,) total at which mode p + 1 comes in; infinite for the last."""
        p = np.arange(1, len(self.cost))
        return np.append((p * self.cost[1:] - self.spent[:-1]) / (4 * self.n), np.inf)

    def _active(self, total: float) -> int:
        return int(self.entry.searchsorted(total)) + 1

    def level(self, total: float) -> float:
        """The water level, which is also the derivative of the minimum in T."""
        p = self._active(total)
        return (4 * self.n * total + self.spent[p - 1]) / p

    def gains(self, total: float) -> np.ndarray:
        return np.maximum(self.level(total) - self.cost, 0.0) / (4 * self.n)

    def minimum(self, total: float) -> float:
        p = self._active(total)
        level = (4 * self.n * total + self.spent[p - 1]) / p
        # sum of (level - c)(level + c) / (8 n) over the active modes, c their costs
        return float((p * level**2 - self._squares[p - 1]) / (8 * self.n))

    @cached_property
    def _squares(self) -> np.ndarray:
        return np.cumsum(self.cost**2)

    def held(self, total: float, modes: int) -> float:
        """How much of the total the first `modes` modes hold."""
        p = self._active(total)
        level, first = (4 * self.n * total + self.spent[p - 1]) / p, min(modes, p)
        return (first * level - self.spent[first - 1]) / (4 * self.n) if first else 0.0
