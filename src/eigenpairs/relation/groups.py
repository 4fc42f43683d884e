"""Groups: rows with the same id are positives (views, captions of a picture, members of a class).

G restricted to a group is w (11^T - I), or w 11^T with self-pairs. It is applied by group sums in O(N).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np
import scipy.sparse as sp

from eigenpairs._arrays import Array, like, namespace
from eigenpairs.relation.edges import Edges
from eigenpairs.relation.term import Cliques, Term


class Groups(Term):
    """Members of group g are pairwise positive with weight `weight[g]`.

    Parameters
    ----------
    ids : (n_samples,) int64
        Group of each row in 0 .. len(weight) - 1, or -1 for a row that is alone.
    weight : (n_groups,) float64
    self_pairs : bool
        Whether a member is also its own positive.
    """

    def __init__(self, ids: np.ndarray, weight: np.ndarray, self_pairs: bool):
        self.ids, self.weight, self.self_pairs = ids, weight, self_pairs
        self.n_samples = len(ids)

    @classmethod
    def projection(cls, ids: np.ndarray) -> Groups:
        """The class projection: weight 1/n_c with self-pairs, so that every labelled row has degree 1."""
        return cls(ids, 1.0 / np.maximum(np.bincount(ids[ids >= 0]), 1), self_pairs=True)

    @classmethod
    def distinct(cls, ids: np.ndarray) -> Groups:
        """Pairs of distinct members with weight 1/(n_g - 1): degree 1 whatever the group's size."""
        sizes = np.bincount(ids[ids >= 0])
        return cls(ids, 1.0 / np.maximum(sizes - 1, 1), self_pairs=False)

    @cached_property
    def _order(self) -> np.ndarray:
        """Rows that belong to a group, sorted by group; rows of a group keep their order."""
        order = np.argsort(self.ids, kind="stable")
        return order[np.count_nonzero(self.ids < 0) :]

    @cached_property
    def _sizes(self) -> np.ndarray:
        return np.bincount(self.ids[self.ids >= 0], minlength=len(self.weight))

    @cached_property
    def _row_weight(self) -> np.ndarray:
        """Weight of the group of each row, 0 for a row that is alone."""
        return np.where(self.ids >= 0, np.append(self.weight, 0.0)[self.ids], 0.0)

    @cached_property
    def _pull(self) -> np.ndarray:
        """w_g n_g for each row: the strength with which a row is drawn to the mean of its group."""
        return self._row_weight * np.append(self._sizes, 0)[self.ids]

    @cached_property
    def _size_of_row(self) -> np.ndarray:
        return np.append(self._sizes, 1.0)[self.ids]

    @cached_property
    def _slot(self) -> np.ndarray:
        """`ids` with the rows that are alone collected in one extra slot."""
        return np.where(self.ids >= 0, self.ids, len(self.weight))

    @cached_property
    def _indicator(self) -> sp.csr_array:
        """(n_groups + 1, n_samples) 0/1: which rows make up a slot."""
        n = self.n_samples
        small = sp.get_index_dtype(maxval=n)
        ends = (self._slot.astype(small), np.arange(n, dtype=small))
        return sp.csr_array((np.ones(n), ends), (len(self.weight) + 1, n))

    @property
    def degrees(self) -> np.ndarray:
        return self._pull - (0.0 if self.self_pairs else self._row_weight)

    @property
    def diagonal(self) -> np.ndarray:
        return self._row_weight if self.self_pairs else np.zeros(self.n_samples)

    def _sum_of_group(self, B: Array) -> Array:
        """(n_samples, k): for every row the sum of B over its group."""
        if isinstance(B, np.ndarray):
            return (self._indicator.astype(B.dtype, copy=False) @ B)[self._slot]
        slot = self.on_device("_slot", B)
        sums = B.new_zeros((len(self.weight) + 1, B.shape[1])).index_add(0, slot, B)
        return namespace(B).take(sums, slot, axis=0)

    def apply(self, B: Array) -> Array:
        weight = like(self._row_weight, B, B.dtype)[:, None]
        sums = self._sum_of_group(B)
        return weight * (sums if self.self_pairs else sums - B)

    def dirichlet(self, Z: Array) -> Array:
        mean = self._sum_of_group(Z) / like(self._size_of_row, Z, Z.dtype)[:, None]
        pull = like(self._pull, Z, Z.dtype)[:, None]
        return 2 * namespace(Z).sum(pull * (Z - mean) ** 2)

    def to_sparse(self) -> sp.csr_array:
        members = self._indicator[:-1]
        G = sp.csr_array((members.T * self.weight) @ members)
        if not self.self_pairs:
            G -= sp.diags_array(self._row_weight)
            G.eliminate_zeros()
        return G

    def take(self, rows: np.ndarray) -> Term:
        if not self.self_pairs and len(np.unique(rows)) < len(rows):
            # A repeated row is not its own positive, so its group is no longer a clique.
            return Edges.from_sparse(self.to_sparse()[rows][:, rows])
        return Groups(self.ids[rows], self.weight, self.self_pairs)

    def sample(self, rng: np.random.Generator, n: int) -> np.ndarray:
        starts = np.append(0, np.cumsum(self._sizes))
        partners = self._sizes - (not self.self_pairs)
        mass = np.cumsum(self.weight * self._sizes * partners)
        group = np.searchsorted(mass, rng.random(n) * mass[-1], side="right")
        size = self._sizes[group]
        first = rng.integers(size)
        if self.self_pairs:
            second = rng.integers(size)
        else:
            second = (first + 1 + rng.integers(size - 1)) % size
        return self._order[starts[group][:, None] + np.stack([first, second], axis=1)]

    def links(self) -> tuple[np.ndarray, np.ndarray, int]:
        rows = self._order
        return rows, self.n_samples + self.ids[rows], self.n_samples + len(self.weight)

    def blocks(self, max_rows: int) -> Iterator[Cliques]:
        starts = np.append(0, np.cumsum(self._sizes))
        alive = np.flatnonzero((self._sizes >= 1 + (not self.self_pairs)) & (self.weight > 0))
        kind = np.stack([self._sizes[alive], self.weight[alive]], axis=1)
        kinds, which = np.unique(kind, axis=0, return_inverse=True)
        for k, (size, weight) in enumerate(kinds):
            groups = alive[which.ravel() == k]
            members, step = int(size), max(1, max_rows // int(size))
            for start in range(0, len(groups), step):
                first = starts[groups[start : start + step]]
                rows = self._order[first[None, :] + np.arange(members)[:, None]]
                yield Cliques(rows, float(weight), self.self_pairs)
