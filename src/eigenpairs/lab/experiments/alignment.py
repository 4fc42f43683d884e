"""Strong or weak invariance? It depends on how many labels there are and whether pairs know about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from eigenpairs.advise.eigenlearning import RIDGES, learned, predicted_error
from eigenpairs.features import Linear
from eigenpairs.lab.descent import train
from eigenpairs.lab.exact_pairs import exact_pairs
from eigenpairs.lab.experiment import Experiment, Progress
from eigenpairs.lab.figure import Panel, Series
from eigenpairs.lab.result import Check, Result
from eigenpairs.objective import BarlowTwins, SimCLR, VICReg
from eigenpairs.relation import Relation
from eigenpairs.spectrum.solve import spectrum

WEAK, STRONG = 0.0, 3.0
"""Invariance weights that are compared; all are in units of the variance weight."""


@dataclass
class Alignment(Experiment):
    """Strong invariance wins with few labels that pairs know about, weak invariance with labels they do not know about.

    Claim: few labels and an aligned relation want a high invariance weight in VICReg, a misaligned relation a low one;
    many labels and an aligned relation gain little from a high one; and where G = Y Y^T, the relation of the labels
    themselves, self-supervised learning recovers the supervised solution.

    Source: Balestriero & LeCun 2022 (arXiv 2205.11508), guidelines for downstream tasks; constants in the spirit of
    the paper. The error formula is that of Simon et al. 2023 (arXiv 2110.03922).

    Setting: Gaussian modes with pair correlations from .98 to .05; a target on the most invariant modes (aligned) or
    on the least invariant ones (misaligned), plus noise; VICReg (least squares) at several invariance weights, gains
    checked against a map trained by descent; a ridge probe with intercept, its ridge the best by the formula,
    measured over many draws of labels. Then classes of Gaussian rows: VICReg trained by descent with G = Y Y^T
    against scikit-learn's LDA, linear and ridge regression.

    Expected: measured errors within 5 % of the formula; few labels: the strong weight wins if aligned and loses if
    misaligned, clearly; many labels: if aligned it wins, by no more than modes/(n - 2), what least squares pays for
    all modes; if misaligned it loses all of the target, as do Barlow Twins and SimCLR (gains by closed form), unless
    SimCLR's temperature is small. With G = Y Y^T the subspace is LDA's, least squares on it predicts what it predicts
    on the inputs, and with a ridge it is ridge regression's.
    """

    paper: ClassVar[str] = "A"
    fast: ClassVar[dict] = {"draws": 1000, "many": 300}
    needs: ClassVar[tuple[str, ...]] = ("torch", "sklearn")

    modes: int = 40
    target_modes: int = 4
    noise: float = 0.1
    """Variance, beside a target of variance 1."""
    few: int = 15
    many: int = 600
    weights: tuple[float, ...] = (0, 0.3, 0.6, 1, 1.5, 2, 3, 5)
    """Invariance weights."""
    draws: int = 2000
    classes: int = 4
    rows: int = 240
    """Labelled rows of the part on classes."""
    seed: int = 0

    def validate(self) -> None:
        if not 1 <= self.target_modes <= self.modes // 4 or self.modes < 20:
            raise ValueError("target_modes must be 1 to a quarter of modes, and modes 20 or more")
        if not {WEAK, STRONG} <= set(self.grid.tolist()):
            raise ValueError(f"weights = {self.weights!r}: must contain {WEAK:g} and {STRONG:g}")
        if self.few < 5 or self.many < 5 * self.modes or not 0.05 <= self.noise <= 0.3 or self.draws < 500:
            raise ValueError("need few >= 5, many >= 5 modes, .05 <= noise <= .3 (less interpolates), draws >= 500")
        if self.classes < 3 or self.rows < 20 * self.classes:
            raise ValueError("need at least three classes and twenty rows for each")

    @property
    def grid(self) -> np.ndarray:
        """The invariance weights."""
        return np.asarray(self.weights, dtype=np.float64)

    @property
    def rho(self) -> np.ndarray:
        """(modes,) pair correlations."""
        return np.linspace(0.98, 0.05, self.modes)

    @property
    def targets(self) -> dict[str, np.ndarray]:
        """Coefficients (modes,) of both targets, of unit variance."""
        rank, size = np.arange(self.modes), self.target_modes
        first, last = rank < size, rank >= self.modes - size
        return {"aligned": first / np.sqrt(size), "misaligned": last / np.sqrt(size)}

    @property
    def clear_loss(self) -> float:
        """Half of what losing all of the target costs: (1 + noise)/noise."""
        return 0.5 * (1 + self.noise) / self.noise

    def measure(self, progress: Progress) -> Result:
        measured, formula = {}, {}
        cases = [(name, n) for name in self.targets for n in (self.few, self.many)]
        for at, (name, n) in enumerate(cases):
            planned = [self.plan(self.gains(float(weight)), self.targets[name], n) for weight in self.grid]
            formula[name, n] = np.array([error for _, _, error in planned])
            measured[name, n] = self.probe(self.targets[name], n, planned)
            progress(0.6 * (at + 1) / len(cases))
        off = max(float(np.abs(measured[case] / formula[case] - 1).max()) for case in cases)
        checks = [Check("measured error against the formula, largest relative difference", off, 0.0, 0.05)]
        checks += self.guidelines(measured) + self.other_objectives(measured["misaligned", self.many])
        off = self.gains_off()
        checks.append(Check("gains of a trained map against the closed form, largest error", off, 0.0, 1e-4))
        progress(0.8)
        checks += self.supervised()
        progress(1.0)
        panels = [
            Panel(f"{n} labels", "invariance weight", "squared error", [
                Series(f"{name}{what}", self.grid, found[name, n], mark)
                for name in self.targets
                for what, found, mark in ((", formula", formula, "line"), (", measured", measured, "points"))
            ], log_y=True)
            for n in (self.few, self.many)
        ]  # fmt: skip
        best = {case: self.grid[np.argmin(measured[case])] for case in cases}
        told = "; ".join(f"{name}, {n} labels: {weight:g}" for (name, n), weight in best.items())
        notes = (
            f"Best invariance weight of those tried. {told}.",
            "A misaligned relation wants weak VICReg rather than Barlow Twins at either end of its redundancy weight; "
            "rather than SimCLR where the temperature is large: by its Gaussian reference a small one keeps all modes.",
        )
        return Result(checks, panels, notes)

    # ------------------------------------------------------------------ probes

    def gains(self, weight: float) -> np.ndarray:
        """(modes,) of VICReg's optimum."""
        return VICReg(weight, 1.0, form="least-squares").gains(self.rho)

    def plan(self, gains: np.ndarray, target: np.ndarray, n: int) -> tuple[np.ndarray, float, float]:
        """The gains, the best ridge of a probe on n labels, and its predicted error."""
        ridges = RIDGES * gains[gains > 0].mean()
        errors = predicted_error(learned(gains[None, :], ridges, n), target**2, self.noise)
        best = int(np.argmin(errors))
        return gains, float(ridges[best]), float(errors[best])

    def probe(self, target: np.ndarray, n: int, planned: list) -> np.ndarray:
        """Mean squared error on new rows, noise included, of ridge regression with intercept, per plan."""
        rng = np.random.default_rng((self.seed, n))
        total, step = np.zeros(len(planned)), max(1, 500_000 // (n * self.modes))
        for start in range(0, self.draws, step):
            count = min(step, self.draws - start)
            phi = rng.standard_normal((count, n, self.modes))
            y = phi @ target + np.sqrt(self.noise) * rng.standard_normal((count, n))
            mean, level = phi.mean(axis=1, keepdims=True), y.mean(axis=1, keepdims=True)
            gram, moment = (phi - mean).mT @ (phi - mean), (phi - mean).mT @ (y - level)[..., None]
            for at, (gains, ridge, _) in enumerate(planned):
                scale = np.sqrt(gains)[:, None]
                system = scale * gram * scale.T + ridge * np.eye(self.modes)
                weights = (scale * np.linalg.solve(system, scale * moment))[..., 0]
                intercept = level[:, 0] - np.sum(mean[:, 0] * weights, axis=1)
                total[at] += np.sum((weights - target) ** 2) + np.sum(intercept**2) + count * self.noise
        return total / self.draws

    def guidelines(self, measured: dict[tuple[str, int], np.ndarray]) -> list[Check]:
        """Errors at the strong weight over those at the weak one."""
        weak, strong = (int(np.flatnonzero(self.grid == weight)[0]) for weight in (WEAK, STRONG))
        ratio = {case: float(errors[strong] / errors[weak]) for case, errors in measured.items()}
        what = f"error at invariance {STRONG:g} over error at {WEAK:g}"
        dropped = measured["misaligned", self.many][strong]
        return [
            Check(f"few labels, aligned: {what}", ratio["aligned", self.few], 0.8, kind="at most"),
            Check(f"few labels, misaligned: {what}", ratio["misaligned", self.few], 1.05, kind="at least"),
            Check(f"many labels, aligned: {what}", ratio["aligned", self.many], 1.0, kind="at most"),
            Check(
                f"many labels, aligned: {what}, little gained",
                ratio["aligned", self.many],
                1 - self.modes / (self.many - 2),
                kind="at least",
            ),
            Check(
                "many labels, misaligned: error at the strong weight, target and noise", dropped, 1 + self.noise, 0.05
            ),
            Check(f"many labels, misaligned: {what}", ratio["misaligned", self.many], self.clear_loss, kind="at least"),
        ]

    def other_objectives(self, vicreg: np.ndarray) -> list[Check]:
        """Misaligned, many labels: errors of SimCLR and Barlow Twins over that of VICReg at the weak weight."""
        weak = vicreg[np.flatnonzero(self.grid == WEAK)[0]]
        others = {
            "Barlow Twins, redundancy .005": BarlowTwins(5e-3),
            "Barlow Twins, redundancy 1": BarlowTwins(1.0),
            "SimCLR, temperature .5": SimCLR(temperature=0.5),
            "SimCLR, temperature .02": SimCLR(temperature=0.02),
        }
        target = self.targets["misaligned"]
        planned = [self.plan(objective.gains(self.rho), target, self.many) for objective in others.values()]
        ratio = dict(zip(others, self.probe(target, self.many, planned) / weak))
        what = f"many labels, misaligned: error over VICReg's at invariance {WEAK:g}"
        *warm, cold = others
        checks = [Check(f"{name}, {what}", float(ratio[name]), self.clear_loss, kind="at least") for name in warm]
        return [*checks, Check(f"{cold}, {what}", float(ratio[cold]), 1.0, 0.05)]

    def gains_off(self) -> float:
        """Largest difference between gains and the energies of a map trained on pairs with this spectrum."""
        X, relation = exact_pairs(self.rho, self.seed, mixed=False)
        found = train(VICReg(1.5, 1.0, form="least-squares"), X, relation, self.modes, starts=1, seed=self.seed)
        map_of_modes = X.T @ (found.Z - found.Z.mean(axis=0)) / len(X)
        return float(np.abs(map_of_modes @ map_of_modes.T - np.diag(self.gains(1.5))).max())

    # ------------------------------------------------------------------ G = Y Y^T

    def labelled_rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Classes of unequal size, with means a few standard deviations apart and correlated columns."""
        rng = np.random.default_rng(self.seed)
        y = rng.choice(self.classes, self.rows, p=np.arange(2, self.classes + 2) / np.arange(2, self.classes + 2).sum())
        D = 3 * self.classes
        mixing = np.eye(D) + 0.4 * rng.standard_normal((D, D))
        return (rng.standard_normal((self.rows, D)) + 0.8 * rng.standard_normal((self.classes, D))[y]) @ mixing, y

    def supervised(self) -> list[Check]:
        """VICReg with the labels' relation against LDA, least squares and ridge regression."""
        from scipy.linalg import subspace_angles
        from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
        from sklearn.linear_model import LinearRegression, Ridge

        X, y = self.labelled_rows()
        kept, relation, onehot = self.classes - 1, self.relation_of(y), np.eye(self.classes)[y]
        Z = train(VICReg(0.5, 1.0, form="least-squares"), X, relation, kept, starts=2, seed=self.seed).Z
        lda = LinearDiscriminantAnalysis(solver="svd").fit(X, y).transform(X)
        sine = np.sin(subspace_angles(Z - Z.mean(axis=0), lda).max())
        on_inputs, on_Z = (LinearRegression().fit(rows, onehot).predict(rows) for rows in (X, Z))
        ridge = 0.3
        alpha = ridge * np.sum(np.var(X, axis=0)) / X.shape[1] * len(X)
        shrunk = Ridge(alpha=alpha).fit(X, onehot).coef_.T[:, :-1]  # coefficients of all classes sum to zero
        modes = spectrum(X, relation, Linear(ridge=ridge), n_components=kept).weights
        shuffled = np.random.default_rng(self.seed).permutation(y)
        other = spectrum(X, self.relation_of(shuffled), n_components=kept).transform(X)
        score, misled = (LinearRegression().fit(rows, onehot).score(rows, onehot) for rows in (Z, other))
        return [
            Check("G = YY^T: sine of the angle to LDA's subspace", float(sine), 0.0, 1e-4),
            Check("G = YY^T: predictions from Z against those from the inputs",
                  float(np.abs(on_Z - on_inputs).max()), 0.0, 1e-4),
            Check("G = YY^T, ridge: sine of the angle to ridge regression's weights",
                  float(np.sin(subspace_angles(modes, shrunk).max())), 0.0, 1e-6),
            Check("G of shuffled labels: R^2 over that with G = YY^T", misled / score, 0.5, kind="at most"),
        ]  # fmt: skip

    @staticmethod
    def relation_of(y: np.ndarray) -> Relation:
        """Y Y^T, each class divided by its size."""
        return Relation.from_labels(y)
