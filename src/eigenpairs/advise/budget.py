"""`pair_budget`: how many pairs are enough, from spectra of subsamples and the law by which their error falls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from eigenpairs._validate import a_relation, an_instance, whole_number
from eigenpairs.advise.budget_result import Budget
from eigenpairs.advise.completion import CompletionCurve, completion_curve
from eigenpairs.advise.eigenspace import Law, shared_cosines
from eigenpairs.advise.observation import Coherence, Observation
from eigenpairs.advise.subsamples import FEWEST_UNITS, ColumnSubsamples, GraphSubsamples, Subsamples
from eigenpairs.features import Features, Free, Linear, Towers
from eigenpairs.relation import Relation
from eigenpairs.spectrum.accumulate import Progress

SHARES = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2)

COMPLETED_UP_TO = 80
"""Rows up to which soft-impute is run on the ideal pair matrix."""

FEWEST_ROWS_PER_MODE = 4
"""Rows of a graph's largest part, per mode, below which nothing is fitted."""


def pair_budget(
    X: Any,
    relation: Relation,
    features: Features | None = None,
    *,
    shares: Sequence[float] = SHARES,
    n_repeats: int = 8,
    n_components: int = 8,
    random_state: int = 0,
    progress: Progress | None = None,
) -> Budget:
    """How far are the leading modes from the true ones, and what would more pairs bring?

    Parameters
    ----------
    X : (n_samples, n_columns) array, memmap, DataFrame or sparse matrix; None with `Free`
    relation : Relation
        Positive pairs among the rows of X.
    features : Features, default Linear()
        The class of functions. A ridge is used as given; "auto" is chosen once, on all pairs.
    shares : sequence of float, default 1/32, 1/16, 1/8, 1/4, 1/2
        Parts of the pairs whose spectrum is compared with that of a disjoint part of the same size; at most 1/2.
    n_repeats : int, default 8
        Divisions of the pairs into parts. They measure the curve; their number is not what limits it.
    n_components : int, default 8
        K, the leading modes that have to be known; at most one less than the class has.
    random_state : int, default 0
    progress : callable, optional
        Called with the share done, 0 to 1.

    Returns
    -------
    Budget

    Raises
    ------
    ValueError
        If there are too few independent units to draw, too many columns (more than 2,048), or shapes differ.
    TypeError
        If X is a pair of towers.

    Notes
    -----
    Drawn are whole groups of partners, so that views of one source stay together; where everything hangs together, as
    in a graph, single pairs among the same rows. `Free` looks at the largest part of a graph, since nothing is
    completed across parts.

    The moments of 32 folds are read once and add up, so that a subsample costs an eigenproblem of the columns.

    `eigenpairs.advise.eigenspace` has the estimate (two disjoint fits, corrected for attenuation and for chance) and
    the law. On Gaussian pairs with eight spectra and 500 to 16,000 sources, the interval for four times the pairs held
    the error of a fresh fit in nine of ten cases where modes K and K + 1 differ. Where they do not, no number of pairs
    tells them apart; `Budget.gap` shows it.

    Examples
    --------
    >>> import numpy as np, eigenpairs as ep
    >>> from eigenpairs.advise.budget import pair_budget
    >>> rng = np.random.default_rng(0)
    >>> source = rng.standard_normal((2000, 16)) * np.linspace(1, 0.1, 16)
    >>> X = np.concatenate([source + 0.5 * rng.standard_normal(source.shape) for _ in range(2)])
    >>> budget = pair_budget(X, ep.Relation.from_views(2000, 2), n_components=3)
    >>> bool(budget.error_at(8000).error < budget.error_at(2000).error)
    True
    """
    relation = a_relation(relation)
    if isinstance(X, Towers) or relation.tower is not None:
        raise TypeError("X is a pair of towers, and a pair budget knows one table of rows; give each tower's own pairs")
    chosen: Features = an_instance(features or Linear(), Features, "features", "ep.Linear()")
    parts = _parts(shares)
    n_repeats, K = whole_number(n_repeats, "n_repeats", 2), whole_number(n_components, "n_components", 1)
    rng = np.random.default_rng(whole_number(random_state, "random_state", 0))
    observation = Observation.of(relation)
    if isinstance(chosen, Free):
        if X is not None and len(X) != relation.n_samples:
            raise ValueError(f"X has {len(X)} rows and relation {relation.n_samples}; with Free pass X=None")
        return _of_graph(relation, observation, parts, n_repeats, K, rng, progress)
    if X is None:
        raise TypeError(f"X is None, but {type(chosen).__name__} features need data; only Free does without")
    reading = None if progress is None else (lambda share: progress(0.5 * share))
    samples = ColumnSubsamples(X, relation, chosen, rng, reading)
    solving = None if progress is None else (lambda share: progress(0.5 + 0.5 * share))
    return _measured(samples, observation, False, parts, n_repeats, K, rng, solving)


def _parts(shares: Sequence[float]) -> np.ndarray:
    parts = np.unique(np.asarray(shares, dtype=np.float64))
    if parts.ndim != 1 or not len(parts) or not ((parts > 0) & (parts <= 0.5)).all():
        raise ValueError(
            f"shares = {shares!r} are not allowed; give numbers above 0 and at most 1/2: halves are compared"
        )
    return parts


def _of_graph(
    relation: Relation,
    observation: Observation,
    parts: np.ndarray,
    n_repeats: int,
    K: int,
    rng: np.random.Generator,
    progress: Progress | None,
) -> Budget:
    sizes = np.bincount(relation.components[relation.components >= 0], minlength=1)
    largest = relation[relation.components == int(np.argmax(sizes))]
    if sizes.max() < FEWEST_ROWS_PER_MODE * (K + 1):
        return Budget.without_curve(observation, K)
    samples = GraphSubsamples(largest, rng)
    if samples.n_units < max(FEWEST_UNITS, 2 * samples.n_folds):
        return Budget.without_curve(observation, K)
    return _measured(samples, observation, True, parts, n_repeats, K, rng, progress)


def _measured(
    samples: Subsamples,
    observation: Observation,
    free: bool,
    parts: np.ndarray,
    n_repeats: int,
    K: int,
    rng: np.random.Generator,
    progress: Progress | None,
) -> Budget:
    from threadpoolctl import threadpool_limits

    F, D = samples.n_folds, samples.dimension
    K = max(1, min(K, D - 1))
    numbers = np.unique(np.maximum(np.round(parts * F).astype(int), 1))
    shared = np.empty((n_repeats, len(numbers), K))
    fitted, heldout = np.zeros((len(numbers), K)), np.zeros((len(numbers), K))
    with threadpool_limits(1):  # hundreds of small decompositions: threads would spend their time waiting
        for repeat in range(n_repeats):
            order = rng.permutation(F)
            for at, number in enumerate(numbers):
                two = [samples.fit(folds, K) for folds in (order[:number], order[F - number :])]
                for fit in two:
                    fitted[at, : len(fit.rho)] += fit.rho
                    heldout[at, : len(fit.rho)] += fit.heldout
                shared[repeat, at] = shared_cosines(two[0].modes, two[1].modes, samples.metric, K)
            if progress is not None:
                progress((repeat + 1) / n_repeats)
    full = samples.fit(np.arange(F), min(K + 1, D))
    counts = samples.n_units * numbers / F
    laws = tuple(Law(counts, shared[:, :, k - 1], k, D, float(samples.n_units)) for k in range(1, K + 1))
    phi = samples.rows(full.modes[:, :K])
    return Budget(
        samples.unit,
        samples.n_units,
        K,
        full.rho,
        fitted / (2 * n_repeats),
        heldout / (2 * n_repeats),
        laws,
        observation,
        Coherence.of(phi),
        _reference(phi, full.rho[:K], rng),
        free,
    )


def _reference(phi: np.ndarray, rho: np.ndarray, rng: np.random.Generator) -> CompletionCurve | None:
    """Soft-impute on the ideal pair matrix of these modes, the constant included, if it is small."""
    if len(phi) > COMPLETED_UP_TO:
        return None
    basis = np.column_stack([np.ones(len(phi)), phi])
    ideal = (basis * np.append(1.0, np.maximum(rho, 0.0))) @ basis.T
    return completion_curve(ideal, n_repeats=1, tol=1e-3, random_state=int(rng.integers(2**31)))
