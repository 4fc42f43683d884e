"""`alignment`: is this relation helping this task, which of several does, and which pairs hurt?"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Any

import numpy as np

from eigenpairs._validate import a_relation, an_instance, table, whole_number
from eigenpairs.advise.alignment_result import Alignment, RelationAlignment
from eigenpairs.advise.class_rows import ClassRows
from eigenpairs.advise.influence import Units, alignment_of, alignment_without, error_influence, own_alignment
from eigenpairs.advise.mixture import Modes, best_mixture, predicted_error_on_modes
from eigenpairs.advise.predictor import Predictor, best_predictor, units_of
from eigenpairs.advise.shuffled import random_functions, shuffled_pairs
from eigenpairs.diagnose.label_energy import Labels, labels_of
from eigenpairs.features import FeatureMap, Features, Free, Linear, Towers
from eigenpairs.relation import Relation
from eigenpairs.relation.operator import Operator
from eigenpairs.spectrum.accumulate import Progress
from eigenpairs.spectrum.spectrum import Spectrum
from eigenpairs.spectrum.sums import PairSums

TESTED_ROWS = 20_000
"""Rows beyond which the permutation test takes whole groups of partners drawn at random."""


def alignment(
    X: Any,
    relation: Relation | Mapping[str, Relation],
    y: Any,
    features: Features | None = None,
    *,
    n_labels: int = 100,
    n_permutations: int = 199,
    task: str = "auto",
    random_state: int = 0,
    progress: Progress | None = None,
) -> Alignment:
    """How much of the label's best predictor survives a change of partner: is this relation helping this task?

    Parameters
    ----------
    X : (n_samples, n_columns) array, memmap, DataFrame or sparse matrix; None with `Free`; or a Spectrum
        A spectrum stands for the rows it was fitted to, and for its class of functions: all of it, however many modes
        were computed, since modes that pairs have chosen could not be tested against pairs.
    relation : Relation, or several by name
        Over the same rows. Several are compared, and the best mixture is searched for.
    y : (n_samples,)
        Classes (integers, texts; -1, NaN, empty: unlabelled) or real values (NaN: unlabelled). A few labels do.
    features : Features, default Linear()
        The class of functions. Its ridge takes no part.
    n_labels : int, default 100
        Labels of the probe whose error is predicted.
    n_permutations : int, default 199
        Of the test against shuffled pairs.
    task : "auto", "classification" or "regression"
        "auto" takes real numbers that are not all whole for a regression, anything else for classes.
    random_state : int, default 0
    progress : callable, optional
        Called with the share done, 0 to 1.

    Returns
    -------
    Alignment

    Raises
    ------
    ValueError
        If lengths differ, fewer than 4 rows or groups of partners are labelled, or (`Free`) no pair has two labels.
    TypeError
        If X is a pair of towers.

    Notes
    -----
    With f the best predictor of the label in the class (least squares over all rows alike), alignment is the
    correlation of f across pairs, E[f(x) f(x+)] / E[f^2] = sum rho_k alpha_k^2 / sum alpha_k^2, alpha_k = <f, phi_k>,
    classes pooled as one-hot columns. 1: aligned, no change of partner changes f. 0: pairs say nothing. Negative: pairs
    contradict the label. alpha^2 is estimated without bias (`eigenpairs.advise.predictor`), each source counted once.

    With `Free` the best predictor is the label itself, and pairs of two labelled rows are all that is looked at.

    Examples
    --------
    >>> import numpy as np, eigenpairs as ep
    >>> from eigenpairs.advise.alignment import alignment
    >>> rng = np.random.default_rng(0)
    >>> source = rng.standard_normal((1000, 5))
    >>> X = np.concatenate([source + [0, 0, 1, 3, 3] * rng.standard_normal(source.shape) for _ in range(2)])
    >>> G = ep.Relation.from_views(1000, 2)
    >>> kept, lost = (alignment(X, G, X[:, column]) for column in (0, 4))
    >>> round(kept.alignment, 2), round(lost.alignment, 1), kept.first.verdict
    (1.0, 0.1, 'helps')
    """
    if isinstance(X, Spectrum):
        X, features, known = _of_spectrum(X, features)
    else:
        known = None
    named = _named(relation)
    n_samples = next(iter(named.values())).n_samples
    labels = labels_of(y, n_samples, task)
    chosen: Features = an_instance(features or Linear(), Features, "features", "ep.Linear()")
    whole_number(n_labels, "n_labels", 3), whole_number(n_permutations, "n_permutations", 19)
    rng = np.random.default_rng(whole_number(random_state, "random_state", 0))
    if isinstance(X, Towers) or any(part.tower is not None for part in named.values()):
        raise TypeError("X is a pair of towers; alignment knows one table of rows whose label is y")
    if isinstance(chosen, Free):
        return _of_labels(named, labels, n_labels, n_permutations, rng)
    if X is None:
        raise TypeError(f"X is None, but {type(chosen).__name__} features need data; only Free does without")
    X = table(X, "X", sparse=chosen.takes_sparse)
    if X.shape[0] != n_samples:
        raise ValueError(f"X has {X.shape[0]} rows and relation {n_samples}; give one row of X per sample")
    return _in_class(X, known or chosen.fitted(X), named, labels, n_labels, n_permutations, rng, progress)


def _of_spectrum(spec: Spectrum, features: Features | None) -> tuple[Any, Features, FeatureMap | None]:
    if spec.n_towers == 2 or isinstance(spec.features, tuple):
        raise TypeError("X is a spectrum of two towers; alignment knows one table of rows whose label is y")
    if features is not None:
        raise ValueError("features were given beside a spectrum, which has a class of its own; give the rows instead")
    if not spec.modes:
        return None, spec.features, None
    if spec.fitted is None:
        raise ValueError("this spectrum was loaded and does not hold its rows; give X and features instead")
    columns = spec.modes[0].feature_map
    return spec.fitted, spec.features, columns


def _named(relation: Relation | Mapping[str, Relation]) -> dict[str, Relation]:
    if isinstance(relation, Operator):
        return {"relation": relation}
    if not isinstance(relation, Mapping) or not relation:
        raise TypeError(f"relation is a {type(relation).__name__}; give a Relation, or a dict of them by name")
    named = {str(name): a_relation(part, f"relation[{name!r}]") for name, part in relation.items()}
    sizes = {name: part.n_samples for name, part in named.items()}
    if len(set(sizes.values())) > 1:
        raise ValueError(f"relation: all have to be over the same rows, but they have {sizes}")
    for name, part in named.items():
        if not part.total > 0:
            raise ValueError(f"relation[{name!r}] holds no pair among its rows")
    return named


def _in_class(
    X: Any,
    feature_map: FeatureMap,
    named: dict[str, Relation],
    labels: Labels,
    n_labels: int,
    n_permutations: int,
    rng: np.random.Generator,
    progress: Progress | None,
) -> Alignment:
    steps, done = 2 + 3 * len(named), 0

    def tick() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done / steps)

    rows = ClassRows.white(X, feature_map)
    together: Relation = reduce(lambda left, right: left + right, named.values())
    predictor = best_predictor(rows, labels, together)
    f = predictor.fitted(rows)
    tick()
    found, moments = {}, []
    for name, part in named.items():
        sums = rows.sums(part)
        moments.append(sums)
        tick()
        found[name] = _one(name, part, sums, predictor, rows, f, n_labels, n_permutations, rng)
        tick()
        tick()
    mixture = None
    if len(named) > 1:
        mixture = best_mixture(tuple(named), moments, predictor.energy, predictor.total, n_labels)
    tick()
    sample = predictor.sample
    spread = predictor.explained_error
    return Alignment(
        found, mixture, predictor.explained, spread, n_labels, len(sample.rows), sample.n_units, predictor.rule
    )


def _one(
    name: str,
    relation: Relation,
    sums: PairSums,
    predictor: Predictor,
    rows: ClassRows,
    f: np.ndarray,
    n_labels: int,
    n_permutations: int,
    rng: np.random.Generator,
) -> RelationAlignment:
    B, S, C = predictor.energy, sums.covariance, sums.covariance - sums.disagreement
    varies = float(np.sum(B * S))
    if varies > predictor.standard_error(S):
        value = float(np.sum(B * C)) / varies
        error = predictor.standard_error(C - value * S) / varies
    else:
        value, error = float("nan"), float("nan")
    units, modes = Units.of(relation), Modes.of(sums).tuned(B, predictor.total, n_labels)
    smooth = predictor.smoothed(rows, modes)
    tested_f, tested = _some_groups(f, relation, rng)
    return RelationAlignment(
        name,
        value,
        error,
        shuffled_pairs(tested_f, tested, n_permutations, rng),
        random_functions(value, B, S, C, rng) if np.isfinite(value) else None,
        predicted_error_on_modes(modes, B, predictor.total, n_labels)[0],
        modes.strength,
        units,
        own_alignment(smooth, units),
        alignment_without(smooth, units) - alignment_of(smooth, relation),
        error_influence(rows, units, modes, sums.mean, B, predictor.total, n_labels),
    )


def _some_groups(f: np.ndarray, relation: Relation, rng: np.random.Generator) -> tuple[np.ndarray, Relation]:
    """f and the relation on at most about `TESTED_ROWS` rows, groups of partners whole: an exact test of fewer."""
    if len(f) <= TESTED_ROWS:
        return f, relation
    units = units_of(relation, np.arange(len(f)))
    place = rng.permutation(int(units.max()) + 1)[units]
    rows = np.sort(np.argsort(place, kind="stable")[:TESTED_ROWS])
    some = relation[rows]
    return (f[rows], some) if some.total > 0 else (f, relation)


def _of_labels(
    named: dict[str, Relation], labels: Labels, n_labels: int, n_permutations: int, rng: np.random.Generator
) -> Alignment:
    """`Free`: the label is its own best predictor, known at labelled rows."""
    rows = labels.rows
    f = labels.columns(rows)
    f = f - f.mean(axis=0)
    found = {}
    for name, whole in named.items():
        part = whole[rows]
        if not part.total > 0:
            raise ValueError(f"{name} has no pair of two labelled rows; with Free only those say anything: label more")
        inner = Units.of(part)
        units = Units(whole, _at(rows, inner.of_row, whole.n_samples), inner.n_units, inner.whole)
        value, without = alignment_of(f, part), alignment_without(f, inner)
        nan, chance = float("nan"), shuffled_pairs(f, part, n_permutations, rng)
        error, own = _jackknife(without), own_alignment(f, inner)
        found[name] = RelationAlignment(name, value, error, chance, None, nan, nan, units, own, without - value, None)
    rule = "the label itself, on pairs of two labelled rows; error by the jackknife over groups of partners or rows"
    return Alignment(found, None, 1.0, 0.0, n_labels, len(rows), len(rows), rule)


def _at(rows: np.ndarray, values: np.ndarray, n: int) -> np.ndarray:
    found = np.full(n, -1, dtype=np.int64)
    found[rows] = values
    return found


def _jackknife(without: np.ndarray) -> float:
    known = without[np.isfinite(without)]
    n = len(known)
    return float(np.sqrt((n - 1) * known.var())) if n > 1 else float("nan")
