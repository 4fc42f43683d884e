"""The few statistics of an embedding that objectives are made of, from rows or from the spectrum.

A loss is written once, on these statistics. `BatchMoments` takes them from rows Z and a relation (numpy, or torch
with gradients); `PopulationMoments` from a linear map of the modes, where expectations are exact.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from eigenpairs._arrays import Array, at_least_float32, detached, like, namespace
from eigenpairs._validate import a_relation, table


class BatchMoments:
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
        live = size > 8 * float(xp.finfo(self.Z.dtype).eps) * xp.abs(detached(self.mean))
        scale = xp.where(live, size, xp.ones_like(size))
        return BatchMoments(xp.where(live, centred / scale, xp.zeros_like(centred)), self.G)

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


class PopulationMoments:
    """Moments of z = A^T phi(x) (+ a constant column), from the map A (n_modes, K) and the pair correlations rho."""

    namespace = np

    def __init__(self, A: np.ndarray, rho: np.ndarray, constant: float = 0.0):
        self.A, self.rho, self.width = A, rho, A.shape[1]
        self.mean = np.zeros(self.width)
        self.mean[0] = np.sqrt(constant)

    @property
    def normalised(self) -> PopulationMoments:
        """These moments: float64 with unit modes needs no other scale."""
        return self

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


class KnownMoments:
    """Moments of a centred embedding given as matrices: Cov(z) and Cov(z, z+), both (K, K)."""

    namespace = np

    def __init__(self, covariance: np.ndarray, cross: np.ndarray):
        self.covariance, self.cross, self.width = covariance, cross, len(covariance)
        self.mean, self.variance = np.zeros(self.width), np.diag(covariance)
        self.energy = float(2 * np.trace(covariance - cross))

    @property
    def normalised(self) -> KnownMoments:
        """These moments."""
        return self


Moments = BatchMoments | PopulationMoments | KnownMoments


def diagonal(matrix: Array) -> Array:
    """(K,) the diagonal of a square matrix."""
    return namespace(matrix).linalg.diagonal(matrix)


def off_diagonal_energy(matrix: Array) -> Array:
    """sum over k != l of matrix_kl^2."""
    # Taking the diagonal's squares off the total would cancel when the matrix is nearly diagonal.
    xp = namespace(matrix)
    off = xp.where(like(np.eye(matrix.shape[0], dtype=bool), matrix), xp.zeros_like(matrix), matrix)
    return xp.sum(off * off)


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
