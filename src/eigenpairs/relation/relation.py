"""`Relation`: who is a positive pair of whom, as one symmetric non-negative matrix G that is never materialised."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp

from eigenpairs._arrays import Array
from eigenpairs._validate import group_ids, pair_weights, real_number, row_numbers, whole_number
from eigenpairs.relation.edges import Edges
from eigenpairs.relation.groups import Groups
from eigenpairs.relation.neighbors import nearest_neighbors
from eigenpairs.relation.term import Cliques, Pairs, Term
from eigenpairs.relation.views import Views


class Relation:
    """A weighted sum of terms, each a cheap way to apply part of G.

    Make one with `from_groups`, `from_views`, `from_labels`, `from_edges`, `from_neighbors`, `from_sequence` or
    `between`; add and scale with `+` and `*`; index with arrays of row numbers for cross-validation. Drawing
    a positive pair means drawing (i, j) with probability G_ij / sum(G) (docs/theory.md, section 1).

    Examples
    --------
    >>> import numpy as np, eigenpairs as ep
    >>> captions_of = ep.Relation.from_groups([0, 0, 1, 1, 1, -1])
    >>> captions_of.degrees
    array([1., 1., 1., 1., 1., 0.])
    >>> captions_of.to_sparse().toarray()[2]
    array([0. , 0. , 0. , 0.5, 0.5, 0. ])
    """

    __array_ufunc__ = None  # numpy scalars leave 0.5 * G to us instead of looping over rows

    def __init__(self, terms: tuple[tuple[float, Term], ...], tower: np.ndarray | None = None):
        self.terms = terms
        self.tower = tower
        """(n_samples,) 0 or 1 for a relation `between` two towers: which of them a row belongs to; otherwise None."""

    # ------------------------------------------------------------------ makers

    @classmethod
    def from_groups(cls, ids: Any) -> Relation:
        """Rows with equal ids are positives of each other: views of a source, captions of a picture.

        Weights are 1/(n_g - 1), so every row with a partner has degree 1 whatever the size of its group.

        Parameters
        ----------
        ids : (n_samples,) integers or texts
            -1 (or an empty text) marks a row that is alone.

        Raises
        ------
        ValueError
            If no id occurs twice, or an integer id is below -1.
        """
        codes = group_ids(ids, "ids")
        if not (np.bincount(codes[codes >= 0], minlength=1) > 1).any():
            raise ValueError("ids has no id that occurs twice, so there is no pair; give positives the same id")
        return cls(((1.0, Groups.distinct(codes)),))

    @classmethod
    def from_views(cls, n_sources: int, n_views: int) -> Relation:
        """Rows stacked view after view: row v * n_sources + s is view v of source s.

        The same relation as ``from_groups(np.tile(np.arange(n_sources), n_views))``, and faster.
        """
        n_sources = whole_number(n_sources, "n_sources", 1)
        return cls(((1.0, Views(n_sources, whole_number(n_views, "n_views", 2))),))

    @classmethod
    def from_labels(cls, y: Any) -> Relation:
        """The class projection: G_ij = 1/n_c for all i, j of class c, i = j included.

        Every labelled row has degree 1, and the pair correlation of a direction is its between-class share
        of the variance: the spectrum is Fisher's LDA (docs/theory.md, section 1).

        Parameters
        ----------
        y : (n_samples,) integers or texts
            -1 (or an empty text) marks an unlabelled row.
        """
        y = np.asarray(y)
        codes = group_ids(y.astype(np.int64) if y.dtype.kind == "b" else y, "y")
        if not (codes >= 0).any():
            raise ValueError("y has no labelled row, so there is no pair; -1 marks a row without label")
        return cls(((1.0, Groups.projection(codes)),))

    @classmethod
    def from_edges(cls, i: Any, j: Any, weight: Any = None, n_samples: int | None = None) -> Relation:
        """Each row (i, j) is an undirected pair; (i, j) and (j, i) are the same pair, and weights add.

        Parameters
        ----------
        i, j : (n_pairs,) integers
            Row numbers, counted from zero. Self-pairs are dropped with a warning that counts them.
        weight : (n_pairs,) floats, optional
            Non-negative; 1 by default.
        n_samples : int, optional
            Number of rows of the data; by default the largest row number plus one.
        """
        n = None if n_samples is None else whole_number(n_samples, "n_samples", 1)
        i, j = row_numbers(i, "i", n), row_numbers(j, "j", n)
        if len(i) != len(j):
            raise ValueError(f"i has {len(i)} entries and j has {len(j)}; give both ends of every pair")
        weight = np.ones(len(i)) if weight is None else pair_weights(weight, "weight", len(i))
        distinct = i != j
        if not (weight[distinct] > 0).any():
            raise ValueError(f"i, j hold no pair of two different rows with positive weight (of {len(i)} given)")
        if not distinct.all():
            n_self = int(np.count_nonzero(~distinct))
            warnings.warn(f"dropped {n_self} self-pair(s): a row says nothing about itself", stacklevel=2)
        n = int(max(i.max(), j.max())) + 1 if n is None else n
        low, high = np.minimum(i, j)[distinct], np.maximum(i, j)[distinct]
        pairs = sp.coo_array((weight[distinct], (low, high)), (n, n))
        pairs.sum_duplicates()
        kept = pairs.data > 0
        left, right = (end[kept].astype(np.int64) for end in (pairs.row, pairs.col))
        with np.errstate(over="ignore"):
            total = 2 * pairs.data.sum()
        if not np.isfinite(total):
            raise ValueError("weight: the weights sum to infinity; scale them down, only their ratios matter")
        return cls(((1.0, Edges(left, right, pairs.data[kept], n)),))

    @classmethod
    def from_neighbors(cls, X: Any, k: int = 15, metric: str = "euclidean") -> Relation:
        """Every row with its k nearest other rows; a pair that is mutual has weight 1, the others 1/2.

        Parameters
        ----------
        X : (n_samples, n_features) array
        k : int
            Neighbours per row, the row itself not counted.
        metric : str
            Any metric of scikit-learn's NearestNeighbors.
        """
        i, j = nearest_neighbors(X, whole_number(k, "k", 1), metric)
        return cls.from_edges(i, j, np.full(len(i), 0.5), n_samples=len(X))

    @classmethod
    def from_sequence(cls, n: int, window: int = 1, groups: Any = None) -> Relation:
        """Rows close in time: row t with the rows up to `window` steps before and after it.

        Parameters
        ----------
        n : int
            Number of rows, in order of time.
        window : int, default 1
        groups : (n,) integers or texts, optional
            Which recording a row belongs to (-1 or empty: none). Steps are counted within a recording, and no pair
            crosses from one to another.

        Examples
        --------
        >>> import eigenpairs as ep
        >>> ep.Relation.from_sequence(4).to_sparse().toarray()[1]
        array([1., 0., 1., 0.])
        """
        n, window = whole_number(n, "n", 2), whole_number(window, "window", 1)
        ids = np.zeros(n, dtype=np.int64) if groups is None else group_ids(groups, "groups")
        if len(ids) != n:
            raise ValueError(f"groups has {len(ids)} ids and n = {n}; give one id per row")
        order = np.argsort(ids, kind="stable")
        order = order[ids[order] >= 0]
        near = [(order[:-lag], order[lag:]) for lag in range(1, min(window, len(order) - 1) + 1)]
        i, j = (np.concatenate(ends) for ends in zip(*near, strict=True)) if near else (order[:0], order[:0])
        together = ids[i] == ids[j]
        if not together.any():
            raise ValueError("groups holds no id that occurs twice, so there is no pair; give one id per recording")
        return cls.from_edges(i[together], j[together], n_samples=n)

    @classmethod
    def between(cls, i: Any, j: Any, weight: Any = None, shape: tuple[int, int] | None = None) -> Relation:
        """Pairs across two towers: row i[m] of the first with row j[m] of the second.

        The relation is over all rows, the second tower's counted on after the first's: row j of the second tower is
        row n_a + j. That is also the order of ``emb.transform(Towers(X_a, X_b))``.

        Parameters
        ----------
        i, j : (n_pairs,) integers
            Row numbers in the first and in the second tower, each counted from zero. A pair given twice counts twice.
        weight : (n_pairs,) floats, optional
            Non-negative; 1 by default.
        shape : (n_a, n_b), optional
            Rows of the two towers; by default the largest row numbers plus one.

        Examples
        --------
        >>> import eigenpairs as ep
        >>> pictures, captions = [0, 0, 1], [0, 1, 2]  # two captions of picture 0, one of picture 1
        >>> ep.Relation.between(pictures, captions, shape=(2, 3)).degrees
        array([2., 1., 1., 1., 1.])
        """
        if shape is None:
            i, j = row_numbers(i, "i"), row_numbers(j, "j")
            n_a, n_b = (int(ends.max(initial=0)) + 1 for ends in (i, j))
        else:
            if not isinstance(shape, (tuple, list)) or len(shape) != 2:
                raise ValueError(f"shape = {shape!r} is not a pair; give (n_a, n_b), the rows of the two towers")
            n_a, n_b = (whole_number(n, name, 1) for n, name in zip(shape, ("shape[0]", "shape[1]"), strict=True))
            i, j = row_numbers(i, "i", n_a), row_numbers(j, "j", n_b)
        tower = np.repeat(np.array([0, 1], dtype=np.int8), (n_a, n_b))
        if weight is None and n_a == n_b == len(i) == len(j) and (i == j).all() and (np.diff(i) == 1).all():
            return cls(((1.0, Views(n_a, 2)),), tower)  # one to one: applied by a reshape
        crossing = cls.from_edges(i, n_a + j, weight, n_samples=n_a + n_b)
        return cls(crossing.terms, tower)

    # ------------------------------------------------------------------ the matrix

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

    def __getitem__(self, key: Any) -> Relation:
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
        return Relation(tuple((scale, term.take(rows)) for scale, term in self.terms), tower)

    def __add__(self, other: Any) -> Relation:
        if not isinstance(other, Relation):
            return self if isinstance(other, int) and other == 0 else NotImplemented  # sum() starts from 0
        if self.n_samples != other.n_samples:
            raise ValueError(f"G1 + G2: the relations have {self.n_samples} and {other.n_samples} rows")
        if self.tower is not None and other.tower is not None and not np.array_equal(self.tower, other.tower):
            raise ValueError(f"G1 + G2: the relations are between towers of {self.towers} and {other.towers} rows")
        return Relation(self.terms + other.terms, other.tower if self.tower is None else self.tower)

    __radd__ = __add__

    def __mul__(self, factor: Any) -> Relation:
        factor = real_number(factor, "factor of a relation", 0.0, above=True)
        return Relation(tuple((factor * scale, term) for scale, term in self.terms), self.tower)

    __rmul__ = __mul__

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
        from scipy.sparse.csgraph import connected_components

        n = self.n_samples
        starts, ends, n_nodes = [], [], n
        for _, term in self.terms:
            i, j, size = term.links()
            starts.append(i)
            ends.append(np.where(j >= n, j - n + n_nodes, j))  # every term has group nodes of its own
            n_nodes += size - n
        i, j = np.concatenate(starts), np.concatenate(ends)
        graph = sp.coo_array((np.ones(len(i), np.int8), (i, j)), (n_nodes, n_nodes))
        labels = connected_components(graph, directed=False)[1][:n]
        connected = self.degrees > 0
        values, first, inverse = np.unique(labels[connected], return_index=True, return_inverse=True)
        rank = np.empty(len(values), dtype=np.int64)
        rank[np.argsort(first)] = np.arange(len(values))
        components = np.full(n, -1, dtype=np.int64)
        components[connected] = rank[inverse]
        return components

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
