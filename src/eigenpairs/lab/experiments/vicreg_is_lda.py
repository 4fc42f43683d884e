"""Least-squares VICReg over linear functions, rows of a class as pairs, is Fisher's discriminant analysis."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from eigenpairs._validate import real_number
from eigenpairs.lab.classical import Classical, Setting, least_squares, practised
from eigenpairs.lab.closed_forms import largest_sine, leading, lowest, variances, white
from eigenpairs.lab.experiment import Experiment, Progress
from eigenpairs.lab.result import Check, Result
from eigenpairs.objective import VICReg
from eigenpairs.relation import Relation
from eigenpairs.spectrum.solve import spectrum


@dataclass
class VicregIsLda(Experiment):
    """VICReg with a linear encoder and all rows of a class as positives finds Fisher's discriminants.

    Claim: with the pairs of labels (G_ij = 1/n_c inside class c, i = j included) rho is the share of the variance that
    lies between classes, and the minimum of least-squares VICReg over linear maps is linear discriminant analysis,
    each discriminant with variance rho, at equal weights g = a of invariance and variance. At g = a/2
    the discriminants come first, but directions that tell no classes apart fill the remaining columns.

    Source: Balestriero & LeCun 2022 (arXiv 2205.11508), supervised pairs; that g >= a is needed, and what the practised
    form does, are ours (docs/theory.md, sections 1 to 3). Data in the spirit of the paper.

    Setting: images of digits with noise added, of classes whose sizes differ fourfold; weights trained by L-BFGS on the
    loss. Discriminants by scikit-learn, their share between classes by class means.

    Expected: with g = a the trained Z has the discriminants' span and nothing else, and variances rho, within 1e-3.
    With g = a/2 it also fills its remaining columns, at variance 1/2, with directions that tell no classes apart.
    Without self-pairs (G_ij = 1, i != j) rho is another: negative on those directions. As practised (hinge, 25, 25, 1)
    only the first discriminants are kept, mixed in columns of equal variance.
    """

    paper: ClassVar[str] = "A"
    fast: ClassVar[dict] = {"n_samples": 800}
    needs: ClassVar[tuple[str, ...]] = ("torch",)

    n_samples: int = 1797
    n_classes: int = 10
    noise: float = 0.3
    seed: int = 0

    def validate(self) -> None:
        real_number(self.noise, "noise", 0.0, above=True)
        if not 3 <= self.n_classes <= 10:
            raise ValueError(
                f"n_classes = {self.n_classes}; there are digits 0 to 9, and two classes have one discriminant"
            )
        if not 1500 / self.n_classes <= self.n_samples <= 1797:
            raise ValueError(
                f"n_samples = {self.n_samples} with n_classes = {self.n_classes}; give at most 1797, and at least "
                "1500 / n_classes, so that rows outnumber the 64 columns"
            )

    def measure(self, progress: Progress) -> Result:
        X, y = self.rows()
        relation, marginal = Relation.from_labels(y), np.full(len(y), 1 / len(y))
        discriminants = self.discriminants(X, y)
        count = self.n_classes - 1
        setting = Setting(white(X, marginal), relation, marginal, len(discriminants.rho), starts=2, seed=self.seed)
        spec = spectrum(X, relation, n_components=setting.width)
        gap = np.abs(spec.rho - discriminants.rho).max()
        checks = [Check("largest difference of rho and the share between classes", float(gap), 0.0, 1e-9)]
        found, panel = least_squares(setting, VICReg(1.0, 1.0, form="least-squares"), discriminants, spec)
        checks += found
        progress(0.4)
        weak = lowest(VICReg(0.5, 1.0, form="least-squares"), setting.columns, relation, setting.width, seed=self.seed)
        beyond = variances(weak.Z, marginal)[count:]
        sine = largest_sine(leading(weak.Z, marginal, count), discriminants.functions, marginal)
        alike = spectrum(X, Relation.from_groups(y), n_components=count + 1)  # G_ij = 1, no row with itself
        turn = largest_sine(alike.transform()[:, :count], discriminants.functions, marginal)
        checks += [
            Check("g = a/2: sine of the largest angle between the first functions and discriminants", sine, 0.0, 1e-3),
            Check("g = a/2: error of the variance 1/2 on directions that tell no classes apart",
                  float(np.abs(beyond - 0.5).max()), 0.0, 1e-3),
            Check("no row with itself: largest rho of the other directions, at most -1 / (largest class - 1)",
                  float(alike.rho[count]), -1 / (float(np.bincount(y).max()) - 1), 1e-9, kind="at most"),
        ]  # fmt: skip
        progress(0.7)
        changed, panel_p = practised(replace(setting, starts=4), VICReg(), discriminants)  # it sticks on the hinge
        note = (
            "With all pairs of a class alike, so that classes count by the square of their size, the sine of the "
            f"largest angle to the discriminants is {turn:.3f} here."
        )
        return Result(checks + changed, [panel, panel_p], [note])

    def rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Digits with noise; of class c a share that falls to a quarter."""
        from sklearn.datasets import load_digits

        data = load_digits()
        rng = np.random.default_rng(self.seed)
        X, y = data.data[: self.n_samples] / 16, data.target[: self.n_samples]
        share = np.linspace(1.0, 0.25, self.n_classes)
        kept = (y < self.n_classes) & (rng.uniform(size=len(y)) < share[np.minimum(y, self.n_classes - 1)])
        return X[kept] + self.noise * rng.standard_normal((np.count_nonzero(kept), X.shape[1])), y[kept]

    def discriminants(self, X: np.ndarray, y: np.ndarray) -> Classical:
        """By scikit-learn; two functions more have nothing between classes."""
        from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

        functions = LinearDiscriminantAnalysis(solver="svd").fit(X, y).transform(X)
        centred = functions - functions.mean(axis=0)
        means = np.stack([centred[y == label].mean(axis=0) for label in range(self.n_classes)])[y]
        between = np.sum(means**2, axis=0) / np.sum(centred**2, axis=0)
        return Classical("discriminants", functions, np.concatenate([between, [0.0, 0.0]]))
