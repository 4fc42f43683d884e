"""Which rows hang together by any chain of pairs."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import scipy.sparse as sp

from eigenpairs.relation.term import Term


def components_of(terms: Iterable[Term], connected: np.ndarray) -> np.ndarray:
    """(n_samples,) int64: component of each row, numbered by first row; -1 where `connected` is False."""
    from scipy.sparse.csgraph import connected_components

    n = n_nodes = len(connected)
    starts, ends = [], []
    for term in terms:
        i, j, size = term.links()
        starts.append(i)
        ends.append(np.where(j >= n, j - n + n_nodes, j))  # every term has group nodes of its own
        n_nodes += size - n
    i, j = np.concatenate(starts), np.concatenate(ends)
    graph = sp.coo_array((np.ones(len(i), np.int8), (i, j)), (n_nodes, n_nodes))
    labels = connected_components(graph, directed=False)[1][:n]
    values, first, inverse = np.unique(labels[connected], return_index=True, return_inverse=True)
    rank = np.empty(len(values), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(values))
    components = np.full(n, -1, dtype=np.int64)
    components[connected] = rank[inverse]
    return components
