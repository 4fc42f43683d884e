"""What an embedding has of every mode of a class: E[phi z^T], read chunk by chunk, and the energies and angles in it.

Modes of equal rho are defined up to a rotation among themselves. Whatever is said about one of them is therefore said
about the rotation that suits the embedding best.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np
import scipy.linalg
import scipy.sparse as sp

from eigenpairs._arrays import to_numpy
from eigenpairs._validate import finite_rows
from eigenpairs.diagnose.function_class import FunctionClass
from eigenpairs.features import Towers
from eigenpairs.features.base import read_rows
from eigenpairs.features.linear import LinearMap
from eigenpairs.objective.moments import KnownMoments
from eigenpairs.relation import Relation
from eigenpairs.spectrum.accumulate import Progress, pair_sums
from eigenpairs.spectrum.lapack import singular
from eigenpairs.spectrum.modes import ColumnModes
from eigenpairs.spectrum.spectrum import Spectrum
from eigenpairs.spectrum.whitener import HARDLY, Whitener

TIE = 1e-7
"""Neighbouring rho closer than this count as equal."""

CHUNK = 2**21
"""Numbers in one chunk of rows."""

LARGEST = 1e150
"""Squares of larger entries leave the range of float64."""


class StackedRows:
    """The rows of two towers as one table, the second's below the first's, without a copy."""

    def __init__(self, first: Any, second: Any):
        self.sides = (first, second)
        self.shape = (first.shape[0] + second.shape[0], first.shape[1])
        self.dtype = np.dtype(np.float64)

    def __getitem__(self, key: Any) -> np.ndarray:
        rows, n_first = np.arange(self.shape[0])[key], self.sides[0].shape[0]
        found = np.empty((len(rows), self.shape[1]))
        for side, mine, start in zip(self.sides, (rows < n_first, rows >= n_first), (0, n_first), strict=True):
            found[mine] = to_numpy(read_rows(side, rows[mine] - start))
        return found


def check_rows(Z: Any, name: str = "Z") -> None:
    """Raise for the first entry of Z (n, K) that is NaN, infinite, or too large to be squared."""
    for rows in _row_numbers(Z):
        chunk = read_rows(Z, rows)
        finite_rows(chunk, rows, name)
        if float(np.abs(chunk).max(initial=0)) > LARGEST:
            raise ValueError(f"{name} holds values above {LARGEST:g}, whose squares overflow; rescale its columns")


def float64_rows(Z: Any) -> np.ndarray:
    """All of Z (n, K) in memory."""
    return np.concatenate([np.asarray(read_rows(Z, rows), dtype=np.float64) for rows in _row_numbers(Z)])


def _row_numbers(Z: Any) -> Iterator[np.ndarray]:
    n, step = Z.shape[0], max(64, CHUNK // Z.shape[1])
    return (np.arange(start, min(start + step, n)) for start in range(0, n, step))


class PooledMoments(KnownMoments):
    """Moments of an embedding under the relation's marginal, summed in float64.

    Attributes
    ----------
    mean : (K,)
    covariance, cross : (K, K) Cov(z) and Cov(z, z+)
    energy : E|z - z+|^2, from differences
    """

    def __init__(self, mean: np.ndarray, covariance: np.ndarray, disagreement: np.ndarray):
        super().__init__(covariance, covariance - disagreement)
        self.mean, self.energy = mean, float(2 * np.trace(disagreement))

    @cached_property
    def whitener(self) -> Whitener | None:
        """None if z is constant."""
        return Whitener(self.covariance, self.mean, "Z") if np.diag(self.covariance).any() else None

    @property
    def white_basis(self) -> np.ndarray:
        """(K, r) T with T^T Cov(z) T = I on the span of z."""
        return np.empty((self.width, 0)) if self.whitener is None else self.whitener.basis()

    def of_span(self, Z: Any, relation: Relation) -> PooledMoments:
        """Moments of the same span, for a loss that sees nothing else; they keep their digits where these do not.

        Rows Z are read again if their columns are nearly collinear, as columns that are white.
        """
        if self.whitener is None or not self.whitener.delicate():
            return self
        (sums,) = pair_sums(Z, ColumnModes(LinearMap(self.width), self.mean, self.white_basis), relation)
        live = np.flatnonzero(np.diag(sums.covariance) > HARDLY**2)
        S, M = np.zeros_like(self.covariance), np.zeros_like(self.covariance)
        held = slice(len(live))
        S[held, held], M[held, held] = (part[np.ix_(live, live)] for part in (sums.covariance, sums.disagreement))
        return PooledMoments(np.zeros(self.width), S, M)


def pooled_moments(
    Z: Any, relation: Relation, eps: float, device: str | None = None, progress: Progress | None = None
) -> PooledMoments:
    """The moments of rows Z (n, K); a column whose spread is rounding of its mean (`eps`, as stored) is constant."""
    (sums,) = pair_sums(Z, LinearMap(Z.shape[1]), relation, device=device, progress=progress)
    S, M = sums.covariance, sums.disagreement
    live = np.sqrt(np.maximum(np.diag(S), 0.0)) > 10 * eps * np.abs(sums.mean)
    both = np.outer(live, live)
    return PooledMoments(sums.mean, np.where(both, S, 0.0), np.where(both, M, 0.0))


def overlap(family: FunctionClass, Z: Any, mean: np.ndarray, relation: Relation) -> np.ndarray:
    """(m, K) E[phi (z - mean)^T] for the modes of a class, under the relation's marginal."""
    weight = relation.degrees / relation.total
    if family.all_contrasts:
        return _between_components(Z, mean, weight, relation.components, len(family.rho))
    fitted, start = family.spectrum.fitted, 0
    total = np.zeros((family.spectrum.n_modes, Z.shape[1]))
    sides = np.zeros((2, Z.shape[1]))
    n_first = fitted.lengths[0] if isinstance(fitted, Towers) else Z.shape[0]
    for phi in _modes(family.spectrum):
        rows = np.arange(start, start + len(phi))
        start += len(phi)
        counts = weight[rows] > 0  # a row without partner may hold anything
        rows = rows[counts]
        z = weight[rows, None] * (read_rows(Z, rows) - mean)
        total += phi[counts].T @ z
        sides += z[rows < n_first].sum(axis=0), z[rows >= n_first].sum(axis=0)
    return np.vstack([total, sides[0] - sides[1]]) if isinstance(fitted, Towers) else total


def _modes(spectrum: Spectrum) -> Iterator[np.ndarray]:
    """The modes at the fitted rows, chunk by chunk."""
    values = spectrum.values
    if values is not None:
        return (values[rows] for rows in _row_numbers(values))
    sides = spectrum.fitted.sides if isinstance(spectrum.fitted, Towers) else (spectrum.fitted,)
    return chain.from_iterable(modes.chunks(side) for modes, side in zip(spectrum.modes, sides, strict=True))


def _between_components(
    Z: Any, mean: np.ndarray, weight: np.ndarray, components: np.ndarray, n_modes: int
) -> np.ndarray:
    """(n_modes, K) R with R^T R = the covariance of the components' means, the part of z with rho = 1.

    That is E[phi z^T] for all contrasts between components at once, rotated into as many as z has columns.
    """
    mass = np.bincount(components[components >= 0], weight[components >= 0])
    sums = np.zeros((len(mass), Z.shape[1]))
    for rows in _row_numbers(Z):
        rows = rows[weight[rows] > 0]
        member = sp.csr_array((weight[rows], (components[rows], np.arange(len(rows)))), (len(mass), len(rows)))
        sums += member @ (read_rows(Z, rows) - mean)
    rotated = scipy.linalg.qr(sums / np.sqrt(mass)[:, None], mode="r")[0][:n_modes]
    return np.concatenate([rotated, np.zeros((n_modes - len(rotated), Z.shape[1]))])


# ---------------------------------------------------------------------- energies and angles


def ties(rho: np.ndarray) -> list[np.ndarray]:
    """The mode numbers of every group of two or more equal rho (m,)."""
    groups = np.split(np.arange(len(rho)), np.flatnonzero(-np.diff(rho) > TIE) + 1)
    return [group for group in groups if len(group) > 1]


def energies(cross: np.ndarray, rho: np.ndarray, gains: np.ndarray) -> np.ndarray:
    """(m,) energy b_k = |E[phi_k z]|^2 of every mode, from `cross` (m, K).

    Inside a tie: along the principal axes of what z has there, the largest where the gain is largest.
    """
    found = np.sum(cross**2, axis=1)
    for tie in ties(rho):
        principal = np.zeros(len(tie))
        values = scipy.linalg.svdvals(cross[tie]) ** 2
        principal[: len(values)] = values
        found[tie[np.argsort(-gains[tie], kind="stable")]] = principal
    return found


def principal_angles(white: np.ndarray, rho: np.ndarray, kept: np.ndarray, rank: int) -> np.ndarray:
    """(rank,) angles in radians, ascending, between the span of z and the modes that are kept.

    Parameters
    ----------
    white : (m, r)
        E[phi w^T] of the whitened w.
    kept : (m,) bool
    rank : int
        Rank of the optimum; directions that z lacks altogether stand at pi/2.
    """
    parts, whole = [], kept.copy()
    for tie in ties(rho):
        some = int(np.count_nonzero(kept[tie]))
        if 0 < some < len(tie):  # the optimum takes any `some` of them
            whole[tie] = False
            _, size, right = singular(white[tie])
            parts.append(size[:some, None] * right[:some])
    rows = np.concatenate([white[whole], *parts])
    cosines = np.zeros(rank)
    if rows.size:
        values = scipy.linalg.svdvals(rows)[:rank]
        cosines[: len(values)] = values
    return np.sort(np.arccos(np.minimum(cosines, 1.0)))
