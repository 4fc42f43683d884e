"""Linear networks that predict one view's output from the other's, without negatives: the dynamics, step by step.

What `DirectSet` says about the end of it is a formula; here is what it speaks about, to be integrated or trained. The
network has W = W_L ... W_1, views x and x+ have the second moment S and the cross moment C, the target is not
differentiated, the predictor is (F/|F|)^alpha + eps I, or the same with F itself, and every layer decays with eta.
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


SIZES: dict[str, Callable[[np.ndarray], Any]] = {
    "none": lambda values: 1.0,
    "spectral": np.max,
    "frobenius": np.linalg.norm,
}
"""What eigenvalues of F are divided by."""


def predictor(F: np.ndarray, alpha: float, eps: float, norm: str = "none") -> np.ndarray:
    """(F/|F|)^alpha + eps I of a symmetric positive semi-definite F (K, K)."""
    values, vectors = np.linalg.eigh(F)
    values = np.maximum(values, 0)
    return (vectors * (values / SIZES[norm](values)) ** alpha) @ vectors.T + eps * np.eye(len(F))


def rotation(rng: np.random.Generator, d: int) -> np.ndarray:
    """A random orthogonal (d, d) matrix."""
    return np.linalg.qr(rng.standard_normal((d, d)))[0]


@dataclass(frozen=True)
class LinearNetwork:
    """The flow and the stochastic descent of a loss between P W x and stop(W x+).

    Parameters
    ----------
    cross, second : (d, d)
        C and S.
    alpha, eps, weight_decay : float
    norm : "none", "spectral" or "frobenius", default "none"
        What F is divided by.
    criterion : "l2" or "cosine", default "l2"
        E|P W x - W x+|^2 / 2, or minus the cosine; in the flow with norms at their means, in the descent row by row.
    moment_of_weights : bool, default False
        F = W W^T in place of E[f f^T] = W S W^T.
    """

    cross: np.ndarray
    second: np.ndarray
    alpha: float
    eps: float
    weight_decay: float
    norm: str = "none"
    criterion: str = "l2"
    moment_of_weights: bool = False

    def end(self, layers: np.ndarray, time: float) -> np.ndarray:
        """(d, d) W^T W at the end of the flow from `layers` (L, d, d)."""
        W = product(end_of(self.rate, layers, time))
        return W.T @ W

    def end_of_shape(self, W: np.ndarray, time: float) -> tuple[np.ndarray, float]:
        """(d, d) W^T W over its norm at the end of the flow from W, for a normalised F; and d log|W| / dt there.

        W is held as its direction and the logarithm of its size, and so keeps its digits where it vanishes or explodes.
        """

        def rate(state: np.ndarray) -> np.ndarray:
            V = state[:-1].reshape(W.shape)
            V = V / np.linalg.norm(V)  # else rounding in its length would grow
            size = np.exp(state[-1]) if self.criterion == "cosine" else 1.0  # the L2 flow is proportional to it
            turn = self.rate(size * V[None])[0] / size
            along = np.sum(turn * V)
            return np.append(turn - along * V, along)

        size = np.linalg.norm(W)
        state = end_of(rate, np.append(W / size, np.log(size)), time)
        V = state[:-1].reshape(W.shape)
        F = V.T @ V
        return F / SIZES[self.norm](np.linalg.eigvalsh(F)), float(rate(state)[-1])

    def rate(self, layers: np.ndarray) -> np.ndarray:
        """dW_l/dt: minus the gradient of the expected loss, and weight decay."""
        W = product(layers)
        P = predictor(W @ W.T if self.moment_of_weights else W @ self.second @ W.T, self.alpha, self.eps, self.norm)
        Q, pull, size = P @ W, 1.0, 1.0
        if self.criterion == "cosine":
            length = np.sum(Q @ self.second * Q)
            pull = np.sum(Q @ self.cross * W) / length
            size = np.sqrt(length * np.sum(W @ self.second * W))
        ascent = P.T @ (W @ self.cross - pull * Q @ self.second) / size
        through = [product(layers[at + 1 :]).T @ ascent @ product(layers[:at]).T for at in range(len(layers))]
        return np.stack(through) - self.weight_decay * layers

    def descend(
        self,
        W: np.ndarray,
        draw: Callable[[], tuple[np.ndarray, np.ndarray]],
        lr: float,
        steps: int,
        averaging: float | None = None,
    ) -> np.ndarray:
        """(d, d) W^T W, or over its norm, the mean over the last half of so many steps of stochastic gradient descent.

        Parameters
        ----------
        draw : callable
            Gives the two views (n, d) of a new batch.
        averaging : float, optional
            mu of F <- mu F + (1 - mu) E_batch[f f^T], over both views; F = W S W^T by default.
        """
        slope = _cosine_slope if self.criterion == "cosine" else np.subtract
        F = W @ self.second @ W.T
        total = np.zeros_like(F)
        for step in range(steps):
            x, y = draw()
            f, g = x @ W.T, y @ W.T
            if averaging is None:
                F = W @ self.second @ W.T
            else:
                F = averaging * F + (1 - averaging) * (f.T @ f + g.T @ g) / (2 * len(x))
            P = predictor(F, self.alpha, self.eps, self.norm)
            gradient = P.T @ (slope(f @ P.T, g).T @ x + slope(g @ P.T, f).T @ y) / (2 * len(x))
            W = W - lr * (gradient + self.weight_decay * W)
            if self.criterion == "l2" and self.norm != "none":  # each step is proportional to W, which would vanish
                size = np.linalg.norm(W)
                W, F = W / size, F / size**2
            if 2 * step >= steps:
                moment = W.T @ W
                total += moment / SIZES[self.norm](np.linalg.eigvalsh(moment))
        return total / (steps - (steps + 1) // 2)


def _cosine_slope(predicted: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Gradient of minus the cosine in the prediction, row by row."""
    length = np.linalg.norm(predicted, axis=1, keepdims=True)
    q, t = predicted / length, target / np.linalg.norm(target, axis=1, keepdims=True)
    return (np.sum(q * t, axis=1, keepdims=True) * q - t) / length


def modes_end(net: LinearNetwork, start: np.ndarray, time: float) -> np.ndarray:
    """F per mode, or over its norm, at the end of the flow of a diagonal W (many modes) with diagonal C and S = I."""
    rho = np.diag(net.cross)

    def shape(log: np.ndarray) -> tuple[np.ndarray, float]:
        """F over a square, and this square: the largest entry wherever F is normalised."""
        most = float(np.max(log)) if net.norm != "none" else 0.0
        return np.exp(2 * (log - most)), np.exp(2 * most) if net.criterion == "cosine" else 1.0

    def rate(log: np.ndarray) -> np.ndarray:
        F, square = shape(log)
        p = (F / SIZES[net.norm](F)) ** net.alpha + net.eps
        if net.criterion == "l2":
            return p * (rho - p) - net.weight_decay
        length = np.sum(p * p * F)
        pull = np.sum(p * rho * F) / length
        return p * (rho - pull * p) / (square * np.sqrt(length * np.sum(F))) - net.weight_decay

    uncoupled = net.norm == "none" and net.criterion == "l2"
    F, _ = shape(end_of(rate, np.log(start), time, uncoupled))
    return F / SIZES[net.norm](F)


def adrift(rho: np.ndarray, alpha: float, eps: float, norm: str) -> tuple[np.ndarray, float]:
    """Shape F/|F| of the L2 loss with a normalised F, and the rate r at which log|W| grows before weight decay.

    w' = w (p rho - p^2 - eta) has no equation for the size of w. A shape that stays has one rate r for all living
    modes: p is the larger root of p^2 - rho p + r = 0, the law of the unnormalised model with r in the place of eta,
    and r is what makes |F/|F|| one. eta does not change the shape. With the spectral norm r = (1 + eps)(rho_1 - 1 -
    eps) <= -eps (1 + eps) <= 0: no mode dies, and weights vanish. With the Frobenius norm |F/|F|| may jump over one
    at an r = rho_k^2 / 4 (eps < rho_k / 2); then there is no such shape, and what is given has another norm.

    Parameters
    ----------
    rho : (d,)
        Descending.
    """

    def shape(r: float) -> np.ndarray:
        p = (rho + np.sqrt(np.maximum(rho**2 - 4 * r, 0))) / 2
        return np.where(rho**2 > 4 * r, np.maximum(p - eps, 0), 0.0) ** (1 / alpha)

    low = (1 + eps) * (rho[0] - 1 - eps)
    if norm == "spectral":
        return shape(low), low
    r = brentq(lambda r: np.sum(shape(r) ** 2) - 1, low, rho[0] ** 2 / 4, xtol=1e-15)
    return shape(r), float(r)


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
