"""The exact optimum of VICReg and Barlow Twins in the form that networks train, against descent on the same loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.optimize import minimize, minimize_scalar

from eigenpairs._validate import whole_number
from eigenpairs.lab.experiment import Experiment, Progress
from eigenpairs.lab.figure import Panel, Series
from eigenpairs.lab.result import Check, Result
from eigenpairs.objective import BarlowTwins, VICReg
from eigenpairs.objective.base import Objective
from eigenpairs.objective.optimum import Optimum
from eigenpairs.objective.water_filling import FULL
from eigenpairs.relation import Relation

EXACT = {
    "VICReg 25, 25, 1": VICReg(),
    "VICReg 1, 25, 1": VICReg(1.0, 25.0, 1.0),
    "Barlow Twins .1": BarlowTwins(0.1),
    "Barlow Twins 1": BarlowTwins(1.0),
}
"""Proved exact for four columns: variance at least 16 times covariance, redundancy at most 1."""

UNEVEN = VICReg(1.0, 1.0, 10.0)
COVARIANCES = (0.03, 0.1, 0.5, 2.0, 10.0)
BEATEN = 0.005
"""Share of the best known value that descent may gain. Over 160 of these spectra, six starts each, it gained more than
1e-6 in a fifth of them and .0021 at most."""


@dataclass
class ExactOptimumAsPractised(Experiment):
    """The global minima of VICReg and Barlow Twins as practised are known in closed form; no descent gets below.

    Claim: for VICReg with a hinge on the standard deviation and variance >= 16 covariance, and for Barlow Twins with
    redundancy <= 1 and four columns, a water-filling over the spectrum is the global minimum over all linear maps, and
    is attained. For variance < 16 covariance columns of equal variance are neither optimal nor a bound: a proved
    lower bound and the best known value are given instead, the latter within .5 % of the best descent.

    Source: ours (docs/theory.md, sections 3 and 4); losses of Bardes, Ponce & LeCun 2022 and Zbontar et al. 2021.

    Setting: two views of rows whose pair correlations are exactly a random spectrum, with ties, negative correlations
    and fewer modes than columns among them; four columns. The opponent is L-BFGS on the loss of the rows, gradients by
    automatic differentiation, from several random maps; lengths of columns are sines, which end where the hinge stops
    rewarding them, or descent would stick at its kink. For unequal columns: one mode with rho = 1, two columns, weights
    1, 1 and 10 (the best equal columns by a search over their variance), and random spectra.

    Expected: descent never below the exact value, nor below the bound; the map that is given has the value on the
    rows; the best descent agrees to 1e-6 in the median instance, so the opponent is no straw man. In the example of
    unequal columns equal ones lose at least .3 to the best known value, which descent finds as well. The best known
    value is no minimum: on random spectra descent may get below it, by at most .5 % (.21 % was the most over 160).
    """

    paper: ClassVar[str] = "ours"
    fast: ClassVar[dict] = {"instances": 4, "starts": 2}
    needs: ClassVar[tuple[str, ...]] = ("torch",)

    instances: int = 8
    starts: int = 8
    columns: int = 4
    seed: int = 0

    def validate(self) -> None:
        for name, least in (("instances", 1), ("starts", 1), ("columns", 1)):
            whole_number(getattr(self, name), name, least)
        if self.columns not in (1, 2, 4, 8):
            raise ValueError(
                f"columns = {self.columns} is not allowed; give 1, 2, 4 or 8, where Barlow Twins attains its bound"
            )

    def measure(self, progress: Progress) -> Result:
        spectra, checks, points = self.spectra(), [], []
        for at, (name, objective) in enumerate(EXACT.items()):
            found = [self.duel(objective, rho) for rho in spectra]
            best, attained, descended = (np.array(column) for column in zip(*found))
            scale = 1 + np.abs(best)
            checks += [
                Check(
                    f"{name}: descent less exact value, smallest",
                    np.min((descended - best) / scale),
                    0.0,
                    1e-6,
                    "at least",
                ),
                Check(
                    f"{name}: loss of the map less exact value, largest",
                    np.max(np.abs(attained - best) / scale),
                    0.0,
                    1e-9,
                ),
                Check(f"{name}: descent less exact value, median", np.median((descended - best) / scale), 0.0, 1e-6),
            ]
            points.append(Series(name, best, descended, "points"))
            progress(0.7 * (at + 1) / len(EXACT))
        example, unequal = self.example(), [self.bracket(UNEVEN, rho) for rho in spectra]
        progress(0.8)
        checks += example + _bracket_checks(unequal)
        values = np.sort(np.concatenate([series.x for series in points]))
        first = Panel(
            "No descent gets below the exact value", "exact value", "best of many descents",
            [Series("equal", values, values), *points], log_x=True, log_y=True,
        )  # fmt: skip
        notes = [
            "variance < 16 covariance, random spectra: bound and best known value differ by at most "
            f"{max(b.loss - b.lower_bound for b, _ in unequal):.3g}; they meet in "
            f"{sum(b.exact for b, _ in unequal)} of {len(unequal)}.",
        ]
        panels = [first, self.crossing(spectra[0])]
        progress(1.0)
        return Result(checks, panels, notes)

    # ------------------------------------------------------------------ instances

    def spectra(self) -> list[np.ndarray]:
        """Random spectra, descending: plain, with negative correlations, with ties, with fewer modes than columns."""
        rng, K, found = np.random.default_rng(self.seed), self.columns, []
        for number in range(self.instances):
            kind = number % 4
            modes = max(1, K - 1) if kind == 3 else K + 2
            rho = rng.uniform(-0.5 if kind == 1 else 0.05, 0.99, modes)
            if kind == 2:
                rho[: modes // 2] = rho[0]
            found.append(np.sort(rho)[::-1])
        return found

    def duel(self, objective: Objective, rho: np.ndarray) -> tuple[float, float, float]:
        """The exact value, the loss of its map on rows, and the best loss of descent on rows."""
        best = objective.optimum(rho, self.columns)
        rows, relation = rows_with_correlations(rho)
        A = best.map()
        attained = float(objective.loss(rows[:, : len(A)] @ A, relation))
        return best.loss, attained, self.descended(objective, rho, self.columns)

    def descended(self, objective: Objective, rho: np.ndarray, columns: int) -> float:
        """The smallest loss on rows that L-BFGS finds from random maps."""
        import torch

        rows, relation = rows_with_correlations(rho)
        X = torch.as_tensor(rows)

        def value_and_gradient(flat: np.ndarray) -> tuple[float, np.ndarray]:
            A = torch.tensor(flat.reshape(len(rho), columns), requires_grad=True)
            # No column wants a variance above the kink of the hinge, at which L-BFGS would stick. A sine of the length
            # keeps below it, without a kink of its own.
            length = A.norm(dim=0)
            loss = objective.loss(X @ (A * (FULL**0.5 * length.sin() / length)), relation)
            return float(loss.detach()), torch.autograd.grad(loss, A)[0].numpy().ravel()

        return multi_start(value_and_gradient, len(rho) * columns, self.starts, self.seed)

    # ------------------------------------------------------------------ unequal columns

    def example(self) -> list[Check]:
        """One mode with rho = 1, two columns: equal variances against what is best."""
        rho, best = np.ones(1), UNEVEN.optimum([1.0], 2)
        flat, descended = equal_columns(UNEVEN), self.descended(UNEVEN, rho, 2)
        return [
            Check("one mode, two columns: value of equal columns", flat, 0.826, 0.001),
            Check("one mode, two columns: best known value", best.loss, 0.495, 0.001),
            Check("one mode, two columns: descent", descended, best.loss, 1e-5),
            Check("one mode, two columns: what equal columns lose", flat - descended, 0.3, kind="at least"),
            Check("one mode, two columns: bound", best.lower_bound, descended, 1e-9, "at most"),
        ]

    def bracket(self, objective: Objective, rho: np.ndarray) -> tuple[Optimum, float]:
        """Bound and best known value, and what descent finds."""
        return objective.optimum(rho, self.columns), self.descended(objective, rho, self.columns)

    def crossing(self, rho: np.ndarray) -> Panel:
        """Bound, best known value and descent over the covariance weight, on one spectrum; variance 1."""
        found = [self.bracket(VICReg(1.0, 1.0, n), rho) for n in COVARIANCES]
        known = [
            Series("lower bound", COVARIANCES, [best.lower_bound for best, _ in found]),
            Series("best known value", COVARIANCES, [best.loss for best, _ in found]),
            Series("best of many descents", COVARIANCES, [descended for _, descended in found], "points"),
        ]
        title = "Beyond covariance = variance / 16 the value is bracketed"
        return Panel(title, "covariance / variance", "loss", known, log_x=True)


def _bracket_checks(found: list[tuple[Optimum, float]]) -> list[Check]:
    over = min(descended - best.lower_bound for best, descended in found)
    under = max(best.loss / descended - 1 for best, descended in found)
    return [
        Check("unequal columns, random spectra: descent less bound, smallest", over, 0.0, 1e-9, "at least"),
        Check("unequal columns, random spectra: best known value above descent, share", under, BEATEN, 0.0, "at most"),
    ]


def rows_with_correlations(rho: np.ndarray) -> tuple[np.ndarray, Relation]:
    """Two views, a u + b w and a u - b w, of white columns whose pair correlations are exactly `rho`."""
    n = 2 * len(rho) + 2
    raw = np.random.default_rng(0).standard_normal((n, 2 * len(rho)))
    U = np.linalg.qr(raw - raw.mean(axis=0))[0] * np.sqrt(n)
    same, other = U[:, : len(rho)] * np.sqrt((1 + rho) / 2), U[:, len(rho) :] * np.sqrt((1 - rho) / 2)
    return np.concatenate([same + other, same - other]), Relation.from_views(n, 2)


def multi_start(value_and_gradient: Callable, size: int, starts: int, seed: int) -> float:
    """The smallest value that L-BFGS finds from random points of several scales."""
    rng = np.random.default_rng((seed, size))
    points = [rng.standard_normal(size) * (0.3, 0.6, 1.0)[start % 3] for start in range(starts)]
    options = {"maxiter": 500, "ftol": 1e-13}
    return float(min(minimize(value_and_gradient, x, jac=True, method="L-BFGS-B", options=options).fun for x in points))


def equal_columns(objective: VICReg) -> float:
    """The smallest loss of two columns that are the same multiple of one mode with rho = 1, by search over it."""

    def loss(c: float) -> float:
        hinge = max(1 - np.sqrt(c + 1e-4), 0.0)
        return objective.variance * hinge + 2 * objective.covariance_weight * c**2

    return float(minimize_scalar(loss, bounds=(0.0, 1.0), method="bounded", options={"xatol": 1e-10}).fun)
