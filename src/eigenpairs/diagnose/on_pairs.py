"""What positives say about an embedding: alignment, Dirichlet energy, mean rho, LiDAR, and the spectrum of its span.

All but alignment are functions of two moments over the pairs: S, the covariance, and M = 1/2 E (z - z+)(z - z+)^T.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.linalg

from eigenpairs.diagnose.on_the_sphere import unit_rows
from eigenpairs.diagnose.ranks import effective_rank
from eigenpairs.features import Linear
from eigenpairs.features.base import read_rows
from eigenpairs.relation import Relation
from eigenpairs.relation.groups import Groups
from eigenpairs.relation.views import Views
from eigenpairs.spectrum.accumulate import Progress, pair_sums
from eigenpairs.spectrum.pencil import Pencil

LIDAR_DELTA = 1e-4
"""Added to the within-group covariance, relative to the mean variance of a column (absolute in the source)."""

ALIGNED_PAIRS = 16384
PROBES = 16


@dataclass(frozen=True)
class PairMoments:
    """Moments of rows Z over the pairs of a relation, with its marginal.

    Attributes
    ----------
    S, M : (d, d) covariance, disagreement
    mean : (d,)
    """

    S: np.ndarray
    M: np.ndarray
    mean: np.ndarray

    @cached_property
    def variance(self) -> float:
        """tr S."""
        return float(np.trace(self.S))

    @cached_property
    def rho(self) -> np.ndarray:
        """(r,) pair correlations of the span of Z, descending: the spectrum of Z's own columns; empty if constant."""
        try:
            pencil = Pencil(self.S, self.M, self.mean)
        except ValueError:  # no column varies
            return np.empty(0)
        return pencil.solve(pencil.rank())[0]

    @property
    def dirichlet_energy(self) -> float:
        """1/2 E|z - z+|^2 / tr Cov(z)."""
        return float(np.trace(self.M)) / self.variance if self.variance > 0 else float("nan")

    @property
    def mean_rho(self) -> float:
        """Mean pair correlation over all directions of the span of Z."""
        return float(np.mean(self.rho)) if len(self.rho) else float("nan")

    @property
    def sum_rho(self) -> float:
        """Pair correlations of all directions of the span of Z, added up."""
        return float(np.sum(self.rho)) if len(self.rho) else float("nan")

    def lidar(self, group_size: float) -> float:
        """LiDAR for groups of `group_size` members; see `lidar_of`."""
        return lidar_of(self.S - self.M + self.M / group_size, self.M)


def take_pair_moments(Z: Any, relation: Relation, progress: Progress | None = None) -> PairMoments:
    """One more pass over the rows of Z (n, d)."""
    (sums,) = pair_sums(Z, Linear().fitted(Z), relation, progress=progress)
    return PairMoments(sums.covariance, sums.disagreement, sums.mean)


def lidar_of(between: np.ndarray, within: np.ndarray) -> float:
    """exp of the entropy of the eigenvalues of W^-1/2 B W^-1/2 (Thilak et al. 2024, arXiv 2312.04000).

    Parameters
    ----------
    between, within : (d, d)
        B, the covariance of group means, and W, the covariance within groups, to which a ridge is added.
    """
    d = len(within)
    total = float(np.trace(between) + np.trace(within))
    if not total > 0:
        return float("nan")
    ridge = LIDAR_DELTA * total / d
    values = scipy.linalg.eigh(between, within + ridge * np.eye(d), eigvals_only=True)
    return effective_rank(np.sqrt(np.maximum(values, 0.0)))


def random_lidar(n_groups: int, group_size: float, d: int, rng: np.random.Generator, at_most: int = 256) -> float:
    """LiDAR of isotropic Gaussian rows, drawn at up to `at_most` columns and scaled with all sizes in proportion."""
    shrink = min(1.0, at_most / d)
    columns, groups = max(1, round(d * shrink)), max(2, round(n_groups * shrink))
    inside = max(1, round(n_groups * (group_size - 1) * shrink))
    between = _wishart(groups - 1, columns, rng) / group_size
    return lidar_of(between, _wishart(inside, columns, rng)) * d / columns


def _wishart(freedom: int, d: int, rng: np.random.Generator) -> np.ndarray:
    """(d, d) covariance of `freedom` Gaussian rows; Bartlett's triangular factor where there are more rows than d."""
    if freedom < d:
        factor = rng.standard_normal((freedom, d))
    else:
        factor = np.triu(rng.standard_normal((d, d)), 1)
        factor[np.diag_indices(d)] = np.sqrt(rng.chisquare(freedom - np.arange(d)))
    return factor.T @ factor / freedom


def alignment(Z: Any, relation: Relation, seed: int = 0) -> float:
    """E|u - u+|^2 of rows scaled to length one (Wang & Isola 2020, arXiv 2005.10242), over 16,384 pairs drawn."""
    pairs = relation.sample(seed, ALIGNED_PAIRS)
    numbers, ends = np.unique(pairs, return_inverse=True)
    u = unit_rows(np.asarray(read_rows(Z, numbers), dtype=np.float64))
    i, j = ends.reshape(pairs.shape).T
    return float(np.mean(np.sum((u[i] - u[j]) ** 2, axis=1)))


def chance_agreement(relation: Relation, d: int, seed: int = 0) -> tuple[float, float]:
    """Interval (3 standard deviations) of the mean pair correlation of d independent random columns."""
    # z^T G z / sum(G) has variance 2 |G|_F^2 / sum(G)^2; |G|_F^2 = E|G w|^2 for random signs w.
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], (relation.n_samples, PROBES))
    frobenius = np.sqrt(np.sum((relation @ signs) ** 2) / PROBES)
    spread = 3 * np.sqrt(2 / d) * frobenius / relation.total
    own = float(
        np.sum((relation.degrees / relation.total) ** 2)
    )  # what a row contributes to the mean it is held against
    centre = (float(np.sum(relation.diagonal)) / relation.total - own) / (1 - own)
    return float(centre - spread / (1 - own)), float(centre + spread / (1 - own))


def groups_of(relation: Relation) -> np.ndarray | None:
    """(n_samples,) ids if the relation is one of groups or views, -1 for rows that are alone; otherwise None."""
    (_, term), *others = relation.terms
    whole = not others and (isinstance(term, Views) or (isinstance(term, Groups) and not term.self_pairs))
    degrees = relation.degrees[relation.degrees > 0]
    alike = len(degrees) > 0 and np.ptp(degrees) <= 1e-12 * degrees.max()
    return relation.components if whole and alike else None
