"""Spectra of subsamples of the pairs: the data are read once, into sums of each fold, and a subsample adds some up.

What is drawn are independent units: whole groups of partners, so that views of one source stay together, or, where
everything hangs together as in a graph, single pairs among the same rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from eigenpairs._validate import table
from eigenpairs.features import Features
from eigenpairs.relation import Relation
from eigenpairs.relation.edges import Edges
from eigenpairs.relation.groups import Groups
from eigenpairs.relation.term import Term
from eigenpairs.spectrum.accumulate import Progress
from eigenpairs.spectrum.graph import solve_graph
from eigenpairs.spectrum.modes import ColumnModes
from eigenpairs.spectrum.pencil import Pencil
from eigenpairs.spectrum.ridge import N_FOLDS, choose_ridge
from eigenpairs.spectrum.solve import sums_of_rows
from eigenpairs.spectrum.spectrum import pair_correlations
from eigenpairs.spectrum.sums import PairSums

FOLDS = 32
FEWEST_FOLDS = 8

MEMORY = 2**29
"""Bytes for the sums of all folds; with many columns there are fewer folds."""

MOST_COLUMNS = 2048

FEWEST_UNITS = 16
"""Groups needed to draw groups; none of them may hold more than an eighth of all."""

LARGEST_UNIT = 0.125

TOL = 1e-3
"""Accuracy of a subsample's graph modes relative to 1 - rho: far below their sampling error."""


@dataclass(frozen=True)
class Fit:
    """Modes of a subsample.

    Attributes
    ----------
    rho : (m,) correlation across the pairs they were fitted to, descending
    heldout : (m,) correlation across the pairs of all other folds; empty if there are none
    modes : (D, m)
    """

    rho: np.ndarray
    heldout: np.ndarray
    modes: np.ndarray


class Subsamples(Protocol):
    """What a budget needs to know of a class of functions, cut into folds.

    Attributes
    ----------
    n_folds, n_units : int
    unit : str, what the units are called
    dimension : int, of the class, constants removed
    metric : covariance of the class under all pairs, see `shared_cosines`
    """

    n_folds: int
    n_units: int
    unit: str
    dimension: int
    metric: np.ndarray

    def fit(self, folds: np.ndarray, K: int) -> Fit:
        """The K leading modes of the pairs in these folds, or as many as there are."""

    def rows(self, modes: np.ndarray) -> np.ndarray:
        """(n, m) modes at the rows with a partner."""


def number_of_folds(n_columns: int) -> int:
    """How many folds fit into memory.

    Raises
    ------
    ValueError
        If there are too many columns for the sums of each fold to be kept.
    """
    if n_columns > MOST_COLUMNS:
        raise ValueError(
            f"features have {n_columns} columns; a pair budget keeps sums of columns^2 for every fold and takes "
            f"{MOST_COLUMNS} at most: reduce them first (PCA, or fewer n_landmarks)"
        )
    return int(np.clip(MEMORY // (16 * n_columns**2), FEWEST_FOLDS, FOLDS))


def folds_of_groups(relation: Relation, n_folds: int, rng: np.random.Generator) -> np.ndarray | None:
    """(n_samples,) fold of every row, groups of partners whole; None where there are no independent groups to draw."""
    components = relation.components
    n = int(components.max(initial=-1)) + 1
    connected = components >= 0
    mass = np.bincount(components[connected], relation.degrees[connected], minlength=1)
    if n < max(FEWEST_UNITS, 2 * n_folds) or mass.max() > LARGEST_UNIT * mass.sum():
        return None
    fold = rng.permutation(np.arange(n) % n_folds)
    return np.where(connected, fold[components], 0)


def cut_terms(relation: Relation, n_folds: int, rng: np.random.Generator) -> tuple[list[Relation], int, str]:
    """The relation as a sum of `n_folds` relations, of how many units, and what these are called.

    Units are edges, groups, or the rows of few large groups; pairs between rows of a large group that land in
    different folds are lost.
    """
    parts: list[list[tuple[float, Term]]] = [[] for _ in range(n_folds)]
    n_units, units, everyone = 0, set(), np.arange(relation.n_samples)
    for scale, whole in relation.terms:
        term = whole if isinstance(whole, (Groups, Edges)) else whole.take(everyone)
        if isinstance(term, Groups):
            pieces, n, unit = _cut_groups(term, n_folds, rng)
        else:
            edges = term if isinstance(term, Edges) else Edges.from_sparse(term.to_sparse())
            n, unit, fold = len(edges.weight), "pairs", rng.permutation(np.arange(len(edges.weight)) % n_folds)
            pieces = [_some_edges(edges, fold == at) for at in range(n_folds)]
        n_units += n
        units.add(unit)
        for part, piece in zip(parts, pieces, strict=True):
            part.append((scale, piece))
    return (
        [Relation(tuple(part), relation.tower) for part in parts],
        n_units,
        units.pop() if len(units) == 1 else "parts",
    )


def _some_edges(edges: Edges, kept: np.ndarray) -> Edges:
    return Edges(edges.i[kept], edges.j[kept], edges.weight[kept], edges.n_samples)


def _cut_groups(term: Groups, n_folds: int, rng: np.random.Generator) -> tuple[list[Term], int, str]:
    member = term.ids >= 0
    present = np.unique(term.ids[member])
    if len(present) >= 2 * n_folds:
        fold_of_group = np.full(len(term.weight), -1)
        fold_of_group[present] = rng.permutation(np.arange(len(present)) % n_folds)
        fold, n_units, unit = np.where(member, fold_of_group[term.ids], -1), len(present), "groups"
    else:
        fold, n_units, unit = np.full(len(member), -1), int(member.sum()), "rows"
        fold[member] = rng.permutation(np.arange(n_units) % n_folds)
    pieces = [
        Groups(np.where(fold == at, term.ids, -1), term.weight, term.self_pairs, term.mass) for at in range(n_folds)
    ]
    return list(pieces), n_units, unit


class ColumnSubsamples:
    """Subsamples of a span of columns, from the sums of every fold; modes are weights (D, m) of the columns."""

    def __init__(
        self, X: Any, relation: Relation, features: Features, rng: np.random.Generator, progress: Progress | None
    ):
        X = table(X, "X", sparse=features.takes_sparse)
        if X.shape[0] != relation.n_samples:
            raise ValueError(f"X has {X.shape[0]} rows and relation {relation.n_samples}; give one row of X per sample")
        self.X, self.relation, self.map = X, relation, features.fitted(X)
        self.n_folds = number_of_folds(self.map.n_columns)
        self.folds = self._read(rng, progress)
        self.total = _added(self.folds)
        self.metric = self.total.covariance
        self.ridge = self._ridge(features)
        self.dimension = Pencil(self.metric, self.total.disagreement, self.total.mean).rank(self.ridge)

    def _read(self, rng: np.random.Generator, progress: Progress | None) -> list[PairSums]:
        fold = folds_of_groups(self.relation, self.n_folds, rng)
        if fold is not None:
            self.unit, self.n_units = "groups of partners", int(self.relation.components.max()) + 1
            return sums_of_rows(self.X, self.map, self.relation, progress=progress, folds=fold)
        pieces, self.n_units, self.unit = cut_terms(self.relation, self.n_folds, rng)
        self._enough()
        found = []
        for at, piece in enumerate(pieces):
            found += sums_of_rows(self.X, self.map, piece)
            if progress is not None:
                progress((at + 1) / len(pieces))
        return [self._about(sums, found[0].shift) for sums in found]

    def _enough(self) -> None:
        if self.n_units < 2 * self.n_folds:
            raise ValueError(
                f"relation has {self.n_units} independent {self.unit}; a budget draws parts of them and needs at least "
                f"{2 * self.n_folds}"
            )

    @staticmethod
    def _about(sums: PairSums, shift: np.ndarray) -> PairSums:
        return PairSums.zero(shift) + sums

    def _ridge(self, features: Features) -> float:
        if features.ridge != "auto":
            return float(features.ridge)
        parts = np.array_split(np.arange(self.n_folds), N_FOLDS)
        return choose_ridge([_added([self.folds[at] for at in part]) for part in parts], self.map.n_columns)

    def fit(self, folds: np.ndarray, K: int) -> Fit:
        sums = _added([self.folds[at] for at in folds])
        rho, modes = Pencil(sums.covariance, sums.disagreement, sums.mean).solve(K, self.ridge)
        if len(folds) == self.n_folds:
            return Fit(rho, np.empty(0), modes)
        rest = _without(self.total, sums)
        variance = np.sum(modes * (rest.covariance @ modes), axis=0)
        lost = np.sum(modes * (rest.disagreement @ modes), axis=0)
        heldout = np.divide(variance - lost, variance, out=np.zeros_like(variance), where=variance > 0)
        return Fit(rho, heldout, modes)

    def rows(self, modes: np.ndarray) -> np.ndarray:
        values = np.concatenate(list(ColumnModes(self.map, self.total.mean, modes).chunks(self.X)))
        return values[self.relation.degrees > 0]


def _added(parts: list[PairSums]) -> PairSums:
    """The sum of sums about one shift."""
    return PairSums(
        parts[0].shift,
        sum(part.weight for part in parts),
        np.add.reduce([part.first for part in parts]),
        np.add.reduce([part.second for part in parts]),
        sum(part.degree for part in parts),
        np.add.reduce([part.dirichlet for part in parts]),
    )


def _without(total: PairSums, part: PairSums) -> PairSums:
    """What is left of sums about one shift."""
    return PairSums(
        total.shift,
        total.weight - part.weight,
        total.first - part.first,
        total.second - part.second,
        total.degree - part.degree,
        total.dirichlet - part.dirichlet,
    )


class GraphSubsamples:
    """Subsamples of the edges of a connected graph, for `Free`; modes are their values (n, m) at the rows."""

    unit = "pairs"

    def __init__(self, relation: Relation, rng: np.random.Generator):
        self.relation = relation
        self.edges = Edges.from_sparse(relation.to_sparse())
        self.n_units, self.n_folds = len(self.edges.weight), FOLDS
        self.fold = rng.permutation(np.arange(self.n_units) % self.n_folds)
        self.dimension = int(np.count_nonzero(relation.degrees)) - 1
        self.metric = relation.degrees / relation.total

    def _of(self, kept: np.ndarray) -> Relation:
        return Relation(((1.0, _some_edges(self.edges, kept)),))

    def fit(self, folds: np.ndarray, K: int) -> Fit:
        kept = np.isin(self.fold, folds)
        found = solve_graph(self._of(kept), K, "pairs", TOL, 0, None)
        modes = found.values - self.metric @ found.values
        return Fit(found.rho, np.empty(0) if kept.all() else pair_correlations(modes, self._of(~kept)), modes)

    def rows(self, modes: np.ndarray) -> np.ndarray:
        return modes[self.relation.degrees > 0]
