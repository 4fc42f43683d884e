"""The network that is trained: inputs in units of the training data, an encoder, a projector."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

MEASURED = 4096
"""Samples whose mean and spread stand for those of all."""


class Units(nn.Module):
    """Inputs in units of the training data: uint8 images as floats in [0, 1], then (x - mean) / spread.

    Mean and spread are per channel for images and series, per column for rows; they are saved with the weights, so that
    new data need no preparation. A constant channel is only centred.
    """

    mean: Tensor
    spread: Tensor

    def __init__(self, mean: Tensor, spread: Tensor):
        super().__init__()
        self.register_buffer("mean", mean.float())
        self.register_buffer("spread", spread.float())

    @classmethod
    def of(cls, samples: Any, seed: int = 0) -> Units:
        """Measured on at most 4,096 samples drawn at random."""
        n = len(samples)
        rows = np.sort(np.random.default_rng(seed).permutation(n)[:MEASURED])
        x = as_floats(samples.take(rows, "cpu")).double()
        axes = (0, *range(2, x.ndim))
        mean, spread = x.mean(dim=axes), x.var(dim=axes, correction=0).sqrt()
        constant = spread <= 2 * torch.finfo(torch.float32).eps * mean.abs().clamp_min(1e-30)
        shape = (-1, *[1] * (x.ndim - 2))
        return cls(mean.reshape(shape), torch.where(constant, torch.ones_like(spread), spread).reshape(shape))

    def forward(self, x: Tensor) -> Tensor:
        return (as_floats(x) - self.mean) / self.spread

    def back(self, x: Tensor) -> Tensor:
        """The inverse: from these units to those of the data."""
        return x * self.spread + self.mean


def as_floats(x: Tensor) -> Tensor:
    """uint8 images as float32 in [0, 1]; anything else as float32."""
    return x.float() / 255 if x.dtype == torch.uint8 else x.float()


class Network(nn.Module):
    """``network(x)`` gives features H (n, n_features) of the encoder and projections Z (n, K) of them."""

    def __init__(self, units: nn.Module, encoder: nn.Module, projector: nn.Module):
        super().__init__()
        self.units, self.encoder, self.projector = units, encoder, projector

    def encode(self, x: Tensor) -> Tensor:
        """(n, n_features) of inputs in the units of the data."""
        return self.encoder(self.units(x))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        H = self.encode(x)
        return H, self.projector(H)


class Encode(nn.Module):
    """The features of a network alone, as a module."""

    def __init__(self, network: Network):
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        return self.network.encode(x)


class Project(Encode):
    """The projections of a network alone, as a module."""

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x)[1]
