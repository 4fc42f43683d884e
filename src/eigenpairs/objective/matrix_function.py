"""f(C) of a symmetric matrix, with a gradient that is finite where eigenvalues meet."""

from __future__ import annotations

from collections.abc import Callable

from eigenpairs._arrays import Array, detached, namespace


def matrix_function(C: Array, f: Callable[[Array], Array], slope: Callable[[Array], Array]) -> Array:
    """V f(values) V^T for C (K, K) = V diag(values) V^T; `slope` is f'.

    Differentiating through the eigenvectors would divide by differences of eigenvalues. The derivative itself only
    holds divided differences of f (Daleckii & Krein 1965), so it is written down: first order, which is what training
    needs. Computed in float64.
    """
    xp = namespace(C)
    wide = xp.astype(C, xp.float64)
    fixed = detached(wide)
    values, vectors = xp.linalg.eigh(0.5 * (fixed + fixed.T))
    outputs = f(values)
    apart = values[:, None] - values[None, :]
    middle = 0.5 * (values[:, None] + values[None, :])
    near = xp.abs(apart) <= 1e-5 * (1 + xp.abs(middle))
    quotient = (outputs[:, None] - outputs[None, :]) / xp.where(near, xp.ones_like(apart), apart)
    quotient = xp.where(near, slope(middle), quotient)
    change = quotient * (vectors.T @ (wide - fixed) @ vectors)
    return xp.astype((vectors * outputs) @ vectors.T + vectors @ change @ vectors.T, C.dtype)
