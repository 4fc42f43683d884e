"""Second moments over rows and over pairs, summed in float64, chunk by chunk.

Memory is a few chunks plus columns^2, whatever the number of rows: memory-mapped files are read in order, by groups
of partners.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import scipy.sparse as sp

from eigenpairs.features.base import FeatureMap
from eigenpairs.relation import Relation
from eigenpairs.relation.term import Cliques, Pairs
from eigenpairs.spectrum.reader import Reader, rows_of_a_chunk
from eigenpairs.spectrum.sums import PairSums

Progress = Callable[[float], None]
"""Called now and then with the share of the work that is done, 0 to 1."""


def pair_sums(
    X: object,
    feature_map: FeatureMap,
    relation: Relation,
    weighting: str = "pairs",
    device: str | None = None,
    progress: Progress | None = None,
    folds: np.ndarray | None = None,
) -> list[PairSums]:
    """Sums of the rows of X and the pairs of `relation`, each row read once (twice for weighting="samples").

    Parameters
    ----------
    X : (n_samples, n_inputs) array, memmap or tensor
    feature_map : chunked map to the columns
    weighting : "pairs" weighs rows by their degree, "samples" weighs all rows that have a partner equally
    device : torch device for the products, None for numpy
    folds : (n_samples,) fold of every row, partners in one fold; None puts all rows in one

    Returns
    -------
    The sums of each fold, about one shift; their sum is the whole.
    """
    max_rows = rows_of_a_chunk(feature_map)
    reader = Reader(X, feature_map, device)
    shift = reader.choose_shift(np.flatnonzero(relation.degrees > 0)[:max_rows])
    folds = np.zeros(relation.n_samples, dtype=np.int64) if folds is None else folds
    found = [PairSums.zero(shift) for _ in range(int(folds.max()) + 1)]
    with np.errstate(invalid="ignore", over="ignore"):  # NaN and inf are found by `Reader.check`, with their place
        for scale, block in relation.blocks(max_rows):
            for fold, part in by_fold(block, folds):
                _add_block(found[fold], reader, scale, part, max_rows)
            if progress is not None:
                progress(min(sum(sums.degree for sums in found) / relation.total, 1.0))
    if weighting == "samples" and not relation.uniform:
        connected = relation.degrees > 0
        for fold, sums in enumerate(found):
            _weigh_rows_equally(sums, reader, np.flatnonzero(connected & (folds == fold)), max_rows)
    return found


def by_fold(block: Cliques | Pairs, folds: np.ndarray) -> Iterator[tuple[int, Cliques | Pairs]]:
    """The parts of a block that belong to each fold; partners are in one fold, so no pair is cut."""
    fold = folds[block.rows[0] if isinstance(block, Cliques) else block.i]
    for value in np.unique(fold):
        mine = fold == value
        if isinstance(block, Cliques):
            yield int(value), block if mine.all() else replace(block, rows=block.rows[:, mine])
        else:
            part = block if mine.all() else Pairs(block.i[mine], block.j[mine], block.weight[mine])
            yield int(value), part


def _add_block(sums: PairSums, reader: Reader, scale: float, block: Cliques | Pairs, max_rows: int) -> None:
    if isinstance(block, Pairs):
        _add_pairs(sums, reader, scale, block)
    elif block.rows.size > max_rows and block.rows.shape[1] == 1:
        _add_large_clique(sums, reader, scale, block, max_rows)
    else:
        _add_cliques(sums, reader, scale, block)


def _add_cliques(sums: PairSums, reader: Reader, scale: float, block: Cliques) -> None:
    members, groups = block.rows.shape
    rows = np.empty((members, groups, len(sums.shift)))
    for member in range(members):
        reader.read(block.rows[member], out=rows[member])
    mean = rows.mean(axis=0)
    between = members * reader.gram(mean)
    if members == 2:  # both members deviate alike: one of them, counted twice
        rows = rows[:1]
    rows -= mean
    within = (2 if members == 2 else 1) * reader.gram(rows.reshape(-1, rows.shape[-1]))
    reader.check(between + within, block.rows.ravel())
    _add(sums, scale, block, groups, between + within, members * mean.sum(axis=0), within)


def _add_large_clique(sums: PairSums, reader: Reader, scale: float, block: Cliques, max_rows: int) -> None:
    """Two passes: deviations from the clique's own mean keep 1 - rho where total minus between would cancel."""
    rows = block.rows[:, 0]
    chunks = [rows[start : start + max_rows] for start in range(0, len(rows), max_rows)]
    total = np.zeros_like(sums.first)
    for chunk in chunks:
        total += reader.read(chunk).sum(axis=0)
    mean, within = total / len(rows), np.zeros_like(sums.second)
    for chunk in chunks:
        within += reader.gram(reader.read(chunk) - mean)
    second = within + len(rows) * np.outer(mean, mean)
    reader.check(second, rows)
    _add(sums, scale, block, 1, second, total, within)


def _add(
    sums: PairSums, scale: float, block: Cliques, groups: int, second: np.ndarray, first: np.ndarray, within: np.ndarray
) -> None:
    """In a clique of n members, 1/2 sum_ij w (x_i - x_j)(x_i - x_j)^T = w n (scatter within)."""
    members, degree = block.rows.shape[0], scale * block.degree
    sums.weight += degree * members * groups
    sums.degree += degree * members * groups
    sums.first += degree * first
    sums.second += degree * second
    sums.dirichlet += scale * block.weight * members * within


def _add_pairs(sums: PairSums, reader: Reader, scale: float, block: Pairs) -> None:
    rows, ends = np.unique(np.concatenate([block.i, block.j]), return_inverse=True)
    i, j = np.split(ends, 2)
    weight = scale * block.weight * np.where(i == j, 0.5, 1.0)  # a self-pair is listed once, not twice
    upper = sp.csr_array((weight, (i, j)), (len(rows), len(rows)))
    G = upper + upper.T
    degrees = np.asarray(G.sum(axis=1)).ravel()[:, None]
    columns = reader.read(rows)
    sums.dirichlet += reader.gram(columns, degrees * columns - G @ columns)
    sums.first += np.sum(degrees * columns, axis=0)
    second = reader.gram(np.sqrt(degrees) * columns)
    reader.check(second, rows)
    sums.second += second
    sums.weight += float(degrees.sum())
    sums.degree += float(degrees.sum())


def _weigh_rows_equally(sums: PairSums, reader: Reader, rows: np.ndarray, max_rows: int) -> None:
    sums.weight = float(len(rows))
    sums.first, sums.second = np.zeros_like(sums.first), np.zeros_like(sums.second)
    for start in range(0, len(rows), max_rows):
        columns = reader.read(rows[start : start + max_rows])
        sums.first += columns.sum(axis=0)
        sums.second += reader.gram(columns)
