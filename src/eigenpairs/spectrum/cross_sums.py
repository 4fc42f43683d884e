"""Second moments of two towers and between them, summed in float64, chunk by chunk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from eigenpairs.features import FeatureMap, Towers
from eigenpairs.relation import Relation
from eigenpairs.relation.term import Cliques, Pairs
from eigenpairs.spectrum.accumulate import Progress, by_fold
from eigenpairs.spectrum.reader import Reader
from eigenpairs.spectrum.sparse_reader import SparseReader


@dataclass
class CrossSums:
    """Sums over pairs (x, y) of two towers, about a fixed shift each; two of them add.

    Attributes
    ----------
    shift : (D_a,) and (D_b,) subtracted from every row first, so that a large mean costs no digits
    weight : float, sum of the pairs' weights
    first : (D_a,) and (D_b,) weighted sums of rows
    second : (D_a, D_a) and (D_b, D_b) weighted sums of outer products
    cross : (D_a, D_b) weighted sum of x y^T
    """

    shift: tuple[np.ndarray, np.ndarray]
    weight: float
    first: list[np.ndarray]
    second: list[np.ndarray]
    cross: np.ndarray

    @classmethod
    def zero(cls, shift: tuple[np.ndarray, np.ndarray]) -> CrossSums:
        sizes = [len(part) for part in shift]
        return cls(shift, 0.0, [np.zeros(D) for D in sizes], [np.zeros((D, D)) for D in sizes], np.zeros(sizes))

    def __add__(self, other: CrossSums) -> CrossSums:
        """The sums over both sets of pairs; they are about the same shift."""
        return CrossSums(
            self.shift,
            self.weight + other.weight,
            [mine + its for mine, its in zip(self.first, other.first, strict=True)],
            [mine + its for mine, its in zip(self.second, other.second, strict=True)],
            self.cross + other.cross,
        )

    @property
    def mean(self) -> list[np.ndarray]:
        """(D_a,) and (D_b,) weighted means."""
        return [shift + first / self.weight for shift, first in zip(self.shift, self.first, strict=True)]

    @property
    def covariance(self) -> list[np.ndarray]:
        """(D_a, D_a) and (D_b, D_b) weighted covariances."""
        means = [first / self.weight for first in self.first]
        return [second / self.weight - np.outer(mean, mean) for second, mean in zip(self.second, means, strict=True)]

    @property
    def cross_covariance(self) -> np.ndarray:
        """(D_a, D_b) Cov(x, y) over pairs."""
        return self.cross / self.weight - np.outer(self.first[0], self.first[1]) / self.weight**2


def cross_sums(
    towers: Towers,
    maps: Sequence[FeatureMap],
    relation: Relation,
    device: str | None = None,
    progress: Progress | None = None,
    folds: np.ndarray | None = None,
) -> list[CrossSums]:
    """Sums over the pairs of `relation`, fold by fold.

    Parameters
    ----------
    towers : Towers
    maps : the chunked map of each tower
    relation : Relation over all rows, the second tower's after the first's; every pair crosses
    device : torch device for the products, None for numpy
    folds : (n_a + n_b,) fold of every row, partners in one fold; None puts all rows in one

    Raises
    ------
    ValueError
        If a pair lies inside one tower.
    """
    n_a = towers.lengths[0]
    parts = zip(towers.sides, maps, ("X_a", "X_b"), strict=True)
    readers = [_reader(X, feature_map, device, name) for X, feature_map, name in parts]
    max_rows = min(reader.max_rows for reader in readers)
    connected = relation.degrees > 0
    shift = (
        readers[0].choose_shift(np.flatnonzero(connected[:n_a])[:max_rows]),
        readers[1].choose_shift(np.flatnonzero(connected[n_a:])[:max_rows]),
    )
    folds = np.zeros(relation.n_samples, dtype=np.int64) if folds is None else folds
    found = [CrossSums.zero(shift) for _ in range(int(folds.max()) + 1)]
    with np.errstate(invalid="ignore", over="ignore"):  # NaN and inf are found by `Reader.check`, with their place
        for scale, block in relation.blocks(max_rows):
            for fold, part in by_fold(block, folds):
                _add_block(found[fold], readers, *_crossing(part, n_a), scale)
            if progress is not None:
                progress(min(2 * sum(sums.weight for sums in found) / relation.total, 1.0))
    return found


def _reader(X: Any, feature_map: FeatureMap, device: str | None, name: str) -> Reader | SparseReader:
    sparse = sp.issparse(X) and feature_map.takes_sparse
    return SparseReader(X, device, name) if sparse else Reader(X, feature_map, device, name)


def _crossing(block: Cliques | Pairs, n_a: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The pairs of a block as rows of the first tower, rows of the second, and weights."""
    if isinstance(block, Pairs):
        i, j, weight = block.i, block.j, block.weight
    elif len(block.rows) == 2 and not block.self_pairs:
        i, j = np.sort(block.rows, axis=0)
        weight = block.weight * block.masses.prod(axis=0)
    else:
        i = j = block.rows[0]
    inside = (i >= n_a) | (j < n_a)
    if inside.any():
        at = int(np.argmax(inside))
        raise ValueError(
            f"relation has a pair inside one tower (rows {i[at]} and {j[at]}, the first tower ends at {n_a - 1}); "
            "towers take pairs across them: ep.Relation.between(i, j, shape=(n_a, n_b))"
        )
    return i, j - n_a, weight


def _add_block(
    sums: CrossSums,
    readers: Sequence[Reader | SparseReader],
    i: np.ndarray,
    j: np.ndarray,
    weight: np.ndarray,
    scale: float,
) -> None:
    """Each row of a block is read once, however many partners it has."""
    rows_a, at_a = np.unique(i, return_inverse=True)
    rows_b, at_b = np.unique(j, return_inverse=True)
    W = sp.csr_array((scale * weight, (at_a, at_b)), (len(rows_a), len(rows_b)))
    sides = [reader.read(rows) for reader, rows in zip(readers, (rows_a, rows_b), strict=True)]
    readers[0].add_product(sums.cross, sides[0], W @ sides[1])
    sums.weight += float(W.sum())
    for at, (rows, degrees) in enumerate(((rows_a, W.sum(axis=1)), (rows_b, W.sum(axis=0)))):
        sums.first[at] += degrees @ sides[at]
        readers[at].add_second(sums.second[at], sides[at], degrees)
        readers[at].check(sums.second[at], rows)
