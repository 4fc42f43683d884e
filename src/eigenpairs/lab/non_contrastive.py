"""Linear networks that predict one view's output from the other's, without negatives: the dynamics, step by step.

What `DirectSet` says about the end of it is a formula; here is what it speaks about, to be integrated or trained. The
network has W = W_L ... W_1, views x and x+ have the second moment S and the cross moment C, the target is not
differentiated, the predictor is F^alpha + eps I, and every layer decays with eta.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import brentq, minimize_scalar


def end_of(rate: Callable[[np.ndarray], np.ndarray], start: Any, time: float, uncoupled: bool = False) -> np.ndarray:
    """Where x' = rate(x) goes from `start` (any shape), by LSODA with a relative tolerance of 1e-9.

    Parameters
    ----------
    uncoupled : bool, default False
        Whether no entry's rate depends on another entry, which saves most of the work.
    """
    start = np.asarray(start, dtype=np.float64)
    band: dict[str, Any] = {"lband": 0, "uband": 0} if uncoupled else {}

    def flat(_: float, x: np.ndarray) -> np.ndarray:
        return np.ravel(rate(x.reshape(start.shape)))

    found = solve_ivp(flat, (0.0, time), start.ravel(), "LSODA", [time], rtol=1e-9, atol=1e-12, **band)
    if not found.success:
        raise RuntimeError(f"the flow cannot be integrated to time {time:g}: {found.message}")
    return found.y[:, -1].reshape(start.shape)


def predictor(F: np.ndarray, alpha: float, eps: float) -> np.ndarray:
    """F^alpha + eps I of a symmetric positive semi-definite F (K, K)."""
    values, vectors = np.linalg.eigh(F)
    return (vectors * np.maximum(values, 0) ** alpha) @ vectors.T + eps * np.eye(len(F))


def rotation(rng: np.random.Generator, d: int) -> np.ndarray:
    """A random orthogonal (d, d) matrix."""
    return np.linalg.qr(rng.standard_normal((d, d)))[0]


@dataclass(frozen=True)
class LinearNetwork:
    """The flow and the stochastic descent of E|P W x - stop(W x+)|^2 / 2, unnormalised.

    Parameters
    ----------
    cross, second : (d, d)
        C and S.
    alpha, eps, weight_decay : float
    moment_of_weights : bool, default False
        F = W W^T in place of E[f f^T] = W S W^T.
    """

    cross: np.ndarray
    second: np.ndarray
    alpha: float
    eps: float
    weight_decay: float
    moment_of_weights: bool = False

    def end(self, layers: np.ndarray, time: float) -> np.ndarray:
        """(d, d) W^T W at the end of the flow from `layers` (L, d, d)."""
        W = product(end_of(self.rate, layers, time))
        return W.T @ W

    def rate(self, layers: np.ndarray) -> np.ndarray:
        """dW_l/dt: minus the gradient of the expected loss, and weight decay."""
        W = product(layers)
        P = predictor(W @ W.T if self.moment_of_weights else W @ self.second @ W.T, self.alpha, self.eps)
        ascent = P.T @ (W @ self.cross - P @ W @ self.second)
        through = [product(layers[at + 1 :]).T @ ascent @ product(layers[:at]).T for at in range(len(layers))]
        return np.stack(through) - self.weight_decay * layers

    def descend(
        self, W: np.ndarray, draw: Callable[[], tuple[np.ndarray, np.ndarray]], lr: float, steps: int, averaging: float
    ) -> np.ndarray:
        """(d, d) W^T W, the mean over the last half of so many steps of stochastic gradient descent on batches.

        Parameters
        ----------
        draw : callable
            Gives the two views (n, d) of a new batch.
        averaging : float
            mu of F <- mu F + (1 - mu) E_batch[f f^T], over both views.
        """
        F = W @ self.second @ W.T
        total = np.zeros_like(F)
        for step in range(steps):
            x, y = draw()
            f, g = x @ W.T, y @ W.T
            F = averaging * F + (1 - averaging) * (f.T @ f + g.T @ g) / (2 * len(x))
            P = predictor(F, self.alpha, self.eps)
            gradient = P.T @ ((f @ P.T - g).T @ x + (g @ P.T - f).T @ y) / (2 * len(x))
            W = W - lr * (gradient + self.weight_decay * W)
            if 2 * step >= steps:
                total += W.T @ W
        return total / (steps - (steps + 1) // 2)


def deep_limit(rho: float, alpha: float, eps: float, weight_decay: float, layers: int) -> float:
    """Where F ends in a direction: the largest root p of (p - eps)^k p (rho - p) = eta, k = (L-1)/(L alpha), or zero.

    With balanced layers u, F = u^(2L) and u' = u^(2L-1) p (rho - p) - eta u. The left side has one maximum, its
    logarithm being concave; the root beyond it is stable. One layer has k = 0, the law of `DirectSet`.
    """
    power = (layers - 1) / (layers * alpha)
    if rho <= eps:
        return 0.0

    def excess(p: float) -> float:
        return float((p - eps) ** power * p * (rho - p) - weight_decay)

    top = minimize_scalar(lambda p: -excess(p), bounds=(eps, rho), method="bounded", options={"xatol": 1e-12}).x
    return float((brentq(excess, top, rho, xtol=1e-15) - eps) ** (1 / alpha)) if excess(top) > 0 else 0.0


def product(layers: np.ndarray) -> np.ndarray:
    """W_L ... W_1 of (L, d, d); the identity for no layer."""
    W = np.eye(layers.shape[-1])
    for layer in layers:
        W = layer @ W
    return W
