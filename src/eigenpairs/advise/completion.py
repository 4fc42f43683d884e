"""Matrix completion by soft-impute: what is known of a low-rank matrix from some of its entries.

A pair matrix is an incomplete observation of an ideal one of low rank (who belongs with whom at all); filling it in is
what self-supervision does without saying so. Bounds on how many entries are enough are vacuous for small problems, so
here the reference is measured.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from eigenpairs._validate import finite_rows, real_number, table, whole_number
from eigenpairs.spectrum.lapack import singular

EXACT_UP_TO = 256
"""Up to so many rows or columns every singular value is computed in each step."""

BLOCK = 64
"""Singular values beyond that, unless `rank` says otherwise."""

SHARES = (0.1, 0.2, 0.3, 0.4, 0.6)
"""Shares of the entries of a completion curve."""


@dataclass(frozen=True)
class Completion:
    """A matrix of low rank, left @ diag(singular) @ right^T, that agrees with the observed entries up to a shrinkage.

    Attributes
    ----------
    left, right : (n, r), (m, r)
        Orthonormal columns.
    singular : (r,)
        Singular values after shrinkage, descending.
    shrinkages, ranks : (n_steps,)
        The path: what was taken off every singular value, and how many were left.
    converged : bool
    """

    left: np.ndarray
    singular: np.ndarray
    right: np.ndarray
    shrinkages: np.ndarray
    ranks: np.ndarray
    converged: bool

    @property
    def rank(self) -> int:
        """Of the completed matrix."""
        return len(self.singular)

    def matrix(self) -> np.ndarray:
        """(n, m) the completed matrix."""
        return (self.left * self.singular) @ self.right.T

    def __repr__(self) -> str:
        n, m = len(self.left), len(self.right)
        return f"Completion({n} x {m} of rank {self.rank}, shrinkage {self.shrinkages[-1]:.3g})"


def soft_impute(
    values: Any,
    observed: Any,
    *,
    rank: int | None = None,
    n_steps: int = 15,
    ratio: float = 1e-3,
    tol: float = 1e-4,
    max_iter: int = 200,
    random_state: int = 0,
) -> Completion:
    """Complete a matrix: min over Z of 1/2 |observed entries of (Z - values)|^2 + shrinkage |Z|_*.

    Parameters
    ----------
    values : (n, m)
        Entries that are not observed are not read (NaN is fine).
    observed : (n, m) bool
    rank : int, optional
        Most singular values computed. None is all of them up to 256 rows or columns, 64 beyond; a warning says if the
        solution wanted more.
    n_steps, ratio : int and float
        Shrinkages fall geometrically in `n_steps` from the largest singular value of the observed entries, at which
        the answer is zero, to `ratio` times it. Each starts from the solution before it.
    tol : float, default 1e-4
        A step ends when Z changes by less than this share of its norm.
    max_iter : int, default 200
        Iterations of a step; a warning says if the last one needed more.
    random_state : int, default 0
        Start of the block of singular vectors beyond 256 rows or columns.

    Raises
    ------
    ValueError
        If shapes differ, nothing is observed, all that is observed is 0, or an observed entry is NaN or inf.

    Notes
    -----
    Mazumder, Hastie & Tibshirani 2010 (JMLR 11): Z <- S(observed values, Z elsewhere), where S shrinks singular values.
    Large matrices are decomposed by one step of orthogonal iteration from the vectors of the iteration before, whose
    fixed point is the same. Meant for some 2,000 rows and columns at most.

    Rows that are linked by no chain of observed entries learn nothing about each other: between blocks the answer is 0.

    Examples
    --------
    >>> import numpy as np
    >>> from eigenpairs.advise.completion import soft_impute
    >>> same_class = np.equal.outer(np.arange(80) % 4, np.arange(80) % 4).astype(float)
    >>> observed = np.random.default_rng(0).random((80, 80)) < 0.6
    >>> found = soft_impute(same_class, observed)
    >>> found.rank, bool(np.abs(found.matrix() - same_class).max() < 0.02)
    (4, True)
    """
    values, observed = np.asarray(table(values, "values"), dtype=np.float64), np.asarray(observed)
    if observed.shape != values.shape or observed.dtype != bool:
        raise ValueError(
            f"observed has shape {observed.shape} and dtype {observed.dtype}; give one bool per entry of values, "
            f"shape {values.shape}"
        )
    known = np.where(observed, values, 0.0)
    finite_rows(known, np.arange(len(known)), "values")
    largest = float(np.linalg.norm(known, 2)) if known.any() else 0.0
    if largest == 0:
        raise ValueError("observed holds no entry that is not 0; there is nothing to complete from")
    n_steps, max_iter = whole_number(n_steps, "n_steps", 1), whole_number(max_iter, "max_iter", 1)
    if not 0 < real_number(ratio, "ratio", 0.0, above=True) < 1:
        raise ValueError(f"ratio = {ratio} is not allowed; give a number between 0 and 1")
    real_number(tol, "tol", 0.0, above=True)
    block = _block(values.shape, rank)
    shrinkages = largest * np.geomspace(1.0, ratio, n_steps + 1)[1:]
    right = np.random.default_rng(random_state).standard_normal((values.shape[1], block))
    Z, ranks = np.zeros_like(known), np.empty(n_steps, dtype=np.int64)
    for step, shrinkage in enumerate(shrinkages):
        for _ in range(max_iter):
            left, s, right = _leading(np.where(observed, known, Z), right)
            kept = s > shrinkage
            new = (left[:, kept] * (s[kept] - shrinkage)) @ right[:, kept].T
            change, Z = float(np.linalg.norm(new - Z)), new
            converged = change <= tol * float(np.linalg.norm(Z))
            if converged:
                break
        ranks[step] = np.count_nonzero(kept)
    _warn(converged, ranks[-1] == block < min(values.shape), max_iter, block)
    return Completion(left[:, kept], s[kept] - shrinkage, right[:, kept], shrinkages, ranks, converged)


def _block(shape: tuple[int, ...], rank: int | None) -> int:
    smaller = min(shape)
    if rank is None:
        return smaller if smaller <= EXACT_UP_TO else BLOCK
    return min(whole_number(rank, "rank", 1), smaller)


def _leading(A: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The singular triplets of A for a full block, otherwise one step of orthogonal iteration towards the leading."""
    if right.shape[1] == min(A.shape):
        left, s, axes = singular(A)
        return left, s, axes.T
    left = np.linalg.qr(A @ right)[0]
    inner, s, axes = singular(left.T @ A)
    return left @ inner, s, axes.T


def _warn(converged: bool, capped: bool, max_iter: int, block: int) -> None:
    if not converged:
        warnings.warn(f"soft_impute still moved after max_iter = {max_iter}; raise max_iter or tol", stacklevel=3)
    if capped:
        warnings.warn(f"the solution wants more than {block} singular values; raise rank or ratio", stacklevel=3)


@dataclass(frozen=True)
class CompletionCurve:
    """Relative error |Z - ideal|_F / |ideal|_F of soft-impute against the share of entries observed at random.

    Attributes
    ----------
    shares, errors : (s,)
        Errors are means over `n_repeats` draws of the entries.
    n_rows, rank : int
        Of the ideal matrix.
    """

    shares: np.ndarray
    errors: np.ndarray
    n_repeats: int
    n_rows: int
    rank: int

    def enough(self, error: float = 0.05) -> float:
        """The smallest share on the curve from which on errors stay below `error`; nan if there is none."""
        above = np.flatnonzero(self.errors > error)
        first = int(above[-1]) + 1 if len(above) else 0
        return float(self.shares[first]) if first < len(self.shares) else float("nan")

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and lists, for JSON."""
        return vars(self) | {"shares": self.shares.tolist(), "errors": self.errors.tolist()}

    def __repr__(self) -> str:
        points = ", ".join(f"{100 * share:.0f} %: {error:.3f}" for share, error in zip(self.shares, self.errors))
        return f"CompletionCurve({self.n_rows} rows of rank {self.rank}; {points})"


def completion_curve(
    ideal: Any, shares: Sequence[float] = SHARES, n_repeats: int = 3, tol: float = 1e-4, random_state: int = 0
) -> CompletionCurve:
    """How much of an ideal matrix soft-impute finds from a share of its entries, observed at random.

    Parameters
    ----------
    ideal : (n, n)
        A symmetric matrix of low rank, such as `phi diag(rho) phi^T` of a spectrum's leading modes.
    shares : sequence of float, default (0.1, 0.2, 0.3, 0.4, 0.6)
    n_repeats : int, default 3
        Draws per share.
    tol : float, default 1e-4
        Of `soft_impute`.
    random_state : int, default 0

    Examples
    --------
    >>> import numpy as np
    >>> from eigenpairs.advise.completion import completion_curve
    >>> completion_curve(np.ones((30, 30)), shares=(0.2, 0.6), n_repeats=1).errors.round(1) + 0
    array([0., 0.])
    """
    ideal = np.asarray(table(ideal, "ideal"), dtype=np.float64)
    whole_number(n_repeats, "n_repeats", 1)
    parts = np.sort(np.asarray(shares, dtype=np.float64))
    if parts.ndim != 1 or not len(parts) or not ((parts > 0) & (parts <= 1)).all():
        raise ValueError(f"shares = {shares} are not allowed; give shares of the entries, above 0 and at most 1")
    rng, norm = np.random.default_rng(random_state), np.linalg.norm(ideal)
    errors = np.zeros(len(parts))
    for at, share in enumerate(parts):
        for _ in range(n_repeats):
            found = soft_impute(ideal, rng.random(ideal.shape) < share, tol=tol, max_iter=1000)
            errors[at] += np.linalg.norm(found.matrix() - ideal) / (norm * n_repeats)
    return CompletionCurve(parts, errors, n_repeats, len(ideal), int(np.linalg.matrix_rank(ideal)))
