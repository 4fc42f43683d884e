"""`Operator`: one symmetric non-negative matrix G, a weighted sum of terms that are applied and never materialised."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any, Self

import numpy as np
import scipy.sparse as sp

from eigenpairs._arrays import Array
from eigenpairs._validate import real_number, row_weights, whole_number
from eigenpairs.relation.components import components_of
from eigenpairs.relation.term import Cliques, Pairs, Term
from eigenpairs.relation.views import Views


class Operator:
    """What a relation can do, however it was made.

    Parameters
    ----------
    terms : tuple of (scale, Term)
    tower : (n_samples,) int8, optional
        0 or 1 for a relation between two towers: which of them a row belongs to.
    """

    __array_ufunc__ = None  # numpy scalars leave 0.5 * G to us instead of looping over rows

    def __init__(self, terms: tuple[tuple[float, Term], ...], tower: np.ndarray | None = None):
        self.terms = terms
        self.tower = tower
        """(n_samples,) 0 or 1 for a relation `between` two towers: which of them a row belongs to; otherwise None."""
        self.recall: float | None = None
        """Share of the nearest neighbours that `from_neighbors` found: 1 if its search was exact. None for relations
        made otherwise, also by `+`, `*` or indexing."""

    @cached_property
    def n_samples(self) -> int:
        """Number of rows."""
        return self.terms[0][1].n_samples

    @cached_property
    def degrees(self) -> np.ndarray:
        """(n_samples,) float64, row sums of G; 0 for a row without partner."""
        return np.sum([scale * term.degrees for scale, term in self.terms], axis=0)

    @cached_property
    def total(self) -> float:
        """sum(G)."""
        return float(self.degrees.sum())

    @cached_property
    def diagonal(self) -> np.ndarray:
        """(n_samples,) float64, G_ii: positive only where a row is its own positive (`from_labels`)."""
        return np.sum([scale * term.diagonal for scale, term in self.terms], axis=0)

    @property
    def towers(self) -> tuple[int, int] | None:
        """(n_a, n_b) of a relation `between` two towers, otherwise None."""
        return None if self.tower is None else (int(np.sum(self.tower == 0)), int(np.sum(self.tower == 1)))

    @cached_property
    def uniform(self) -> bool:
        """Whether all degrees are equal (then both weightings agree)."""
        return bool(np.ptp(self.degrees) <= 1e-12 * self.degrees.max())

    @property
    def n_views(self) -> int | None:
        """Number of views if the relation is `from_views`, otherwise None."""
        term = self.terms[0][1]
        return term.n_views if len(self.terms) == 1 and isinstance(term, Views) else None

    @property
    def shape(self) -> tuple[int, int]:
        """(n_samples, n_samples)."""
        return (self.n_samples, self.n_samples)

    def __len__(self) -> int:
        return self.n_samples

    def __matmul__(self, B: Array) -> Array:
        """G @ B for B (n_samples,) or (n_samples, k), numpy or torch."""
        if B.shape[0] != self.n_samples:
            raise ValueError(f"G @ B: B has {B.shape[0]} rows, the relation has {self.n_samples}")
        column = B[:, None] if len(B.shape) == 1 else B
        product = sum(scale * term.apply(column) for scale, term in self.terms)
        return product[:, 0] if len(B.shape) == 1 else product

    def dirichlet(self, Z: Array) -> Array:
        """sum_ij G_ij |z_i - z_j|^2 for Z (n_samples, k); equals 2 tr(Z^T L Z) with L = D - G."""
        return sum(scale * term.dirichlet(Z) for scale, term in self.terms)

    def to_sparse(self) -> sp.csr_array:
        """G as scipy.sparse.csr_array (a group of n rows fills n^2 entries)."""
        return sp.csr_array(sum(scale * term.to_sparse() for scale, term in self.terms))

    def __getitem__(self, key: Any) -> Self:
        """The relation among some rows: ``G[rows]`` is the submatrix, in the order of `rows`.

        `rows` may be integers, a boolean mask or a slice. Weights stay as they are, so a row that has lost all
        its partners becomes isolated and has no say in a spectrum.
        """
        if isinstance(key, tuple):  # scikit-learn indexes array-likes as relation[rows, ...]
            key = key[0]
        rows = np.arange(self.n_samples)[key]
        if rows.ndim != 1:
            raise TypeError(f"relation[{key!r}]: index with an array, a mask or a slice of rows")
        tower = None if self.tower is None else self.tower[rows]
        return type(self)(tuple((scale, term.take(rows)) for scale, term in self.terms), tower)

    def __add__(self, other: Any) -> Self:
        if not isinstance(other, Operator):
            return self if isinstance(other, int) and other == 0 else NotImplemented  # sum() starts from 0
        if self.n_samples != other.n_samples:
            raise ValueError(f"G1 + G2: the relations have {self.n_samples} and {other.n_samples} rows")
        if self.tower is not None and other.tower is not None and not np.array_equal(self.tower, other.tower):
            raise ValueError(f"G1 + G2: the relations are between towers of {self.towers} and {other.towers} rows")
        return type(self)(self.terms + other.terms, other.tower if self.tower is None else self.tower)

    __radd__ = __add__

    def __mul__(self, factor: Any) -> Self:
        factor = real_number(factor, "factor of a relation", 0.0, above=True)
        return type(self)(tuple((factor * scale, term) for scale, term in self.terms), self.tower)

    __rmul__ = __mul__

    def weighted(self, w: Any) -> Self:
        """The relation w_i G_ij w_j: rows that count more than others, and rows of weight 0 that do not count.

        A row of integer weight m stands for m identical rows, each with the partners of the original; moments and
        spectra are those of ``G[np.repeat(np.arange(n), w)]``. (Weighted by "samples", every row that has a partner
        counts once all the same.) Weights of a group are not normalised: those of `from_labels` are if they are given
        there.

        Parameters
        ----------
        w : (n_samples,) floats
            Finite, 0 or more. Only their ratios matter for a spectrum.

        Raises
        ------
        ValueError
            If a weight is negative or not finite, all are 0, or there is not one for each row.

        Examples
        --------
        >>> import eigenpairs as ep
        >>> ep.Relation.from_groups([0, 0, 1, 1]).weighted([1, 3, 2, 0]).degrees
        array([3., 3., 0., 0.])
        """
        w = row_weights(w, "w", self.n_samples)
        with np.errstate(over="ignore"):
            if not np.isfinite(np.square(w.max()) * self.total):
                raise ValueError(f"w: weights up to {w.max():g} make sum(G) infinite; only their ratios matter")
        if w.min() == w.max() > 0:
            return self * w[0] ** 2  # views stay views
        return type(self)(tuple((scale, term.weighted(w)) for scale, term in self.terms), self.tower)

    # ------------------------------------------------------------------ uses

    def sample(self, rng: np.random.Generator | int | None, n: int) -> np.ndarray:
        """Draw ordered positive pairs in proportion to G.

        Parameters
        ----------
        rng : numpy.random.Generator or seed
        n : int

        Returns
        -------
        (n, 2) int64
        """
        rng = np.random.default_rng(rng)
        n = whole_number(n, "n", 0)
        if not self.total > 0:
            raise ValueError("the relation holds no pair among its rows, so none can be drawn")
        mass = np.array([scale * term.degrees.sum() for scale, term in self.terms])
        counts = rng.multinomial(n, mass / mass.sum())
        drawn = [term.sample(rng, m) for (_, term), m in zip(self.terms, counts, strict=True) if m]
        pairs = np.concatenate([*drawn, np.empty((0, 2), dtype=np.int64)])
        return pairs if len(self.terms) == 1 else rng.permutation(pairs)

    @cached_property
    def components(self) -> np.ndarray:
        """(n_samples,) int64: connected component of each row, numbered by first row; -1 for isolated rows."""
        return components_of((term for _, term in self.terms), self.degrees > 0)

    def blocks(self, max_rows: int) -> Iterator[tuple[float, Cliques | Pairs]]:
        """All of G as (scale, block), each block touching at most about `max_rows` rows."""
        for scale, term in self.terms:
            for block in term.blocks(max_rows):
                yield scale, block

    def __repr__(self) -> str:
        kinds = " + ".join(type(term).__name__.lower() for _, term in self.terms)
        connected = np.count_nonzero(self.degrees > 0)
        rows = f"{self.n_samples}" if self.towers is None else "{} and {}".format(*self.towers)
        return f"Relation({kinds}: {rows} rows, {connected} with a partner)"
