"""Gradient descent on the loss of actual rows: what closed forms have to stand up to.

Nothing here knows of a spectrum. A class of functions is a table of columns that span it; a map is found from random
starts, by L-BFGS on the objective's own loss.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from eigenpairs.objective import Objective
from eigenpairs.relation import Relation


@dataclass(frozen=True)
class Found:
    """The lowest loss of several descents, and the rows Z (n, K) that have it."""

    loss: float
    Z: np.ndarray


def descend(
    objective: Objective,
    columns: np.ndarray,
    relation: Relation,
    width: int,
    starts: int = 2,
    rounds: int = 3,
    max_iter: int = 1000,
    seed: int = 0,
) -> Found:
    """The smallest loss of Z = columns @ W over maps W, by L-BFGS with the gradients of torch.

    Parameters
    ----------
    columns : (n, D)
        They span the class; the identity is the free class. A column of ones makes the maps affine.
    rounds : int
        How often each descent is taken up again with a fresh memory: at a kink L-BFGS stops early.
    """
    import torch
    from scipy.optimize import minimize

    table = torch.as_tensor(columns)
    rng = np.random.default_rng(seed)
    scale = 1 / np.sqrt(columns.shape[1] * np.mean(columns**2))  # rows of about unit size

    def value(flat: np.ndarray) -> tuple[float, np.ndarray]:
        W = torch.tensor(flat.reshape(columns.shape[1], width), requires_grad=True)
        loss = objective.loss(table @ W, relation)
        return float(loss.detach()), torch.autograd.grad(loss, W)[0].numpy().ravel()

    options = {"maxiter": max_iter, "maxfun": 2 * max_iter, "ftol": 1e-15, "gtol": 1e-9, "maxcor": 20}
    best = None
    for _ in range(starts):
        flat = scale * rng.standard_normal(columns.shape[1] * width)
        for _ in range(rounds):
            end = minimize(value, flat, jac=True, method="L-BFGS-B", options=options)
            flat = end.x
        if best is None or end.fun < best.fun:
            best = end
    return Found(float(best.fun), columns @ best.x.reshape(columns.shape[1], width))
