"""Descent on the population loss itself, for small widths where no closed form reaches the bound."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

POLISH_UP_TO = 16
"""Widths above this are left to the closed-form candidates: descent would take seconds, and gain little."""

LossAndGradient = Callable[[np.ndarray, np.ndarray], tuple[float, np.ndarray]]


def polish(
    A: np.ndarray, rho: np.ndarray, loss_and_gradient: LossAndGradient, starts: int = 12
) -> tuple[np.ndarray, float]:
    """The best map found by L-BFGS from A and from random maps, and its loss.

    Parameters
    ----------
    A : (m, K) start
    rho : (n_modes,) all modes known; the first K are used
    loss_and_gradient : (A, rho) -> loss, (m, K) gradient
    """
    from scipy.optimize import minimize

    K = A.shape[1]
    used = rho[:K]
    first = np.zeros((len(used), K))
    first[: len(A)] = A
    decay = np.exp(-np.arange(len(used)) / K)[:, None]
    rng = np.random.default_rng(0)

    def descend(start: np.ndarray) -> tuple[float, np.ndarray]:
        def flat(x: np.ndarray) -> tuple[float, np.ndarray]:
            loss, gradient = loss_and_gradient(x.reshape(first.shape), used)
            return loss, gradient.ravel()

        options = {"maxiter": 2000, "ftol": 1e-15, "gtol": 1e-11}
        found = minimize(flat, start.ravel(), jac=True, method="L-BFGS-B", options=options)
        return float(found.fun), found.x.reshape(first.shape)

    tries = [descend(first), descend(first + 0.05 * rng.standard_normal(first.shape))]
    tries += [descend(decay * rng.standard_normal(first.shape)) for _ in range(starts - 2)]
    loss, best = min(tries, key=lambda found: found[0])
    return best, loss


def cross_correlation_loss(lam: float) -> LossAndGradient:
    """Barlow Twins: sum (1 - C_kk)^2 + lam sum off^2 with standardised columns."""

    def loss_and_gradient(A: np.ndarray, rho: np.ndarray) -> tuple[float, np.ndarray]:
        norm = np.maximum(np.linalg.norm(A, axis=0), 1e-150)
        U = A / norm
        RU = rho[:, None] * U
        C = U.T @ RU
        kept = np.diag(C).copy()
        half = lam * C  # half of dLoss/dC
        np.fill_diagonal(half, kept - 1)
        loss = np.sum((1 - kept) ** 2) + lam * (np.sum(C**2) - np.sum(kept**2))
        slope = 4 * RU @ half
        return float(loss), (slope - U * np.sum(U * slope, axis=0)) / norm

    return loss_and_gradient


def std_hinge_loss(invariance: float, variance: float, covariance: float, eps: float) -> LossAndGradient:
    """VICReg as practised."""

    def loss_and_gradient(A: np.ndarray, rho: np.ndarray) -> tuple[float, np.ndarray]:
        K = A.shape[1]
        cost = 2 * invariance * (1 - rho)[:, None]
        C = A.T @ A
        std = np.sqrt(np.diag(C) + eps)
        np.fill_diagonal(C, 0.0)
        loss = np.sum(cost * A**2) + variance * np.maximum(1 - std, 0).sum() + 2 * covariance * np.sum(C**2)
        pull = np.where(std < 1, variance / std, 0.0)
        return float(loss) / K, (2 * cost * A - A * pull + 8 * covariance * A @ C) / K

    return loss_and_gradient
