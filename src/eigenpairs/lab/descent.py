"""Training by descent on a loss as it is computed on rows: what closed forms are compared with.

Nothing here knows of modes, gains or optima: L-BFGS from random maps, gradients by torch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from eigenpairs.objective import Objective
from eigenpairs.relation import Relation

VISIBLE = 1e-3
"""A direction counts towards the rank if its singular value's square is at least this share of the largest's."""


@dataclass(frozen=True, eq=False)
class Trained:
    """The best end of several descents: its rows Z (n, K), its loss, and the losses of all."""

    Z: np.ndarray
    loss: float
    losses: np.ndarray

    @property
    def rank(self) -> int:
        """Directions of Z that are not negligible, its mean removed."""
        return visible_rank(self.Z - self.Z.mean(axis=0))


def visible_rank(Z: np.ndarray, share: float = VISIBLE) -> int:
    """Number of singular values of Z whose squares exceed a share of the largest's; 0 for a Z that is zero."""
    energy = np.linalg.svd(Z, compute_uv=False) ** 2
    return int(np.count_nonzero(energy > max(share * energy[0], 1e-12)))


def train(
    objective: Objective,
    X: np.ndarray,
    relation: Relation,
    width: int,
    starts: int = 4,
    seed: int = 0,
    of_rows: Callable[[Any], Any] | None = None,
    max_iter: int = 3000,
) -> Trained:
    """Minimise the loss of rows X W over W (D, width) by L-BFGS in float64, from random starts.

    Parameters
    ----------
    objective : Objective
    X : (n, D)
        Rows; the identity trains every row of Z freely.
    relation : Relation
    width : int
        Number K of output columns.
    starts : int, default 4
    seed : int, default 0
    of_rows : callable, optional
        Applied to Z (a torch tensor) before the loss, such as `unit_variance`: a constraint on the rows.
    max_iter : int, default 3000
    """
    import torch
    from scipy.optimize import minimize

    rows = torch.as_tensor(np.ascontiguousarray(X, dtype=np.float64))
    shape = (X.shape[1], width)

    def embedded(W: Any) -> Any:
        Z = rows @ W
        return Z if of_rows is None else of_rows(Z)

    def value_and_gradient(flat: np.ndarray) -> tuple[float, np.ndarray]:
        W = torch.tensor(flat.reshape(shape), requires_grad=True)
        loss = objective.loss(embedded(W), relation)
        (gradient,) = torch.autograd.grad(loss, W)
        return float(loss.detach()), gradient.numpy().ravel()

    rng = np.random.default_rng(seed)
    options = {"maxiter": max_iter, "maxfun": 2 * max_iter, "maxcor": 20, "ftol": 1e-15, "gtol": 1e-9}
    ends = []
    for _ in range(starts):
        W = rng.standard_normal(shape) * np.sqrt(len(X) / shape[0]) / np.linalg.norm(X, axis=0).mean()
        found = minimize(value_and_gradient, W.ravel(), jac=True, method="L-BFGS-B", options=options)
        ends.append((float(found.fun), found.x))
    loss, best = min(ends, key=lambda end: end[0])
    Z = embedded(torch.as_tensor(best.reshape(shape))).numpy()
    return Trained(Z, loss, np.array([end[0] for end in ends]))


def unit_variance(Z: Any, variance: float = 1.0) -> Any:
    """Columns of a tensor Z (n, K), centred and scaled to one variance."""
    centred = Z - Z.mean(0)
    return centred * (variance**0.5 / centred.pow(2).mean(0).sqrt())
