"""Where a linear network without negatives ends, from which starts it gets there, and what decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from eigenpairs._validate import real_number, whole_number
from eigenpairs.lab.experiment import Experiment, Progress
from eigenpairs.lab.figure import Grid, Panel, Series
from eigenpairs.lab.non_contrastive import LinearNetwork, deep_limit, end_of, rotation
from eigenpairs.lab.result import Check, Result
from eigenpairs.objective import DirectSet

ALPHAS = (0.5, 1.0, 2.0)
RHO = np.array([0.95, 0.8, 0.65, 0.5, 0.3, 0.1])
VARIANCES = np.array([0.0, 0.3, 0.8, 2.0, 6.0])
LONG = 2000.0
"""Time of the flows; the slowest mode here settles at a rate of .02."""


@dataclass
class DirectsetLimits(Experiment):
    """A linear network with predictor F^alpha + eps I ends at the larger root of p^2 - rho p + eta = 0, or at zero.

    Claim: under gradient flow with weight decay eta and a stop-gradient, p = F^alpha + eps settles at (rho +
    sqrt(rho^2 - 4 eta))/2 in every direction that is invariant enough, and F at 0 in the others. Between
    augmentation variance and weight decay there are three phases: everything is kept, only what augmentation leaves
    alone, nothing.

    Source: Wang, Chen, Du & Tian 2021 (arXiv 2110.04947), the limits of DirectSet(alpha) and the initial barrier;
    exact limits with eps and the law of deep linear networks are ours. Settings in the spirit of the paper.

    Setting: the flow of a whole matrix W, not of its modes, from a generic start, with whitened views and in the
    paper's coordinates (inputs N(0, I), augmentation variance s_j, F = W W^T); stochastic descent on drawn pairs
    with F as a moving average; the phases from starts at 1 and, with eps, near 0; several layers with weight decay
    on each.

    Expected: flows within 1e-6 of the closed forms and descent within 2 % of the largest, for alpha = 1/2, 1, 2,
    with and without eps; the smallest start that survives is ((1 - sqrt(1 - 4 eta))/2)^(1/(2 alpha)); phase
    boundaries s = 1/(4 eta) - 1, eta = 1/4 and, for small starts, eps - (1 + s) eps^2 = eta, within one cell. With
    L layers the law becomes (p - eps)^((L-1)/(L alpha)) p (rho - p) = eta: still a threshold, but eps no longer
    saves small starts.
    """

    paper: ClassVar[str] = "C"
    fast: ClassVar[dict] = {"steps": 2000, "lr": 0.1, "cells": 16}

    eta: float = 0.04
    eps: float = 0.3
    layers: int = 2
    steps: int = 8000
    lr: float = 0.05
    batch_size: int = 256
    cells: int = 40
    seed: int = 0

    def validate(self) -> None:
        for name, below in (("eta", 0.25), ("eps", 0.5), ("lr", 1.0)):
            value = real_number(getattr(self, name), name, 0.0, above=True)
            if value >= below:
                raise ValueError(f"{name} = {value} is not allowed; give a number between 0 and {below}")
        for name, least in (("layers", 2), ("steps", 2), ("batch_size", 2), ("cells", 4)):
            whole_number(getattr(self, name), name, least)

    def measure(self, progress: Progress) -> Result:
        cases = [(alpha, eps) for eps in (0.0, self.eps) for alpha in ALPHAS]
        flow, own, descent, deep = [], [], [], []
        for at, (alpha, eps) in enumerate(cases):
            flow.append(self.flow(alpha, eps, 1) - self.limits(alpha, eps))
            own.append(self.own_flow(alpha, eps) - self.own_limits(alpha, eps))
            descent.append(self.descent(alpha, eps))
            deep.append(self.flow(alpha, eps, self.layers) - self.deep_limits(alpha, eps))
            progress((at + 1) / (len(cases) + 1))
        largest = [self.limits(alpha, eps).max() for alpha, eps in cases]
        off = [np.abs(found - self.limits(*case)).max() for found, case in zip(descent, cases)]
        starts, barrier = zip(*(self.smallest_start(alpha) for alpha in ALPHAS))
        etas, variances, kept = self.phases(0.0, 1.0)
        small = self.phases(self.small_eps, 1e-4)[2]
        lines, small_lines = self.boundaries(variances), self.small_boundaries(variances)
        alive, deep_name = (self.escapes(1), self.escapes(self.layers)), f"{self.layers} layers"
        escaping = float(np.sum(self.eps * (RHO - self.eps) > self.eta))
        worst = max(barrier, key=lambda ratio: abs(ratio - 1))
        checks = [
            Check("flow, whitened views: largest distance from the limit", np.abs(flow).max(), 0.0, 1e-6),
            Check("flow, the paper's coordinates: the same", np.abs(own).max(), 0.0, 1e-6),
            Check("descent: largest distance, relative to the largest limit", max(np.divide(off, largest)), 0.0, 0.02),
            Check("initial barrier: smallest start that survives over the formula", worst, 1.0, 2e-3),
            Check("phases: cells between boundary and formula", _cells(etas, kept, lines), 0.0, 1.0),
            Check("phases of small starts: the same", _cells(etas, small, small_lines), 0.0, 1.0),
            Check(f"{deep_name}: largest distance from the limit", np.abs(deep).max(), 0.0, 1e-6),
            Check("1 layer: directions that escape from a start near 0", alive[0], escaping),
            Check(f"{deep_name}: the same", alive[1], 0.0),
        ]  # fmt: skip
        left = ", ".join(str(np.sum(self.deep_limits(alpha, self.eps) > 0)) for alpha in ALPHAS)
        note = (
            f"With {deep_name} and eps = {self.eps:g} the law keeps {left} of {len(RHO)} directions for alpha = "
            f"{', '.join(f'{alpha:g}' for alpha in ALPHAS)}, where one layer keeps "
            f"{np.sum(self.limits(1.0, self.eps) > 0)}: depth raises the threshold, and makes it depend on alpha."
        )
        return Result(checks, self.figures(descent, starts, etas, variances, kept), [note])

    # ------------------------------------------------------------ closed forms

    def limits(self, alpha: float, eps: float) -> np.ndarray:
        """Of F per direction, whitened views."""
        return DirectSet(alpha, self.eta, eps, norm="none", criterion="l2").gains(RHO)

    def own_limits(self, alpha: float, eps: float) -> np.ndarray:
        """The same in the paper's coordinates: a' = a (p - (1+s) p^2 - eta) is the law at rho = 1/(1+s), eta rho."""
        rho = 1 / (1 + VARIANCES)
        law = [DirectSet(alpha, self.eta * r, eps, norm="none", criterion="l2") for r in rho]
        return np.array([one.gains([r])[0] for one, r in zip(law, rho)])

    def deep_limits(self, alpha: float, eps: float) -> np.ndarray:
        """Of F with several layers."""
        return np.array([deep_limit(rho, alpha, eps, self.eta, self.layers) for rho in RHO])

    def barrier(self, alpha: float, eta: float) -> float:
        """The start an invariant direction has to exceed without eps, in the paper's coordinates."""
        return ((1 - np.sqrt(1 - 4 * eta)) / 2) ** (1 / (2 * alpha))

    def boundaries(self, variances: np.ndarray) -> np.ndarray:
        """(2, n) weight decay at which the invariant direction and one of augmentation variance s die."""
        return np.stack([np.full(len(variances), 0.25), 1 / (4 * (1 + variances))])

    def small_boundaries(self, variances: np.ndarray) -> np.ndarray:
        """The same for starts near zero, which live on eps."""
        eps = self.small_eps
        return np.stack([np.full(len(variances), eps - eps**2), eps - (1 + variances) * eps**2])

    small_eps: ClassVar[float] = 0.1
    """eps of the second phase diagram: all its boundaries lie within the plane."""

    # ------------------------------------------------------------ what is measured

    def flow(self, alpha: float, eps: float, layers: int, start: float = 0.95) -> np.ndarray:
        """F per direction at the end of the flow, from generic layers of about the size `start`."""
        rng = np.random.default_rng(self.seed)
        modes = rotation(rng, len(RHO))
        net = LinearNetwork(modes * RHO @ modes.T, np.eye(len(RHO)), alpha, eps, self.eta)
        first = start * np.stack([_generic(rng, len(RHO)) for _ in range(layers)])
        return _diagonal(modes.T @ net.end(first, LONG) @ modes)

    def own_flow(self, alpha: float, eps: float) -> np.ndarray:
        """The same in the paper's coordinates, where F = W W^T."""
        rng = np.random.default_rng(self.seed)
        d = len(VARIANCES)
        modes = rotation(rng, d)
        second = modes * (1 + VARIANCES) @ modes.T
        net = LinearNetwork(np.eye(d), second, alpha, eps, self.eta, moment_of_weights=True)
        return _diagonal(modes.T @ net.end(0.95 * _generic(rng, d)[None], LONG) @ modes)

    def descent(self, alpha: float, eps: float) -> np.ndarray:
        """F per direction after stochastic gradient descent on drawn pairs of views."""
        rng = np.random.default_rng(self.seed)
        d = len(RHO)
        modes = rotation(rng, d)
        net = LinearNetwork(modes * RHO @ modes.T, np.eye(d), alpha, eps, self.eta)

        def draw() -> tuple[np.ndarray, np.ndarray]:
            shared, *noise = rng.standard_normal((3, self.batch_size, d))
            x, y = (np.sqrt(RHO) * shared + np.sqrt(1 - RHO) * own for own in noise)
            return x @ modes.T, y @ modes.T

        return np.diag(modes.T @ net.descend(0.9 * rotation(rng, d), draw, self.lr, self.steps, averaging=0.9) @ modes)

    def escapes(self, layers: int) -> float:
        """How many directions a network leaves zero in, from a start of .05 per layer."""
        return float(np.sum(self.flow(1.0, self.eps, layers, start=0.05) > 1e-3))

    def ends(self, start: np.ndarray, variances: np.ndarray, eta: np.ndarray, alpha: float, eps: float) -> np.ndarray:
        """Where single directions end in the paper's coordinates: a' = a (p - (1+s) p^2 - eta)."""

        def rate(a: np.ndarray) -> np.ndarray:
            p = (a * a) ** alpha + eps
            return a * (p - (1 + variances) * p**2 - eta)

        return end_of(rate, start, 10 * LONG, uncoupled=True)

    def smallest_start(self, alpha: float, eta: float = 0.2) -> tuple[Series, float]:
        """End over start for the figure, and the smallest start that survives over its formula."""
        nothing = np.zeros(60)
        wide = np.linspace(0.02, 1.2, 60)
        ends = self.ends(wide, nothing, nothing + eta, alpha, 0.0)
        starts, alive = wide, ends > 0.1
        for _ in range(2):  # look closer between the last that dies and the first that lives
            first = int(np.argmax(alive))
            starts = np.linspace(starts[first - 1], starts[first], 60)
            alive = self.ends(starts, nothing, nothing + eta, alpha, 0.0) > 0.1
        found = starts[int(np.argmax(alive))]
        return Series(f"alpha = {alpha:g}", wide, ends, "points"), float(found / self.barrier(alpha, eta))

    def phases(self, eps: float, start: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Weight decays, variances, and (2, variances, decays) whether the invariant and the other direction live."""
        etas, variances = np.linspace(0.01, 0.3, self.cells), np.linspace(0.1, 8, self.cells)
        plane = np.zeros((2, self.cells, self.cells))
        s = plane + np.stack([0 * variances, variances])[..., None]
        return etas, variances, self.ends(plane + start, s, plane + etas, 1.0, eps) > 1e-2

    # ------------------------------------------------------------ figures

    def figures(
        self, descent: list[np.ndarray], starts: tuple[Series, ...], etas: np.ndarray, s: np.ndarray, kept: np.ndarray
    ) -> list[Panel]:
        fine = np.linspace(0, 1, 200)
        limits = []
        for alpha, found in zip(ALPHAS, descent):
            law = DirectSet(alpha, self.eta, 0.0, norm="none", criterion="l2")
            gains = [law.gains([rho])[0] for rho in fine]
            limits += [
                Series(f"alpha = {alpha:g}", fine, gains),
                Series(f"alpha = {alpha:g}, descent", RHO, found, "points"),
            ]
        edges = [
            Series("invariant dies", np.full(2, 0.25), s[[0, -1]]),
            Series("augmented dies", self.boundaries(s)[1], s),
        ]
        phases = Grid(etas, s, kept.sum(axis=0).astype(float), "directions kept")
        return [
            Panel("Energy kept over the correlation of views, eps = 0", "rho", "F", limits),
            Panel("Both kept, the invariant one, nothing", "weight decay", "augmentation variance", edges, phases),
            Panel("Small starts die without eps (weight decay .2)", "start", "end", starts),
        ]  # fmt: skip


def _generic(rng: np.random.Generator, d: int) -> np.ndarray:
    """A random (d, d) matrix with singular values from .8 to 1.2: no two directions of it start alike."""
    return rotation(rng, d) * np.linspace(0.8, 1.2, d) @ rotation(rng, d)


def _diagonal(F: np.ndarray) -> np.ndarray:
    """The diagonal, with the largest other entry added: a matrix that is not diagonal is no limit of ours."""
    energies = np.diag(F).copy()
    return energies + np.abs(F - np.diag(energies)).max()


def _cells(etas: np.ndarray, kept: np.ndarray, lines: np.ndarray) -> float:
    """Largest distance, in cells, between where directions die on the grid and where they should."""
    step = etas[1] - etas[0]
    found = etas[0] - step / 2 + step * kept.sum(axis=-1)
    return float(np.abs(found - np.clip(lines, etas[0] - step / 2, etas[-1] + step / 2)).max() / step)
