"""`PairSums`: all a span of columns needs from the data, as sums that can be merged.

The pair moment is held as the *Dirichlet* form of differences, never as E[x x+^T]: for partners that nearly agree,
1 - rho would otherwise be the difference of two almost equal numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass
class PairSums:
    """Sums of Phi about a fixed shift; two of them add, so batches and workers can be merged.

    Attributes
    ----------
    shift : (D,) subtracted from every row first, so that a large mean costs no digits
    weight : float, sum of the row weights
    first : (D,) weighted sum of rows
    second : (D, D) weighted sum of outer products
    degree : float, sum(G)
    dirichlet : (D, D) 1/2 sum_ij G_ij (x_i - x_j)(x_i - x_j)^T
    """

    shift: np.ndarray
    weight: float
    first: np.ndarray
    second: np.ndarray
    degree: float
    dirichlet: np.ndarray

    @classmethod
    def zero(cls, shift: np.ndarray) -> PairSums:
        D = len(shift)
        return cls(shift, 0.0, np.zeros(D), np.zeros((D, D)), 0.0, np.zeros((D, D)))

    def __add__(self, other: PairSums) -> PairSums:
        """The sums over both sets of rows and pairs, about the shift of `self`."""
        move = other.shift - self.shift
        cross = np.outer(other.first, move)
        return PairSums(
            self.shift,
            self.weight + other.weight,
            self.first + other.first + other.weight * move,
            self.second + other.second + cross + cross.T + other.weight * np.outer(move, move),
            self.degree + other.degree,
            self.dirichlet + other.dirichlet,
        )

    @property
    def mean(self) -> np.ndarray:
        """(D,) weighted mean of Phi."""
        return self.shift + self.first / self.weight

    @property
    def covariance(self) -> np.ndarray:
        """(D, D) S, weighted covariance of Phi."""
        mean = self.first / self.weight
        return self.second / self.weight - np.outer(mean, mean)

    @property
    def disagreement(self) -> np.ndarray:
        """(D, D) M = 1/2 E_pairs[(x - x+)(x - x+)^T]; the cross-covariance of pairs is C = S - M."""
        return self.dirichlet / self.degree
