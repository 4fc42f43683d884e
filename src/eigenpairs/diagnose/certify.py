"""The distance between an embedding, made by whatever library, and the exact optimum of a class of functions."""

from __future__ import annotations

from typing import Any

import numpy as np

from eigenpairs._arrays import to_numpy
from eigenpairs._validate import a_relation, an_instance, table
from eigenpairs.diagnose.census import stored_eps
from eigenpairs.diagnose.certificate import (
    NEGLIGIBLE,
    Certificate,
    in_words,
    kept_modes,
    missing_modes,
    modes_in_words,
    overweighted_modes,
)
from eigenpairs.diagnose.function_class import FunctionClass, solve_class
from eigenpairs.diagnose.overlap import (
    PooledMoments,
    StackedRows,
    check_rows,
    energies,
    float64_rows,
    overlap,
    pooled_moments,
    principal_angles,
    ties,
)
from eigenpairs.features import Features, Towers
from eigenpairs.objective import BarlowTwins, Objective, Optimum
from eigenpairs.objective.moments import KnownMoments
from eigenpairs.relation import Relation
from eigenpairs.spectrum.accumulate import Progress
from eigenpairs.spectrum.embedding import Embedding

ROUNDING = 1e-9
"""Differences below this share of the loss's terms count as rounding (more for rows stored in fewer digits)."""

PAIRS = 1024
"""Pairs drawn to refine a reference numerically."""


def certify(
    Z: Any,
    objective: Objective,
    relation: Relation | None = None,
    X: Any = None,
    features: Features | tuple[Features, Features] | None = None,
    *,
    device: str | None = None,
    progress: Progress | None = None,
    random_state: int = 0,
) -> Certificate:
    """How far is an embedding from the exact optimum of an objective, over a class of functions?

    The class is solved on the same rows and pairs, without ridge, for as many columns as Z has; columns beyond the
    class are legal, and the loss counts them. Z may come from anywhere. If it is a function of the class, its gap is
    not negative; if it is none, and better than all of the class, the certificate says so.

    Parameters
    ----------
    Z : (n_samples, K) array, memmap, tensor or DataFrame; `Towers` or a tuple of two such
        The embedding, read chunk by chunk in float64. Rows of a second tower stand below those of the first, the order
        of `Embedding.transform`, or come as a pair.
    objective : Objective
    relation : Relation
        Positive pairs among the rows. For towers row i with row i by default.
    X : (n_samples, n_columns) array, memmap, tensor, DataFrame or sparse matrix; `Towers`; optional
        What the functions of the class see: raw columns, or the features of a backbone for its linear heads.
    features : Features, optional
        The class: `Linear` if X is given, otherwise `Free`, any function of the samples. A ridge is set to 0.
    device : str, optional
        A torch device for the matrix products, for instance "cuda"; numpy by default.
    progress : callable, optional
        Called with the share done, 0 to 1.
    random_state : int, default 0
        Seed of iterative solvers, and of the pairs drawn for objectives without a closed form.

    Returns
    -------
    Certificate

    Raises
    ------
    TypeError, ValueError
        If lengths differ, Z or X holds NaN or inf, or there is no pair.

    Notes
    -----
    The loss is computed from moments that are summed in float64 about the mean; losses that are no function of second
    moments (`SimCLR`) hold Z in memory. For those the optimum is a reference on the very rows: the better of the closed
    form's map and, where torch is installed, a numeric refinement of its gains; no bound is claimed. `DirectSet` has no
    loss, only energies and angles. Theory: docs/theory.md, sections 1 to 6.

    Examples
    --------
    >>> import numpy as np, eigenpairs as ep
    >>> rng = np.random.default_rng(0)
    >>> source = rng.standard_normal((500, 6))
    >>> X = np.concatenate([source + 0.5 * rng.standard_normal((500, 6)) for _ in range(2)])
    >>> G = ep.Relation.from_views(500, 2)
    >>> Z = ep.spectrum(X, G).embed(ep.Whitening(), n_components=4).transform(X)
    >>> ep.certify(Z, ep.Whitening(), G, X)
    Certificate(Whitening() loses 1.477; the optimum over linear functions of X (6 columns) is 1.477 (exact):
    no gap, up to rounding.)
    >>> Z[:, 2] = rng.standard_normal(1000)  # one of its directions lost
    >>> found = ep.certify(Z, ep.Whitening(), G, X)
    >>> found.missing, bool(found.angles[-1] > 1.4)
    (array([2]), True)
    """
    an_instance(objective, Objective, "objective", "ep.VICReg()")
    rows, relation, eps = _rows_and_pairs(Z, X, relation)
    check_rows(rows)
    _report(progress, 0.1)
    family = solve_class(X, relation, features, rows.shape[1], device, _part(progress, 0.1, 0.6), random_state)
    moments = pooled_moments(rows, relation, eps, device, _part(progress, 0.6, 0.8))
    cross = overlap(family, rows, moments.mean, relation)
    _report(progress, 0.9)
    found = _compared(rows, relation, objective, family, moments, cross, eps, random_state)
    _report(progress, 1.0)
    return found


def _report(progress: Progress | None, share: float) -> None:
    if progress is not None:
        progress(share)


def _part(progress: Progress | None, start: float, stop: float) -> Progress | None:
    """A progress from 0 to 1 as a part of the whole."""
    return None if progress is None else lambda share: progress(start + share * (stop - start))


def _rows_and_pairs(Z: Any, X: Any, relation: Relation | None) -> tuple[Any, Relation, float]:
    """Z as one table, the relation over its rows, and the rounding unit of its numbers."""
    if isinstance(Z, (Towers, tuple)):
        sides = Z.sides if isinstance(Z, Towers) else Z
        if len(sides) != 2:
            raise ValueError(f"Z is a tuple of {len(sides)}; give one table, or a pair of them for two towers")
        first, second = (table(side, f"Z[{at}]") for at, side in enumerate(sides))
        if first.shape[1] != second.shape[1]:
            raise ValueError(f"Z has {first.shape[1]} columns in one tower and {second.shape[1]} in the other")
        lengths = (first.shape[0], second.shape[0])
        if isinstance(X, Towers) and X.lengths != lengths:
            raise ValueError(f"Z has towers of {lengths} rows and X of {X.lengths}; give one row of Z per row of X")
        relation = Towers(first, second).pairs(relation)
        return StackedRows(first, second), relation, max(stored_eps(first), stored_eps(second))
    rows = table(Z, "Z")
    relation = X.pairs(relation) if isinstance(X, Towers) else a_relation(relation)
    if rows.shape[0] != relation.n_samples:
        raise ValueError(f"Z has {rows.shape[0]} rows and relation {relation.n_samples}; give one row of Z per sample")
    return rows, relation, stored_eps(rows)


def _compared(
    rows: Any,
    relation: Relation,
    objective: Objective,
    family: FunctionClass,
    moments: PooledMoments,
    cross: np.ndarray,
    eps: float,
    seed: int,
) -> Certificate:
    """The certificate of an embedding whose moments and overlaps with the class are known."""
    of_moments = type(objective).moment_terms is not Objective.moment_terms
    of_rows = objective.has_loss and not of_moments
    A: np.ndarray | None
    if of_rows:
        terms = list(objective.terms(float64_rows(rows), relation).values())
        best, A = _reference(objective, family, relation, rows.shape[1], seed)
    else:
        seen = moments.of_span(rows, relation) if objective.unseen == "any linear map" else moments
        terms = list(objective.moment_terms(seen).values()) if objective.has_loss else [np.nan]
        best, A = _optimum(objective, family.rho, rows.shape[1])
    loss = float(sum(terms))
    size = max(float(sum(np.abs(terms))), abs(best.loss), _size(objective, rows.shape[1]))
    rounding = max(ROUNDING, eps) * size

    gains = np.zeros(len(family.rho))
    count = min(len(gains), len(best.gains))
    gains[:count] = best.gains[:count]
    frame, seen_as = _frame(objective, moments, gains)
    found = energies(cross @ frame, family.rho, gains)
    kept = kept_modes(gains)
    angles = principal_angles(cross @ moments.white_basis, family.rho, kept, _rank(A, kept))
    missing, overweighted = missing_modes(gains, found), overweighted_modes(gains, found)
    outside = _outside(cross, moments)

    constant, constant_note = _constant(best, moments)
    sentence = in_words(objective, family.name, loss, best, rounding, of_rows)
    where = "outside the class" if family.complete else f"beyond the first {len(gains)} modes"
    sentence += modes_in_words(len(missing), int(np.count_nonzero(kept)), len(overweighted), constant, outside, where)
    notes = (best.note, family.note, _choice_note(family, gains), constant_note, seen_as)
    return Certificate(
        objective, family.name, loss, best.loss, best.lower_bound, best.exact, loss - best.loss, sentence,
        "; ".join(note for note in notes if note), family.rho, gains, found, angles, outside, missing, overweighted,
        rounding,
    )  # fmt: skip


def _size(objective: Objective, width: int) -> float:
    """The loss of a constant embedding: what the terms of a loss near 0 have cancelled from."""
    if not objective.has_loss or type(objective).moment_terms is Objective.moment_terms:
        return 0.0
    nothing = np.zeros((width, width))
    found = float(sum(objective.moment_terms(KnownMoments(nothing, nothing)).values()))
    return abs(found) if np.isfinite(found) else 0.0


def _optimum(objective: Objective, rho: np.ndarray, width: int) -> tuple[Optimum, np.ndarray | None]:
    """The optimum on the spectrum of the class; with its map where that may not be diagonal in the modes."""
    best = objective.optimum(rho, width)
    if best.exact and not isinstance(objective, BarlowTwins):
        return best, None
    A = best.map()
    if not best.exact:
        best = best.attained(objective.population_loss(A, rho, best.constant))
    return best, A


def _reference(
    objective: Objective, family: FunctionClass, relation: Relation, width: int, seed: int
) -> tuple[Optimum, np.ndarray]:
    """The better of the closed form's map and its refinement, by the loss on these very rows."""
    leading = family.leading(width)
    closed = objective.optimum(leading.rho, width)
    tried = {"the closed form": Embedding(leading, objective, closed, closed.map())}
    missing = ""
    try:
        n_pairs = min(PAIRS, max(2, relation.n_samples // 2))
        tried["refined gains"] = tried["the closed form"].refined(relation, n_pairs=n_pairs, random_state=seed)
    except ModuleNotFoundError:
        missing = " (the numeric optimum needs torch: pip install 'eigenpairs[deep]')"
    # The class has an intercept, so it holds the constants, which few and noisy pairs may make hard to beat.
    constant = Embedding(leading, objective, closed, np.zeros_like(tried["the closed form"].map))
    tried["a constant"] = constant
    losses = {
        name: float(objective.loss(to_numpy(emb.transform(), np.float64), relation)) for name, emb in tried.items()
    }
    name = min(losses, key=losses.__getitem__)
    values = ", ".join(f"{value:.6g} by {one}" for one, value in losses.items())
    note = f"reference, no bound: on these rows {values}{missing}"
    gains = tried[name].optimum.gains if name != "a constant" else np.zeros(width)
    best = Optimum(gains, losses[name], False, np.nan, note)
    return best, tried[name].map


def _rank(A: np.ndarray | None, kept: np.ndarray) -> int:
    """Rank of the optimum's map: rows of modes that share a direction (docs/theory.md, section 4) count once."""
    if A is None:
        return int(np.count_nonzero(kept))
    size = np.linalg.svd(A, compute_uv=False)
    return int(np.count_nonzero(size**2 > NEGLIGIBLE * size.max(initial=0.0) ** 2))


def _frame(objective: Objective, moments: PooledMoments, gains: np.ndarray) -> tuple[np.ndarray, str]:
    """(K, r) T such that z T is z after the changes that the objective does not see; and that in words."""
    if objective.unseen == "any linear map":
        return moments.white_basis, "energies are of the whitened embedding"
    frame, words = np.eye(moments.width), ""
    if objective.unseen == "column scale":
        variance = np.diag(moments.covariance)
        frame = np.diag(np.divide(1, np.sqrt(variance), out=np.zeros_like(variance), where=variance > 0))
        words = "energies are of the standardised columns, scaled to the optimum's total"
    elif objective.scale_free:
        words = "energies are scaled to the optimum's total"
    total = float(np.sum(frame * (moments.covariance @ frame)))
    return (frame * np.sqrt(gains.sum() / total) if words and total > 0 else frame), words


def _outside(cross: np.ndarray, moments: PooledMoments) -> float:
    """Share of the variance that no mode explains."""
    total = float(np.trace(moments.covariance))
    return max(0.0, 1 - float(np.sum(cross**2)) / total) if total > 0 else 0.0


def _constant(best: Optimum, moments: PooledMoments) -> tuple[bool, str]:
    """Whether the constant that the optimum spends a column on is missing, and how much of it there is."""
    if best.constant == 0:
        return False, ""
    energy = float(np.sum(moments.mean**2))
    return energy < 0.1 * best.constant, f"the constant has energy {energy:.4g}, in the optimum {best.constant:.4g}"


def _choice_note(family: FunctionClass, gains: np.ndarray) -> str:
    """Says so where the optimum takes some of many equal modes that were not all computed."""
    last = [tie for tie in ties(family.rho) if tie[-1] == len(gains) - 1]
    if family.complete or family.all_contrasts or not last or not gains[last[0]].any():
        return ""
    return (
        f"modes from {last[0][0]} on are equal, and more of them than were computed: the optimum is not unique, "
        "energies and angles are against one choice"
    )
