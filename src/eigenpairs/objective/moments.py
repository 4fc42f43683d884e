"""The few statistics of an embedding that objectives are made of, from rows or from the spectrum.

A loss is written once, on these statistics. `BatchMoments` takes them from rows Z and a relation (numpy, or torch
with gradients); `PopulationMoments` from a linear map of the modes, where expectations are exact. What losses need of
the (K, K) matrices is a few numbers, defined here once; `torch_moments` finds the same numbers with less work.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from array_api_compat import is_torch_array

from eigenpairs._arrays import Array, at_least_float32, detached, like, namespace
from eigenpairs._validate import a_relation, table


class Moments:
    """What losses are made of, defined by Cov(z) and Cov(z, z+), which subclasses give."""

    namespace: Any
    width: int
    mean: Array
    variance: Array
    energy: Array
    covariance: Array
    cross: Array

    @property
    def normalised(self) -> Moments:
        """These statistics in a scale of their own: float64 with unit modes needs no other."""
        return self

    @property
    def in_float64(self) -> Moments:
        """The same in float64: squares of float32 rows lose all directions of less than 1/3000 of the spread."""
        return self

    @property
    def rounding(self) -> float:
        """Relative rounding of the rows."""
        return float(np.finfo(np.float64).eps)

    @property
    def off_diagonal(self) -> Array:
        """sum over k != l of Cov(z)_kl^2."""
        return off_diagonal_energy(self.covariance)

    @property
    def second_moment_energy(self) -> Array:
        """|E[z z^T]|_F^2, not centred."""
        second = self.covariance + self.mean[:, None] * self.mean[None, :]
        return self.namespace.sum(second * second)

    @property
    def agreement(self) -> Array:
        """E[z . z+], not centred."""
        return self.namespace.sum(diagonal(self.cross)) + self.namespace.sum(self.mean * self.mean)

    @property
    def correlation(self) -> tuple[Array, Array]:
        """(K,) diagonal of the cross-correlation of standardised columns, and the sum of its other squares."""
        moments = self.normalised
        scale = column_scale(moments)
        correlation = moments.cross / (scale[:, None] * scale[None, :])
        return diagonal(correlation), off_diagonal_energy(correlation)

    def log_volume(self, eps: float) -> Array:
        """log det(Cov(z) + eps I)."""
        floor = like(eps * np.eye(self.width), self.covariance, self.covariance.dtype)
        return self.namespace.linalg.slogdet(self.covariance + floor)[1]

    @property
    def whitened(self) -> tuple[Array, int]:
        """E[w . w+] of the whitened columns w, and how many directions are missing because z has not rank K."""
        moments = self.normalised.in_float64
        # One scale for all columns changes no span, and makes the rank rule independent of units.
        scale = column_scale(moments)
        outer = scale[:, None] * scale[None, :]
        correlation, xp = moments.covariance / outer, moments.namespace
        tolerance = rank_tolerance(correlation, self.rounding)
        inverse = xp.linalg.pinv(correlation, rtol=tolerance)
        missing = moments.width - int(xp.linalg.matrix_rank(correlation, rtol=tolerance))
        return xp.astype(xp.sum(inverse * (moments.cross / outer)), self.mean.dtype), missing


class BatchMoments(Moments):
    """Moments of rows Z (n, K) pooled over all rows with the relation's marginal pi_i = d_i / sum(d).

    float16 and bfloat16 rows are raised to float32 first: sums of thousands of squares do not fit in them.
    """

    def __init__(self, Z: Array, G: Any):
        Z, G = table(Z, "Z"), a_relation(G, "G")
        if Z.shape[0] != G.n_samples:
            raise ValueError(f"Z has {Z.shape[0]} rows and the relation {G.n_samples}; give one row per sample")
        if not G.total > 0:
            raise ValueError("the relation holds no pair among these rows, so the loss is undefined")
        self.Z, self.G = at_least_float32(Z), G
        self.width = Z.shape[1]
        self.namespace = namespace(self.Z)

    @cached_property
    def _marginal(self) -> Array | None:
        """(n, 1) pi, or None when it is 1/n for every row."""
        if self.G.uniform:
            return None
        return like(self.G.degrees / self.G.total, self.Z, self.Z.dtype)[:, None]

    def _weighted(self, rows: Array) -> Array:
        return rows / rows.shape[0] if self._marginal is None else rows * self._marginal

    @cached_property
    def mean(self) -> Array:
        """(K,) E[z]."""
        if self._marginal is None:
            return self.namespace.mean(self.Z, axis=0)
        return self.namespace.sum(self.Z * self._marginal, axis=0)

    @cached_property
    def centred(self) -> Array:
        """(n, K) z - E[z]."""
        return self.Z - self.mean

    @cached_property
    def normalised(self) -> BatchMoments:
        """The moments of centred columns of largest entry 1, for losses that do not depend on scale.

        Squares of tiny or huge entries would leave the range of float32. A column is dead, and becomes zero, when its
        spread is rounding noise of its mean.
        """
        xp, centred = self.namespace, self.centred
        size = xp.max(xp.abs(detached(centred)), axis=0)
        live = is_live(size, detached(self.mean))
        scale = xp.where(live, size, xp.ones_like(size))
        return BatchMoments(xp.where(live, centred / scale, xp.zeros_like(centred)), self.G)

    @property
    def in_float64(self) -> BatchMoments:
        return BatchMoments(self.namespace.astype(self.Z, self.namespace.float64), self.G)

    @property
    def rounding(self) -> float:
        return float(self.namespace.finfo(self.Z.dtype).eps)

    @cached_property
    def covariance(self) -> Array:
        """(K, K) Cov(z)."""
        return self.centred.T @ self._weighted(self.centred)

    @cached_property
    def variance(self) -> Array:
        """(K,) the diagonal of Cov(z), without the rest of it."""
        return self.namespace.sum(self.centred * self._weighted(self.centred), axis=0)

    @cached_property
    def cross(self) -> Array:
        """(K, K) Cov(z, z+), symmetric."""
        return self.cross_of(self.centred)

    def cross_of(self, rows: Array) -> Array:
        """E[r r+^T] of rows derived from Z."""
        return rows.T @ (self.G @ rows) / self.G.total

    @cached_property
    def energy(self) -> Array:
        """E|z - z+|^2, from differences."""
        return self.G.dirichlet(self.Z) / self.G.total


class PopulationMoments(Moments):
    """Moments of z = A^T phi(x) (+ a constant column), from the map A (n_modes, K) and the pair correlations rho."""

    namespace = np

    def __init__(self, A: np.ndarray, rho: np.ndarray, constant: float = 0.0):
        self.A, self.rho, self.width = A, rho, A.shape[1]
        self.mean = np.zeros(self.width)
        self.mean[0] = np.sqrt(constant)

    @cached_property
    def covariance(self) -> np.ndarray:
        return self.A.T @ self.A

    @cached_property
    def variance(self) -> np.ndarray:
        return np.einsum("mk,mk->k", self.A, self.A)

    @cached_property
    def cross(self) -> np.ndarray:
        return self.A.T @ (self.rho[:, None] * self.A)

    @cached_property
    def energy(self) -> float:
        return float(2 * np.sum((1 - self.rho)[:, None] * self.A**2))


class KnownMoments(Moments):
    """Moments of a centred embedding given as matrices: Cov(z) and Cov(z, z+), both (K, K)."""

    namespace = np

    def __init__(self, covariance: np.ndarray, cross: np.ndarray):
        self.covariance, self.cross, self.width = covariance, cross, len(covariance)
        self.mean, self.variance = np.zeros(self.width), np.diag(covariance)
        self.energy = float(2 * np.trace(covariance - cross))


def moments_of(Z: Array, G: Any) -> BatchMoments:
    """The moments of rows Z under the relation G, by the cheapest way there is for their kind."""
    if not is_torch_array(Z):
        return BatchMoments(Z, G)
    from eigenpairs.objective.torch_moments import TorchMoments

    return TorchMoments(Z, G)


def diagonal(matrix: Array) -> Array:
    """(K,) the diagonal of a square matrix."""
    return namespace(matrix).linalg.diagonal(matrix)


def off_diagonal_energy(matrix: Array) -> Array:
    """sum over k != l of matrix_kl^2."""
    # Taking the diagonal's squares off the total would cancel when the matrix is nearly diagonal.
    xp = namespace(matrix)
    off = xp.where(like(np.eye(matrix.shape[0], dtype=bool), matrix), xp.zeros_like(matrix), matrix)
    return xp.sum(off * off)


def is_live(size: Array, mean: Array) -> Array:
    """(K,) whether a column's largest deviation from its mean is more than rounding noise of the mean."""
    return size > noise(size) * namespace(size).abs(mean)


def noise(x: Array) -> float:
    """Deviations of numbers like `x` from their mean, as a share of it, that rounding alone may make."""
    return 8 * float(namespace(x).finfo(x.dtype).eps)


def rank_tolerance(correlation: Array, rounding: float) -> float:
    """Eigenvalues of a correlation matrix below this share of the largest are noise: of its sums, or of the rows."""
    of_sums = float(namespace(correlation).finfo(correlation.dtype).eps)
    return max(correlation.shape[0], 10) * max(of_sums, rounding**2)


def column_scale(moments: Moments) -> Array:
    """(K,) standard deviations, with 1 for dead columns: dividing by it leaves them at zero, gradients finite."""
    xp, variance = moments.namespace, moments.variance
    return xp.sqrt(xp.where(variance > 0, variance, xp.ones_like(variance)))


def views_of(Z: Array, G: Any) -> Array:
    """Z (n_views * n, K) as (n_views, n, K), for statistics taken view by view."""
    if a_relation(G, "G").n_views is None:
        raise ValueError("per_view=True needs Relation.from_views(n_sources, n_views); this relation has no views")
    Z = BatchMoments(Z, G).Z
    return namespace(Z).reshape(Z, (G.n_views, -1, Z.shape[1]))
