"""Two hidden features: self-supervised learning finds both, supervised learning the one that the label needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from eigenpairs.lab.experiment import Experiment, Progress
from eigenpairs.lab.figure import Grid, Panel, Series
from eigenpairs.lab.result import Check, Result
from eigenpairs.lab.two_features import (
    ACTIVATIONS,
    STARTS,
    Stationary,
    TwoFeatures,
    activated,
    learns_both,
    newton,
    projections,
)

DECAY, PATH = 0.01, 40


@dataclass
class SslLearnsBoth(Experiment):
    """A nonlinear layer trained without labels learns both hidden features; trained on labels it learns one.

    Claim: gradient descent on the self-supervised loss of one nonlinear layer ends in a local minimum whose rows span
    both hidden features e1 and e2, of which the label y depends on e1 alone; trained on y the layer learns e1 alone.

    Source: in the spirit of Yang, Li, Jiang & Li 2024 (arXiv 2401.03214).

    Setting: x = y e1 + tau s e2 + noise xi, signs y and s independent, tau .9, noise d^(-3/2), d = 10, 250 rows; f =
    act(W x) with two rows, loss -E[f(view) . f(other view)] + (lam/2) |W W^T|^2, lam = .1, against the logistic loss
    of v . f with weight decay .01; starts near (e1, e2)/2, and small and random; tanh, sigmoid and ReLU. From the
    limit on the sample Newton's method on the population loss (quadrature) finds the stationary point. The ReLU loss
    does not change under small turns W -> QW, up to terms that vanish with the noise (relu(u)^2 + relu(-u)^2 = u^2),
    so that direction is left out of its Hessian.

    Expected: from starts near both features, e1 and e2 lie in the span of the rows to .99, and the Hessian at the
    stationary point is positive; supervised weights on e2 are at most a fifth of those on e1. Of small random starts
    at least 9 in 10 learn both for sigmoid and ReLU, but fewer for tanh: there both rows on e1 are another strict
    local minimum, of larger loss, so the claim is local. And it needs a strong second feature: below the tau where the
    Hessian stops being positive, descent leaves e2, within one cell of the grid.
    """

    paper: ClassVar[str] = "D"
    fast: ClassVar[dict] = {"runs": 2, "steps": 1200, "taus": 6, "noises": 2, "sweep_runs": 1}
    needs: ClassVar[tuple[str, ...]] = ("torch",)

    tau: float = 0.9
    d: int = 10
    n: int = 250
    penalty: float = 0.1
    rate: float = 0.05
    steps: int = 4000
    runs: int = 16
    taus: int = 8
    noises: int = 5
    sweep_runs: int = 3
    seed: int = 0

    def validate(self) -> None:
        if (
            self.d < 3
            or self.n < 10
            or self.penalty <= 0
            or min(self.steps, self.runs, self.noises, self.sweep_runs) < 1
            or self.taus < 3
        ):
            raise ValueError(
                f"d = {self.d}, n = {self.n}, penalty = {self.penalty}, steps = {self.steps}, runs = {self.runs}, "
                f"taus = {self.taus}, noises = {self.noises}, sweep_runs = {self.sweep_runs}: need d >= 3, n >= 10, "
                "penalty > 0, taus >= 3 and at least one of the others"
            )

    @property
    def noise(self) -> float:
        """d^(-3/2)."""
        return self.d**-1.5

    def model(self, runs: int | None = None, d: int | None = None) -> TwoFeatures:
        """The model at the parameters of this experiment, or in other dimensions."""
        d = d or self.d
        seeds = tuple(range(self.seed, self.seed + (runs or self.runs)))
        return TwoFeatures(self.tau, d**-1.5, d, self.n, self.penalty, seeds)

    def measure(self, progress: Progress) -> Result:
        checks, notes, model = [], [], self.model()
        limits = {}
        for at, act in enumerate(ACTIVATIONS):
            trained = {kind: self.both_ways(model, act, kind) for kind in STARTS}
            limits[act] = trained["near"]
            (near, _), (small, _) = trained["near"], trained["small"]
            supervised = np.concatenate([found[1][0] for found in trained.values()])
            shares = np.linalg.norm(supervised[..., 1], axis=-1) / np.linalg.norm(supervised[..., 0], axis=-1)
            least = float(projections(near[0]).min())
            checks += [
                Check(
                    f"{act}: projection of e1 and e2 on the rows, smallest, self-supervised",
                    least,
                    0.99,
                    kind="at least",
                ),
                Check(
                    f"{act}: weight on e2 over that on e1, largest, supervised",
                    float(shares.max()),
                    0.2,
                    kind="at most",
                ),
                *self.stationary_checks(act, near[0][0]),
            ]
            share, kind = float(np.mean(learns_both(small[0]))), "at most" if act == "tanh" else "at least"
            checks.append(Check(f"{act}: share of small random starts that learn both", share, 0.9, kind=kind))
            spans = projections(supervised)[..., 1]
            notes.append(
                f"{act}: {share:.0%} of {self.runs} small random starts learn both; "
                f"projections of e2 on supervised rows are {spans.min():.2f} to {spans.max():.2f}, large where rows "
                f"are nearly parallel, though weights on e2 are at most {shares.max():.2f} of those on e1."
            )
            progress(0.5 * (at + 1) / len(ACTIVATIONS))
        checks += self.other_minimum()
        worst = min(
            float(projections(self.self_supervised(self.model(1, d), "tanh", "near")[0]).min()) for d in (5, 20, 40)
        )
        checks.append(Check("d = 5, 20, 40: projection of e1 and e2, smallest", worst, 0.99, kind="at least"))
        progress(0.6)
        sweep, diagram = self.sweep()
        checks.append(sweep)
        notes.append(
            "d enters the population loss through |w| alone: for rows in the plane of e1 and e2 neither stationarity "
            "nor the signs of the Hessian depend on it."
        )
        progress(1.0)
        return Result(checks, [self.trajectories(limits["tanh"]), self.scatter(model, limits["tanh"]), diagram], notes)

    # ------------------------------------------------------------------ at the specification

    def self_supervised(self, model: TwoFeatures, act: str, kind: str) -> tuple[np.ndarray, list]:
        return model.self_supervised(model.start(kind), act, self.rate, self.steps, max(1, self.steps // PATH))

    def both_ways(self, model: TwoFeatures, act: str, kind: str) -> tuple:
        """Limits and paths (W, path) of self-supervised and of supervised training."""
        every = max(1, self.steps // PATH)
        supervised = model.supervised(model.start(kind), act, self.rate, self.steps, DECAY, every)
        return self.self_supervised(model, act, kind), supervised

    def stationary(self, W: np.ndarray, act: str, tau: float | None = None, noise: float | None = None) -> Stationary:
        """Newton's end from W on."""
        return newton(W, tau or self.tau, noise or self.noise, self.penalty, act)

    def stationary_checks(self, act: str, W: np.ndarray) -> list[Check]:
        """The population loss near a limit on the sample."""
        found = self.stationary(W, act)
        turn = np.array([[0.0, 1.0], [-1.0, 0.0]]) @ found.W if act == "relu" else None
        checks = [
            Check(f"{act}: gradient of the population loss at Newton's end", found.gradient, 0.0, 1e-8),
            Check(f"{act}: projection of e1 and e2 there", float(projections(found.W).min()), 0.999, kind="at least"),
            Check(
                f"{act}: smallest eigenvalue of the Hessian there", found.least_curvature(turn), 1e-3, kind="at least"
            ),
        ]
        if act != "relu":  # where rows may turn, they do
            away = float(np.linalg.norm(found.W - W) / np.linalg.norm(found.W))
            checks.append(Check(f"{act}: how far the limit on the sample is from there, relative", away, 0.0, 0.2))
        return checks

    def other_minimum(self) -> list[Check]:
        """tanh with both rows on e1: a strict local minimum as well, but of larger loss."""
        both = self.stationary(np.eye(2, self.d), "tanh")
        one = self.stationary(np.outer([1.0, 1.0], np.eye(self.d)[0]), "tanh")
        return [
            Check("tanh, both rows on e1: gradient", one.gradient, 0.0, 1e-10),
            Check(
                "tanh, both rows on e1: smallest eigenvalue of the Hessian",
                one.least_curvature(),
                1e-4,
                kind="at least",
            ),
            Check(
                "tanh, both rows on e1: loss above that of learning both", one.loss - both.loss, 0.05, kind="at least"
            ),
        ]

    # ------------------------------------------------------------------ where it stops holding

    def critical_tau(self, noise: float) -> float:
        """The tau below which learning both, a row on e1 and a row on e2, is no longer a local minimum (tanh)."""
        low, high = 0.2, 1.2
        for _ in range(10):
            tau = (low + high) / 2
            # One noise direction stands for all; from a diagonal start Newton stays on diagonal W.
            if self.stationary(1.3 * np.eye(2, 3), "tanh", tau, noise).least_curvature() > 0:
                high = tau
            else:
                low = tau
        return (low + high) / 2

    def sweep(self) -> tuple[Check, Panel]:
        """Share of starts near both features that end there, over tau and noise, against the Hessian's verdict."""
        taus, noises = np.linspace(0.3, 1.0, self.taus), np.geomspace(0.03, 1.0, self.noises)
        runs = [(tau, noise, seed) for noise in noises for tau in taus for seed in range(self.sweep_runs)]
        tau, noise, seeds = (np.array(column) for column in zip(*runs))
        model = TwoFeatures(tau, noise, self.d, self.n, self.penalty, tuple(int(seed) for seed in seeds))
        # Four times the rate: a quarter of the steps ends at the same place.
        W, _ = model.self_supervised(model.start("near"), "tanh", 4 * self.rate, max(1, self.steps // 4))
        share = learns_both(W).reshape(len(noises), len(taus), -1).mean(axis=2)
        critical = np.array([self.critical_tau(noise) for noise in noises])
        cell = taus[1] - taus[0]
        # The boundary that was measured: where the share, summed over the cells from the top, would step from 0 to 1.
        measured = taus[-1] + cell / 2 - cell * share.sum(axis=1)
        off = float(np.max(np.abs(measured - critical))) / cell
        name = "tanh: boundary over tau, measured and where the Hessian stops being positive, apart in cells"
        series = [Series("Hessian stops being positive", critical, noises)]
        panel = Panel(
            "Below a critical tau the second feature is lost", "tau", "noise", series,
            Grid(taus, noises, share, "share of near starts that learn both"), log_y=True,
        )  # fmt: skip
        return Check(name, off, 0.0, 1.0), panel

    # ------------------------------------------------------------------ figures

    def trajectories(self, trained: tuple) -> Panel:
        (_, unsupervised), (_, supervised) = trained
        at = np.arange(len(unsupervised)) * max(1, self.steps // PATH)
        series = []
        for name, path in (("self-supervised", unsupervised), ("supervised", supervised)):
            lengths = projections(np.array(path)[:, 0])
            series += [Series(f"{name}, e{k + 1}", at, lengths[:, k]) for k in range(2)]
        return Panel("Only self-supervised rows keep both features (tanh)", "step", "projection on the rows", series)

    def scatter(self, model: TwoFeatures, trained: tuple) -> Panel:
        x = model.sample()[0][0]
        series = []
        for name, (W, _) in zip(("self-supervised", "supervised"), trained):
            f = activated(x @ W[0].T, "tanh")[0]
            series.append(Series(name, f[:, 0], f[:, 1], "points"))
        return Panel("Four clusters without labels, two with them (tanh)", "first output", "second output", series)
