"""Two hidden features and one layer: nonlinear self-supervised learning that can be followed to its minimum.

x = y e1 + tau s e2 + noise xi with independent signs y, s; f = act(W x), W (2, d). Gradients on samples are by hand;
the population loss is by Gauss-Hermite quadrature, differentiated in torch: neither knows of the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

ACTIVATIONS = ("tanh", "sigmoid", "relu")
STARTS = ("near", "small", "one")


def activated(u: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray]:
    """act(u) and its derivative."""
    if name == "tanh":
        value = np.tanh(u)
        return value, 1 - value**2
    if name == "sigmoid":
        value = 0.5 * (1 + np.tanh(u / 2))
        return value, value * (1 - value)
    return np.maximum(u, 0.0), (u > 0).astype(float)


@dataclass(frozen=True)
class TwoFeatures:
    """Runs of the model side by side; `tau` and `noise` may be vectors, one entry per run.

    Parameters
    ----------
    tau, noise : float or (runs,)
    d, n : int, columns and rows of a sample
    penalty : float, lam of (lam/2) |W W^T|^2
    seeds : sequence of int, one per run
    """

    tau: Any
    noise: Any
    d: int
    n: int
    penalty: float
    seeds: tuple[int, ...]

    def _per_run(self, value: Any) -> np.ndarray:
        return np.broadcast_to(np.asarray(value, dtype=np.float64), (len(self.seeds),))[:, None]

    def sample(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rows x (runs, n, d) and their signs y, s (runs, n)."""
        draws = []
        for seed in self.seeds:
            rng = np.random.default_rng((seed, self.d))
            draws.append((*rng.choice([-1.0, 1.0], (2, self.n)), rng.standard_normal((self.n, self.d))))
        y, s, xi = (np.array(part) for part in zip(*draws))
        x = self._per_run(self.noise)[..., None] * xi
        x[..., 0] += y
        x[..., 1] += self._per_run(self.tau) * s
        return x, y, s

    def start(self, kind: str) -> np.ndarray:
        """(runs, 2, d): rows near e1/2 and e2/2 ("near"), both near e1/2 ("one"), or small and random ("small")."""
        W = np.array([np.random.default_rng((seed, self.d, 1)).standard_normal((2, self.d)) for seed in self.seeds])
        if kind == "small":
            return 0.1 * W
        return 0.05 * W + 0.5 * np.eye(2, self.d)[[0, 1] if kind == "near" else [0, 0]]

    def self_supervised(
        self, W: np.ndarray, act: str, rate: float, steps: int, every: int = 0
    ) -> tuple[np.ndarray, list]:
        """W after gradient descent on -E[f(x + noise a) . f(x + noise b)] + (lam/2)|W W^T|^2, fresh a, b at every step.

        Also W as it was at every `every`-th step.
        """
        x = self.sample()[0]
        rng, noise, path = np.random.default_rng(self.seeds), self._per_run(self.noise)[..., None], []
        for step in range(steps):
            if every and step % every == 0:
                path.append(W)
            view_a, view_b = (x + noise * rng.standard_normal(x.shape) for _ in range(2))
            (f_a, slope_a), (f_b, slope_b) = (activated(view @ W.mT, act) for view in (view_a, view_b))
            pull = ((slope_a * f_b).mT @ view_a + (slope_b * f_a).mT @ view_b) / self.n
            W = W - rate * (2 * self.penalty * (W @ W.mT) @ W - pull)
        return W, path

    def supervised(
        self, W: np.ndarray, act: str, rate: float, steps: int, decay: float, every: int = 0
    ) -> tuple[np.ndarray, list]:
        """W after gradient descent on the logistic loss of v . act(W x) for y, weight decay on W and v."""
        x, y, _ = self.sample()
        v, path = np.full((len(x), 2, 1), 0.5), []
        for step in range(steps):
            if every and step % every == 0:
                path.append(W)
            f, slope = activated(x @ W.mT, act)
            pull = (-y / (1 + np.exp(y * (f @ v)[..., 0])) / self.n)[..., None]
            W, v = (
                W - rate * ((pull * slope * v.mT).mT @ x + decay * W),
                v - rate * (f.mT @ pull + decay * v),
            )
        return W, path


def projections(W: np.ndarray) -> np.ndarray:
    """(..., 2) length of the projections of e1 and e2 on the span of the rows of W (..., 2, d)."""
    rows = np.linalg.svd(W, full_matrices=False)[2]
    return np.linalg.norm(rows[..., :2], axis=-2)


def learns_both(W: np.ndarray) -> np.ndarray:
    """(...) whether e1 and e2 lie in the span of the rows, and neither with a negligible weight."""
    size = np.linalg.norm(W[..., :2], axis=-2)
    return (projections(W).min(axis=-1) > 0.9) & (size.min(axis=-1) > 0.3 * size.max(axis=-1))


def population_loss(W: Any, tau: float, noise: float, penalty: float, act: str) -> Any:
    """The loss of a torch tensor W (2, d), expectation over signs, noise and views by quadrature.

    Given x, both views are independent: the first term is -sum_k E[g_k(x)^2], g_k = E[act(w_k . x + noise |w_k| a)].
    """
    import torch

    at, weight = (torch.as_tensor(part) for part in np.polynomial.hermite_e.hermegauss(24))
    weight = weight / weight.sum()
    spread = noise * torch.sqrt((W * W).sum(dim=1) + 1e-30)
    signs = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]], dtype=torch.float64)
    centre = W[:, :1] * signs[:, 0] + tau * W[:, 1:2] * signs[:, 1]
    u = centre[..., None] + spread[:, None, None] * at
    if act == "relu":  # a kink spoils quadrature; E relu(u + s a) is known
        s = spread[:, None, None]
        g = u * torch.special.ndtr(u / s) + s * torch.exp(-((u / s) ** 2) / 2) / np.sqrt(2 * np.pi)
    else:
        function = torch.tanh if act == "tanh" else torch.sigmoid
        g = (function(u[..., None] + spread[:, None, None, None] * at) * weight).sum(dim=-1)
    gram = W @ W.T
    return penalty / 2 * (gram * gram).sum() - ((g * g) * weight).sum(dim=-1).mean(dim=-1).sum()


def population_losses(limits: np.ndarray, tau: float, noise: float, penalty: float, act: str) -> np.ndarray:
    """The population loss of each W of `limits` (runs, 2, d)."""
    import torch

    return np.array([float(population_loss(torch.as_tensor(W), tau, noise, penalty, act)) for W in limits])


def gradient_covariance(W: np.ndarray, tau: float, noise: float, act: str, n: int = 40_000) -> np.ndarray:
    """(2d, 2d) covariance over rows x of the gradient of a row's loss at W (2, d), its views averaged out.

    The cross moment of two independent pairs of views leaves out what views alone add. By sampling, without torch.
    """
    x = TwoFeatures(tau, noise, W.shape[1], n, 0.0, (0,)).sample()[0][0]
    rng, gradients = np.random.default_rng(1), []
    for _ in range(2):
        view_a, view_b = (x + noise * rng.standard_normal(x.shape) for _ in range(2))
        (f_a, slope_a), (f_b, slope_b) = (activated(view @ W.T, act) for view in (view_a, view_b))
        rows = (slope_a * f_b)[..., None] * view_a[:, None] + (slope_b * f_a)[..., None] * view_b[:, None]
        gradients.append(rows.reshape(n, -1) - rows.reshape(n, -1).mean(axis=0))
    moment = gradients[0].T @ gradients[1] / n
    return (moment + moment.T) / 2


@dataclass(frozen=True)
class Stationary:
    """Where Newton ended: W (2, d), its loss, the gradient's norm and the Hessian (2d, 2d)."""

    W: np.ndarray
    loss: float
    gradient: float
    hessian: np.ndarray

    def least_curvature(self, but: np.ndarray | None = None) -> float:
        """The smallest eigenvalue of the Hessian, in the complement of a direction `but` (2, d)."""
        return float(np.linalg.eigvalsh(self._stiff_along(but))[0])

    def excess_at_most(
        self, covariance: np.ndarray, n: int, runs: int, but: np.ndarray | None = None, level: float = 1e-3
    ) -> float:
        """How far above this loss that of `runs` minima on n rows each is, in the mean, but for a chance of `level`.

        To first order a minimum on n rows lies H^-1 g / sqrt(n) from here, g normal with the `covariance` S (2d, 2d) of
        a row's gradient, and loses g^T H^-1 g / 2n: a sum of lam_i z_i^2, z normal, lam the eigenvalues of H^-1 S / 2n.
        Laurent & Massart 2000, lemma 1, bound its upper tail. A direction `but` is left out; 0 if H is not positive.
        """
        from scipy.linalg import eigh

        if self.least_curvature(but) <= 0:
            return 0.0
        lam = np.maximum(eigh(covariance, self._stiff_along(but), eigvals_only=True), 0.0) / (2 * n)
        x = -np.log(level) / runs
        return float(lam.sum() + 2 * np.sqrt(np.sum(lam**2) * x) + 2 * lam[-1] * x)

    def leak(self, covariance: np.ndarray, n: int) -> float:
        """Energy of a minimum's rows on a direction of noise over that on e1 and e2, n rows, to first order; d = 3.

        As no direction of noise differs from another, one stands for all: d - 2 of them have d - 2 times as much.
        """
        H, S = (part.reshape(2, 3, 2, 3)[:, 2, :, 2] for part in (self.hessian, covariance))
        return float(np.mean(np.diag(np.linalg.solve(H, np.linalg.solve(H, S).T)) / np.sum(self.W**2, axis=1)) / n)

    def _stiff_along(self, but: np.ndarray | None) -> np.ndarray:
        """The Hessian, with a curvature along `but` that exceeds every other."""
        if but is None:
            return self.hessian
        u = but.ravel() / np.linalg.norm(but)
        return self.hessian + (1 + np.abs(self.hessian).sum()) * np.outer(u, u)


def newton(W: np.ndarray, tau: float, noise: float, penalty: float, act: str, steps: int = 60) -> Stationary:
    """Newton's method on the population loss, downhill: by |eigenvalues| of the Hessian, with backtracking."""
    import torch

    def value(x: Any) -> Any:
        return population_loss(x.reshape(W.shape), tau, noise, penalty, act)

    slope, curvature = torch.func.grad(value), torch.func.hessian(value)
    x = torch.tensor(W).reshape(-1)
    for _ in range(steps):
        gradient, hessian = slope(x), curvature(x)
        if gradient.norm() < 1e-13:
            break
        eigenvalues, V = torch.linalg.eigh(hessian)
        step = -V @ ((V.T @ gradient) / eigenvalues.abs().clamp(min=1e-4))
        size, before = 1.0, value(x)
        while size > 1e-9 and value(x + size * step) > before + 1e-15:
            size /= 2
        x = x + size * step
    return Stationary(x.reshape(W.shape).numpy(), float(value(x)), float(slope(x).norm()), curvature(x).numpy())
