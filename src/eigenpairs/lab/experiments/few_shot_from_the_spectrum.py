"""How well a few labels do is known before any label is used: gains and label energies are enough."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from eigenpairs._validate import real_number, whole_number
from eigenpairs.advise.eigenlearning import learned, predict, predicted_error
from eigenpairs.lab.experiment import Experiment, Progress
from eigenpairs.lab.figure import Panel, Series
from eigenpairs.lab.result import Check, Result
from eigenpairs.objective import VICReg

STRENGTHS = (0.0, 1.0, 3.0)
"""Invariance weights of least-squares VICReg whose gain curves are compared."""


@dataclass
class FewShotFromTheSpectrum(Experiment):
    """The squared error of a ridge probe on n labels follows from gains, label energies and n, for Gaussian modes.

    Claim: error = n/(n - 1 - sum L^2) [sum (1 - L)^2 alpha^2 + rest] with L = b/(b + kappa) is the error of a ridge
    probe with intercept on n random rows, so few labels want strong invariance and many want little; near
    interpolation and for heavy-tailed rows the formula fails.

    Source: Simon et al. 2023 (arXiv 2110.03922) for the formula; its use on gains, and its limits, are ours
    (docs/theory.md, section 8).

    Setting: Gaussian modes with falling rho; label energies on the invariant modes and a rest of half the variance;
    gains of least-squares VICReg with three invariance weights; the ridge that the formula finds best; probes fitted
    on fresh rows, their error over new rows exact. Then two cases against the rules: a ridge near zero with 5 more
    labels than modes, and rows of a multivariate t distribution with 3 degrees of freedom.

    Expected: within 5 % for every gain curve and every n; the formula ranks the strongest and the weakest invariance
    right at the fewest and at the most labels; near interpolation it errs by at least 15 %, for heavy tails by at
    least 30 %.
    """

    paper: ClassVar[str] = "ours"
    fast: ClassVar[dict] = {"draws": 600}

    modes: int = 40
    rest: float = 0.5
    fewest: int = 12
    most: int = 1200
    draws: int = 4000
    seed: int = 0

    def validate(self) -> None:
        for name, least in (("modes", 10), ("fewest", 4), ("most", 5), ("draws", 100)):
            whole_number(getattr(self, name), name, least)
        if real_number(self.rest, "rest", 0.0, above=True) >= 1:
            raise ValueError(f"rest = {self.rest} is not allowed; give a number between 0 and 1, a share of a variance")
        if self.most <= self.fewest:
            raise ValueError(f"most = {self.most} is too small; give more than fewest = {self.fewest}")

    def measure(self, progress: Progress) -> Result:
        rho = 0.98 * np.exp(-3.0 * np.arange(self.modes) / self.modes)
        curves = [VICReg(g, 1.0, form="least-squares").gains(rho) for g in STRENGTHS]
        alpha = np.sqrt((1 - self.rest) * rho**2 / np.sum(rho**2))
        labels = np.unique(np.round(np.geomspace(self.fewest, self.most, 6)).astype(int))
        measured = np.zeros((len(labels), len(curves)))
        expected = np.zeros_like(measured)
        for at, n in enumerate(labels):
            found = predict(np.array(curves), alpha**2, self.rest, int(n))
            expected[at] = found.error
            for number, (gains, ridge) in enumerate(zip(curves, found.ridge)):
                measured[at, number] = self.simulated(gains, ridge, alpha, int(n))
            progress((at + 1) / (len(labels) + 1))
        worst = float(np.max(np.abs(measured / expected - 1)))
        checks = [Check("largest relative difference of error from formula, Gaussian modes", worst, 0.0, 0.05)]
        for at, words in ((0, "strongest / weakest invariance"), (-1, "weakest / strongest invariance")):
            better, other = (-1, 0) if at == 0 else (0, -1)
            name = f"measured error with {labels[at]} labels, {words}"
            checks.append(Check(name, measured[at, better] / measured[at, other], 1.0, kind="at most"))
        crowded, heavy = self.near_interpolation(alpha), self.heavy_tails(alpha)
        checks += [
            Check(
                "near interpolation: how far the formula is off, as a share", abs(crowded - 1), 0.15, kind="at least"
            ),
            Check("heavy tails: how far the formula is off, as a share", abs(heavy - 1), 0.3, kind="at least"),
        ]
        notes = [
            f"The formula gives {crowded:.3g} of the measured error with {self.modes + 5} labels for {self.modes} "
            f"modes and almost no ridge, and {heavy:.3g} of it for rows with heavy tails: "
            "there, measure on random subsets.",
        ]
        series = []
        for number, strength in enumerate(STRENGTHS):
            series.append(Series(f"invariance {strength:g}, formula", labels, expected[:, number]))
            series.append(Series(f"invariance {strength:g}, measured", labels, measured[:, number], "points"))
        title = "Few labels want strong invariance, many want none, and the spectrum says so"
        panel = Panel(title, "labels", "squared error (share of the label's variance)", series, log_x=True)
        progress(1.0)
        return Result(checks, [panel], notes)

    def simulated(self, gains: np.ndarray, ridge: float, alpha: np.ndarray, n: int, tails: float = np.inf) -> float:
        """Mean error over new rows of ridge probes fitted to n rows; rows are t-distributed for finite `tails`."""
        rng = np.random.default_rng((self.seed, n))
        kept, total = gains > 0, 0.0
        draws = max(100, min(self.draws, self.draws * 40 // n))  # with many labels all draws agree
        step = max(1, 200_000 // (n * self.modes))
        for start in range(0, draws, step):
            count = min(step, draws - start)
            phi = rng.standard_normal((count, n, self.modes))
            if np.isfinite(tails):
                phi *= np.sqrt((tails - 2) / rng.chisquare(tails, (count, n, 1)))  # variance 1
            y = phi @ alpha + np.sqrt(self.rest) * rng.standard_normal((count, n))
            centre, level = phi.mean(axis=1), y.mean(axis=1)
            Z = (phi - centre[:, None])[..., kept] * np.sqrt(gains[kept])
            gram = Z.mT @ Z + ridge * np.eye(Z.shape[2])
            weights = np.zeros((count, self.modes))
            weights[:, kept] = np.linalg.solve(gram, Z.mT @ (y - level[:, None])[..., None])[..., 0] * np.sqrt(
                gains[kept]
            )
            offset = level - np.sum(centre * weights, axis=1)
            total += float(np.sum((weights - alpha) ** 2) + np.sum(offset**2))
        return total / draws + self.rest

    def near_interpolation(self, alpha: np.ndarray) -> float:
        """Formula over measurement with hardly more labels than modes and hardly any ridge."""
        return self._ratio(np.ones(self.modes), 1e-6, alpha, self.modes + 5)

    def heavy_tails(self, alpha: np.ndarray) -> float:
        """Formula over measurement for rows of a multivariate t with 3 degrees of freedom and a ridge near zero."""
        return self._ratio(np.ones(self.modes), 1e-3, alpha, 2 * self.modes, tails=3.0)

    def _ratio(self, gains: np.ndarray, ridge: float, alpha: np.ndarray, n: int, tails: float = np.inf) -> float:
        formula = predicted_error(learned(gains, np.array(ridge), n), alpha**2, self.rest)
        return float(formula) / self.simulated(gains, ridge, alpha, n, tails)
