"""What every kind of relation can do: the contract of a term, and the two kinds of blocks moments are summed over."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp

from eigenpairs._arrays import Array, like


@dataclass(frozen=True)
class Cliques:
    """Groups of one size in which every pair has one weight, or that weight times the masses of its two members.

    rows : (n, m) int64, column k lists the n members of group k
    weight : float, G_ij of two members of mass 1
    self_pairs : whether G_ii follows the same rule, or is 0
    mass : (n, m) positive float64, mass of each member; None if every mass is 1
    """

    rows: np.ndarray
    weight: float
    self_pairs: bool
    mass: np.ndarray | None = None

    @property
    def degree(self) -> float:
        """The degree of every member if all masses are 1."""
        return self.weight * (self.rows.shape[0] - (not self.self_pairs))

    @property
    def masses(self) -> np.ndarray:
        """(n, m) mass of every member, also if it is 1."""
        return np.ones(self.rows.shape) if self.mass is None else self.mass

    @property
    def degrees(self) -> np.ndarray:
        """(n, m) degree of every member, whatever the masses."""
        mass = self.masses
        return self.weight * mass * (mass.sum(axis=0) - (0.0 if self.self_pairs else mass))

    def take(self, groups: np.ndarray) -> Cliques:
        """Some of the groups, by a mask or by their columns."""
        mass = None if self.mass is None else self.mass[:, groups]
        return replace(self, rows=self.rows[:, groups], mass=mass)


@dataclass(frozen=True)
class Pairs:
    """Unordered pairs: rows `i` and `j` (m,) int64 with weights (m,) float64, each pair listed once."""

    i: np.ndarray
    j: np.ndarray
    weight: np.ndarray


def draw(upto: np.ndarray, rng: np.random.Generator, n: int) -> np.ndarray:
    """(n,) positions drawn in proportion to the increments of the cumulative sum `upto`."""
    return np.searchsorted(upto, rng.random(n) * upto[-1], side="right")


class Term(ABC):
    """A symmetric, non-negative matrix G over samples that is applied and never materialised.

    Subclasses store their index arrays as numpy; `on_device` hands them to torch and remembers the copy.
    """

    n_samples: int

    @property
    @abstractmethod
    def degrees(self) -> np.ndarray:
        """(n_samples,) float64, the row sums of G."""

    @property
    def diagonal(self) -> np.ndarray:
        """(n_samples,) float64, G_ii; zero unless a subclass knows self-pairs."""
        return np.zeros(self.n_samples)

    @abstractmethod
    def apply(self, B: Array) -> Array:
        """G @ B for B (n_samples, k); numpy or torch, differentiable in torch."""

    @abstractmethod
    def dirichlet(self, Z: Array) -> Array:
        """sum_ij G_ij |z_i - z_j|^2, from differences: no cancellation when partners nearly agree."""

    @abstractmethod
    def to_sparse(self) -> sp.csr_array:
        """G as a sparse matrix."""

    @abstractmethod
    def take(self, rows: np.ndarray) -> Term:
        """The submatrix G[rows][:, rows] as a term."""

    @abstractmethod
    def weighted(self, w: np.ndarray) -> Term:
        """The term w_i G_ij w_j, for w (n_samples,) finite and non-negative."""

    @abstractmethod
    def sample(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """(n, 2) int64 ordered pairs drawn in proportion to G."""

    @abstractmethod
    def links(self) -> tuple[np.ndarray, np.ndarray, int]:
        """A sparse graph with the same connected components, as (sample, node) lists and the number of nodes.

        Nodes below n_samples are samples; a group adds one node that its members hang on, so that the
        graph stays linear in the number of samples.
        """

    @abstractmethod
    def blocks(self, max_rows: int) -> Iterator[Cliques | Pairs]:
        """All of G in blocks that touch at most about `max_rows` rows (a larger clique comes alone)."""

    def on_device(self, name: str, reference: Array) -> Array:
        """The index array called `name`, in the kind and on the device of `reference`."""
        values: np.ndarray = getattr(self, name)
        if isinstance(reference, np.ndarray):
            return values
        copies = self.__dict__.setdefault("_copies", {})
        key = (name, str(reference.device))
        if key not in copies:
            copies[key] = like(values, reference)
        return copies[key]

    def __getstate__(self) -> dict:
        """Without the copies on other devices (sklearn clones and sends relations between processes)."""
        return {k: v for k, v in self.__dict__.items() if not k.startswith("_")}
