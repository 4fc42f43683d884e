"""How good a ranking is: recall at k and mean reciprocal rank.

Rows are what `Embedding.search` finds, best first; a query counts as answered by any row that it wants.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from eigenpairs._validate import whole_number


def recall_at_k(rows: Any, wanted: Any, k: int = 1, bank_ids: Any = None) -> float:
    """Share of queries that have a wanted row among their first k.

    Parameters
    ----------
    rows : (n_queries, at least k) integers
        Row numbers of the bank, best first, such as ``emb.search(...).rows``.
    wanted : (n_queries,)
        The right row of each query; with `bank_ids`, the id that a right row has.
    k : int, default 1
    bank_ids : (n_bank,), optional
        Id of every row of the bank, where several are right: all captions of a picture share its id.

    Raises
    ------
    ValueError
        If fewer than k rows are given, or lengths differ.

    Examples
    --------
    >>> from eigenpairs.diagnose import recall_at_k
    >>> recall_at_k([[0, 2], [2, 1], [1, 0]], wanted=[0, 1, 2], k=2)
    0.6666666666666666
    """
    hits = _hits(rows, wanted, bank_ids)
    if whole_number(k, "k", 1) > hits.shape[1]:
        raise ValueError(f"k = {k}, but rows holds {hits.shape[1]} per query; search with at least that k")
    return float(hits[:, :k].any(axis=1).mean())


def mean_reciprocal_rank(rows: Any, wanted: Any, bank_ids: Any = None) -> float:
    """Mean of 1/rank of the first wanted row; 0 for a query that has none among its rows.

    Parameters
    ----------
    rows, wanted, bank_ids : as for `recall_at_k`

    Examples
    --------
    >>> from eigenpairs.diagnose import mean_reciprocal_rank
    >>> mean_reciprocal_rank([[0, 2], [2, 1]], wanted=[0, 1])
    0.75
    """
    hits = _hits(rows, wanted, bank_ids)
    first = np.argmax(hits, axis=1)
    return float(np.mean(np.where(hits.any(axis=1), 1 / (1 + first), 0.0)))


def _hits(rows: Any, wanted: Any, bank_ids: Any) -> np.ndarray:
    """(n_queries, k) whether each found row is wanted."""
    rows, wanted = np.asarray(rows), np.asarray(wanted)
    if rows.ndim != 2 or rows.size == 0:
        raise ValueError(f"rows has shape {rows.shape}; give the rows found for each query, (n_queries, k)")
    if wanted.shape != rows.shape[:1]:
        raise ValueError(
            f"wanted has shape {wanted.shape} for {len(rows)} queries; give one row number or id per query"
        )
    found = rows if bank_ids is None else np.asarray(bank_ids)[rows]
    return found == wanted[:, None]
