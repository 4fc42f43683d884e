"""The two symmetric matrices M (n, n) that moments U^T M U are taken with, applied to torch rows with few copies."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

TILE = 128
"""Rows and columns of a tile that fits into the cache next to its transpose."""


class Own:
    """M = diag(pi), pi a number or (n, 1)."""

    def __init__(self, pi: Any):
        self.pi = pi
        self.uniform = isinstance(pi, float)

    def apply(self, B: Tensor) -> Tensor:
        """M B."""
        return B * self.pi

    def diagonal(self, U: Tensor) -> Tensor:
        """(K,) the diagonal of U^T M U."""
        return torch.sum(U * U, dim=0).mul_(self.pi) if self.uniform else torch.sum(U * U * self.pi, dim=0)

    def moment(self, U: Tensor) -> Tensor:
        """(K, K) U^T M U."""
        return (U.T @ U).mul_(self.pi) if self.uniform else U.T @ (U * self.pi)

    def after(self, U: Tensor, D: Tensor, scale: float, onto: Tensor | None = None) -> Tensor:
        """(n, K) M U D scale, added to `onto` in place where that is given."""
        if self.uniform and onto is not None:
            return onto.addmm_(U, D, alpha=scale * self.pi)
        out = (U @ D).mul_(scale * self.pi)
        return out if onto is None else onto.add_(out)

    def energy(self, Q: Tensor) -> Tensor:
        """|U^T M U|_F^2 from Q = U U^T."""
        if self.uniform:
            return torch.linalg.vector_norm(Q).mul_(self.pi).square_()
        return torch.sum((Q * self.pi) * (Q * self.pi.T))

    def around(self, Q: Tensor, U: Tensor) -> Tensor:
        """(n, K) M Q M U."""
        return (Q @ U).mul_(self.pi**2) if self.uniform else self.apply(Q @ self.apply(U))

    def columns(self, U: Tensor, factor: Tensor, scale: float) -> Tensor:
        """(n, K) M U diag(factor) scale."""
        return U * (factor * (scale * self.pi)) if self.uniform else (U * (factor * scale)).mul_(self.pi)

    def add_columns(self, out: Tensor, U: Tensor, factor: Tensor, scale: float) -> Tensor:
        """out + M U diag(factor) scale, in place."""
        if self.uniform:
            return out.addcmul_(U, factor, value=scale * self.pi)
        return out.addcmul_(U * self.pi, factor, value=scale)


class Partners:
    """M = G / sum(G), with the methods of `Own`. Two views only swap places, which needs no copy of the rows."""

    def __init__(self, G: Any):
        self.G, self.swap = G, G.n_views == 2

    def apply(self, B: Tensor) -> Tensor:
        if not self.swap:
            return (self.G @ B).div_(self.G.total)
        return torch.cat(B.chunk(2)[::-1]).div_(len(B))

    def diagonal(self, U: Tensor) -> Tensor:
        if not self.swap:
            return torch.sum(U * self.apply(U), dim=0)
        one, other = U.chunk(2)
        return torch.sum(one * other, dim=0).mul_(2 / len(U))

    def moment(self, U: Tensor) -> Tensor:
        if not self.swap:
            return U.T @ self.apply(U)
        one, other = U.chunk(2)
        return add_transpose(one.T @ other).div_(len(U))

    def after(self, U: Tensor, D: Tensor, scale: float, onto: Tensor | None = None) -> Tensor:
        if not self.swap:
            out = self.apply(U @ D).mul_(scale)
            return out if onto is None else onto.add_(out)
        out = torch.empty_like(U) if onto is None else onto
        for mine, partner in zip(out.chunk(2), reversed(U.chunk(2)), strict=True):
            torch.addmm(mine, partner, D, beta=float(onto is not None), alpha=scale / len(U), out=mine)
        return out

    def energy(self, Q: Tensor) -> Tensor:
        if not self.swap:
            H = self.apply(Q)
            return torch.sum(H * H.T)
        (own, across), (_, others) = (half.chunk(2, dim=1) for half in Q.chunk(2))
        return (torch.sum(own * others) + torch.sum(across * across.T)).mul_(2 / len(Q) ** 2)

    def around(self, Q: Tensor, U: Tensor) -> Tensor:
        if not self.swap:
            return self.apply(Q @ self.apply(U))
        out, (one, other) = torch.empty_like(U), U.chunk(2)
        for mine, rows in zip(out.chunk(2), reversed(Q.chunk(2)), strict=True):
            to_one, to_other = rows.chunk(2, dim=1)
            torch.mm(to_one, other, out=mine).addmm_(to_other, one)
        return out.div_(len(U) ** 2)

    def add_columns(self, out: Tensor, U: Tensor, factor: Tensor, scale: float) -> Tensor:
        if not self.swap:
            return out.add_(self.apply(U * factor), alpha=scale)
        for mine, partner in zip(out.chunk(2), reversed(U.chunk(2)), strict=True):
            mine.addcmul_(partner, factor, value=scale / len(U))
        return out


def add_transpose(C: Tensor) -> Tensor:
    """C + C^T, a large C in place and in tiles: reading it down its columns takes long."""
    if len(C) <= TILE:
        return C + C.T
    for i in range(0, len(C), TILE):
        for j in range(i, len(C), TILE):
            here, there = C[i : i + TILE, j : j + TILE], C[j : j + TILE, i : i + TILE]
            both = here + there.T
            here.copy_(both)
            if i < j:
                there.copy_(both.T)
    return C
