"""Two hidden features: self-supervised learning finds both, supervised learning the one that the label needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from eigenpairs._validate import real_number, whole_number
from eigenpairs.lab.experiment import Experiment, Progress
from eigenpairs.lab.figure import Grid, Panel, Series
from eigenpairs.lab.result import Check, Result
from eigenpairs.lab.two_features import (
    ACTIVATIONS,
    STARTS,
    Stationary,
    TwoFeatures,
    activated,
    gradient_covariance,
    learns_both,
    newton,
    population_losses,
    projections,
)

DECAY, PATH, SWEPT = 0.01, 40, 600
LOUD, LEAK = 0.6, 0.95**-2 - 1
"""A noise that does not fall with d, and the energy outside of e1 and e2, over that inside, of a projection of .95."""


@dataclass
class SslLearnsBoth(Experiment):
    """A nonlinear layer trained without labels learns both hidden features; trained on labels it learns one.

    Claim: started near both hidden features e1 and e2, gradient descent on the self-supervised loss of one nonlinear
    layer ends at a local minimum whose rows span both, though the label y depends on e1 alone; trained on y the layer
    learns e1 alone. With sigmoid and ReLU small random starts end there as well; with tanh most do not.

    Source: in the spirit of Yang, Li, Jiang & Li 2024 (arXiv 2401.03214).

    Setting: x = y e1 + tau s e2 + noise xi, signs y and s independent, tau .9, noise d^(-3/2), d = 10, 250 rows; f =
    act(W x) with two rows, loss -E[f(view) . f(other view)] + (lam/2) |W W^T|^2, lam = .1, against the logistic loss
    of v . f with weight decay .01; starts near (e1, e2)/2, small and random, and near (e1, e1)/2; tanh, sigmoid and
    ReLU. From the limit on the sample Newton's method on the population loss (quadrature) finds the minimum. How much
    worse than it limits on samples may be follows from its Hessian and the covariance of gradients. The distance says
    little: for sigmoid and ReLU turns W -> QW hardly change the loss (ReLU: up to terms that vanish with the noise, so
    that this direction is left out of its Hessian), and the signs of 250 rows alone turn the limit.

    Expected: from starts near both, e1 and e2 lie in the span of the rows to .99; the Hessian at the minimum is
    positive; limits on the sample lose no more than sampling explains (level 1e-3); supervised weights on e2 are at
    most a fifth of those on e1. Starts near (e1, e1)/2 and at least 9 in 10 small ones learn both for sigmoid and
    ReLU; for tanh, both rows on e1 are another strict local minimum, of larger loss, so the claim is local. It stops
    holding below the tau where the Hessian stops being positive (tanh, noise up to .5, starts close to the minimum),
    and, with a noise that does not fall with d, above the d at which noise of the sample enters the rows, to first
    order; both within one cell of the grid.
    """

    paper: ClassVar[str] = "D"
    fast: ClassVar[dict] = {"runs": 3, "steps": 1000, "taus": 6, "noises": 2, "sweep_runs": 1}
    needs: ClassVar[tuple[str, ...]] = ("torch",)

    tau: float = 0.9
    d: int = 10
    n: int = 250
    penalty: float = 0.1
    rate: float = 0.2
    steps: int = 2000
    runs: int = 16
    taus: int = 8
    noises: int = 5
    sweep_runs: int = 3
    seed: int = 0

    def validate(self) -> None:
        for name in ("tau", "penalty", "rate"):
            real_number(getattr(self, name), name, 0.0, above=True)
        least = {"d": 3, "n": 10, "steps": 1, "runs": 1, "taus": 3, "noises": 1, "sweep_runs": 1}
        for name, minimum in least.items():
            whole_number(getattr(self, name), name, minimum)

    def model(self, runs: int | None = None, d: int | None = None, noise: float | None = None) -> TwoFeatures:
        """The model at the parameters of this experiment, or in other dimensions."""
        d = d or self.d
        seeds = tuple(range(self.seed, self.seed + (runs or self.runs)))
        return TwoFeatures(self.tau, noise or d**-1.5, d, self.n, self.penalty, seeds)

    def measure(self, progress: Progress) -> Result:
        checks, notes, trained = [], [], {}
        for at, act in enumerate(ACTIVATIONS):
            free = {kind: self.self_supervised(self.model(), act, kind) for kind in STARTS}
            taught = {kind: self.supervised(act, kind) for kind in ("near", "small")}
            ends = {kind: W for kind, (W, _) in free.items()}
            labelled = np.concatenate([W for W, _ in taught.values()])
            trained[act] = free["near"], taught["near"]
            checks += self.limit_checks(act, ends, labelled) + self.stationary_checks(act, ends["near"])
            spans = projections(labelled)[..., 1]
            notes.append(
                f"{act}: {np.mean(learns_both(ends['small'])):.0%} of {self.runs} small random starts learn both; "
                f"projections of e2 on supervised rows are {spans.min():.2f} to {spans.max():.2f}, large where rows "
                "are nearly parallel, though weights on e2 are small."
            )
            progress(0.6 * (at + 1) / len(ACTIVATIONS))
        checks += self.other_minimum()
        worst = min(
            float(projections(self.self_supervised(self.model(1, d), "tanh", "near")[0]).min()) for d in (5, 20, 40)
        )
        checks.append(Check("d = 5, 20, 40: projection of e1 and e2, smallest", worst, 0.99, kind="at least"))
        sweep, diagram = self.sweep()
        progress(0.9)
        wide, leak = self.widths()
        checks += [sweep, wide]
        notes.append(
            "d enters the population loss through |w| alone: for rows in the plane of e1 and e2 neither stationarity "
            f"nor the signs of the Hessian depend on it. Samples bring it in: {leak}."
        )
        progress(1.0)
        return Result(checks, [self.trajectories(trained["tanh"]), self.scatter(trained["tanh"]), diagram], notes)

    # ------------------------------------------------------------------ at the specification

    def self_supervised(self, model: TwoFeatures, act: str, kind: str) -> tuple[np.ndarray, list]:
        """Limits (runs, 2, d) and the path there."""
        return model.self_supervised(model.start(kind), act, self.rate, self.steps, max(1, self.steps // PATH))

    def supervised(self, act: str, kind: str) -> tuple[np.ndarray, list]:
        """The same on labels."""
        model, every = self.model(), max(1, self.steps // PATH)
        return model.supervised(model.start(kind), act, self.rate, self.steps, DECAY, every)

    def limit_checks(self, act: str, ends: dict[str, np.ndarray], labelled: np.ndarray) -> list[Check]:
        """What training on the samples ends with, by start, and on labels."""
        weights = np.linalg.norm(labelled[..., :2], axis=-2)
        ratio, least = float(np.max(weights[:, 1] / weights[:, 0])), float(projections(ends["near"]).min())
        share = {kind: float(np.mean(learns_both(W))) for kind, W in ends.items()}
        one = f"{act}: share of starts near (e1, e1)/2 that learn both"
        checks = [
            Check(f"{act}: projection of e1 and e2 on the rows, smallest, self-supervised", least, 0.99, 0, "at least"),
            Check(f"{act}: weight on e2 over that on e1, largest, supervised", ratio, 0.2, 0, "at most"),
        ]
        if act == "tanh":
            return [*checks, Check(one, share["one"], 0.1, 0, "at most")]
        small = Check(f"{act}: share of small random starts that learn both", share["small"], 0.9, 0, "at least")
        return [*checks, small, Check(one, share["one"], 0.9, 0, "at least")]

    def stationary(self, W: np.ndarray, act: str, tau: float | None = None, noise: float | None = None) -> Stationary:
        """Newton's end from W on."""
        return newton(W, tau or self.tau, noise or self.d**-1.5, self.penalty, act)

    def stationary_checks(self, act: str, limits: np.ndarray) -> list[Check]:
        """The population loss near the limits (runs, 2, d) on samples."""
        found, noise = self.stationary(limits[0], act), self.d**-1.5
        turn = np.array([[0.0, 1.0], [-1.0, 0.0]]) @ found.W if act == "relu" else None
        excess = population_losses(limits, self.tau, noise, self.penalty, act).mean() - found.loss
        spread = gradient_covariance(found.W, self.tau, noise, act)
        room = found.excess_at_most(spread, self.n, self.runs, turn)
        curvature, span = found.least_curvature(turn), float(projections(found.W).min())
        return [
            Check(f"{act}: gradient of the population loss at Newton's end", found.gradient, 0.0, 1e-8),
            Check(f"{act}: projection of e1 and e2 there", span, 0.999, 0, "at least"),
            Check(f"{act}: smallest eigenvalue of the Hessian there", curvature, 1e-3, 0, "at least"),
            Check(f"{act}: mean population loss of limits on samples above it", excess, 0.0, room),
        ]

    def other_minimum(self) -> list[Check]:
        """tanh with both rows on e1: a strict local minimum as well, but of larger loss."""
        both = self.stationary(np.eye(2, self.d), "tanh")
        one = self.stationary(np.outer([1.0, 1.0], np.eye(self.d)[0]), "tanh")
        name, curvature = "tanh, both rows on e1", one.least_curvature()
        return [
            Check(f"{name}: gradient", one.gradient, 0.0, 1e-10),
            Check(f"{name}: smallest eigenvalue of the Hessian", curvature, 1e-4, 0, "at least"),
            Check(f"{name}: loss above that of learning both", one.loss - both.loss, 0.05, 0, "at least"),
        ]

    # ------------------------------------------------------------------ where it stops holding

    def critical_tau(self, noise: float) -> float:
        """The tau below which learning both, a row on e1 and a row on e2, is no longer a local minimum (tanh)."""
        low, high = 0.2, 1.2
        for _ in range(7):
            tau = (low + high) / 2
            # One noise direction stands for all; from a diagonal start Newton stays on diagonal W.
            if self.stationary(1.3 * np.eye(2, 3), "tanh", tau, noise).least_curvature() > 0:
                high = tau
            else:
                low = tau
        return (low + high) / 2

    def sweep(self) -> tuple[Check, Panel]:
        """Share of starts near 1.3 (e1, e2) that stay there, over tau and noise, against the Hessian's verdict.

        A Hessian is local and the population's: starts are close to the minimum, and rows four times as many.
        """
        taus, noises = np.linspace(0.3, 1.0, self.taus), np.geomspace(0.03, 0.5, self.noises)
        runs = [(tau, noise, seed) for noise in noises for tau in taus for seed in self.model(self.sweep_runs).seeds]
        tau, noise, seeds = (np.array(column) for column in zip(*runs))
        model = TwoFeatures(tau, noise, self.d, 4 * self.n, self.penalty, tuple(int(seed) for seed in seeds))
        start = model.start("near") + 0.8 * np.eye(2, self.d)
        W, _ = model.self_supervised(start, "tanh", self.rate, min(self.steps, SWEPT))
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
            Grid(taus, noises, share, "share of starts near both that stay"), log_y=True,
        )  # fmt: skip
        return Check(name, off, 0.0, 1.0), panel

    def widths(self) -> tuple[Check, str]:
        """The d above which, at a noise that does not fall with d, e1 and e2 lie in the rows to less than .95."""
        found = self.stationary(1.3 * np.eye(2, 3), "tanh", noise=LOUD)
        leak = max(found.leak(gradient_covariance(found.W, self.tau, LOUD, "tanh"), self.n), LEAK / 1000)
        dimensions = np.round(2 + LEAK / leak * 2.0 ** np.arange(-2, 3)).astype(int)
        energies = []
        for d in dimensions:
            model = self.model(self.sweep_runs, int(d), LOUD)
            W, _ = model.self_supervised(model.start("near"), "tanh", self.rate, min(self.steps, SWEPT))
            energies.append(np.mean(projections(W) ** -2 - 1))
        rising = np.maximum.accumulate(energies)
        measured = np.exp(np.interp(np.log(LEAK), np.log(rising), np.log(dimensions - 2)))
        said = f"at noise {LOUD} projections fall to .95 at d = {2 + measured:.0f}, expected {2 + LEAK / leak:.0f}"
        name = f"tanh, noise {LOUD}: d at which projections fall to .95, measured and expected, apart in factors of 2"
        return Check(name, abs(float(np.log2(measured * leak / LEAK))), 0.0, 1.0), said

    # ------------------------------------------------------------------ figures

    def trajectories(self, trained: tuple) -> Panel:
        (_, unsupervised), (_, supervised) = trained
        at = np.arange(len(unsupervised)) * max(1, self.steps // PATH)
        series = []
        for name, path in (("self-supervised", unsupervised), ("supervised", supervised)):
            lengths = projections(np.array(path)[:, 0])
            series += [Series(f"{name}, e{k + 1}", at, lengths[:, k]) for k in range(2)]
        return Panel("Only self-supervised rows keep both features (tanh)", "step", "projection on the rows", series)

    def scatter(self, trained: tuple) -> Panel:
        x = self.model(1).sample()[0][0]
        series = []
        for name, (W, _) in zip(("self-supervised", "supervised"), trained):
            f = activated(x @ W[0].T, "tanh")[0]
            series.append(Series(name, f[:, 0], f[:, 1], "points"))
        return Panel("Four clusters without labels, two with them (tanh)", "first output", "second output", series)
