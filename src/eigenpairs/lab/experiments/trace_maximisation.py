"""Riemannian gradient ascent on the Grassmannian finds Ky Fan's trace, at the speed that the spectral gap allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.linalg import eigh, null_space

from eigenpairs._validate import real_number, whole_number
from eigenpairs.lab.experiment import Experiment, Progress
from eigenpairs.lab.figure import Panel, Series
from eigenpairs.lab.penalised_trace import (
    barlow_twins,
    charged,
    log_det,
    minimised,
    spectral_contrastive,
    vicreg,
    vicreg_as_practised,
    whitening,
)
from eigenpairs.lab.result import Check, Result
from eigenpairs.objective import BarlowTwins, LogDet, SpectralContrastive, VICReg, Whitening
from eigenpairs.relation import Relation

WEIGHTS = (0.5, 1.0, 2.0, 5.0, 20.0, 100.0)
"""Weights of VICReg's variance and covariance over that of its invariance."""

LOSSES = {
    "VICReg, least squares": (VICReg(1.0, 5.0, form="least-squares"), vicreg(5.0)),
    "VICReg": (VICReg(), vicreg_as_practised(25.0, 25.0, 1.0)),
    "spectral contrastive": (SpectralContrastive(), spectral_contrastive),
    "whitening": (Whitening(), whitening),
    "log det": (LogDet(1.0, 0.1), log_det(1.0, 0.1)),
    "Barlow Twins": (BarlowTwins(0.5), barlow_twins(0.5)),
}
"""Losses of the library, and what they charge for not being orthonormal."""

KINKED = "VICReg"
"""Descent stops at the kink of its hinge; exact-optimum-as-practised looks for its minimum."""

NEAR, MOST_STEPS = 1e-6, 20_000
"""The distance below which the linearisation is taken to hold, and the most steps of an ascent."""


@dataclass
class TraceMaximisation(Experiment):
    """Gradient ascent on tr(Z^T W Z), Z^T Z = I, ends at the sum of the K largest eigenvalues from every start.

    Claim: self-supervised learning maximises the trace of the pair operator W over orthonormal columns. Riemannian
    gradient ascent, Z <- qr(Z + eta 2 (I - Z Z^T) W Z), reaches Ky Fan's value. Near it the distance to the leading
    eigenvectors changes by the factor max |1 - 2 eta (lambda_k - lambda_j)|, k <= K < j, each step. Losses of second
    moments are penalised versions: the same trace, with a price in place of Z^T Z = I.

    Source: Munkhoeva & Oseledets 2023 (arXiv 2305.19818), trace maximisation. The factor is ours: linearise a step at Z
    = U + U_perp E. With the gap g = lambda_K - lambda_{K+1} and the width w = lambda_1 - lambda_N, steps below 1/w
    converge, and 1/(g + w) is the best, with the factor (w - g)/(w + g).

    Setting: sources in K classes, two views each, random edges inside classes and few across; W = D^{-1/2} G D^{-1/2}.
    Eigenvalues by LAPACK. The losses over free rows (centred, but for spectral contrastive), by L-BFGS.

    Expected: Ky Fan's value from several random starts; the factor per step of a run from a random start within 10 % of
    the prediction (logarithms), and within .002 near the optimum for steps on either side of 1/w; each second-moment
    loss of the library is its penalised trace on random rows, and its minimiser (VICReg as practised aside, whose hinge
    has a kink) spans the leading eigenvectors; least-squares VICReg's own trace is sum rho (1 - (1 - rho)/weight)_+,
    short of Ky Fan's by what vanishes as the weight grows.
    """

    paper: ClassVar[str] = "B"
    fast: ClassVar[dict] = {"n_sources": 60, "starts": 2}

    n_sources: int = 150
    n_classes: int = 5
    degree: float = 12.0
    across: float = 0.3
    starts: int = 5
    seed: int = 0

    def validate(self) -> None:
        for name, least in (("n_sources", 20), ("n_classes", 2), ("starts", 1)):
            whole_number(getattr(self, name), name, least)
        real_number(self.degree, "degree", 0.0, above=True)
        if self.n_classes > self.n_sources // 10:
            raise ValueError(f"n_classes = {self.n_classes} is too large; give at least 2, and 10 sources to each")
        if real_number(self.across, "across", 0.0) >= 0.5:
            raise ValueError(f"across = {self.across} is too large; give a share of the edges from 0, below .5")

    def measure(self, progress: Progress) -> Result:
        relation = self.relation()
        W, root = pair_operator(relation)
        values, vectors = eigh(W)
        values, vectors = values[::-1], vectors[:, ::-1]
        K, best = self.n_classes, float(values[: self.n_classes].sum())
        top, gap, width = vectors[:, :K], values[K - 1] - values[K], values[0] - values[-1]
        step = float(1 / (gap + width))
        rate = factor(values, K, step)
        runs = [ascend(W, step, top, (self.seed, start)) for start in range(self.starts)]
        path, least = runs[0][1], min(trace for trace, _ in runs)
        progress(0.3)
        steps = np.array([0.2, 0.4, 0.6, 0.8, 0.9, 1.05, 1.1]) / width
        factors = np.array([growth(W, top, each, self.seed) for each in steps])
        predicted = np.array([factor(values, K, each) for each in steps])
        progress(0.6)
        traces, formula = self.prices(W, root, values)
        checks = [
            Check(f"trace of the worst of {self.starts} starts", least, best, 1e-10 * best),
            Check("logarithm of the factor per step", tail(path), float(np.log(rate)), float(-0.1 * np.log(rate))),
            Check("factor near the optimum, the step furthest from prediction", *furthest(factors, predicted), 2e-3),
            *self.losses(relation, W, root, best),
            Check("trace of VICReg, the weight furthest from the formula", *furthest(traces, formula), 1e-6),
        ]
        panels = self.figures(path, rate, values, steps, factors, traces, formula)
        note = (
            f"Gap {gap:.3g}, width {width:.3g}: with steps of {step:.3g} a digit takes {-1 / np.log10(rate):.1f} of "
            f"them, and {len(path) - 1} lead from random columns to a distance of 1e-11. Eigenvalues near lambda_(K+1) "
            "make a run from random columns a little faster than its limit. "
            "Whitening has the constraint itself; VICReg as practised and Barlow Twins charge for single columns too, "
            "and fix the rotation Z -> ZQ as well. InfoNCE is no function of second moments and no such trace; for "
            "Gaussian modes without a bias it is that of spectral contrastive (info-nce-gaussian-optimum)."
        )
        return Result(checks, panels, (note,))

    def relation(self) -> Relation:
        """Two views of every source, and random edges: `degree` a source, a share `across` between classes."""
        n = self.n_sources
        rng = np.random.default_rng(self.seed)
        y = np.arange(n) % self.n_classes
        same = np.equal.outer(y, y)
        density = np.where(same, (1 - self.across) / same.mean(), self.across / (1 - same.mean())) * self.degree / n
        i, j = np.nonzero(np.triu(rng.random((n, n)) < density, 1))
        edges = Relation.from_edges(np.append(i, i), np.append(j, n + j), n_samples=2 * n)
        return Relation.from_views(n, 2) + edges

    # ------------------------------------------------------------------ losses as penalised traces

    def losses(self, relation: Relation, W: np.ndarray, root: np.ndarray, best: float) -> list[Check]:
        """Each loss against its penalised trace on random rows, and the trace of its minimiser, made orthonormal."""
        K = self.n_classes
        rng = np.random.default_rng((self.seed, 1))
        found = []
        for name, (objective, price) in LOSSES.items():
            columns = K - objective.centred
            basis = null_space(root[None, :]) if objective.centred else np.eye(len(W))
            Y = rng.standard_normal((basis.shape[1], columns)) / np.sqrt(len(W))
            loss = float(objective.loss(basis @ Y / root[:, None] + objective.centred, relation))
            inner = basis.T @ W @ basis
            value = charged(price, inner, Y)[0]
            found.append(Check(f"{name}: random rows, against the penalised trace", loss, value, 1e-9 * abs(value)))
            if name == KINKED:
                continue
            axes = np.linalg.qr(minimised(price, inner, columns, self.seed))[0]
            trace, expected = float(np.sum(axes * (inner @ axes))), best - objective.centred
            found.append(Check(f"{name}: trace at the minimiser, made orthonormal", trace, expected, 1e-6 * expected))
        return found

    def prices(self, W: np.ndarray, root: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Trace at the minimiser of VICReg for several weights: by descent, and rho . gains of the optimum."""
        basis, columns = null_space(root[None, :]), self.n_classes - 1
        inner, rho = basis.T @ W @ basis, values[1 : self.n_classes]  # values[0] = 1 is the constant's
        descended = [minimised(vicreg(weight), inner, columns, self.seed) for weight in WEIGHTS]
        gains = [VICReg(1.0, weight, form="least-squares").gains(rho) for weight in WEIGHTS]
        return np.array([np.sum(Y * (inner @ Y)) for Y in descended]), np.array([rho @ each for each in gains])

    def figures(
        self, path: np.ndarray, rate: float, values: np.ndarray, steps: np.ndarray, factors: np.ndarray,
        traces: np.ndarray, formula: np.ndarray,
    ) -> list[Panel]:  # fmt: skip
        width, K, weights = values[0] - values[-1], self.n_classes, np.array(WEIGHTS)
        dense, time = np.linspace(0.02, 1.15, 200), np.arange(len(path))
        line = path[-1] * rate ** (time - time[-1])
        predicted = np.array([factor(values, K, each / width) for each in dense])
        limit = np.full(len(weights), values[1:K].sum())
        prediction = Series("prediction", time[line <= 1], line[line <= 1])
        trace = Series("formula", weights, formula), Series("descent", weights, traces, "points")
        return [
            Panel("Distance to the leading eigenvectors", "step", "largest sine",
                  (prediction, Series("ascent", time, path, "points")), log_y=True),
            Panel("Factor per step over the size of the step", "step x width of the spectrum", "factor",
                  (Series("prediction", dense, predicted), Series("measured", steps * width, factors, "points"))),
            Panel("VICReg's trace nears Ky Fan's as its price rises", "weight of the penalty", "trace",
                  (*trace, Series("Ky Fan", weights, limit)), log_x=True),
        ]  # fmt: skip


# ---------------------------------------------------------------------- the operator and the ascent


def pair_operator(relation: Relation) -> tuple[np.ndarray, np.ndarray]:
    """W = D^{-1/2} G D^{-1/2}, and sqrt(pi), its eigenvector of eigenvalue 1."""
    scale = np.sqrt(relation.degrees)
    return relation.to_sparse().toarray() / np.outer(scale, scale), scale / np.sqrt(relation.total)


def ascent_step(W: np.ndarray, Z: np.ndarray, eta: float) -> np.ndarray:
    """One step of length eta along the Riemannian gradient, back onto orthonormal columns by QR."""
    WZ = W @ Z
    return np.linalg.qr(Z + eta * 2 * (WZ - Z @ (Z.T @ WZ)))[0]


def ascend(W: np.ndarray, eta: float, top: np.ndarray, seed: tuple[int, int]) -> tuple[float, np.ndarray]:
    """From random columns until the distance to `top` is lost in rounding: the trace, and the distances."""
    Z, path = np.linalg.qr(np.random.default_rng(seed).standard_normal(top.shape))[0], [1.0]
    while path[-1] > 1e-11 and len(path) < MOST_STEPS:
        Z = ascent_step(W, Z, eta)
        path.append(float(np.linalg.norm(Z - top @ (top.T @ Z), 2)))  # the largest sine
    return float(np.sum(Z * (W @ Z))), np.array(path)


def tail(path: np.ndarray) -> float:
    """Mean logarithm of the factor per step once the distance is below NEAR."""
    near = np.log(path[path < NEAR])
    return float((near[-1] - near[0]) / (len(near) - 1)) if len(near) > 1 else float("nan")


def growth(W: np.ndarray, top: np.ndarray, eta: float, seed: int) -> float:
    """Factor per step of a distance of 1e-6 in a random direction, held at this size for many steps."""
    E, logs = np.random.default_rng(seed).standard_normal(top.shape), []
    for _ in range(1500):
        E -= top @ (top.T @ E)
        Z = ascent_step(W, np.linalg.qr(top + 1e-6 * E / np.linalg.norm(E))[0], eta)
        E = Z - top @ (top.T @ Z)  # columns may have changed sign, which no factor sees
        logs.append(np.log(1e6 * np.linalg.norm(E)))
    return float(np.exp(np.mean(logs[-100:])))


def factor(values: np.ndarray, K: int, eta: float) -> float:
    """max |1 - 2 eta (lambda_k - lambda_j)| over k <= K < j, eigenvalues descending: it sits at an end."""
    gap, width = values[K - 1] - values[K], values[0] - values[-1]
    return float(max(abs(1 - 2 * eta * gap), abs(1 - 2 * eta * width)))


def furthest(found: np.ndarray, wanted: np.ndarray) -> tuple[float, float]:
    """The pair that differs most."""
    at = int(np.argmax(np.abs(found - wanted)))
    return float(found[at]), float(wanted[at])
