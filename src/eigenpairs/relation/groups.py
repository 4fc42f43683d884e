"""Groups: rows with the same id are positives (views, captions of a picture, members of a class).

G restricted to a group is w (11^T - I), or w 11^T with self-pairs. It is applied by group sums in O(N). Rows may have
a mass each: then 1 is replaced by the masses m of the members, and I by diag(m^2).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np
import scipy.sparse as sp

from eigenpairs._arrays import Array, like, namespace
from eigenpairs.relation.edges import Edges
from eigenpairs.relation.term import Cliques, Term, draw


class Groups(Term):
    """Members i, j of group g are positives with weight `weight[g]`, times `mass[i] * mass[j]` if rows have masses.

    Parameters
    ----------
    ids : (n_samples,) int64
        Group of each row in 0 .. len(weight) - 1, or -1 for a row that is alone.
    weight : (n_groups,) float64
    self_pairs : bool
        Whether a member is also its own positive.
    mass : (n_samples,) float64, optional
        Positive for every row in a group; None if all are 1.
    """

    def __init__(self, ids: np.ndarray, weight: np.ndarray, self_pairs: bool, mass: np.ndarray | None = None):
        self.ids, self.weight, self.self_pairs, self.mass = ids, weight, self_pairs, mass
        self.n_samples = len(ids)

    @classmethod
    def projection(cls, ids: np.ndarray, mass: np.ndarray | None = None) -> Groups:
        """The class projection: weight 1/n_c with self-pairs, so that every labelled row has degree 1.

        With masses n_c is the mass of the class, and the degree of a row its mass.
        """
        member = ids >= 0
        sizes = np.bincount(ids[member], None if mass is None else mass[member])
        projection = cls(ids, 1.0 / np.where(sizes > 0, sizes, 1.0), self_pairs=True)
        return projection if mass is None else projection.weighted(mass)

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
    def _mass(self) -> np.ndarray:
        return np.ones(self.n_samples) if self.mass is None else self.mass

    @cached_property
    def _mass_of_group(self) -> np.ndarray:
        """For every row the mass of its whole group, 1 for a row that is alone."""
        member = self.ids >= 0
        total = np.bincount(self.ids[member], self._mass[member], minlength=len(self.weight))
        return np.where(member, np.append(total, 1.0)[self.ids], 1.0)

    @cached_property
    def _row_weight(self) -> np.ndarray:
        """Weight of the group of each row times its mass, 0 for a row that is alone."""
        return np.where(self.ids >= 0, np.append(self.weight, 0.0)[self.ids] * self._mass, 0.0)

    @cached_property
    def _pull(self) -> np.ndarray:
        """The strength with which a row is drawn to the mean of its group."""
        return self._row_weight * self._mass_of_group

    @cached_property
    def _slot(self) -> np.ndarray:
        """`ids` with the rows that are alone collected in one extra slot."""
        return np.where(self.ids >= 0, self.ids, len(self.weight))

    @cached_property
    def _indicator(self) -> sp.csr_array:
        """(n_groups + 1, n_samples): the mass with which a row belongs to a slot."""
        n = self.n_samples
        small = sp.get_index_dtype(maxval=n)
        ends = (self._slot.astype(small), np.arange(n, dtype=small))
        return sp.csr_array((self._mass, ends), (len(self.weight) + 1, n))

    @property
    def degrees(self) -> np.ndarray:
        return self._pull - self._row_weight * (0.0 if self.self_pairs else self._mass)

    @property
    def diagonal(self) -> np.ndarray:
        return self._row_weight * self._mass if self.self_pairs else np.zeros(self.n_samples)

    def _times_mass(self, B: Array) -> Array:
        return B if self.mass is None else like(self.mass, B, B.dtype)[:, None] * B

    def _sum_of_group(self, B: Array) -> Array:
        """(n_samples, k): for every row the sum of mass times B over its group."""
        if isinstance(B, np.ndarray):
            return (self._indicator.astype(B.dtype, copy=False) @ B)[self._slot]
        slot = self.on_device("_slot", B)
        sums = B.new_zeros((len(self.weight) + 1, B.shape[1])).index_add(0, slot, self._times_mass(B))
        return namespace(B).take(sums, slot, axis=0)

    def apply(self, B: Array) -> Array:
        weight = like(self._row_weight, B, B.dtype)[:, None]
        sums = self._sum_of_group(B)
        return weight * (sums if self.self_pairs else sums - self._times_mass(B))

    def dirichlet(self, Z: Array) -> Array:
        mean = self._sum_of_group(Z) / like(self._mass_of_group, Z, Z.dtype)[:, None]
        pull = like(self._pull, Z, Z.dtype)[:, None]
        return 2 * namespace(Z).sum(pull * (Z - mean) ** 2)

    def to_sparse(self) -> sp.csr_array:
        members = self._indicator[:-1]
        G = sp.csr_array((members.T * self.weight) @ members)
        if not self.self_pairs:
            G -= sp.diags_array(self._row_weight * self._mass)
            G.eliminate_zeros()
        return G

    def take(self, rows: np.ndarray) -> Term:
        if not self.self_pairs and len(np.unique(rows)) < len(rows):
            # A repeated row is not its own positive, so its group is no longer a clique.
            return Edges.from_sparse(self.to_sparse()[rows][:, rows])
        mass = None if self.mass is None else self.mass[rows]
        return Groups(self.ids[rows], self.weight, self.self_pairs, mass)

    def weighted(self, w: np.ndarray) -> Groups:
        # The group's weight goes into the masses: groups of one size then make one block, whatever their weights.
        mass = self._mass * w * np.sqrt(np.append(self.weight, 0.0)[self.ids])
        return Groups(np.where(mass > 0, self.ids, -1), np.ones_like(self.weight), self.self_pairs, mass)

    @cached_property
    def _degrees_upto(self) -> np.ndarray:
        return np.cumsum(self.degrees[self._order])

    @cached_property
    def _mass_upto(self) -> np.ndarray:
        """Mass before each position of `_order`, every group scaled to 1 so that small ones keep their digits."""
        share = self._mass[self._order] / self._mass_of_group[self._order]
        return np.append(0.0, np.cumsum(share))

    def sample(self, rng: np.random.Generator, n: int) -> np.ndarray:
        first = draw(self._degrees_upto, rng, n)
        starts, upto = np.append(0, np.cumsum(self._sizes)), self._mass_upto
        group = self.ids[self._order[first]]
        start, stop = starts[group], starts[group + 1]
        if self.self_pairs:
            at = upto[start] + rng.random(n) * (upto[stop] - upto[start])
            low, high = start, stop - 1
        else:  # in proportion to mass among the members before and after the first
            before, after = upto[first] - upto[start], upto[stop] - upto[first + 1]
            at = rng.random(n) * (before + after)
            earlier = (at < before) | (first + 1 == stop)
            at = np.where(earlier, upto[start] + at, upto[first + 1] + (at - before))
            low, high = np.where(earlier, start, first + 1), np.where(earlier, first - 1, stop - 1)
        # Rounding may place `at` on the edge of the members that are allowed, never further.
        second = np.clip(np.searchsorted(upto, at, side="right") - 1, low, high)
        return self._order[np.stack([first, second], axis=1)]

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
                mass = None if self.mass is None else self.mass[rows]
                yield Cliques(rows, float(weight), self.self_pairs, mass)
