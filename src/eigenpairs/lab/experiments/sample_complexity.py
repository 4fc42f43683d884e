"""Fewer labels are needed on the features that non-contrastive learning keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from eigenpairs._validate import real_number, whole_number
from eigenpairs.lab.experiment import Experiment, Progress
from eigenpairs.lab.figure import Panel, Series
from eigenpairs.lab.result import Check, Result
from eigenpairs.objective import DirectSet
from eigenpairs.relation import Relation
from eigenpairs.spectrum.solve import spectrum

ERRORS = 5.0
"""Standard errors that a mean over draws may be off; also standard deviations of the loss by imperfect directions."""


@dataclass
class SampleComplexity(Experiment):
    """Least squares on the r learned features has excess risk s^2 r/(n - r - 1); on all d inputs s^2 d/(n - d - 1).

    Claim: downstream, the number of labels needed grows with the number r of invariant directions that the network
    keeps, no longer with the dimension d of the input.

    Source: Wang, Chen, Du & Tian 2021 (arXiv 2110.04947), downstream sample complexity; the excess risk of least
    squares on Gaussian inputs is textbook, the loss by directions learned from finitely many pairs our derivation.

    Setting: inputs x ~ N(0, I_d); augmentation adds noise to each, of variance .05 to r directions and 2 to the others;
    the network is the fixed point of DirectSet on one pair of views of each of `sources` inputs, so which directions it
    keeps, and how well, is for the pairs to decide; the target is linear in the r directions plus noise of standard
    deviation s; ordinary least squares on n labels.

    Expected: r directions are kept. Of a target of variance 1 they miss, to first order in 1/sources, (d - r)/sources
    times (1 - rho^2)(1 - rho rho') / (2 (rho - rho')^2) times (1 + .05)/(1 + 2), where rho and rho' are 1/(1 +
    variance), within 5 standard deviations of such a sum of squares. Mean excess risk over many draws equals either
    formula for every n, within 5 standard errors and, on learned features, what the directions may miss at most.
    """

    paper: ClassVar[str] = "C"
    fast: ClassVar[dict] = {"draws": 1000}

    d: int = 50
    r: int = 5
    noise: float = 0.5
    n_labels: int = 100
    sources: int = 20_000
    kept_variance: float = 0.05
    dropped_variance: float = 2.0
    draws: int = 6000
    seed: int = 0

    def validate(self) -> None:
        for name in ("noise", "kept_variance", "dropped_variance"):
            real_number(getattr(self, name), name, 0.0, above=True)
        for name, least in (("d", 1), ("r", 1), ("n_labels", 1), ("sources", 2), ("draws", 50)):
            whole_number(getattr(self, name), name, least)
        if not self.r <= self.d <= self.n_labels - 10:
            raise ValueError(f"r = {self.r}, d = {self.d}, n_labels = {self.n_labels}: need r <= d <= n_labels - 10")
        if self.sources <= self.d:
            raise ValueError(f"sources = {self.sources} is too small; give more than d = {self.d}")
        if self.kept_variance >= self.dropped_variance:
            raise ValueError(
                f"kept_variance = {self.kept_variance} is not allowed; give less than dropped_variance = "
                f"{self.dropped_variance}"
            )

    def measure(self, progress: Progress) -> Result:
        learned = self.learned_directions()
        missed, expected = float(1 - np.sum((learned.T @ self.target) ** 2)), self.missed()
        room = ERRORS * np.sqrt(2 / max(self.d - self.r, 1)) * expected
        labels = np.unique(np.round(np.geomspace(self.d + 10, 8 * self.d + 10, 7)).astype(int))
        labels = np.unique(np.append(labels, self.n_labels))
        names = (f"{self.r} learned features", f"{self.d} inputs")
        checks, risks = [], np.zeros((len(labels), 2))
        for at, n in enumerate(labels.tolist()):
            for which, directions in enumerate((learned, np.eye(self.d))):
                risks[at, which], error = self.risk(directions, n)
                formula = self.formula((self.r, self.d)[which], n)
                # What is missed is lost, and counts as more noise.
                loss = 0.0 if which else (expected + room) * (n - 1) / (n - self.r - 1)
                name = f"excess risk with {n} labels on {names[which]}"
                checks.append(Check(name, risks[at, which], formula, ERRORS * error + loss))
            progress((at + 1) / len(labels))
        checks.sort(key=lambda check: f" {self.n_labels} labels" not in check.what)  # the headline first
        checks += [
            Check("directions kept", float(learned.shape[1]), float(self.r)),
            Check("variance of the target outside of them", missed, expected, room + 1e-12),
        ]
        series = []
        for at, (name, size) in enumerate(zip(names, (self.r, self.d))):
            series.append(Series(f"{name}, formula", labels, [self.formula(size, int(n)) for n in labels]))
            series.append(Series(f"{name}, measured", labels, risks[:, at], "points"))
        title = "Excess risk falls with r/n on learned features, with d/n on inputs"
        return Result(checks, [Panel(title, "labels", "excess risk", series, log_x=True, log_y=True)])

    @property
    def target(self) -> np.ndarray:
        """(d,) weights, of norm 1."""
        return np.where(np.arange(self.d) < self.r, self.r**-0.5, 0.0)

    def formula(self, size: int, n: int) -> float:
        """Excess risk of least squares on `size` Gaussian columns and n labels."""
        return self.noise**2 * size / (n - size - 1)

    def missed(self) -> float:
        """Expected share of a kept direction that finitely many pairs turn away from the inputs that it belongs to.

        In whitened views a direction of pair correlation rho turns towards one of rho' by g / (rho - rho'), g the
        sample mean of (x y' + x' y)/2 - rho (x y + x' y')/2, whose variance is (1 - rho^2)(1 - rho rho')/2 per pair.
        """
        kept, dropped = 1 + self.kept_variance, 1 + self.dropped_variance
        rho, other = 1 / kept, 1 / dropped
        turn = (1 - rho**2) * (1 - rho * other) / (2 * (rho - other) ** 2)
        return (self.d - self.r) / self.sources * turn * kept / dropped

    def learned_directions(self) -> np.ndarray:
        """(d, kept) what DirectSet's fixed point keeps of the inputs, orthonormal."""
        rng = np.random.default_rng(self.seed)
        source = rng.standard_normal((self.sources, self.d))
        strength = np.sqrt(np.where(np.arange(self.d) < self.r, self.kept_variance, self.dropped_variance))
        X = np.concatenate([source + strength * rng.standard_normal(source.shape) for _ in range(2)])
        objective = DirectSet(alpha=1.0, weight_decay=0.1, eps=0.0, norm="none", criterion="l2")
        emb = spectrum(X, Relation.from_views(len(source), 2)).embed(objective, self.d)
        kept = emb.optimum.gains > 0
        weights = (emb.transform(np.eye(self.d)) - emb.transform(np.zeros((1, self.d))))[:, kept]
        return np.linalg.qr(weights)[0]

    def risk(self, directions: np.ndarray, n: int) -> tuple[float, float]:
        """Mean squared difference between prediction and noiseless target over draws of inputs, and its error."""
        rng = np.random.default_rng((self.seed, n, directions.shape[1]))
        found, step = [], 100
        for start in range(0, self.draws, step):
            count = min(step, self.draws - start)
            X = rng.standard_normal((count, n, self.d))
            y = X @ self.target + self.noise * rng.standard_normal((count, n))
            columns = X @ directions
            gram, moment = columns.mT @ columns, columns.mT @ y[..., None]
            weights = np.linalg.solve(gram, moment)[..., 0] @ directions.T
            found.append(np.sum((weights - self.target) ** 2, axis=1))  # inputs are white
        risks = np.concatenate(found)
        return float(risks.mean()), float(risks.std(ddof=1) / np.sqrt(self.draws))
