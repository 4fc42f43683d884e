"""Second moments over rows and over pairs, summed in float64, chunk by chunk.

Memory is a few chunks plus columns^2, whatever the number of rows: memory-mapped files are read in order, by groups
of partners.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

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
            yield int(value), block if mine.all() else block.take(mine)
        else:
            part = block if mine.all() else Pairs(block.i[mine], block.j[mine], block.weight[mine])
            yield int(value), part


def _add_block(sums: PairSums, reader: Reader, scale: float, block: Cliques | Pairs, max_rows: int) -> None:
    if isinstance(block, Pairs):
        _add_pairs(sums, reader, scale, block)
    else:
        large = block.rows.size > max_rows and block.rows.shape[1] == 1
        if block.mass is None:
            add = _add_large_clique if large else _add_cliques
        else:
            add = _add_large_weighted_clique if large else _add_weighted_cliques
        add(sums, reader, scale, block, max_rows)


def _add_cliques(sums: PairSums, reader: Reader, scale: float, block: Cliques, max_rows: int) -> None:
    """In a clique of n members, 1/2 sum_ij w (x_i - x_j)(x_i - x_j)^T = w n (scatter within)."""
    members, degree = block.rows.shape[0], scale * block.degree
    rows = _read_members(reader, block)
    mean = rows.mean(axis=0)
    between = members * reader.gram(mean)
    if members == 2:  # both members deviate alike: one of them, counted twice
        rows = rows[:1]
    rows -= mean
    within = (2 if members == 2 else 1) * _gram_of_members(reader, rows)
    second, first = between + within, members * mean.sum(axis=0)
    reader.check(second, block.rows.ravel())
    _add(sums, degree * block.rows.size, degree * first, degree * second, scale * block.weight * members * within)


def _add_large_clique(sums: PairSums, reader: Reader, scale: float, block: Cliques, max_rows: int) -> None:
    """Two passes: deviations from the clique's own mean keep 1 - rho where total minus between would cancel."""
    rows, degree = block.rows[:, 0], scale * block.degree
    chunks = [rows[start : start + max_rows] for start in range(0, len(rows), max_rows)]
    total = np.zeros_like(sums.first)
    for chunk in chunks:
        total += reader.read(chunk).sum(axis=0)
    mean, within = total / len(rows), np.zeros_like(sums.second)
    for chunk in chunks:
        within += reader.gram(reader.read(chunk) - mean)
    second = within + len(rows) * np.outer(mean, mean)
    reader.check(second, rows)
    _add(sums, degree * len(rows), degree * total, degree * second, scale * block.weight * len(rows) * within)


def _add_weighted_cliques(sums: PairSums, reader: Reader, scale: float, block: Cliques, max_rows: int) -> None:
    """With masses m, 1/2 sum_ij w m_i m_j (x_i - x_j)(x_i - x_j)^T = w (sum of m) (scatter within, weighted by m).

    Degrees are not in proportion to mass where a row is not its own partner, so the second moment is a product of
    its own.
    """
    mass, degree = block.masses, scale * block.degrees
    total = mass.sum(axis=0)
    rows = _read_members(reader, block)
    first = np.einsum("mg,mgd->d", degree, rows)
    second = _gram_of_members(reader, np.sqrt(degree)[..., None] * rows)
    reader.check(second, block.rows.ravel())
    rows -= np.einsum("mg,mgd->gd", mass / total, rows)
    rows *= np.sqrt(scale * block.weight * total * mass)[..., None]
    _add(sums, float(degree.sum()), first, second, _gram_of_members(reader, rows))


def _add_large_weighted_clique(sums: PairSums, reader: Reader, scale: float, block: Cliques, max_rows: int) -> None:
    """Two passes, as for a large clique without masses."""
    rows, mass, degree = block.rows[:, 0], block.masses[:, 0], scale * block.degrees[:, 0]
    parts = [slice(start, start + max_rows) for start in range(0, len(rows), max_rows)]
    mean, first = np.zeros_like(sums.first), np.zeros_like(sums.first)
    second, within = np.zeros_like(sums.second), np.zeros_like(sums.second)
    for part in parts:
        columns = reader.read(rows[part])
        mean += mass[part] / mass.sum() @ columns
        first += degree[part] @ columns
        second += reader.gram(np.sqrt(degree[part])[:, None] * columns)
    reader.check(second, rows)
    for part in parts:
        within += reader.gram(np.sqrt(mass[part])[:, None] * (reader.read(rows[part]) - mean))
    _add(sums, float(degree.sum()), first, second, scale * block.weight * mass.sum() * within)


def _read_members(reader: Reader, block: Cliques) -> np.ndarray:
    """(members, groups, columns)."""
    rows = np.empty((*block.rows.shape, len(reader.shift)))
    for member, numbers in enumerate(block.rows):
        reader.read(numbers, out=rows[member])
    return rows


def _gram_of_members(reader: Reader, rows: np.ndarray) -> np.ndarray:
    return reader.gram(rows.reshape(-1, rows.shape[-1]))


def _add_pairs(sums: PairSums, reader: Reader, scale: float, block: Pairs) -> None:
    rows, ends = np.unique(np.concatenate([block.i, block.j]), return_inverse=True)
    i, j = np.split(ends, 2)
    weight = scale * block.weight * np.where(i == j, 0.5, 1.0)  # a self-pair is listed once, not twice
    upper = sp.csr_array((weight, (i, j)), (len(rows), len(rows)))
    G = upper + upper.T
    degrees = np.asarray(G.sum(axis=1)).ravel()[:, None]
    columns = reader.read(rows)
    second = reader.gram(np.sqrt(degrees) * columns)
    reader.check(second, rows)
    dirichlet = reader.gram(columns, degrees * columns - G @ columns)
    _add(sums, float(degrees.sum()), np.sum(degrees * columns, axis=0), second, dirichlet)


def _add(sums: PairSums, degree: float, first: np.ndarray, second: np.ndarray, dirichlet: np.ndarray) -> None:
    sums.weight += degree
    sums.degree += degree
    sums.first += first
    sums.second += second
    sums.dirichlet += dirichlet


def _weigh_rows_equally(sums: PairSums, reader: Reader, rows: np.ndarray, max_rows: int) -> None:
    sums.weight = float(len(rows))
    sums.first, sums.second = np.zeros_like(sums.first), np.zeros_like(sums.second)
    for start in range(0, len(rows), max_rows):
        columns = reader.read(rows[start : start + max_rows])
        sums.first += columns.sum(axis=0)
        sums.second += reader.gram(columns)
