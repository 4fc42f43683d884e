"""F = E[f f^T] of the projections as a moving average, and what it says about a linear predictor."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

SHOWN = 64
"""Eigenvalues in the log."""


class SecondMoment(nn.Module):
    """The moving average ``F <- mu F + (1 - mu) E_batch[f f^T]`` over the rows of all views, uncentred.

    The first batch counts in full. Rows are neither centred nor normalised (theory: docs/theory.md, section 7).
    """

    value: Tensor
    seen: Tensor

    def __init__(self, width: int, averaging: float):
        super().__init__()
        self.averaging = averaging
        self.register_buffer("value", torch.zeros(width, width))
        self.register_buffer("seen", torch.zeros((), dtype=torch.long))

    @torch.no_grad()
    def update(self, Z: Tensor) -> None:
        """Take in the rows Z (n, K) of a batch."""
        Z = Z.detach().float()
        weight = 1.0 if self.seen == 0 else 1 - self.averaging
        self.value.addmm_(Z.T, Z, beta=1 - weight, alpha=weight / len(Z))
        self.seen += 1

    @torch.no_grad()
    def against(self, predictor: Tensor) -> dict[str, Any]:
        """Eigenvalues of F, and how far its eigenvectors v are those of the predictor W: |v^T W v| / |W v|.

        The alignment is weighted by the eigenvalues; 1 means a shared eigenspace.
        """
        if self.seen == 0:
            return {}
        value, predictor = self.value.double().cpu(), predictor.detach().double().cpu()
        if not bool(torch.isfinite(value).all() and torch.isfinite(predictor).all()):
            return {"eigenvalues": None, "alignment": None}
        eigenvalues, vectors = (part.flip(-1) for part in torch.linalg.eigh(value))
        eigenvalues = eigenvalues.clamp_min(0)
        images = predictor @ vectors
        size = images.norm(dim=0)
        along = torch.sum(vectors * images, dim=0).abs() / torch.where(size > 0, size, torch.ones_like(size))
        total = eigenvalues.sum()
        alignment = float(torch.sum(eigenvalues * along) / total) if total > 0 else None
        return {"eigenvalues": eigenvalues[:SHOWN].tolist(), "alignment": alignment}
