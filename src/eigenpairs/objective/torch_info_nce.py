"""InfoNCE's gradients in torch: unit rows, and log sum exp over candidates in blocks of rows."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from eigenpairs.objective import info_nce

TILE_ROWS = 256
"""Rows of the gradient's weights that are made at a time when the similarities are kept."""


class UnitRows(torch.autograd.Function):
    """Rows of Z over their length, times a number. A row of zeros stays zero."""

    @staticmethod
    def forward(ctx: Any, Z: Tensor, length: float) -> Tensor:
        # In two steps: squares of tiny or huge entries would leave the range of float32.
        size = torch.linalg.vector_norm(Z, torch.inf, dim=1, keepdim=True)
        size.masked_fill_(size == 0, 1)
        rows = Z / size
        norm = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
        norm.masked_fill_(norm == 0, 1).div_(length)
        ctx.length = length
        ctx.save_for_backward(Z, size, norm)
        return rows.div_(norm)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Any:
        Z, size, norm = ctx.saved_tensors
        rows = (Z / size).div_(norm)
        along = torch.einsum("nk,nk->n", rows, gradient)[:, None]
        return rows.mul_(along.div_(-(ctx.length**2))).add_(gradient).div_(norm).div_(size), None


class AmongOthers(torch.autograd.Function):
    """(n,) log sum_{j != i} exp(r_i . r_j).

    Similarities are symmetric, so softmax and its transpose are added before the one product with the rows. Where they
    fit into one block they are kept, otherwise computed again.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        whole = len(info_nce.blocks(rows, rows)) == 1
        if not whole:
            out = info_nce.forward_in_blocks(rows, rows, None, True)
            ctx.save_for_backward(rows, out, None)
            return out
        kept = rows @ rows.T
        kept.fill_diagonal_(-torch.inf)
        top = kept.amax(dim=1)
        kept.sub_(top[:, None]).exp_()
        total = kept.sum(dim=1)
        ctx.save_for_backward(rows, total, kept)
        return torch.log(total) + top

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Any:
        rows, found, kept = ctx.saved_tensors
        out = torch.empty_like(rows)
        if kept is None:
            for part in info_nce.blocks(rows, rows):
                values = info_nce.similarities(rows, rows, None, True, part)
                share = torch.exp(values - found[part, None]).mul_(gradient[part, None])
                share += values.sub_(found).exp_().mul_(gradient)
                torch.mm(share, rows, out=out[part])
            return out
        factor = gradient / found
        for start in range(0, len(rows), TILE_ROWS):
            part = slice(start, start + TILE_ROWS)
            share = kept[part] * factor[part, None]
            share.addcmul_(kept[:, part].T, factor[None, :])
            torch.mm(share, rows, out=out[part])
        return out


class LogSumExp(torch.autograd.Function):
    """`info_nce.log_sum_exp` for any bank; similarities are computed again in the backward pass."""

    @staticmethod
    def forward(ctx: Any, queries: Tensor, bank: Tensor, bias: Tensor | None, own: bool) -> Tensor:
        out = info_nce.forward_in_blocks(queries, bank, bias, own)
        ctx.save_for_backward(queries, bank, bias, out)
        ctx.own = own
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Any:
        queries, bank, bias, out = ctx.saved_tensors
        of_queries, of_bank = torch.empty_like(queries), torch.zeros_like(bank)
        of_bias = None if bias is None else torch.zeros_like(bias)
        for part in info_nce.blocks(queries, bank):
            share = info_nce.similarities(queries, bank, bias, ctx.own, part)
            share.sub_(out[part, None]).exp_().mul_(gradient[part, None])  # gradient times softmax
            torch.mm(share, bank, out=of_queries[part])
            of_bank.addmm_(share.T, queries[part])
            if of_bias is not None:
                of_bias += share.sum(dim=0)
        return of_queries, of_bank, of_bias, None
