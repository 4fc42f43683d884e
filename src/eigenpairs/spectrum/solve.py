"""`spectrum`: the one expensive step."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from functools import partial, reduce
from typing import Any

import numpy as np
import scipy.sparse as sp

from eigenpairs._validate import a_relation, an_instance, one_of, real_number, table, whole_number
from eigenpairs.features import FeatureMap, Features, Free, Linear, Towers
from eigenpairs.relation import Relation
from eigenpairs.spectrum.accumulate import Progress, pair_sums
from eigenpairs.spectrum.graph import solve_graph
from eigenpairs.spectrum.modes import ColumnModes, ModeMoments
from eigenpairs.spectrum.pencil import Pencil
from eigenpairs.spectrum.ridge import choose_ridge, fold_of_rows
from eigenpairs.spectrum.solvers import Solver
from eigenpairs.spectrum.sparse_sums import sparse_pair_sums
from eigenpairs.spectrum.spectrum import Spectrum
from eigenpairs.spectrum.sums import PairSums
from eigenpairs.spectrum.two_towers import features_of_towers, solve_towers
from eigenpairs.spectrum.whitener import HARDLY

log = logging.getLogger("eigenpairs")

WEIGHTINGS = ("pairs", "samples")


def spectrum(
    X: Any,
    relation: Relation | None = None,
    features: Features | tuple[Features, Features] | None = None,
    n_components: int = 256,
    weighting: str = "pairs",
    device: str | None = None,
    *,
    tol: float = 1e-6,
    solver: Solver | None = None,
    random_state: int = 0,
    progress: Progress | None = None,
) -> Spectrum:
    """Solve C v = rho S v: how invariant can each function of the data be across positive pairs?

    Parameters
    ----------
    X : (n_samples, n_columns) array, memmap, tensor or DataFrame; `Towers`; None with `Free`
        Any real dtype. Moments are float64 and read chunk by chunk, so X may be larger than memory. With `Linear` also
        a scipy sparse matrix, which is never filled.
    relation : Relation
        Positive pairs among the rows of X. For `Towers`, pairs `between` them; row i with row i by default.
    features : Features, default Linear()
        The class of functions; for `Towers` a tuple gives each its own.
    n_components : int, default 256
        Largest number of modes to compute; fewer if the class has fewer (`Spectrum.rank`).
    weighting : "pairs" or "samples"
        "pairs" weighs a row by its degree, which is what drawing pairs at random optimises; "samples" weighs all
        rows that have a partner equally (Balestriero & LeCun 2022). They agree when all degrees are equal.
    device : str, optional
        A torch device for the matrix products, for instance "cuda"; numpy by default.
    tol : float, default 1e-6
        For iterative solvers of `Free`: residuals are below tol (1 - rho).
    solver : callable, optional
        For `Free`: a function with the signature of `eigenpairs.spectrum.solvers.arpack`.
    random_state : int, default 0
        Seed of iterative solvers' start.
    progress : callable, optional
        Called with the share done, 0 to 1.

    Returns
    -------
    Spectrum

    Raises
    ------
    ValueError
        If lengths differ, X holds NaN or inf, no column varies, or the relation holds no pair.
    RuntimeError
        If an iterative solver misses its tolerance.

    Notes
    -----
    Theory, section 1. One `Spectrum` serves every objective and every hyper-parameter value.

    Examples
    --------
    >>> import numpy as np, eigenpairs as ep
    >>> rng = np.random.default_rng(0)
    >>> source = rng.standard_normal((500, 3))
    >>> views = [source + noise * rng.standard_normal((500, 3)) for noise in ([0, 1, 9], [0, 1, 9])]
    >>> spec = ep.spectrum(np.concatenate(views), ep.Relation.from_views(500, 2))
    >>> spec.rho.round(1)  # kept exactly, half noise, all noise
    array([1. , 0.5, 0. ])
    """
    n_components = whole_number(n_components, "n_components", 1)
    one_of(weighting, "weighting", WEIGHTINGS)
    if isinstance(X, Towers):
        pair = features_of_towers(features)
        relation = _with_pairs(X.pairs(relation))
        if weighting != "pairs" and not relation.uniform:
            raise ValueError("weighting = 'samples' is defined for one tower; two towers know 'pairs'")
        return solve_towers(X, relation, pair, n_components, device, random_state, progress)
    chosen: Features = an_instance(features or Linear(), Features, "features", "ep.Linear()")
    relation = _with_pairs(a_relation(relation))
    if isinstance(chosen, Free):
        tol = real_number(tol, "tol", 0.0, above=True)
        found = _solve_free(X, relation, chosen, n_components, weighting, tol, random_state, solver)
    else:
        found = _solve_columns(X, relation, chosen, n_components, weighting, device, random_state, progress)
    if weighting == "samples" and not relation.uniform:
        rows = found.modes[0].chunks(found.fitted) if found.values is None else [found.values]
        found.moments = (ModeMoments.of_rows(rows, relation.degrees / relation.total),)
        found.faithful = False
    return found


def _with_pairs(relation: Relation) -> Relation:
    if not 0 < relation.total < np.inf:
        raise ValueError("relation has no pair among these rows, or infinite weights; give at least two positives")
    return relation


def _solve_free(
    X: Any,
    relation: Relation,
    features: Free,
    n_components: int,
    weighting: str,
    tol: float,
    seed: int,
    solver: Solver | None,
) -> Spectrum:
    if X is not None and len(X) != relation.n_samples:
        raise ValueError(f"X has {len(X)} rows and relation {relation.n_samples}; with Free pass X=None")
    modes = solve_graph(relation, n_components, weighting, tol, seed, solver)
    if modes.n_parts > n_components:
        warnings.warn(
            f"the graph has {modes.n_parts} components, so all {n_components} modes only tell components "
            "apart; ask for more, or take one: relation[relation.components == 0]",
            stacklevel=3,
        )
    return Spectrum(modes.rho, modes.rank, features, weighting, relation.n_samples, values=modes.values)


def _solve_columns(
    X: Any,
    relation: Relation,
    features: Features,
    n_components: int,
    weighting: str,
    device: str | None,
    seed: int,
    progress: Progress | None,
) -> Spectrum:
    if X is None:
        raise TypeError(f"X is None, but {type(features).__name__} features need data; only Free does without")
    X = table(X, "X", sparse=features.takes_sparse)
    if X.shape[0] != relation.n_samples:
        raise ValueError(f"X has {X.shape[0]} rows and relation {relation.n_samples}; give one row of X per sample")
    feature_map = features.fitted(X)
    rows_of_fold = fold_of_rows(relation, seed) if features.ridge == "auto" else None
    log.info("summing moments of %d rows x %d columns", X.shape[0], feature_map.n_columns)
    sums_over = partial(sums_of_rows, X, relation=relation, weighting=weighting, device=device)
    folds = sums_over(feature_map, progress=progress, folds=rows_of_fold)
    found = spectrum_of_sums(folds, features, feature_map, n_components, weighting, relation.n_samples, sums_over)
    found.fitted = X
    return found


def sums_of_rows(
    X: Any,
    columns: FeatureMap,
    relation: Relation,
    weighting: str = "pairs",
    device: str | None = None,
    progress: Progress | None = None,
    folds: np.ndarray | None = None,
) -> list[PairSums]:
    """`pair_sums`, without filling sparse rows that are their own columns."""
    if sp.issparse(X) and columns.takes_sparse:
        return sparse_pair_sums(X, relation, weighting, device, progress, folds)
    return pair_sums(X, columns, relation, weighting, device, progress, folds)


def spectrum_of_sums(
    folds: list[PairSums],
    features: Features,
    feature_map: FeatureMap,
    n_components: int,
    weighting: str,
    n_samples: int,
    sums_over: Callable[[FeatureMap], list[PairSums]] | None = None,
) -> Spectrum:
    """The spectrum of a span whose moments are known, fold by fold if a ridge is to be chosen.

    Nearly collinear columns need a second reading (docs/theory.md, section 1): `sums_over` gives the moments of others.
    """
    ridge = choose_ridge(folds, n_components) if features.ridge == "auto" else float(features.ridge)
    sums = reduce(PairSums.__add__, folds)
    pencil, columns = Pencil(sums.covariance, sums.disagreement, sums.mean), feature_map
    if sums_over is not None and pencil.whitener.delicate(ridge):
        columns = ColumnModes(feature_map, sums.mean, pencil.whitener.basis())
        (sums,) = sums_over(columns)
        pencil = Pencil(sums.covariance, sums.disagreement, sums.mean, least=HARDLY)
    rho, weights = pencil.solve(n_components, ridge)
    log.info("solved %d modes of rank %d, ridge %g", len(rho), pencil.rank(ridge), ridge)
    modes = (ColumnModes.over(columns, sums.mean, weights),)
    moments = (ModeMoments(np.zeros(len(rho)), weights.T @ sums.covariance @ weights),) if ridge > 0 else ()
    return Spectrum(
        rho, pencil.rank(ridge), features, weighting, n_samples, modes,
        ridge=ridge, faithful=ridge == 0, moments=moments,
    )  # fmt: skip
