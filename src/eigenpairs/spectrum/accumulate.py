"""Second moments over rows and over pairs, summed in float64, chunk by chunk.

Memory is a few chunks plus columns^2, whatever the number of rows: memory-mapped files are read in order, by groups
of partners.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import scipy.sparse as sp

from eigenpairs._validate import finite_rows
from eigenpairs.features.base import FeatureMap, read_rows
from eigenpairs.relation import Relation
from eigenpairs.relation.term import Cliques, Pairs
from eigenpairs.spectrum.sums import PairSums

CHUNK_BYTES = 2**24
"""Size of one float64 chunk; a few of them are alive at a time."""

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
    D = feature_map.n_columns
    max_rows = max(64, CHUNK_BYTES // (8 * D))
    reader = _Reader(X, feature_map, device)
    shift = reader.choose_shift(max_rows, relation)
    folds = np.zeros(relation.n_samples, dtype=np.int64) if folds is None else folds
    found = [PairSums.zero(shift) for _ in range(int(folds.max()) + 1)]
    with np.errstate(invalid="ignore", over="ignore"):  # NaN and inf are found by `_Reader.check`, with their place
        for scale, block in relation.blocks(max_rows):
            for fold, part in _by_fold(block, folds):
                _add_block(found[fold], reader, scale, part, max_rows)
            if progress is not None:
                progress(min(sum(sums.degree for sums in found) / relation.total, 1.0))
    if weighting == "samples" and not relation.uniform:
        connected = relation.degrees > 0
        for fold, sums in enumerate(found):
            _weigh_rows_equally(sums, reader, np.flatnonzero(connected & (folds == fold)), max_rows)
    return found


def _by_fold(block: Cliques | Pairs, folds: np.ndarray) -> Iterator[tuple[int, Cliques | Pairs]]:
    """The parts of a block that belong to each fold; partners are in one fold, so no pair is cut."""
    fold = folds[block.rows[0] if isinstance(block, Cliques) else block.i]
    for value in np.unique(fold):
        mine = fold == value
        if isinstance(block, Cliques):
            yield int(value), block if mine.all() else replace(block, rows=block.rows[:, mine])
        else:
            part = block if mine.all() else Pairs(block.i[mine], block.j[mine], block.weight[mine])
            yield int(value), part


def _add_block(sums: PairSums, reader: _Reader, scale: float, block: Cliques | Pairs, max_rows: int) -> None:
    if isinstance(block, Pairs):
        _add_pairs(sums, reader, scale, block)
    elif block.rows.size > max_rows and block.rows.shape[1] == 1:
        _add_large_clique(sums, reader, scale, block, max_rows)
    else:
        _add_cliques(sums, reader, scale, block)


class _Reader:
    """Rows of X as shifted float64 columns, and products of them."""

    def __init__(self, X: object, feature_map: FeatureMap, device: str | None):
        self.X, self.feature_map, self.device = X, feature_map, device
        self.shift = np.zeros(feature_map.n_columns)

    def choose_shift(self, max_rows: int, relation: Relation) -> np.ndarray:
        """The mean of the first rows; where they are all equal, their value itself, so that a constant is exactly 0."""
        rows = np.flatnonzero(relation.degrees > 0)[:max_rows]
        if len(rows):
            columns = self._columns(rows).astype(np.float64)
            finite_rows(columns, rows, "X")
            constant = columns.min(axis=0) == columns.max(axis=0)
            self.shift = np.where(constant, columns[0], columns.mean(axis=0))
        return self.shift

    def _columns(self, rows: np.ndarray) -> np.ndarray:
        return self.feature_map(read_rows(self.X, rows))

    def read(self, rows: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Phi of these rows minus the shift, float64."""
        return np.subtract(self._columns(rows), self.shift, out=out, dtype=np.float64)

    def check(self, second: np.ndarray, rows: np.ndarray) -> None:
        """Raise if these rows hold NaN or inf: it shows in their second moment, without a pass over the data."""
        if np.isfinite(np.trace(second)):
            return
        for start in range(0, len(rows), 1024):
            part = rows[start : start + 1024]
            finite_rows(read_rows(self.X, part), part, "X")
        raise ValueError("X holds values whose squares overflow; rescale its columns")

    def gram(self, rows: np.ndarray, others: np.ndarray | None = None) -> np.ndarray:
        """rows^T others, by default rows^T rows."""
        if self.device is None:
            return rows.T @ (rows if others is None else others)
        try:
            import torch
        except ModuleNotFoundError:
            raise ModuleNotFoundError(
                f"device = {self.device!r} needs torch; install it with: pip install 'eigenpairs[deep]' "
                "(or pip install torch)"
            ) from None

        left = torch.as_tensor(rows, device=self.device)
        right = left if others is None else torch.as_tensor(others, device=self.device)
        return (left.T @ right).cpu().numpy()


def _add_cliques(sums: PairSums, reader: _Reader, scale: float, block: Cliques) -> None:
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


def _add_large_clique(sums: PairSums, reader: _Reader, scale: float, block: Cliques, max_rows: int) -> None:
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


def _add_pairs(sums: PairSums, reader: _Reader, scale: float, block: Pairs) -> None:
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


def _weigh_rows_equally(sums: PairSums, reader: _Reader, rows: np.ndarray, max_rows: int) -> None:
    sums.weight = float(len(rows))
    sums.first, sums.second = np.zeros_like(sums.first), np.zeros_like(sums.second)
    for start in range(0, len(rows), max_rows):
        columns = reader.read(rows[start : start + max_rows])
        sums.first += columns.sum(axis=0)
        sums.second += reader.gram(columns)
