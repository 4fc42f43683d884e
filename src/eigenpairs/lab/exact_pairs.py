"""Rows in pairs whose correlations are exactly what was asked for: no sampling error blurs a comparison."""

from __future__ import annotations

from typing import Any

import numpy as np

from eigenpairs.relation import Relation


def exact_pairs(rho: Any, seed: int, n_pairs: int | None = None, mixed: bool = True) -> tuple[np.ndarray, Relation]:
    """Two views of `n_pairs` sources, with the pair correlations `rho` to rounding.

    View a is Q and view b is rho Q + sqrt(1 - rho^2) Q', where the 2 D columns of (Q, Q') are centred and orthonormal
    over the sources: Gaussian rows, whitened.

    Parameters
    ----------
    rho : (D,) in [-1, 1]
    seed : int
    n_pairs : int, optional
        More than 2 D; 4 D + 8 by default.
    mixed : bool, default True
        Whether to hide the modes behind a random invertible matrix.

    Returns
    -------
    X : (2 n_pairs, D), view below view
    relation : Relation

    Examples
    --------
    >>> import eigenpairs as ep
    >>> from eigenpairs.lab.exact_pairs import exact_pairs
    >>> X, relation = exact_pairs([0.9, 0.2, -0.5], seed=0)
    >>> ep.spectrum(X, relation).rho.round(12)
    array([ 0.9,  0.2, -0.5])
    """
    rho = np.asarray(rho, dtype=np.float64)
    n = 4 * len(rho) + 8 if n_pairs is None else n_pairs
    rng = np.random.default_rng(seed)
    drawn = rng.standard_normal((n, 2 * len(rho)))
    Q = np.linalg.qr(drawn - drawn.mean(axis=0))[0] * np.sqrt(n)
    first, other = Q[:, : len(rho)], Q[:, len(rho) :]
    X = np.concatenate([first, first * rho + other * np.sqrt(1 - rho**2)])
    if mixed:
        X = X @ (np.eye(len(rho)) + 0.3 * rng.standard_normal((len(rho), len(rho))))
    return X, Relation.from_views(n, 2)
