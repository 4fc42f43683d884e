"""Eigen-solvers for the free class. A solver is a function: operator, number of pairs, tolerance, seed -> eigenpairs.

A faster one slots in by having this signature (``ep.spectrum(..., solver=mine)``).

When is an eigenpair good? When its residual is small *against 1 - rho*, not against 1: on a long thin graph the
leading 1 - rho are 1e-4, and a residual of 1e-3 means nothing there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import scipy.linalg


@dataclass(frozen=True)
class SymmetricOperator:
    """A symmetric operator with known eigenvectors projected out.

    n : int
    apply : (n, k) -> (n, k), the operator itself
    project : (n, k) -> (n, k), orthogonal projection onto what is to be solved
    floor : float, a number below every eigenvalue; the projected-out directions get it and come last
    n_free : int, dimension of what is to be solved
    """

    n: int
    apply: Callable[[np.ndarray], np.ndarray]
    project: Callable[[np.ndarray], np.ndarray]
    floor: float
    n_free: int

    def __matmul__(self, B: np.ndarray) -> np.ndarray:
        inside = self.project(B)
        return self.project(self.apply(inside)) + self.floor * (B - inside)


@dataclass(frozen=True)
class Eigenpairs:
    """values (k,) descending, vectors (n, k) orthonormal, residuals (k,) |A v - rho v|, and how many products."""

    values: np.ndarray
    vectors: np.ndarray
    residuals: np.ndarray
    products: int


Solver = Callable[[SymmetricOperator, int, float, int], Eigenpairs]

DENSE_UP_TO = 1500
"""Below this size a full dense decomposition is fast and misses nothing."""


def choose_solver(operator: SymmetricOperator, k: int) -> Solver:
    """Dense where it is affordable or most eigenpairs are wanted, ARPACK otherwise."""
    return dense if operator.n <= DENSE_UP_TO or 3 * k > operator.n else arpack


def dense(operator: SymmetricOperator, k: int, tol: float, seed: int) -> Eigenpairs:
    """LAPACK on the full matrix: exact to rounding, O(n^3)."""
    matrix = operator @ np.eye(operator.n)
    n = operator.n
    values, vectors = scipy.linalg.eigh(0.5 * (matrix + matrix.T), subset_by_index=[n - k, n - 1])
    values, vectors = values[::-1], vectors[:, ::-1]
    return Eigenpairs(values, vectors, _residuals(operator, values, vectors), n)


def arpack(operator: SymmetricOperator, k: int, tol: float, seed: int) -> Eigenpairs:
    """Implicitly restarted Lanczos, tightened until every residual is below tol (1 - rho), and checked for copies.

    Lanczos sees one vector of a repeated eigenvalue at a time and may converge without the others, each residual
    tiny. So what was found is projected out and the largest of the rest are asked for, until none of them belongs to
    the k largest.

    Raises
    ------
    RuntimeError
        If the tolerance is out of reach; says which mode and what to try.
    """
    found = _lanczos(operator, k, tol, seed)
    while len(found.values) < operator.n_free:
        rest = _without(operator, found.vectors)
        more = _lanczos(rest, min(PROBES, rest.n_free), tol, seed + len(found.values))
        smallest_kept = found.values[:k].min()
        found = _merged(found, more)
        if more.values[0] <= smallest_kept:
            break
    return Eigenpairs(found.values[:k], found.vectors[:, :k], found.residuals[:k], found.products)


PROBES = 4
"""How many further eigenpairs are asked for when looking for copies that were missed."""


def _without(operator: SymmetricOperator, vectors: np.ndarray) -> SymmetricOperator:
    """The operator with these eigenvectors projected out as well."""

    def project(B: np.ndarray) -> np.ndarray:
        inside = operator.project(B)
        return inside - vectors @ (vectors.T @ inside)

    return replace(operator, project=project, n_free=operator.n_free - vectors.shape[1])


def _merged(first: Eigenpairs, second: Eigenpairs) -> Eigenpairs:
    values = np.concatenate([first.values, second.values])
    order = np.argsort(-values, kind="stable")
    return Eigenpairs(
        values[order],
        np.concatenate([first.vectors, second.vectors], axis=1)[:, order],
        np.concatenate([first.residuals, second.residuals])[order],
        first.products + second.products,
    )


def _lanczos(operator: SymmetricOperator, k: int, tol: float, seed: int) -> Eigenpairs:
    """k eigenpairs, each converged; copies may be missing."""
    import scipy.sparse.linalg as spla

    count = 0

    def apply(x: np.ndarray) -> np.ndarray:
        nonlocal count
        count += 1
        return (operator @ x.reshape(operator.n, -1)).reshape(x.shape)

    shape = (operator.n, operator.n)
    A = spla.LinearOperator(shape, matvec=apply, matmat=apply, dtype=np.float64)
    start = operator.project(np.random.default_rng(seed).standard_normal((operator.n, 1)))[:, 0]
    ask = tol
    for _ in range(3):
        try:
            values, vectors = spla.eigsh(A, k, which="LA", tol=ask, v0=start, ncv=min(operator.n, max(2 * k + 1, 40)))
        except spla.ArpackNoConvergence as failure:
            raise RuntimeError(
                f"ARPACK found {len(failure.eigenvalues)} of {k} eigenpairs before its iteration limit; ask for fewer "
                "n_components, raise tol, or pass solver=eigenpairs.spectrum.solvers.dense if the graph is small"
            ) from None
        values, vectors = values[::-1], vectors[:, ::-1]
        residuals = _residuals(operator, values, vectors)
        allowed = tol * np.maximum(1 - values, 1e-12)
        if (residuals <= allowed).all():
            return Eigenpairs(values, vectors, residuals, count)
        # Start again from what was found, asking for what the smallest 1 - rho needs.
        ask = max(0.3 * float(allowed.min()), 4e-16)
        start = vectors.sum(axis=1)
    worst = int(np.argmax(residuals / allowed))
    raise RuntimeError(
        f"ARPACK left mode {worst} (rho = {values[worst]:.9g}) with residual {residuals[worst]:.1e}, more than tol "
        f"(1 - rho) = {allowed[worst]:.1e}; raise tol above {tol:g} or ask for fewer n_components"
    )


def _residuals(operator: SymmetricOperator, values: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    return np.linalg.norm(operator @ vectors - vectors * values, axis=0)
