"""Positive pairs of Gaussian modes, and Adam on a loss of theirs: the opponent of InfoNCE's closed forms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np


def gaussian_pairs(rho: np.ndarray, n: int, seed: Any) -> tuple[np.ndarray, np.ndarray]:
    """Modes of n positive pairs, (n, m) each: standard normal, correlation rho_k across a pair."""
    x, noise = np.random.default_rng(seed).standard_normal((2, n, len(rho)))
    return x, rho * x + np.sqrt(1 - rho**2) * noise


def info_nce(scores: Any) -> Any:
    """InfoNCE of a square tensor of scores: anchors are rows, candidates columns, positives on the diagonal."""
    import torch

    return torch.nn.functional.cross_entropy(scores, torch.arange(len(scores), device=scores.device))


def adam_on_fresh_pairs(
    loss: Callable[..., Any],
    parameters: Sequence[np.ndarray],
    rho: np.ndarray,
    n_pairs: int,
    steps: int,
    rate: float = 0.05,
    seed: int = 0,
) -> tuple[list[np.ndarray], float]:
    """Minimise ``loss(x, x_plus, *parameters)`` on fresh pairs at every step, the rate falling along a cosine.

    Returns
    -------
    parameters : list of arrays
    value : float
        The mean loss on further pairs, as many as 20 steps take.
    """
    import torch

    free = [torch.tensor(start, requires_grad=True) for start in parameters]
    optimiser = torch.optim.Adam(free, lr=rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for step in range(steps):
        value = loss(*map(torch.as_tensor, gaussian_pairs(rho, n_pairs, (seed, step))), *free)
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
        schedule.step()
    with torch.no_grad():
        late = [
            float(loss(*map(torch.as_tensor, gaussian_pairs(rho, n_pairs, (seed, steps + more))), *free))
            for more in range(20)
        ]
    return [parameter.detach().numpy() for parameter in free], float(np.mean(late))
