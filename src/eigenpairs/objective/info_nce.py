"""log sum exp over candidates, in blocks of rows: the N x N matrix of similarities is never held, gradients included.

The backward pass computes each block again from the rows, which costs one more product and saves N^2 memory.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from eigenpairs._arrays import Array, namespace

BLOCK_BYTES = 2**25
"""Size of one block of similarities; three or four of them are alive at a time."""


def log_sum_exp(queries: Array, bank: Array, bias: Array, own: bool) -> Array:
    """(n,) log sum_j exp(q_i . b_j + c_j) over the rows of a bank.

    Parameters
    ----------
    queries : (n, K) array or tensor
    bank : (m, K)
    bias : (m,) c
    own : bool
        Whether the bank's rows are the queries themselves; candidate i of query i is then left out.

    Returns
    -------
    (n,) of the queries' kind, differentiable in torch with respect to all three.
    """
    if isinstance(queries, np.ndarray):
        return _forward(queries, bank, bias, own)
    return _torch_function().apply(queries, bank, bias, own)


def _blocks(queries: Array, bank: Array) -> list[slice]:
    step = max(1, BLOCK_BYTES // (queries.dtype.itemsize * max(1, bank.shape[0])))
    return [slice(start, start + step) for start in range(0, queries.shape[0], step)]


def _similarities(queries: Array, bank: Array, bias: Array, own: bool, part: slice) -> Array:
    values = queries[part] @ bank.T
    values += bias
    if own:
        rows = np.arange(part.start, part.start + values.shape[0])
        values[rows - part.start, rows] = -float("inf")
    return values


def _forward(queries: Array, bank: Array, bias: Array, own: bool) -> Array:
    xp = namespace(queries)
    out = []
    for part in _blocks(queries, bank):
        values = _similarities(queries, bank, bias, own, part)
        top = xp.max(values, axis=1)
        values -= top[:, None]
        out.append(top + xp.log(xp.sum(_exp_in_place(values), axis=1)))
    return xp.concat(out)


def _exp_in_place(values: Array) -> Array:
    return np.exp(values, out=values) if isinstance(values, np.ndarray) else values.exp_()


@cache
def _torch_function() -> Any:
    import torch
    from torch.autograd.function import once_differentiable

    class LogSumExp(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, queries: Any, bank: Any, bias: Any, own: bool) -> Any:
            out = _forward(queries, bank, bias, own)
            ctx.save_for_backward(queries, bank, bias, out)
            ctx.own = own
            return out

        @staticmethod
        @once_differentiable
        def backward(ctx: Any, gradient: Any) -> Any:
            queries, bank, bias, out = ctx.saved_tensors
            of_queries, of_bank, of_bias = (torch.zeros_like(t) for t in (queries, bank, bias))
            for part in _blocks(queries, bank):
                share = _similarities(queries, bank, bias, ctx.own, part)
                share -= out[part, None]
                share.exp_().mul_(gradient[part, None])  # gradient times softmax
                of_queries[part] = share @ bank
                of_bank.addmm_(share.T, queries[part])
                of_bias += share.sum(dim=0)
            return of_queries, of_bank, of_bias, None

    return LogSumExp
