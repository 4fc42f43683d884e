"""What decides which features non-contrastive learning keeps: weight decay under the L2 loss, eps under the cosine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from eigenpairs._validate import real_number, whole_number
from eigenpairs.lab.experiment import Experiment, Progress
from eigenpairs.lab.figure import Panel, Series
from eigenpairs.lab.non_contrastive import end_of, rotation
from eigenpairs.lab.result import Check, Result
from eigenpairs.objective import DirectSet

ALPHAS = (0.5, 1.0, 2.0)
NORMS = ("spectral", "frobenius")
ETAS = (0.005, 0.01, 0.02, 0.05, 0.11)
DRAWN = (("spectral", 0.002), ("spectral", 0.01), ("frobenius", 0.002))
LEVELS = np.array([0.95, 0.8, 0.6, 0.45, 0.3, 0.1])
"""Correlations in the descent on drawn views, each of them that of many directions."""


@dataclass
class WeightDecayIsAThreshold(Experiment):
    """Weight decay drops features with rho < 2 sqrt(eta) in the model that is analysed, none in the trained one.

    Claim: with an unnormalised predictor and the L2 loss, a feature of augmentation variance s, rho = 1/(1 + s), is
    kept iff rho > 2 sqrt(eta) (eps = 0). With a normalised predictor and the cosine loss eta drops out and eps is
    the threshold: rho > rho_1 eps/(1 + eps) in the spectral norm, rho > c eps in the Frobenius norm.

    Source: Wang, Chen, Du & Tian 2021 (arXiv 2110.04947) for weight decay as a threshold; the second half, and the
    exact shapes, are ours.

    Setting: features of augmentation variances on a grid. L2: the flow of each. Cosine: the flow of all, weight
    decay included, for a network whose norms concentrate; and stochastic descent on the cosine loss itself, with
    many directions.

    Expected: all flows within 1e-6 of `DirectSet.gains` for alpha = 1/2, 1, 2; thresholds within one cell of the
    grid; no feature more or less for any eta under the cosine; descent within .05 of the largest gain. Without
    normalisation the cosine model has no fixed point: the scale shrinks until eps outweighs F, and one feature is
    left.
    """

    paper: ClassVar[str] = "C"
    fast: ClassVar[dict] = {"features": 16, "steps": 600, "batch_size": 96}

    eps: float = 0.3
    features: int = 60
    largest_variance: float = 8.0
    d: int = 60
    steps: int = 3000
    lr: float = 0.1
    batch_size: int = 256
    seed: int = 0

    def validate(self) -> None:
        for name in ("eps", "largest_variance", "lr"):
            real_number(getattr(self, name), name, 0.0, above=True)
        for name, least in (("features", 8), ("d", len(LEVELS)), ("steps", 2), ("batch_size", 2)):
            whole_number(getattr(self, name), name, least)
        if self.d % len(LEVELS):
            raise ValueError(f"d = {self.d} is not allowed; give a multiple of {len(LEVELS)}")

    @property
    def variances(self) -> np.ndarray:
        """Of augmentation, one per feature."""
        return np.linspace(0.02, self.largest_variance, self.features)

    def measure(self, progress: Progress) -> Result:
        s, rho = self.variances, 1 / (1 + self.variances)
        free = {(a, eta): self.free(rho, a, 0.0, eta) for a in ALPHAS for eta in ETAS}
        progress(0.1)
        shape = {}
        for norm in NORMS:
            for alpha in ALPHAS:
                for eta in ETAS:
                    shape[norm, alpha, eta] = self.shape(rho, alpha, norm, eta)
                progress(0.1 + 0.5 * len(shape) / (len(NORMS) * len(ALPHAS) * len(ETAS)))
        off_free = max(np.abs(F - self.law(rho, a, "none", eta, 0.0)).max() for (a, eta), F in free.items())
        off = {
            n: max(np.abs(F - self.law(rho, a, n, eta)).max() for (m, a, eta), F in shape.items() if m == n)
            for n in NORMS
        }
        edge = {"none": [_edge(s, free[1.0, eta]) for eta in ETAS]}
        edge |= {norm: [_edge(s, shape[norm, 1.0, eta]) for eta in ETAS] for norm in NORMS}
        wanted, cell = [self.dropped_from("none", eta) for eta in ETAS], s[1] - s[0]
        spectral = self.dropped_from("spectral", 0.0)
        kept = {key: int(np.sum(F > 1e-4)) for key, F in shape.items()}
        change = max(np.ptp([kept[n, a, eta] for eta in ETAS]) for n in NORMS for a in ALPHAS)
        published = _edge(s, self.free(rho, 1.0, 0.3, 4e-4))
        alone = np.sum(self.unnormalised_cosine(rho) > 1e-4)
        drawn = [(norm, eta, self.descent(norm, eta)) for norm, eta in DRAWN]
        off_edge = np.abs(np.subtract(edge["none"], wanted)).max() / cell
        off_spectral = np.abs(np.subtract(edge["spectral"], spectral)).max() / cell
        off_published = abs(published - (1 / (0.3 + 4e-4 / 0.3) - 1)) / cell
        checks = [
            Check("L2: cells between the largest variance kept and 1/(2 sqrt(eta)) - 1", off_edge, 0.0, 1.0),
            Check("L2: largest distance from the limit", off_free, 0.0, 1e-6),
            Check("cosine, spectral norm: largest distance from the limit", off["spectral"], 0.0, 1e-6),
            Check("cosine, Frobenius norm: the same", off["frobenius"], 0.0, 1e-6),
            Check("cosine: features that any change of weight decay adds or drops", float(change), 0.0),
            Check("cosine, spectral norm: cells between the largest variance kept and formula", off_spectral, 0.0, 1.0),
            Check("L2, eps .3 and weight decay 4e-4: cells from rho = eps + eta/eps", off_published, 0.0, 1.0),
            Check("cosine without normalisation: features left", float(alone), 1.0),
        ]
        for norm, eta, found in drawn:
            what = f"descent on the cosine loss, {norm} norm, weight decay {eta:g}: largest distance"
            checks.append(Check(what, np.abs(found - self.levels(norm)).max(), 0.0, 0.05))
        progress(1.0)
        most, least = (np.sum(free[1.0, eta] > 1e-4) for eta in (ETAS[0], ETAS[-1]))
        notes = [
            f"From weight decay {ETAS[0]:g} to {ETAS[-1]:g} the L2 model goes from {most} to {least} of {len(s)} "
            f"features; the cosine model keeps {kept['spectral', 1.0, ETAS[0]]} (spectral) and "
            f"{kept['frobenius', 1.0, ETAS[0]]} (Frobenius) throughout.",
            "In the paper's coordinates, F = W W^T with unwhitened views, the L2 threshold is s < 1/(4 eta) - 1.",
            "Under the cosine weight decay does set the pace: it shrinks the weights, and directions turn faster.",
        ]
        return Result(checks, self.figures(s, free, shape, edge), notes)

    # ------------------------------------------------------------ laws

    def law(self, rho: np.ndarray, alpha: float, norm: str, eta: float, eps: float | None = None) -> np.ndarray:
        """What `DirectSet` says of F, or of its shape."""
        criterion = "l2" if norm == "none" else "cosine"
        return DirectSet(alpha, eta, self.eps if eps is None else eps, norm, criterion).gains(rho)

    def dropped_from(self, norm: str, eta: float) -> float:
        """The augmentation variance from which features die."""
        largest = 1 / (1 + self.variances[0])
        return 1 / (2 * np.sqrt(eta) if norm == "none" else largest * self.eps / (1 + self.eps)) - 1

    def levels(self, norm: str) -> np.ndarray:
        """Gains of the descent's levels, the largest 1."""
        gains = self.law(np.repeat(LEVELS, self.d // len(LEVELS)), 1.0, norm, 0.0).reshape(len(LEVELS), -1)[:, 0]
        return gains / gains[0]

    # ------------------------------------------------------------ what is measured

    def free(self, rho: np.ndarray, alpha: float, eps: float, eta: float) -> np.ndarray:
        """F at the end of the L2 flow."""

        def rate(w: np.ndarray) -> np.ndarray:
            p = (w * w) ** alpha + eps
            return w * (p * rho - p * p - eta)

        return end_of(rate, np.full(len(rho), 0.9), 1e5, uncoupled=True) ** 2

    def shape(self, rho: np.ndarray, alpha: float, norm: str, eta: float) -> np.ndarray:
        """F over its norm at the end of the cosine flow; by then the weights have shrunk by e^12."""
        F = (
            end_of(_cosine_rate(rho, alpha, self.eps, eta, _SIZES[norm]), np.linspace(0.9, 0.5, len(rho)), 12 / eta)
            ** 2
        )
        return F / _SIZES[norm](F)

    def unnormalised_cosine(self, rho: np.ndarray) -> np.ndarray:
        """F over its largest entry where the predictor is not normalised, weight decay .05."""
        F = (
            end_of(_cosine_rate(rho, 1.0, self.eps, 0.05, lambda F: 1.0), np.linspace(0.9, 0.5, len(rho)), 12 / 0.05)
            ** 2
        )
        return F / F.max()

    def descent(self, norm: str, eta: float) -> np.ndarray:
        """F over its largest entry per level, the mean over the last half of stochastic descent on the cosine loss."""
        rng = np.random.default_rng(self.seed)
        rho = np.repeat(LEVELS, self.d // len(LEVELS))
        W, total = rotation(rng, self.d) / np.sqrt(self.d), np.zeros(self.d)
        for step in range(self.steps):
            F = W @ W.T
            P = F / np.linalg.norm(F, 2 if norm == "spectral" else "fro") + self.eps * np.eye(self.d)
            shared, *noise = rng.standard_normal((3, self.batch_size, self.d))
            x, y = (np.sqrt(rho) * shared + np.sqrt(1 - rho) * own for own in noise)
            f, g = x @ W.T, y @ W.T
            gradient = (_cosine_gradient(f @ P, g) @ P).T @ x + (_cosine_gradient(g @ P, f) @ P).T @ y
            W = W - self.lr * (gradient / (2 * self.batch_size) + eta * W)
            if 2 * step >= self.steps:
                total += np.diag(W.T @ W) / np.sum(W * W)
        levels = total.reshape(len(LEVELS), -1).mean(axis=1)
        return levels / levels.max()

    # ------------------------------------------------------------ figures

    def figures(self, s: np.ndarray, free: dict, shape: dict, edge: dict) -> list[Panel]:
        rho, shown = 1 / (1 + s), ETAS[::2]
        first = [Series(f"eta = {eta:g}", s, self.law(rho, 1.0, "none", eta, 0.0)) for eta in shown]
        first += [Series(f"eta = {eta:g}, flow", s, free[1.0, eta], "points") for eta in shown]
        second = [Series(f"{norm}, every eta", s, self.law(rho, 1.0, norm, 0.0)) for norm in NORMS]
        second += [
            Series(f"{norm}, eta = {eta:g}, flow", s, shape[norm, 1.0, eta], "points")
            for norm in NORMS
            for eta in shown
        ]
        third = [Series("L2", ETAS, [self.dropped_from("none", eta) for eta in ETAS])]
        third += [Series("cosine, spectral", ETAS, [self.dropped_from("spectral", eta) for eta in ETAS])]
        third += [Series(f"{name}, flow", ETAS, found, "points") for name, found in edge.items()]
        axes = ("augmentation variance", "F")
        return [
            Panel("L2 loss: weight decay is the threshold", *axes, first),
            Panel("Cosine loss: it is not", *axes, second),
            Panel(
                "Largest variance kept over weight decay", "weight decay", "augmentation variance", third, log_x=True
            ),
        ]


_SIZES: dict[str, Callable[[np.ndarray], Any]] = {"spectral": np.max, "frobenius": np.linalg.norm}


def _cosine_rate(
    rho: np.ndarray, alpha: float, eps: float, eta: float, size: Callable[[np.ndarray], Any]
) -> Callable[[np.ndarray], np.ndarray]:
    """w' of -E[Pf . f+]/(|Pf| |f+|) with norms at their means, predictor and target not differentiated."""

    def rate(w: np.ndarray) -> np.ndarray:
        F = w * w
        p = (F / size(F)) ** alpha + eps
        length = np.sum(p * p * F)
        return w * (p * (rho - np.sum(p * rho * F) / length * p) / np.sqrt(length * np.sum(F)) - eta)

    return rate


def _cosine_gradient(predicted: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Of minus the cosine, row by row, in the prediction."""
    length = np.linalg.norm(predicted, axis=1, keepdims=True)
    q, t = predicted / length, target / np.linalg.norm(target, axis=1, keepdims=True)
    return (np.sum(q * t, axis=1, keepdims=True) * q - t) / length


def _edge(variances: np.ndarray, F: np.ndarray) -> float:
    """Half-way between the last feature kept and the first one dropped."""
    cell = variances[1] - variances[0]
    return float(variances[0] + cell * (np.sum(F > 1e-4) - 0.5))
