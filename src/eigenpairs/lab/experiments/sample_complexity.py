"""Fewer labels are needed on the features that non-contrastive learning keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from eigenpairs.lab.experiment import Experiment, Progress
from eigenpairs.lab.figure import Panel, Series
from eigenpairs.lab.result import Check, Result
from eigenpairs.objective import DirectSet
from eigenpairs.relation import Relation
from eigenpairs.spectrum.solve import spectrum


@dataclass
class SampleComplexity(Experiment):
    """Least squares on the r learned features has excess risk s^2 r/(n - r - 1); on all d inputs s^2 d/(n - d - 1).

    Claim: downstream, the number of labels needed grows with the number r of invariant directions that the network
    keeps, no longer with the dimension d of the input.

    Source: Wang, Chen, Du & Tian 2021 (arXiv 2110.04947), downstream sample complexity; the excess risk of least
    squares on Gaussian inputs is textbook.

    Setting: inputs x ~ N(0, I_d), of which augmentation destroys all but r directions; the network is the fixed point
    of DirectSet on pairs of views; the target is linear in the r directions plus noise; ordinary least squares on n
    labels.

    Expected: mean excess risk over many draws equals either formula, within 5 %.
    """

    paper: ClassVar[str] = "C"
    fast: ClassVar[dict] = {"draws": 1000}

    d: int = 50
    r: int = 5
    noise: float = 0.5
    n_labels: int = 100
    draws: int = 6000
    seed: int = 0

    def validate(self) -> None:
        if not 1 <= self.r <= self.d <= self.n_labels - 10:
            raise ValueError(f"r = {self.r}, d = {self.d}, n_labels = {self.n_labels}: need r <= d <= n_labels - 10")

    def measure(self, progress: Progress) -> Result:
        learned = self.learned_directions()
        labels = np.unique(np.round(np.geomspace(self.d + 10, 8 * self.d, 7)).astype(int))
        labels = np.unique(np.append(labels, self.n_labels))
        risks = []
        for at, n in enumerate(labels):
            risks.append([self.risk(learned, int(n)), self.risk(np.eye(self.d), int(n))])
            progress((at + 1) / len(labels))
        measured = dict(zip(labels.tolist(), risks))[self.n_labels]
        expected = [self.formula(self.r, self.n_labels), self.formula(self.d, self.n_labels)]
        names = (f"{self.r} learned features", f"{self.d} inputs")
        checks = [Check("directions kept", float(learned.shape[1]), float(self.r))] + [
            Check(f"excess risk with {self.n_labels} labels on {name}", found, wanted, 0.05 * wanted)
            for name, found, wanted in zip(names, measured, expected)
        ]
        series = []
        for at, (name, size) in enumerate(zip(names, (self.r, self.d))):
            series.append(Series(f"{name}, formula", labels, [self.formula(size, int(n)) for n in labels]))
            series.append(Series(f"{name}, measured", labels, [risk[at] for risk in risks], "points"))
        title = "Excess risk falls with r/n on learned features, with d/n on inputs"
        return Result(checks, [Panel(title, "labels", "excess risk", series, log_x=True, log_y=True)])

    def formula(self, size: int, n: int) -> float:
        """Excess risk of least squares on `size` Gaussian columns and n labels."""
        return self.noise**2 * size / (n - size - 1)

    def learned_directions(self) -> np.ndarray:
        """(d, kept) what DirectSet's fixed point keeps of the inputs, orthonormal."""
        rng = np.random.default_rng(self.seed)
        source = rng.standard_normal((20 * self.d, self.d))
        strength = np.where(np.arange(self.d) < self.r, 0.0, 10.0)  # augmentation leaves the first r alone
        X = np.concatenate([source + strength * rng.standard_normal(source.shape) for _ in range(2)])
        objective = DirectSet(alpha=1.0, weight_decay=0.1, eps=0.0, norm="none", criterion="l2")
        emb = spectrum(X, Relation.from_views(len(source), 2)).embed(objective, self.d)
        kept = emb.optimum.gains > 0
        weights = (emb.transform(np.eye(self.d)) - emb.transform(np.zeros((1, self.d))))[:, kept]
        return np.linalg.qr(weights)[0]

    def risk(self, directions: np.ndarray, n: int) -> float:
        """Mean squared difference between prediction and noiseless target, over draws of labelled inputs."""
        rng = np.random.default_rng((self.seed, n, directions.shape[1]))
        target = np.zeros(self.d)
        target[: self.r] = 1 / np.sqrt(self.r)
        total, step = 0.0, 100
        for start in range(0, self.draws, step):
            count = min(step, self.draws - start)
            X = rng.standard_normal((count, n, self.d))
            y = X @ target + self.noise * rng.standard_normal((count, n))
            columns = X @ directions
            gram, moment = columns.mT @ columns, columns.mT @ y[..., None]
            weights = np.linalg.solve(gram, moment)[..., 0] @ directions.T
            total += float(np.sum((weights - target) ** 2))  # inputs are white
        return total / self.draws
