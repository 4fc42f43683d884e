"""Eigen-solvers for the free class. A solver is a function: operator, number of pairs, tolerance, seed -> eigenpairs.

A faster one slots in by having this signature (``ep.spectrum(..., solver=mine)``).

When is an eigenpair good? When its residual is small *against 1 - rho*, not against 1: on a long thin graph the
leading 1 - rho are 1e-4, and a residual of 1e-3 means nothing there.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from eigenpairs.spectrum.lapack import lowest

log = logging.getLogger("eigenpairs")


@dataclass(frozen=True)
class SymmetricOperator:
    """A symmetric operator A with known eigenvectors moved out of the way.

    n : int
    apply : (n, k) -> (n, k), the product with A
    deflate : (n, k) -> (n, k), sum over known eigenpairs of (floor - value) v v^T: they get the value `floor`
    floor : float, a number below every eigenvalue
    n_free : int, dimension of what is left to be solved
    """

    n: int
    apply: Callable[[np.ndarray], np.ndarray]
    deflate: Callable[[np.ndarray], np.ndarray]
    floor: float
    n_free: int

    def __matmul__(self, B: np.ndarray) -> np.ndarray:
        return self.apply(B) + self.deflate(B)

    def without(self, values: np.ndarray, vectors: np.ndarray) -> SymmetricOperator:
        """The operator with these eigenpairs moved out of the way as well."""
        shift = (self.floor - values)[:, None]

        def deflate(B: np.ndarray) -> np.ndarray:
            # einsum, not BLAS: numpy's and scipy's thread pools would take turns spinning on every product.
            return self.deflate(B) + np.einsum("nm,mk->nk", vectors, shift * np.einsum("nm,nk->mk", vectors, B))

        return replace(self, deflate=deflate, n_free=self.n_free - len(values))


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
    negated, vectors = lowest(-(operator @ np.eye(operator.n)), k)
    return Eigenpairs(-negated, vectors, _residuals(operator, -negated, vectors), operator.n)


PROBES = 4
"""How many further eigenpairs are computed when copies were missed."""

PROBE_TOL = 1e-3
"""Accuracy, relative to 1 - rho, of the look at what is left."""


def arpack(operator: SymmetricOperator, k: int, tol: float, seed: int) -> Eigenpairs:
    """Implicitly restarted Lanczos, tightened until every residual is below tol (1 - rho), and checked for copies.

    Lanczos sees one vector of a repeated eigenvalue at a time and may converge without the others, each residual
    tiny. So what was found is moved out of the way and the largest value left is looked at, until it lies below the k
    that are kept.

    Raises
    ------
    RuntimeError
        If the tolerance is out of reach; says which mode and what to try.
    """
    found = _lanczos(operator, k, tol, seed)
    while len(found.values) < operator.n_free:
        rest, smallest_kept = operator.without(found.values, found.vectors), found.values[:k].min()
        look = _lanczos(rest, 1, max(PROBE_TOL, tol), seed + len(found.values), hurry=1e-2)
        log.info("%d modes, %d + %d products; next is about %g", k, found.products, look.products, look.values[0])
        if look.values[0] + look.residuals[0] < smallest_kept:
            break
        more = _lanczos(rest, min(PROBES, rest.n_free), tol, seed + len(found.values))
        found = _merged(found, more)
        if more.values[0] <= smallest_kept:
            break
    return Eigenpairs(found.values[:k], found.vectors[:, :k], found.residuals[:k], found.products)


def _merged(first: Eigenpairs, second: Eigenpairs) -> Eigenpairs:
    values = np.concatenate([first.values, second.values])
    order = np.argsort(-values, kind="stable")
    return Eigenpairs(
        values[order],
        np.concatenate([first.vectors, second.vectors], axis=1)[:, order],
        np.concatenate([first.residuals, second.residuals])[order],
        first.products + second.products,
    )


def _lanczos(operator: SymmetricOperator, k: int, tol: float, seed: int, hurry: float = 1e-3) -> Eigenpairs:
    """k eigenpairs, each converged; copies may be missing.

    ARPACK's own tolerance is relative to 1, ours to 1 - rho: the first run asks for tol `hurry`, enough at once where
    1 - rho is above `hurry`; asking for too little costs a second run.
    """
    import scipy.sparse.linalg as spla

    count = 0

    def apply(x: np.ndarray) -> np.ndarray:
        nonlocal count
        count += 1
        return (operator @ x.reshape(operator.n, -1)).reshape(x.shape)

    shape = (operator.n, operator.n)
    A = spla.LinearOperator(shape, matvec=apply, matmat=apply, dtype=np.float64)
    start = np.random.default_rng(seed).standard_normal(operator.n)
    ask = max(tol * hurry, 4e-16)
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
