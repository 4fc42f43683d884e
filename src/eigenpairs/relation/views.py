"""Views of one source: rows stacked view after view, every two views of a source are positives.

G = (11^T - I) kron I / (n_views - 1). The commonest relation of all (two crops of an image), so it is applied
by a reshape: no index arrays at all.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp

from eigenpairs._arrays import Array, namespace
from eigenpairs.relation.groups import Groups
from eigenpairs.relation.term import Cliques, Term


class Views(Term):
    """Row v * n_sources + s is view v of source s; weights 1 / (n_views - 1), so every degree is 1."""

    def __init__(self, n_sources: int, n_views: int):
        self.n_sources, self.n_views = n_sources, n_views
        self.n_samples = n_sources * n_views

    @property
    def degrees(self) -> np.ndarray:
        return np.ones(self.n_samples)

    def _stack(self, B: Array) -> Array:
        return namespace(B).reshape(B, (self.n_views, self.n_sources, *B.shape[1:]))

    def apply(self, B: Array) -> Array:
        xp, stack = namespace(B), self._stack(B)
        if self.n_views == 2:
            return xp.reshape(xp.flip(stack, axis=0), B.shape)
        others = xp.sum(stack, axis=0, keepdims=True) - stack
        return xp.reshape(others / (self.n_views - 1), B.shape)

    def dirichlet(self, Z: Array) -> Array:
        xp, stack = namespace(Z), self._stack(Z)
        if self.n_views == 2:
            difference = stack[0, ...] - stack[1, ...]
            return 2 * xp.sum(difference * difference)
        deviation = stack - xp.mean(stack, axis=0, keepdims=True)
        return 2 * self.n_views / (self.n_views - 1) * xp.sum(deviation * deviation)

    def to_sparse(self) -> sp.csr_array:
        between = (np.ones((self.n_views, self.n_views)) - np.eye(self.n_views)) / (self.n_views - 1)
        return sp.csr_array(sp.kron(between, sp.eye_array(self.n_sources)))

    def _as_groups(self) -> Groups:
        ids = np.tile(np.arange(self.n_sources), self.n_views)
        return Groups(ids, np.full(self.n_sources, 1 / (self.n_views - 1)), self_pairs=False)

    def take(self, rows: np.ndarray) -> Term:
        return self._as_groups().take(rows)

    def weighted(self, w: np.ndarray) -> Groups:
        return self._as_groups().weighted(w)

    def sample(self, rng: np.random.Generator, n: int) -> np.ndarray:
        source = rng.integers(self.n_sources, size=n)
        first = rng.integers(self.n_views, size=n)
        second = (first + rng.integers(1, self.n_views, size=n)) % self.n_views
        return np.stack([first * self.n_sources + source, second * self.n_sources + source], axis=1)

    def links(self) -> tuple[np.ndarray, np.ndarray, int]:
        rows = np.arange(self.n_samples)
        return rows, rows % self.n_sources, self.n_samples

    def blocks(self, max_rows: int) -> Iterator[Cliques]:
        step = max(1, max_rows // self.n_views)
        offsets = self.n_sources * np.arange(self.n_views)[:, None]
        for start in range(0, self.n_sources, step):
            sources = np.arange(start, min(start + step, self.n_sources))
            yield Cliques(offsets + sources, 1 / (self.n_views - 1), self_pairs=False)
