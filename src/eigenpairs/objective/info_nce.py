"""log sum exp over candidates, in blocks of rows: the N x N matrix of similarities is never held, gradients included.

The backward pass computes each block again from the rows, which costs one more product and saves N^2 memory.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from eigenpairs._arrays import Array, namespace

BLOCK_BYTES = 2**25
"""Size of one block of similarities; two or three of them are alive at a time."""


def unit_rows(Z: Array, length: float) -> Array:
    """Rows of Z (n, K) scaled to one length; a row of zeros stays zero."""
    if not isinstance(Z, np.ndarray):
        from eigenpairs.objective.torch_info_nce import UnitRows

        return UnitRows.apply(Z, length)
    # A scale first: squares of tiny or huge entries would leave the range of float32.
    size = np.max(np.abs(Z), axis=1, keepdims=True)
    Z = Z / np.where(size > 0, size, 1)
    norm = np.linalg.norm(Z, axis=1, keepdims=True)
    return Z * (length / np.where(norm > 0, norm, 1)).astype(Z.dtype)


def agreement_of(rows: Array, G: Any) -> Array:
    """sum_ij G_ij r_i . r_j."""
    if isinstance(rows, np.ndarray):
        return np.sum(rows * (G @ rows))
    from eigenpairs.objective.torch_moments import Agreement, Partners

    return Agreement.apply(rows, Partners(G)) * G.total


def log_sum_exp(queries: Array, bank: Array, bias: Array | None, own: bool) -> Array:
    """(n,) log sum_j exp(q_i . b_j + c_j) over the rows of a bank.

    Parameters
    ----------
    queries : (n, K) array or tensor
    bank : (m, K)
    bias : (m,) c, or None for zero
    own : bool
        Whether the bank's rows are the queries themselves; candidate i of query i is then left out.

    Returns
    -------
    (n,) of the queries' kind, differentiable in torch with respect to all three.
    """
    if isinstance(queries, np.ndarray):
        return forward_in_blocks(queries, bank, bias, own)
    from eigenpairs.objective.torch_info_nce import AmongOthers, LogSumExp

    if own and bias is None:
        return AmongOthers.apply(queries)
    return LogSumExp.apply(queries, bank, bias, own)


def blocks(queries: Array, bank: Array) -> list[slice]:
    """Parts of the queries whose similarities to the bank fill at most BLOCK_BYTES."""
    step = max(1, BLOCK_BYTES // (queries.dtype.itemsize * max(1, bank.shape[0])))
    return [slice(start, start + step) for start in range(0, queries.shape[0], step)]


def similarities(queries: Array, bank: Array, bias: Array | None, own: bool, part: slice) -> Array:
    """q_i . b_j + c_j for a part of the queries, -inf for a query with itself."""
    values = queries[part] @ bank.T
    if bias is not None:
        values += bias
    if own:
        rows = np.arange(part.start, part.start + values.shape[0])
        values[rows - part.start, rows] = -float("inf")
    return values


def forward_in_blocks(queries: Array, bank: Array, bias: Array | None, own: bool) -> Array:
    """`log_sum_exp` without a gradient."""
    xp = namespace(queries)
    out = []
    for part in blocks(queries, bank):
        values = similarities(queries, bank, bias, own, part)
        top = xp.max(values, axis=1)
        values -= top[:, None]
        out.append(top + xp.log(xp.sum(_exp_in_place(values), axis=1)))
    return xp.concat(out)


def _exp_in_place(values: Array) -> Any:
    return np.exp(values, out=values) if isinstance(values, np.ndarray) else values.exp_()
