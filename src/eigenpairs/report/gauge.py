"""A number on a line, between the values it is known to take: rectangles and marks, placed in per cent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from eigenpairs.report.texts import number

WIDE = 100.0
"""A range whose ends differ by more than this factor is drawn on a logarithmic scale."""

MARGIN = 4.0
"""Per cent left free at both ends."""


@dataclass(frozen=True)
class Scale:
    """From numbers to per cent of the line."""

    low: float
    high: float
    log: bool

    @classmethod
    def of(cls, values: Iterable[float | None]) -> Scale:
        """A scale on which all finite ones of `values` find their place."""
        known = np.array([value for value in values if value is not None and np.isfinite(value)], dtype=np.float64)
        if len(known) == 0:
            return cls(0.0, 1.0, False)
        low, high = float(known.min()), float(known.max())
        if low == high:
            return cls(min(0.0, 2 * low), max(0.0, 2 * high) or 1.0, False)
        return cls(low, high, low > 0 and high / low > WIDE)

    def place(self, value: float | None) -> float | None:
        """Per cent from the left; None for what is not finite."""
        if value is None or not np.isfinite(value):
            return None
        low, high, at = np.log([self.low, self.high, value]) if self.log else (self.low, self.high, value)
        share = min(max((at - low) / (high - low), 0.0), 1.0)
        return round(MARGIN + (100 - 2 * MARGIN) * float(share), 2)

    @property
    def ends(self) -> tuple[str, str]:
        """The numbers at both ends."""
        return number(self.low, 3), number(self.high, 3)
