"""Rotations that give the output columns prescribed variances.

An embedding with gains b is z = V diag(sqrt b) phi with any orthogonal V. Some losses look at single columns, and
then V matters: it must make the diagonal of V diag(b) V^T flat (VICReg), two diagonals at once (Barlow Twins), or
follow two levels. Nothing here forms more than the (modes x K) map itself, save `flatten_two`.
"""

from __future__ import annotations

from bisect import bisect_left, insort

import numpy as np


def map_with_variances(gains: np.ndarray, variances: np.ndarray) -> np.ndarray:
    """(m, K) map whose rows are orthogonal with energies `gains` and whose columns have energies `variances`.

    Parameters
    ----------
    gains : (m,) non-negative, m <= K
    variances : (K,), majorised by the padded gains (the condition of Schur and Horn)
    """
    K = len(variances)
    padded = np.concatenate([gains, np.zeros(K - len(gains))])
    if np.array_equal(padded, variances):
        return np.eye(len(gains), K) * np.sqrt(padded)
    if np.ptp(variances) <= 1e-14 * variances.max() and is_hadamard_order(K):
        return np.sqrt(gains)[:, None] * hadamard_rows(len(gains), K)
    return schur_horn(gains, variances)


def is_hadamard_order(K: int) -> bool:
    """Whether K is a power of two, for which the Walsh-Hadamard rows below are orthogonal."""
    return K & (K - 1) == 0


def hadamard_rows(m: int, K: int) -> np.ndarray:
    """(m, K) the first rows of the orthonormal Walsh-Hadamard matrix: every entry is +-1/sqrt(K)."""
    parity = np.bitwise_count(np.arange(m)[:, None] & np.arange(K)) & 1
    return (1.0 - 2.0 * parity) / np.sqrt(K)


def schur_horn(gains: np.ndarray, variances: np.ndarray) -> np.ndarray:
    """`map_with_variances` by at most K - 1 plane rotations.

    The induction of Horn's theorem: the largest wanted variance t lies between two neighbouring values
    d_k >= t >= d_{k+1} of those still free; one rotation turns them into t and d_k + d_{k+1} - t. The columns that
    are still free stay orthogonal to each other throughout, so no correlation has to be tracked.
    """
    m, K = len(gains), len(variances)
    columns = np.zeros((K, m))
    columns[np.arange(m), np.arange(m)] = np.sqrt(gains)
    start = np.concatenate([gains, np.zeros(K - m)])
    free = sorted((float(value), index) for index, value in enumerate(start))  # ascending
    place = np.empty(K, dtype=np.int64)
    largest_first = np.argsort(-variances, kind="stable")
    for wanted in largest_first[:-1]:
        target = float(variances[wanted])
        above = bisect_left(free, (target, -1))
        if above in (0, len(free)):  # up to rounding, the target is the extreme free value itself
            place[wanted] = free.pop(min(above, len(free) - 1))[1]
            continue
        (high, i), (low, j) = free[above], free[above - 1]
        share = (target - low) / (high - low)
        cosine, sine = np.sqrt(share), np.sqrt(1.0 - share)
        columns[i], columns[j] = cosine * columns[i] + sine * columns[j], cosine * columns[j] - sine * columns[i]
        place[wanted] = i
        del free[above - 1 : above + 1]
        insort(free, (high + low - target, j))
    place[largest_first[-1]] = free[0][1]
    return columns[place].T


def flatten_two(
    first: np.ndarray, second: np.ndarray, seeds: int = 4, iterations: int = 60
) -> tuple[np.ndarray, float]:
    """An orthogonal V (K, K) that flattens the diagonals of V diag(first) V^T and V diag(second) V^T.

    Newton steps of least norm on the 2K equations, along the skew directions of the orthogonal group, with a
    Cayley retraction; a few random starts. There is no V for some small odd K (docs/theory.md, section 4), so the
    residual is returned as well.

    Returns
    -------
    V : (K, K)
    residual : float
        Largest deviation from flat, relative to the spread of the two vectors.
    """
    K = len(first)
    basis = _orthonormal(np.stack([first - first.mean(), second - second.mean()]))
    best, residual = np.eye(K), np.inf
    for seed in range(seeds):
        V = np.linalg.qr(np.random.default_rng(seed).standard_normal((K, K)))[0]
        V, found = _newton(V, basis, iterations)
        if found < residual:
            best, residual = V, found
        if residual < 1e-13:
            break
    return best, residual


def _orthonormal(rows: np.ndarray) -> np.ndarray:
    """An orthonormal basis of the row space: combinations of flat diagonals are flat."""
    _, size, basis = np.linalg.svd(rows, full_matrices=False)
    return basis[size > 1e-14 * max(size[0], 1e-300)]


def _newton(V: np.ndarray, basis: np.ndarray, iterations: int) -> tuple[np.ndarray, float]:
    K, best, residual, stalled = len(V), V, np.inf, 0
    for _ in range(iterations):
        M = [(V * values) @ V.T for values in basis]
        diagonals = np.concatenate([np.diag(matrix) for matrix in M])
        now = float(np.abs(diagonals).max(initial=0.0))
        stalled = 0 if now < 0.5 * residual else stalled + 1
        if now < residual:
            best, residual = V, now
        if residual < 1e-15 or stalled > 12:
            break
        H = np.block([[4 * (np.diag((A * B).sum(axis=1)) - A * B) for B in M] for A in M])
        y = _least_norm(H, -diagonals).reshape(len(M), K)
        S = sum(2 * A * (z[:, None] - z[None, :]) for A, z in zip(M, y, strict=True))
        S = S * min(1.0, 2.0 / max(np.abs(S).sum(axis=1).max(), 1e-300))
        V = np.linalg.solve(np.eye(K) - S / 2, V + (S / 2) @ V)
    return best, residual


def _least_norm(H: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Least-norm solution of a singular positive semi-definite system."""
    values, vectors = np.linalg.eigh(H)
    keep = values > 1e-11 * values[-1]
    return vectors[:, keep] @ ((vectors[:, keep].T @ right) / values[keep])
