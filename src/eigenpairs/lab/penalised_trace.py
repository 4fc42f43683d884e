"""Losses as prices: each takes the trace of M = Y^T W Y and charges for what S = Y^T Y is, in place of S = I.

Rows Y are those of an embedding times the root of their marginal, so that S is its covariance, M its cross-covariance
over pairs, and W the pair operator. A price gives its value and its derivatives in S and M.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize

Price = Callable[[np.ndarray, np.ndarray], tuple[float, np.ndarray, np.ndarray]]


def vicreg(weight: float) -> Price:
    """2 tr(S - M) + weight |I - S|^2: least squares."""

    def price(S: np.ndarray, M: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        eye = np.eye(len(S))
        value = 2 * np.trace(S - M) + weight * np.sum((S - eye) ** 2)
        return float(value), 2 * eye + 2 * weight * (S - eye), -2 * eye

    return price


def vicreg_as_practised(invariance: float, variance: float, covariance: float) -> Price:
    """[2 s tr(S - M) + m sum_k (1 - sqrt(S_kk + 1e-4))_+ + 2 n sum_(k != l) S_kl^2] / K."""

    def price(S: np.ndarray, M: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        K, deviation = len(S), np.sqrt(np.diag(S) + 1e-4)
        off = S - np.diag(np.diag(S))
        value = 2 * invariance * np.trace(S - M) + variance * np.sum(np.maximum(1 - deviation, 0))
        slope = 2 * invariance - variance * (deviation < 1) / (2 * deviation)
        inner = np.diag(slope) + 4 * covariance * off
        return float(value + 2 * covariance * np.sum(off**2)) / K, inner / K, -2 * invariance / K * np.eye(K)

    return price


def spectral_contrastive(S: np.ndarray, M: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """-2 tr M + |S|^2."""
    return float(np.sum(S**2) - 2 * np.trace(M)), 2 * S, -2 * np.eye(len(S))


def whitening(S: np.ndarray, M: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """2 K - 2 tr(S^-1 M): the trace over orthonormal columns itself, whatever Y spans them."""
    inverse = np.linalg.inv(S)
    return float(2 * len(S) - 2 * np.sum(inverse * M)), 2 * inverse @ M @ inverse, -2 * inverse


def log_det(invariance: float, eps: float) -> Price:
    """2 g tr(S - M) - log det(S + e I): a barrier."""

    def price(S: np.ndarray, M: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        eye = np.eye(len(S))
        value = 2 * invariance * np.trace(S - M) - np.linalg.slogdet(S + eps * eye)[1]
        return float(value), 2 * invariance * eye - np.linalg.inv(S + eps * eye), -2 * invariance * eye

    return price


def barlow_twins(redundancy: float) -> Price:
    """K - 2 tr C + (1 - lam) sum C_kk^2 + lam |C|^2, C = M for columns of unit length: S_kk = 1 is the constraint."""

    def price(S: np.ndarray, M: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        scale = 1 / np.sqrt(np.diag(S))
        C = scale[:, None] * M * scale
        own = np.diag(np.diag(C))
        value = len(C) - 2 * np.trace(C) + (1 - redundancy) * np.sum(own**2) + redundancy * np.sum(C**2)
        slope = -2 * np.eye(len(C)) + 2 * (1 - redundancy) * own + 2 * redundancy * C
        return float(value), -np.diag(np.sum(slope * C, axis=1) * scale**2), scale[:, None] * slope * scale

    return price


def charged(price: Price, W: np.ndarray, Y: np.ndarray) -> tuple[float, np.ndarray]:
    """Value and gradient at rows Y (n, K)."""
    WY = W @ Y
    value, in_S, in_M = price(Y.T @ Y, Y.T @ WY)
    return value, 2 * (Y @ in_S + WY @ in_M)


def minimised(price: Price, W: np.ndarray, columns: int, seed: int) -> np.ndarray:
    """(len(W), columns) the minimiser, by L-BFGS from random rows."""
    shape = (len(W), columns)

    def flat(y: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = charged(price, W, y.reshape(shape))
        return value, gradient.ravel()

    start = np.random.default_rng(seed).standard_normal(shape) / np.sqrt(len(W))
    options = {"maxiter": 5000, "maxfun": 20_000, "ftol": 1e-15, "gtol": 1e-8}
    return minimize(flat, start.ravel(), jac=True, method="L-BFGS-B", options=options).x.reshape(shape)
