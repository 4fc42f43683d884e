"""`PairSums` of a sparse matrix: sums about 0 from sparse products, so that X is never filled.

The moments of rows need no pairs, only degrees. The pairs are summed as squares of differences of two rows, which are
sparse where rows are and keep 1 - rho where differences of moments would cancel.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp

from eigenpairs.relation import Relation
from eigenpairs.relation.term import Cliques, Pairs
from eigenpairs.spectrum.accumulate import Progress, by_fold
from eigenpairs.spectrum.sparse_reader import SparseReader, rows_of_a_product
from eigenpairs.spectrum.sums import PairSums


def sparse_pair_sums(
    X: sp.csr_array,
    relation: Relation,
    weighting: str = "pairs",
    device: str | None = None,
    progress: Progress | None = None,
    folds: np.ndarray | None = None,
) -> list[PairSums]:
    """Sums of the rows of X and the pairs of `relation`: `pair_sums` for the columns of a sparse matrix.

    Parameters
    ----------
    X : (n_samples, n_columns) csr_array
    weighting : "pairs" weighs rows by their degree, "samples" weighs all rows that have a partner equally
    device : None
    folds : (n_samples,) fold of every row, partners in one fold; None puts all rows in one

    Returns
    -------
    The sums of each fold, about shift 0.

    Raises
    ------
    ValueError
        If X has more than 20,000 columns, holds NaN or inf in a row with a partner, or a device is asked for.
    """
    reader = SparseReader(X, device)
    max_rows = reader.max_rows
    folds = np.zeros(relation.n_samples, dtype=np.int64) if folds is None else folds
    found = [PairSums.zero(reader.shift) for _ in range(int(folds.max()) + 1)]
    weight = relation.degrees if weighting == "pairs" else (relation.degrees > 0).astype(np.float64)
    done = 0.0  # in degrees: rows count half, their pairs the other half
    with np.errstate(invalid="ignore", over="ignore"):  # NaN and inf are found by `SparseReader.check`
        for fold, sums in enumerate(found):
            for rows in _cut(np.flatnonzero((weight > 0) & (folds == fold)), max_rows):
                _add_rows(sums, reader, rows, weight[rows])
                sums.degree += float(relation.degrees[rows].sum())
                done += float(relation.degrees[rows].sum())
                _report(progress, done, relation)
        for scale, block in relation.blocks(max_rows):
            for fold, part in by_fold(block, folds):
                if isinstance(part, Pairs):
                    _add_pairs(found[fold].dirichlet, reader, scale, part, max_rows)
                else:
                    _add_cliques(found[fold].dirichlet, reader, scale, part, max_rows)
                done += scale * _degree_of(part)
                _report(progress, done, relation)
    return found


def _report(progress: Progress | None, done: float, relation: Relation) -> None:
    if progress is not None:
        progress(min(done / (2 * relation.total), 1.0))


def _degree_of(block: Cliques | Pairs) -> float:
    if isinstance(block, Pairs):
        return float(np.sum(np.where(block.i == block.j, 1, 2) * block.weight))
    return float(np.sum(block.degrees))


def _cut(numbers: np.ndarray, length: int) -> Iterator[np.ndarray]:
    for start in range(0, len(numbers), length):
        yield numbers[start : start + length]


def _add_rows(sums: PairSums, reader: SparseReader, rows: np.ndarray, weight: np.ndarray) -> None:
    columns = reader.read(rows)
    sums.weight += float(weight.sum())
    sums.first += weight @ columns
    reader.add_second(sums.second, columns, weight)
    reader.check(sums.second, rows)


def _add_pairs(dirichlet: np.ndarray, reader: SparseReader, scale: float, block: Pairs, max_rows: int) -> None:
    for part in _cut(np.arange(len(block.i)), max_rows):
        difference = reader.read(block.i[part]) - reader.read(block.j[part])
        reader.add_second(dirichlet, difference, scale * block.weight[part])


def _add_cliques(dirichlet: np.ndarray, reader: SparseReader, scale: float, block: Cliques, max_rows: int) -> None:
    """w (mass) (scatter within) = w (mass) sum_i m_i d_i d_i^T - w (sum_i m_i d_i)(sum_i m_i d_i)^T.

    The d_i are differences from the first member, not from the mean, which has more nonzeros than the members. Any
    fixed row would do in exact arithmetic; one of the members is as near to the others as they are to each other.
    """
    members, groups = block.rows.shape
    mass = block.masses
    if members <= 2:
        weight = block.weight * mass[0] * mass[-1]
        _add_pairs(dirichlet, reader, scale, Pairs(block.rows[0], block.rows[-1], weight), max_rows)
        return
    group = np.tile(np.arange(groups), members - 1)
    rows, mass_of_row, mass_of_group = block.rows[1:].ravel(), mass[1:].ravel(), mass.sum(axis=0)
    moved = sp.csr_array((groups, len(reader.shift)), dtype=np.float64)
    for part in _cut(np.arange(len(rows)), max_rows):
        at, m = group[part], mass_of_row[part]
        difference = reader.read(rows[part]) - reader.read(block.rows[0, at])
        reader.add_second(dirichlet, difference, scale * block.weight * mass_of_group[at] * m)
        moved = moved + sp.csr_array((m, (at, np.arange(len(at)))), (groups, len(at))) @ difference
    for part in _cut(np.arange(groups), rows_of_a_product(np.diff(moved.indptr), moved.shape[1])):
        reader.add_second(dirichlet, moved[part], np.full(len(part), -scale * block.weight))
