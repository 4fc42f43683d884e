"""Edges: explicit weighted pairs, stored as a sparse symmetric matrix."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np
import scipy.sparse as sp

from eigenpairs._arrays import Array, like, namespace
from eigenpairs.relation.term import Pairs, Term, draw


class Edges(Term):
    """Unordered pairs, each listed once.

    Parameters
    ----------
    i, j : (m,) int64
        i < j, or i == j for a self-pair (which counts once in G_ii).
    weight : (m,) float64
    n_samples : int
    """

    def __init__(self, i: np.ndarray, j: np.ndarray, weight: np.ndarray, n_samples: int):
        self.i, self.j, self.weight, self.n_samples = i, j, weight, n_samples

    @classmethod
    def from_sparse(cls, G: sp.csr_array) -> Edges:
        """The edges of a symmetric sparse matrix."""
        upper = sp.coo_array(sp.triu(G))
        upper.sum_duplicates()
        return cls(upper.row.astype(np.int64), upper.col.astype(np.int64), upper.data, G.shape[0])

    @classmethod
    def merged(cls, i: np.ndarray, j: np.ndarray, weight: np.ndarray, n_samples: int) -> Edges:
        """The pairs (i, j) in any order and direction, as often as they occur: weights of the same pair add.

        Raises
        ------
        ValueError
            If the weights sum to infinity.
        """
        pairs = sp.coo_array((weight, (np.minimum(i, j), np.maximum(i, j))), (n_samples, n_samples))
        pairs.sum_duplicates()
        with np.errstate(over="ignore"):
            total = 2 * pairs.data.sum()
        if not np.isfinite(total):
            raise ValueError("weight: the weights sum to infinity; scale them down, only their ratios matter")
        kept = pairs.data > 0
        return cls(pairs.row[kept].astype(np.int64), pairs.col[kept].astype(np.int64), pairs.data[kept], n_samples)

    @cached_property
    def _matrix(self) -> sp.csr_array:
        distinct = self.i != self.j
        rows = np.concatenate([self.i, self.j[distinct]])
        cols = np.concatenate([self.j, self.i[distinct]])
        data = np.concatenate([self.weight, self.weight[distinct]])
        small = sp.get_index_dtype(maxval=max(self.n_samples, len(data)))  # half the memory traffic of int64
        ends = (rows.astype(small), cols.astype(small))
        return sp.csr_array((data, ends), (self.n_samples, self.n_samples))

    @cached_property
    def _coo(self) -> sp.coo_array:
        return self._matrix.tocoo()

    @cached_property
    def _row(self) -> np.ndarray:
        return self._coo.row.astype(np.int64)

    @cached_property
    def _col(self) -> np.ndarray:
        return self._coo.col.astype(np.int64)

    @property
    def degrees(self) -> np.ndarray:
        return np.asarray(self._matrix.sum(axis=1), dtype=np.float64).ravel()

    @property
    def diagonal(self) -> np.ndarray:
        return np.asarray(self._matrix.diagonal())

    def apply(self, B: Array) -> Array:
        if isinstance(B, np.ndarray):
            matrix = self._matrix.astype(B.dtype, copy=False)
            # scipy's product with one vector is twice as fast as that with a matrix of one column
            return (matrix @ B[:, 0])[:, None] if B.shape[1] == 1 else matrix @ B
        row, col = self.on_device("_row", B), self.on_device("_col", B)
        messages = like(self._coo.data, B, B.dtype)[:, None] * namespace(B).take(B, col, axis=0)
        return B.new_zeros(B.shape).index_add(0, row, messages)

    def dirichlet(self, Z: Array) -> Array:
        xp = namespace(Z)
        i, j = self.on_device("i", Z), self.on_device("j", Z)
        total = xp.zeros((), dtype=Z.dtype)
        weight = like(self.weight, Z, Z.dtype)
        # In slices, so that a large graph needs no (n_edges, k) array of differences at once.
        step = max(1, 2**24 // max(1, Z.shape[1]))
        for start in range(0, len(self.weight), step):
            part = slice(start, start + step)
            difference = xp.take(Z, i[part], axis=0) - xp.take(Z, j[part], axis=0)
            total = total + xp.sum(weight[part][:, None] * difference * difference)
        return 2 * total

    def to_sparse(self) -> sp.csr_array:
        return self._matrix.copy()

    def take(self, rows: np.ndarray) -> Edges:
        return Edges.from_sparse(self._matrix[rows][:, rows])

    def weighted(self, w: np.ndarray) -> Edges:
        weight = self.weight * w[self.i] * w[self.j]
        kept = weight > 0
        return Edges(self.i[kept], self.j[kept], weight[kept], self.n_samples)

    def sample(self, rng: np.random.Generator, n: int) -> np.ndarray:
        edge = draw(np.cumsum(np.where(self.i == self.j, 1.0, 2.0) * self.weight), rng, n)
        pairs = np.stack([self.i[edge], self.j[edge]], axis=1)
        flip = rng.random(n) < 0.5
        pairs[flip] = pairs[flip, ::-1]
        return pairs

    def links(self) -> tuple[np.ndarray, np.ndarray, int]:
        return self.i, self.j, self.n_samples

    def blocks(self, max_rows: int) -> Iterator[Pairs]:
        step = len(self.weight) if self.n_samples <= max_rows else max(1, max_rows // 2)
        for start in range(0, len(self.weight), step):
            part = slice(start, start + step)
            yield Pairs(self.i[part], self.j[part], self.weight[part])
