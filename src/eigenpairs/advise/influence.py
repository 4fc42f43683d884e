"""Which pairs hurt: what would change if a group of partners were left out, for all groups at once.

The alignment of a given predictor is a ratio of sums over pairs, so leaving out is exact. The predicted error of a
probe depends on all modes; there its gradient in the moments is computed once, and a group's influence is its inner
product with what the group contributes to them: first order in the group's share of the pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg

from eigenpairs.advise.class_rows import ClassRows
from eigenpairs.advise.eigenlearning import LEAST_REST, learned
from eigenpairs.advise.mixture import Modes, predicted_error_on_modes
from eigenpairs.relation import Relation

LARGEST_GROUP = 0.5
"""Share of the pairs beyond which a part is no group to be left out, and rows are left out instead."""

BLOCK = 2**24
"""Numbers in one block of coordinates."""

EQUAL = 1e-9
"""Correlations this close share a derivative."""


@dataclass(frozen=True)
class Units:
    """What is left out: each group of partners with all its pairs, or each row with its pairs.

    Attributes
    ----------
    relation : Relation
    of_row : (n_samples,) int64
        Unit of every row, -1 without partner.
    n_units : int
    whole : bool
        Whether units are groups that no pair leaves.
    """

    relation: Relation
    of_row: np.ndarray
    n_units: int
    whole: bool

    @classmethod
    def of(cls, relation: Relation) -> Units:
        """Groups of partners; rows, where one group holds half of all pairs or there are fewer than three."""
        components, degrees = relation.components, relation.degrees
        connected = components >= 0
        mass = np.bincount(components[connected], degrees[connected], minlength=1)
        if len(mass) >= 3 and mass.max() <= LARGEST_GROUP * mass.sum():
            return cls(relation, components, len(mass), True)
        rows = np.where(connected, np.cumsum(connected) - 1, -1)
        return cls(relation, rows, int(connected.sum()), False)

    @property
    def name(self) -> str:
        """What a unit is called."""
        return "group of partners" if self.whole else "row"

    def rows(self, unit: int) -> np.ndarray:
        """Numbers of its rows."""
        return np.flatnonzero(self.of_row == unit)

    def over_rows(self, a: np.ndarray) -> np.ndarray:
        """(n_units, ...) sum of G_ij a_i over the ordered pairs that leaving a unit out removes."""
        G, degrees = self.relation, self._column(self.relation.degrees, a)
        if self.whole:
            return self._summed(degrees * a)
        return self._summed(degrees * a + G @ a - self._column(G.diagonal, a) * a)

    def over_pairs(self, own: np.ndarray, crossed: np.ndarray) -> np.ndarray:
        """(n_units,) sum of 1/2 G_ij w(x_i - x_j) over the same pairs, for a quadratic form w.

        own : (n_samples,) w(x_i, x_i); crossed : (n_samples,) sum_j G_ij w(x_i, x_j)
        """
        degrees = self.relation.degrees
        if self.whole:
            return self._summed(degrees * own - crossed)
        return self._summed(degrees * own - 2 * crossed + self.relation @ own)

    def _summed(self, a: np.ndarray) -> np.ndarray:
        member = self.of_row >= 0
        columns = a[member].reshape(int(member.sum()), -1)
        sums = [np.bincount(self.of_row[member], column, minlength=self.n_units) for column in columns.T]
        return np.stack(sums, axis=1).reshape(self.n_units, *a.shape[1:])

    @staticmethod
    def _column(weight: np.ndarray, a: np.ndarray) -> np.ndarray:
        return weight if a.ndim == 1 else weight[:, None]


def alignment_of(f: np.ndarray, relation: Relation) -> float:
    """Correlation of a predictor f (n_samples, C) across pairs, columns pooled; nan if it does not vary."""
    share = relation.degrees / relation.total
    f = f - share @ f
    variance = float(share @ np.sum(f**2, axis=1))
    return float(np.sum(f * (relation @ f))) / relation.total / variance if variance > 0 else float("nan")


def alignment_without(f: np.ndarray, units: Units) -> np.ndarray:
    """(n_units,) the alignment of a predictor f (n_samples, C) if each unit in turn were left out; exact.

    nan where nothing would be left.
    """
    G = units.relation
    f = f - (G.degrees / G.total) @ f
    own, crossed = np.sum(f**2, axis=1), np.sum(f * (G @ f), axis=1)
    weight = G.total - units.over_rows(np.ones(len(f)))
    first = -units.over_rows(f)  # the sum over all pairs is 0
    second = float(G.degrees @ own) - units.over_rows(own)
    lost = float(G.degrees @ own - crossed.sum()) - units.over_pairs(own, crossed)
    left = weight > 1e-12 * G.total
    weight = np.where(left, weight, 1.0)
    variance = second / weight - np.sum(first**2, axis=1) / weight**2
    left &= variance > 1e-12 * max(float(G.degrees @ own) / G.total, 1e-300)
    return np.where(left, 1 - lost / weight / np.where(left, variance, 1.0), np.nan)


def own_alignment(f: np.ndarray, units: Units) -> np.ndarray:
    """(n_units,) of each unit's own pairs: 1 where partners agree, 0 like unrelated rows, below 0 beyond that.

    Its average over units, weighted by pairs, is the alignment.
    """
    G = units.relation
    share = G.degrees / G.total
    f = f - share @ f
    own, crossed = np.sum(f**2, axis=1), np.sum(f * (G @ f), axis=1)
    pairs = units.over_rows(np.ones(len(f)))
    variance = float(share @ own)
    return 1 - np.divide(units.over_pairs(own, crossed), pairs, out=np.zeros_like(pairs), where=pairs > 0) / variance


def error_influence(
    rows: ClassRows, units: Units, modes: Modes, mean: np.ndarray, energy: np.ndarray, total: float, n_labels: float
) -> np.ndarray:
    """(n_units,) change of the predicted probe error without each unit, to first order: where negative, it hurts.

    Parameters
    ----------
    rows : ClassRows
    units : Units
    modes : Modes
        Of the whole relation, in the coordinates of `rows`.
    mean : (r,) of these under the pairs
    energy, total, n_labels : as for `predicted_error_on_modes`
    """
    of_rows, of_pairs = gradient(modes, energy, total, n_labels)
    own, _ = _forms(rows, modes, mean, of_rows, None)
    w, crossed = _forms(rows, modes, mean, of_pairs, units.relation)
    removed = units.over_rows(np.ones(len(own)))
    ends = units.over_rows(own) - removed * float(np.trace(of_rows))
    pairs = units.over_pairs(w, crossed) - removed * float(np.sum(np.diag(of_pairs) * (1 - modes.rho)))
    return -(ends - pairs) / units.relation.total


def gradient(modes: Modes, energy: np.ndarray, total: float, n_labels: float) -> tuple[np.ndarray, np.ndarray]:
    """Derivatives (r, r) of the predicted probe error by the covariance S and by -M, in the basis of the modes.

    With L = T (T + kappa)^-1 the error is F (<B, (I - L)^2> + rest), F = n / (n - 1 - tr L^2), tr L + delta / kappa =
    n - 1. The ridge delta is kept: at its best value the derivative by it vanishes.
    """
    _, ridge = predicted_error_on_modes(modes, energy, total, n_labels)
    B, n, T = energy / total, n_labels, modes.kernel
    values, axes = scipy.linalg.eigh(T)
    values = np.maximum(values, 0.0)
    share = learned(values, np.array(ridge), n).share[-1]
    kappa = values[-1] * (1 / share - 1)
    R = (axes / (values + kappa)) @ axes.T
    L = np.eye(len(T)) - kappa * R
    factor = n / (n - 1 - float(np.sum(L**2)))
    rest = max(1 - float(np.trace(B)), LEAST_REST)
    left = kappa * R
    inside = float(np.sum(B * (left @ left))) + rest
    by_L = -factor * (B @ left + left @ B) + 2 * inside * factor**2 / n * L
    slope = T @ R @ R
    by_T = kappa * R @ by_L @ R
    by_T -= kappa * float(np.sum(by_L * slope)) / (float(np.trace(slope)) + ridge / kappa**2) * (R @ R)
    inner = modes.weights.T @ by_T @ modes.weights
    rho, b = modes.rho, modes.gains
    apart = rho[:, None] - rho[None, :]
    same = np.abs(apart) < EQUAL
    quotient = np.where(same, modes.strength * (b > 0)[:, None], (b[:, None] - b[None, :]) / np.where(same, 1.0, apart))
    by_C = quotient * inner
    by_S = -0.5 * (b[:, None] + b[None, :] + quotient * (rho[:, None] + rho[None, :])) * inner
    return by_S + by_C, by_C


def _forms(
    rows: ClassRows, modes: Modes, mean: np.ndarray, W: np.ndarray, relation: Relation | None
) -> tuple[np.ndarray, np.ndarray]:
    """(n,) phi_i^T W phi_i and sum_j G_ij phi_i^T W phi_j, a block of W's eigenvectors at a time."""
    values, axes = scipy.linalg.eigh(0.5 * (W + W.T))
    n = rows.n_samples
    own, crossed = np.zeros(n), np.zeros(n)
    step = max(1, BLOCK // n)
    for start in range(0, len(values), step):
        weights, part = modes.weights @ axes[:, start : start + step], values[start : start + step]
        y = rows.values(weights) - mean @ weights
        own += y**2 @ part
        if relation is not None:
            crossed += (y * (relation @ y)) @ part
    return own, crossed
