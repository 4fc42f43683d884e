"""Moments of torch rows with gradients written down: fewer passes over the rows and fewer copies than autograd's.

Every moment here is C = U^T M U with U (n, K) the centred rows and M (n, n) symmetric: M = diag(pi) gives Cov(z),
M = G / sum(G) gives Cov(z, z+). Three facts make it short:

- the gradient of f(C) with respect to U is 2 M U f'(C), a single product;
- centring has no gradient of its own: the columns of M U sum to zero, so the mean may be taken for a constant;
- |C|_F^2 = <H, H^T> with H = M U U^T, the smaller matrix when rows are few.

Values are those of `BatchMoments`, by which the tests check them. There are no second derivatives.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from eigenpairs.objective.moments import BatchMoments, is_live, noise, rank_tolerance
from eigenpairs.objective.torch_weightings import Own, Partners


class TorchMoments(BatchMoments):
    """`BatchMoments` of a tensor; its heavy statistics by the functions below."""

    @cached_property
    def _pi(self) -> Any:
        """The marginal: one number, or (n, 1)."""
        return 1 / self.Z.shape[0] if self._marginal is None else self._marginal

    @cached_property
    def _own(self) -> Own:
        return Own(self._pi)

    @cached_property
    def _partners(self) -> Partners:
        return Partners(self.G)

    @cached_property
    def _mean(self) -> Tensor:
        """(K,) E[z], a constant to autograd."""
        Z = self.Z.detach()
        return torch.sum(Z, dim=0).mul_(self._pi) if self._marginal is None else torch.sum(Z * self._marginal, dim=0)

    @cached_property
    def _deviation(self) -> Tensor:
        """(n, K) U = z - E[z], a constant to autograd."""
        return self.Z.detach() - self._mean

    @cached_property
    def _standardised(self) -> tuple[Tensor, Tensor]:
        """(n, K) centred rows over their standard deviation, a constant to autograd, and (K,) one over it.

        A dead column, and one over its deviation, is zero.
        """
        U = self.Z.detach() - self._mean
        inverse = self._own.diagonal(U).rsqrt_()
        extremes = *torch.aminmax(inverse), torch.linalg.vector_norm(self._mean, torch.inf)
        least, most, mean = torch.stack(extremes).tolist()  # read at once: each reading waits for the device
        if least > 1e-12 and most < 1e12 and noise(U) * mean * most < 1:
            return U.mul_(inverse), inverse
        # In two steps, because squares of tiny or huge entries leave the range of float32.
        size = U.abs().amax(dim=0)
        dead = ~is_live(size, self._mean)
        U *= (1 / size).masked_fill_(dead, 0)
        deviation = self._own.diagonal(U).sqrt_()
        U *= (1 / deviation).masked_fill_(dead, 0)
        return U, (1 / deviation / size).masked_fill_(dead, 0)

    @cached_property
    def _spread(self) -> tuple[Tensor, Tensor]:
        return DiagonalAndRest.apply(self.Z, self._deviation, self._own)

    @property
    def off_diagonal(self) -> Tensor:
        return self._spread[1]

    @cached_property
    def variance(self) -> Tensor:
        return self._spread[0]

    @property
    def correlation(self) -> tuple[Tensor, Tensor]:
        U, inverse_scale = self._standardised
        return DiagonalAndRest.apply(self.Z, U, self._partners, inverse_scale, self._own)

    @property
    def second_moment_energy(self) -> Tensor:
        own, others = DiagonalAndRest.apply(self.Z, self.Z.detach(), self._own)
        return torch.sum(own * own) + others

    @property
    def agreement(self) -> Tensor:
        return Agreement.apply(self.Z, self._partners)

    @cached_property
    def energy(self) -> Tensor:
        return Energy.apply(self.Z, self.G) / self.G.total if self.G.n_views == 2 else super().energy

    def log_volume(self, eps: float) -> Tensor:
        volume = LogVolume.apply(self.Z, self._deviation, self._pi, eps)
        return volume if torch.isfinite(volume) else super().log_volume(eps)

    @property
    def whitened(self) -> tuple[Tensor, int]:
        U, inverse_scale = (wide(part) for part in self._standardised)
        own = Own(self._pi if self._own.uniform else wide(self._pi))
        S = own.moment(U)
        inverse, rank = inverse_and_rank(S, rank_tolerance(S, self.rounding))
        found = WhitenedAgreement.apply(self.Z, U, inverse, inverse_scale, own, self._partners)
        return found, self.width - rank


class DiagonalAndRest(torch.autograd.Function):
    """(K,) the diagonal of C = U^T M U, and the sum of C's other squares, with U = (Z - mean) * inverse_scale.

    With `own`, the weighting under which U is standardised, the gradient goes through the scale as well.
    """

    @staticmethod
    def forward(
        ctx: Any, Z: Tensor, U: Tensor, M: Own | Partners, inverse_scale: Tensor | None = None, own: Own | None = None
    ) -> Any:
        ctx.M, ctx.own, ctx.by_rows = M, own, 2 * U.shape[0] <= U.shape[1]
        if ctx.by_rows:
            # Taking the diagonal off the total leaves enough digits: C has rank r <= K / 2, so |C|^2 >= tr(C)^2 / r is
            # twice the diagonal's squares where columns are alike, and elsewhere the error is one of |C|^2.
            kept, diagonal, squares = U @ U.T, M.diagonal(U), None
            rest = (M.energy(kept) - torch.sum(diagonal * diagonal)).clamp_(min=0)
        else:
            kept = M.moment(U)
            diagonal = kept.diagonal().clone()
            squares = torch.linalg.vector_norm(kept.fill_diagonal_(0), dim=1).square_()
            rest = torch.sum(squares)
        ctx.save_for_backward(U, kept, diagonal, squares, inverse_scale)
        return diagonal, rest

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_diagonal: Tensor, of_rest: Tensor) -> Any:
        U, kept, diagonal, squares, inverse_scale = ctx.saved_tensors
        if ctx.by_rows:
            out = ctx.M.around(kept, U).mul_(4 * of_rest)
            ctx.M.add_columns(out, U, of_diagonal - 2 * of_rest * diagonal, 2)
            if inverse_scale is not None:
                ctx.own.add_columns(out, U, torch.sum(U * out, dim=0), -1).mul_(inverse_scale)
            return out, None, None, None, None
        out = None
        if inverse_scale is not None:
            of_diagonal, of_rest = of_diagonal * inverse_scale, of_rest * inverse_scale
            along = torch.addcmul(of_rest * squares, of_diagonal, diagonal, value=0.5)
            out = ctx.own.columns(U, along, -4)
        D = kept * of_rest
        D.diagonal().add_(of_diagonal, alpha=0.5)
        return ctx.M.after(U, D, 4, out), None, None, None, None


class Agreement(torch.autograd.Function):
    """sum of Z * (M Z)."""

    @staticmethod
    def forward(ctx: Any, Z: Tensor, M: Partners) -> Tensor:
        ctx.M = M
        ctx.save_for_backward(Z)
        return torch.sum(M.diagonal(Z))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Any:
        (Z,) = ctx.saved_tensors
        return ctx.M.apply(Z).mul_(2 * gradient), None


class Energy(torch.autograd.Function):
    """sum_ij G_ij |z_i - z_j|^2 of two views."""

    @staticmethod
    def forward(ctx: Any, Z: Tensor, G: Any) -> Tensor:
        ctx.save_for_backward(Z)
        ctx.scale = G.total / len(Z)
        return G.dirichlet(Z)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Any:
        (Z,) = ctx.saved_tensors
        out, (one, other) = torch.empty_like(Z), Z.chunk(2)
        mine, theirs = out.chunk(2)
        torch.sub(one, other, out=mine).mul_(4 * ctx.scale * gradient)
        torch.neg(mine, out=theirs)
        return out, None


class LogVolume(torch.autograd.Function):
    """log det(U^T diag(pi) U + eps I), by rows log det(sqrt(pi) U U^T sqrt(pi) + eps I) + (K - n) log eps.

    nan where rounding has left no positive definite matrix.
    """

    @staticmethod
    def forward(ctx: Any, Z: Tensor, U: Tensor, pi: Any, eps: float) -> Tensor:
        n, K = U.shape
        ctx.pi, ctx.root = pi, pi**0.5
        ctx.by_rows = n < K
        matrix = (U @ U.T).mul_(ctx.root).mul_(_row(ctx.root)) if ctx.by_rows else Own(pi).moment(U)
        matrix.diagonal().add_(eps)
        factor, failed = torch.linalg.cholesky_ex(matrix)
        ctx.save_for_backward(U, factor)
        volume = 2 * torch.sum(torch.log(factor.diagonal()))
        if ctx.by_rows:
            volume = volume + (K - n) * torch.log(torch.tensor(eps, dtype=torch.float64)).to(volume)
        return torch.where(failed == 0, volume, torch.nan)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Any:
        U, factor = ctx.saved_tensors
        inverse = torch.cholesky_inverse(factor)
        if ctx.by_rows:
            inverse = inverse.mul_(ctx.root).mul_(_row(ctx.root)).mul_(2 * gradient)
            return inverse @ U, None, None, None
        return (U @ inverse.mul_(2 * gradient)).mul_(ctx.pi), None, None, None


class WhitenedAgreement(torch.autograd.Function):
    """<P, U^T M U> with P the pseudo-inverse of U^T diag(pi) U and M the partners'.

    It depends on the span of U alone, so the scale of columns has no gradient; and what changes the rank adds none.
    """

    @staticmethod
    def forward(ctx: Any, Z: Tensor, U: Tensor, P: Tensor, inverse_scale: Tensor, own: Own, M: Partners) -> Tensor:
        ctx.own, ctx.M = own, M
        cross = M.moment(U)
        ctx.dtype = Z.dtype
        ctx.save_for_backward(U, P, cross, inverse_scale)
        return torch.sum(P * cross).to(Z.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Any:
        U, P, cross, inverse_scale = ctx.saved_tensors
        factor = gradient * inverse_scale
        out = ctx.own.after(U, (P @ cross @ P).mul_(factor), -2)
        return ctx.M.after(U, P * factor, 2, out).to(ctx.dtype), None, None, None, None, None


def wide(x: Tensor) -> Tensor:
    """In float64, where the device has it."""
    return x if x.device.type == "mps" else x.double()


def inverse_and_rank(S: Tensor, tolerance: float) -> tuple[Tensor, int]:
    """Pseudo-inverse of a correlation matrix S and its rank; eigenvalues below that share of the largest are zero."""
    K = len(S)
    factor, failed = torch.linalg.cholesky_ex(S)
    if not failed:
        inverse = torch.cholesky_inverse(factor)
        # No eigenvalue of S is below 1 / |inverse| or above |S|: often that alone says that none is too small.
        if torch.linalg.matrix_norm(inverse) * torch.linalg.matrix_norm(S) * tolerance < 1:
            return inverse, K
    values, vectors = torch.linalg.eigh(S)
    kept = values > tolerance * values[-1]
    live = vectors[:, kept]
    return (live / values[kept]) @ live.T, int(kept.sum())


def _row(root: Any) -> Any:
    return root if isinstance(root, float) else root.T
