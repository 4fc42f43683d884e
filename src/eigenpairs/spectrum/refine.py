"""Numeric optima on actual rows, where a closed form is only a reference: Riemannian conjugate gradients.

A loss that ignores the scale of z lives on a sphere: the gradient is tangent to it, steps are taken along tangents and
pulled back by normalising. Other losses are minimised in flat space by the same code.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from eigenpairs.objective import Objective
from eigenpairs.relation import Relation

ValueAndGradient = Callable[[np.ndarray], tuple[float, np.ndarray]]


@dataclass(frozen=True)
class Descent:
    """Where a descent ended: the point, its value, the steps taken, and whether it converged."""

    point: np.ndarray
    value: float
    steps: int
    converged: bool


def minimise_on_rows(
    objective: Objective, phi: np.ndarray, relation: Relation, A: np.ndarray, over: str, max_iter: int, tol: float
) -> tuple[Descent, float]:
    """The map (m, K) with the smallest loss on rows of modes phi (n, m), from the map A on; and the loss of A itself.

    over="gains" changes the energies of the rows of A that are not zero, over="map" everything.
    """
    try:
        import torch
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "refined needs torch for gradients; install it with: pip install 'eigenpairs[deep]' (or pip install torch)"
        ) from None
    rows = torch.as_tensor(phi)
    if over == "gains":
        energy = np.linalg.norm(A, axis=1, keepdims=True)
        start, frame = energy, torch.as_tensor(np.divide(A, energy, out=np.zeros_like(A), where=energy > 0))
    else:
        start, frame = A, torch.ones(1, dtype=torch.float64)

    def value_and_gradient(point: np.ndarray) -> tuple[float, np.ndarray]:
        parameter = torch.tensor(point, requires_grad=True)
        loss = objective.loss(rows @ (parameter * frame), relation)
        (gradient,) = torch.autograd.grad(loss, parameter)
        return float(loss.detach()), gradient.numpy()

    first = value_and_gradient(start)[0]
    if not np.isfinite(first):
        raise ValueError(f"{objective!r} has no finite loss on these rows, so there is nothing to minimise")
    found = conjugate_gradients(value_and_gradient, start, objective.scale_free, max_iter, tol)
    point = found.point * frame.numpy()
    return Descent(point, found.value, found.steps, found.converged), first


def conjugate_gradients(
    value_and_gradient: ValueAndGradient, start: np.ndarray, on_sphere: bool, max_iter: int, tol: float
) -> Descent:
    """Polak-Ribiere+ with backtracking (Absil, Mahony & Sepulchre 2008, section 8.3).

    Converged: the gradient's norm times the point's is below `tol` times the value's size (both scale with the loss).
    """
    radius = float(np.linalg.norm(start))
    if on_sphere and radius == 0:
        raise ValueError("the descent starts at zero, where a loss of the direction alone is undefined")

    def tangent(x: np.ndarray, v: np.ndarray) -> np.ndarray:
        return v - x * (np.sum(x * v) / radius**2) if on_sphere else v

    def moved(x: np.ndarray, v: np.ndarray) -> np.ndarray:
        return (x + v) * (radius / np.linalg.norm(x + v)) if on_sphere else x + v

    def searched(direction: np.ndarray) -> tuple[np.ndarray, float, np.ndarray, float] | None:
        """A point further down along a direction, its value, its gradient and the step; None if there is none."""
        slope, size = float(np.sum(gradient * direction)), step
        while size * -slope >= 1e-16 * max(1.0, abs(value)):  # less is hidden by rounding
            new = moved(x, size * direction)
            new_value, new_raw = value_and_gradient(new)
            if new_value <= value + 1e-4 * size * slope:
                return new, new_value, new_raw, size
            size /= 3
        return None

    x, (value, raw) = start, value_and_gradient(start)
    gradient = tangent(x, raw)
    direction, step = -gradient, 0.1 * radius / max(float(np.linalg.norm(gradient)), 1e-300)
    for count in range(max_iter):
        size = float(np.linalg.norm(gradient))
        if size * np.linalg.norm(x) <= tol * max(1.0, abs(value)):
            return Descent(x, value, count, True)
        found = searched(direction)
        if found is None:  # start over
            direction = -gradient
            found = searched(direction)
        if found is None:
            return Descent(x, value, count, False)
        x, value, raw, step = found[0], found[1], found[2], 2 * found[3]
        old, gradient = tangent(x, gradient), tangent(x, raw)
        beta = max(0.0, float(np.sum(gradient * (gradient - old))) / max(size**2, 1e-300))
        direction = -gradient + beta * tangent(x, direction)
    return Descent(x, value, max_iter, False)
