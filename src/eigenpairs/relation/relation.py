"""`Relation`: who is a positive pair of whom, as one symmetric non-negative matrix G that is never materialised."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from eigenpairs._validate import group_ids, pair_weights, row_numbers, row_weights, whole_number
from eigenpairs.relation.between import one_to_one, rows_of_towers
from eigenpairs.relation.edges import Edges
from eigenpairs.relation.groups import Groups
from eigenpairs.relation.neighbors import nearest_neighbors
from eigenpairs.relation.operator import Operator
from eigenpairs.relation.sequence import pairs_in_sequence
from eigenpairs.relation.views import Views


class Relation(Operator):
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
    def from_labels(cls, y: Any, weight: Any = None) -> Relation:
        """The class projection: G_ij = 1/n_c for all i, j of class c, i = j included.

        Every labelled row has degree 1, and the pair correlation of a direction is its between-class share
        of the variance: the spectrum is Fisher's LDA (docs/theory.md, section 1).

        Parameters
        ----------
        y : (n_samples,) integers or texts
            -1 (or an empty text) marks an unlabelled row.
        weight : (n_samples,) floats, optional
            Finite, 0 or more: G_ij = w_i w_j / (weight of class c), so that row i has degree w_i (weighted LDA).
        """
        y = np.asarray(y)
        codes = group_ids(y.astype(np.int64) if y.dtype.kind == "b" else y, "y")
        if not (codes >= 0).any():
            raise ValueError("y has no labelled row, so there is no pair; -1 marks a row without label")
        if weight is not None:
            weight = row_weights(weight, "weight", len(codes))
        return cls(((1.0, Groups.projection(codes, weight)),))

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
        return cls(((1.0, Edges.merged(i[distinct], j[distinct], weight[distinct], n)),))

    @classmethod
    def from_neighbors(
        cls, X: Any, k: int = 15, metric: str = "euclidean", method: str = "auto", random_state: int = 0
    ) -> Relation:
        """Every row with its k nearest other rows; a pair that is mutual has weight 1, the others 1/2.

        Parameters
        ----------
        X : (n_samples, n_features) array, or sparse matrix for method="auto"
        k : int, default 15
            Neighbours per row, the row itself not counted.
        metric : str, default "euclidean"
            Any metric of scikit-learn's NearestNeighbors; with faiss "euclidean" or "cosine".
        method : "auto" or "faiss", default "auto"
            "auto" is exact. "faiss" (``pip install 'eigenpairs[knn]'``) is exact up to 20,000 rows and faster but
            approximate beyond: the attribute `recall` of the relation estimates the share of nearest neighbours
            that was found, on 200 rows.
        random_state : int, default 0
            Seed for "faiss".

        Raises
        ------
        ValueError
            If X holds NaN or inf, or has not more than k rows.
        ModuleNotFoundError
            If faiss is asked for and not installed.
        """
        i, j, recall = nearest_neighbors(X, whole_number(k, "k", 1), metric, method, random_state)
        relation = cls.from_edges(i, j, np.full(len(i), 0.5), n_samples=np.shape(X)[0])
        relation.recall = recall
        return relation

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
        i, j = pairs_in_sequence(ids, window)
        if len(i) == 0:
            raise ValueError("groups holds no id that occurs twice, so there is no pair; give one id per recording")
        return cls.from_edges(i, j, n_samples=n)

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
        i, j, n_a, n_b = rows_of_towers(i, j, shape)
        tower = np.repeat(np.array([0, 1], dtype=np.int8), (n_a, n_b))
        if weight is None and one_to_one(i, j, n_a, n_b):
            return cls(((1.0, Views(n_a, 2)),), tower)  # applied by a reshape
        crossing = cls.from_edges(i, n_a + j, weight, n_samples=n_a + n_b)
        return cls(crossing.terms, tower)
