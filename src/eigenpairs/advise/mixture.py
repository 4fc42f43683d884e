"""Mixtures of relations: moments are linear in the weights, so each mixture is one eigenproblem and no new data.

Which weights? Those whose spectrum predicts the smallest error of a probe on n labels, with the strength of invariance
that suits it best. Alignment itself could not say: that of a mixture is an average of its parts', so that one part
alone would always be best. Two relations that are each invariant to one nuisance are together, to a degree, to both.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce
from itertools import combinations
from typing import Any

import numpy as np
import scipy.linalg

from eigenpairs.advise.eigenlearning import LEAST_REST, predict
from eigenpairs.spectrum.pencil import Pencil
from eigenpairs.spectrum.sums import PairSums

STEPS = {1: 1, 2: 20, 3: 6, 4: 4, 5: 3}
"""Weights are multiples of 1 / steps, by the number of relations; of more relations every two are halved."""

REFINED = 2
"""How often the step is halved around the best weights."""

TIE = 1e-3
"""Errors that differ by less than this share are called equal."""

STRENGTHS = (0.25, 0.5, 1.0, 1.5, 2.5, 5.0)
"""Invariances tried, over the variance weight."""


@dataclass(frozen=True)
class Modes:
    """All modes of a relation, in coordinates that are white over rows, and gains on them.

    Attributes
    ----------
    rho : (r,) descending
    weights : (r, r)
        Columns v with v^T S v = 1.
    strength : float
        Gains are (1 - strength (1 - rho))_+, those of least-squares VICReg; at 1, of spectral contrastive learning.
    """

    rho: np.ndarray
    weights: np.ndarray
    strength: float = 1.0

    @classmethod
    def of(cls, sums: PairSums) -> Modes:
        """Of the moments of a relation or a mixture."""
        pencil = Pencil(sums.covariance, sums.disagreement, sums.mean)
        return cls(*pencil.solve(len(sums.first)))

    @property
    def gains(self) -> np.ndarray:
        """(r,) of each mode."""
        return np.maximum(1 - self.strength * (1 - self.rho), 0.0)

    @property
    def kernel(self) -> np.ndarray:
        """(r, r) T: the embedding's inner products are z^T T z'."""
        return (self.weights * self.gains) @ self.weights.T

    def tuned(self, energy: np.ndarray, total: float, n_labels: float) -> Modes:
        """With the strength that predicts the smallest error of a probe, modes taken as orthogonal over rows."""
        length = np.sum(self.weights**2, axis=0)
        alpha = np.sum(self.weights * (energy @ self.weights), axis=0) / (length * total)
        paths = [replace(self, strength=strength) for strength in STRENGTHS]
        able = [path for path in paths if path.gains.any()]
        gains = np.array([path.gains for path in able]) * length
        error = predict(gains, alpha, max(1 - float(alpha.sum()), LEAST_REST), n_labels).error
        return able[int(np.argmin(error))]


def predicted_error_on_modes(modes: Modes, energy: np.ndarray, total: float, n_labels: float) -> tuple[float, float]:
    """Predicted squared error of a ridge probe on the embedding, as a share of the label's variance, and its ridge.

    Parameters
    ----------
    modes : Modes
    energy : (r, r)
        B of the label's best predictor.
    total : float
        Variance of the label.
    """
    gains, axes = scipy.linalg.eigh(modes.kernel)
    alpha = np.sum(axes * (energy @ axes), axis=0) / total
    found = predict(np.maximum(gains, 0.0)[None], alpha, max(1 - float(alpha.sum()), LEAST_REST), n_labels)
    return float(found.error[0]), float(found.ridge[0])


@dataclass(frozen=True)
class Mixture:
    """Predicted probe errors over the weights of several relations.

    Attributes
    ----------
    names : tuple of str
    weights : (p, m)
        Share of each relation in the pairs, rows sum to 1.
    errors : (p,)
        Squared error of a ridge probe on n labels, as a share of the label's variance.
    alignments : (p,)
        Of each mixture.
    degrees : (m,)
        sum(G) of each relation.
    """

    names: tuple[str, ...]
    weights: np.ndarray
    errors: np.ndarray
    alignments: np.ndarray
    degrees: np.ndarray

    @property
    def _best(self) -> np.ndarray:
        """(m,) of the shares whose errors are about equal the most aligned, to two digits, and of these the most even.

        Mixing in random pairs shrinks every rho alike, which a stronger invariance makes up for: errors then tie.
        """
        equal = np.flatnonzero(self.errors <= (1 + TIE) * self.errors.min())
        order = np.lexsort([np.sum(self.weights[equal] ** 2, axis=1), -np.round(self.alignments[equal], 2)])
        return np.asarray(self.weights[equal[order[0]]])

    @property
    def best(self) -> dict[str, float]:
        """Shares with the smallest predicted error."""
        return dict(zip(self.names, self._best.tolist()))

    @property
    def error(self) -> float:
        """The smallest predicted error."""
        return float(self.errors.min())

    @property
    def factors(self) -> dict[str, float]:
        """What to multiply each relation by, so that ``sum(factor * G)`` draws pairs in the best shares."""
        scaled = self._best / self.degrees
        return dict(zip(self.names, (scaled / scaled.max()).tolist()))

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and lists, for JSON."""
        return {
            "names": list(self.names),
            "best": self.best,
            "error": self.error,
            "factors": self.factors,
            "weights": self.weights.tolist(),
            "errors": self.errors.tolist(),
        }


def mixed(parts: list[PairSums], weights: np.ndarray) -> PairSums:
    """The moments of a mixture in which relation i makes up `weights[i]` of the pairs."""
    shift = parts[0].shift
    scaled = [
        PairSums(
            part.shift,
            weight * part.weight / part.degree,
            weight / part.degree * part.first,
            weight / part.degree * part.second,
            weight,
            weight / part.degree * part.dirichlet,
        )
        for part, weight in zip(parts, weights, strict=True)
        if weight > 0
    ]
    return reduce(PairSums.__add__, scaled, PairSums.zero(shift))


def best_mixture(
    names: tuple[str, ...], parts: list[PairSums], energy: np.ndarray, total: float, n_labels: float
) -> Mixture:
    """Search the shares on a lattice, then around the best with ever smaller steps.

    Parameters
    ----------
    names : tuple of str
    parts : list of PairSums
        Of each relation, in the same coordinates, white over rows.
    energy : (r, r)
    total, n_labels : float
    """
    from threadpoolctl import threadpool_limits

    m = len(parts)
    found: dict[tuple[float, ...], float] = {}

    def look(points: np.ndarray) -> None:
        for point in np.round(points, 9):
            if tuple(point) not in found:
                modes = Modes.of(mixed(parts, point)).tuned(energy, total, n_labels)
                found[tuple(point)] = predicted_error_on_modes(modes, energy, total, n_labels)[0]

    steps = STEPS.get(m, 2)
    with threadpool_limits(1):  # dozens of small decompositions: threads would spend their time waiting
        look(_lattice(m, steps))
        for halving in range(1, REFINED + 1) if m > 1 else ():
            best = np.array(min(found, key=lambda point: found[point]))
            look(_around(best, 1 / (steps * 2**halving)))
    weights = np.array(list(found))
    varies = np.array([float(np.sum(energy * part.covariance)) for part in parts])
    lost = np.array([float(np.sum(energy * part.disagreement)) for part in parts])
    alignments = 1 - (weights @ lost) / (weights @ varies)
    degrees = np.array([part.degree for part in parts])
    return Mixture(names, weights, np.array(list(found.values())), alignments, degrees)


def _lattice(m: int, steps: int) -> np.ndarray:
    """(p, m) all shares that are multiples of 1 / steps."""
    bars = np.array(list(combinations(range(steps + m - 1), m - 1))).reshape(-1, m - 1)
    edges = np.pad(bars, ((0, 0), (1, 1)), constant_values=((0, 0), (-1, steps + m - 1)))
    return (np.diff(edges, axis=1) - 1) / steps


def _around(best: np.ndarray, step: float) -> np.ndarray:
    """(p, m) the same shares with one step moved from one relation to another."""
    moves = step * (np.eye(len(best))[:, None, :] - np.eye(len(best))[None, :, :])
    points = (best + moves).reshape(-1, len(best))
    return points[(points >= 0).all(axis=1)]
