"""How well a leading eigenspace is known: agreement of two independent fits, and the law by which its error falls.

The error of a fit is the root mean squared sine of the principal angles between its K leading modes and the true ones,
e^2 = 1 - c with c the mean squared cosine. The true ones are unknown; two fits on disjoint pairs stand in for them.
Errors of independent fits do not point the same way, so of D dimensions they share

    o = c^2 + (1 - c)^2 K / (D - K)

on average: c follows by solving this (Spearman's correction for attenuation, with what two spaces share by chance).
A subsample against the full set that contains it would look better than it is, and two halves against each other worse.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.linalg

TRUST = (0.05, 0.15)
"""Relative error granted to the law: at the largest subsample, and more for each halving below it."""

NORMAL = 1.6449
"""Half-width of a 90 % interval in standard deviations."""

UNKNOWN = 0.9
"""Share of the squared error of unrelated spaces from which on nothing is known."""

SLOWEST, FASTEST = 0.0, 1.0
"""Exponents allowed: error^2 falls no faster than 1/m, and more slowly as long as near modes are not told apart."""


def shared_cosines(A: np.ndarray, B: np.ndarray, metric: np.ndarray, K: int) -> np.ndarray:
    """(K,) mean squared cosine between the first k columns of A and of B, for k = 1 .. K.

    Parameters
    ----------
    A, B : (D, m), (D, m')
        Modes in columns, most invariant first. Directions that are missing from the first K count as not shared.
    metric : (D, D) or (D,)
        Covariance under which functions are compared; a vector is a diagonal.
    """
    times = metric[:, None] * B if metric.ndim == 1 else metric @ B
    left = metric[:, None] * A if metric.ndim == 1 else metric @ A
    # Triangular whitening keeps the span of the first k columns, whatever k: one decomposition serves all.
    cross = _whitened(A.T @ left, A.T @ times, B.T @ times)
    padded = np.zeros((K, K))
    padded[: cross.shape[0], : cross.shape[1]] = cross[:K, :K] ** 2
    return np.cumsum(np.cumsum(padded, axis=0), axis=1).diagonal() / np.arange(1, K + 1)


def _whitened(S_a: np.ndarray, cross: np.ndarray, S_b: np.ndarray) -> np.ndarray:
    left = scipy.linalg.solve_triangular(_factor(S_a), cross, lower=True)
    return scipy.linalg.solve_triangular(_factor(S_b), left.T, lower=True).T


def _factor(S: np.ndarray) -> np.ndarray:
    """Lower triangular factor; a direction that has no variance here is left with none in common."""
    scale = np.sqrt(np.maximum(np.diag(S), 1e-300))
    R = S / np.outer(scale, scale) + 1e-12 * np.eye(len(S))
    return scale[:, None] * np.linalg.cholesky(R)


def error_of_one(shared: np.ndarray, K: int, D: int) -> np.ndarray:
    """Squared error of one fit against the truth, relative to that of unrelated spaces, from what two fits share.

    Parameters
    ----------
    shared : any shape
        Mean squared cosine of two independent fits.
    K, D : int
        Dimensions of the eigenspace and of the class.
    """
    if K >= D:
        return np.zeros_like(shared)
    chance = K / (D - K)
    inside = np.maximum(chance**2 - (1 + chance) * (chance - shared), 0.0)
    cosine = (chance + np.sqrt(inside)) / (1 + chance)
    return np.clip((1 - cosine) / (1 - K / D), 1e-9, 1 - 1e-6)


@dataclass(frozen=True)
class Law:
    """error^2 = chance / (1 + (m / scale)^exponent): chance at first, a / m in the end, slower between near modes.

    Fitted as a line to log(u / (1 - u)), u = error^2 / chance, over log m. First-order perturbation gives exponent 1
    once K and K + 1 are told apart; while they are not, modes exchange places and the error falls more slowly.

    Attributes
    ----------
    counts : (s,) float, ascending
        Sizes m of the subsamples.
    shared : (n_repeats, s)
        Mean squared cosine of two fits on disjoint subsamples of that size.
    K, D : int
        Dimensions of the eigenspace and of the class.
    n_full : float
        All there are.
    """

    counts: np.ndarray
    shared: np.ndarray
    K: int
    D: int
    n_full: float

    @property
    def chance(self) -> float:
        """Squared error of an unrelated space."""
        return max(1 - self.K / self.D, 0.0)

    @property
    def measured(self) -> np.ndarray:
        """(s,) error of one fit at each size, averaged over repeats."""
        return np.sqrt(self.chance * error_of_one(self.shared.mean(axis=0), self.K, self.D))

    @property
    def spread(self) -> np.ndarray:
        """(2, s) between which errors nine of ten repeats lie: how much the draw of a subsample matters."""
        each = np.sqrt(self.chance * error_of_one(self.shared, self.K, self.D))
        ends: np.ndarray = np.quantile(each, [0.05, 0.95], axis=0)
        return ends

    @cached_property
    def _lines(self) -> np.ndarray:
        """(1 + n_repeats, 2) intercept and slope of the line: of the mean, and of every repeat alone."""
        means = np.concatenate([self.shared.mean(axis=0)[None], self.shared])
        u = error_of_one(means, self.K, self.D)
        trust = TRUST[0] + TRUST[1] * np.log2(self.counts[-1] / self.counts)
        weight = ((1 - u[0]) / trust) ** 2
        weight /= weight.sum()
        x, y = np.log(self.counts), np.log(u / (1 - u))
        x_mean, y_mean = weight @ x, y @ weight
        spread = weight @ (x - x_mean) ** 2
        slope = (y - y_mean[:, None]) @ (weight * (x - x_mean)) / spread if spread > 0 else np.full(len(y), -FASTEST)
        slope = np.clip(slope, -FASTEST, -SLOWEST)
        return np.stack([y_mean - slope * x_mean, slope], axis=1)

    @property
    def exponent(self) -> float:
        """Of m in the law."""
        return float(-self._lines[0, 1])

    def _squared(self, m: np.ndarray) -> np.ndarray:
        """(1 + n_repeats, ...) squared error by each line."""
        intercept, slope = self._lines.T.reshape(2, -1, *(1,) * np.ndim(m))
        return self.chance / (1 + np.exp(-(intercept + slope * np.log(m))))

    def error(self, m: float | np.ndarray) -> np.ndarray:
        """(3, ...) expected error of one fit on m, and the ends of the interval that holds it nine times of ten.

        The interval is normal in log error^2. Its variance is that of repeats, each read alone, plus (2 e)^2 with e the
        error at all there are: the law has a gap between modes squared, and e is how well that gap is known. Repeats
        alone share one data set, whose gaps are the same in all of them.
        """
        squared = self._squared(np.asarray(m, dtype=np.float64))
        if self.chance == 0:
            return np.zeros((3, *np.shape(m)))
        single = np.log(squared[1:])
        known = self._squared(np.asarray(self.n_full))[0]
        sd = np.sqrt((single.var(axis=0, ddof=1) if len(single) > 1 else 0.0) + 4 * known)
        ends = [np.minimum(squared[0] * np.exp(sign * NORMAL * sd), self.chance) for sign in (0, -1, 1)]
        return np.sqrt(np.stack(ends))

    @property
    def known(self) -> bool:
        """Whether the largest subsample is told from chance."""
        return bool(self.measured[-1] ** 2 < UNKNOWN * self.chance) or self.chance == 0

    def size_for(self, error: float) -> tuple[float, float, float]:
        """How many this error takes, and the ends of the interval; inf beyond a hundred million subsamples."""
        sizes = self.counts[0] * np.geomspace(1e-2, 1e8, 2001)
        curves = self.error(sizes)
        found = [self._first(sizes, curve, error) for curve in curves]
        return found[0], found[1], found[2]

    @staticmethod
    def _first(sizes: np.ndarray, curve: np.ndarray, error: float) -> float:
        below = np.flatnonzero(curve <= error)
        return float(sizes[below[0]]) if len(below) else float("inf")
