"""Least-squares VICReg over linear functions, neighbours as pairs, is locality preserving projections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from eigenpairs._validate import whole_number
from eigenpairs.lab.classical import Classical, Setting, UniformVICReg, least_squares, practised, weight_that_keeps
from eigenpairs.lab.closed_forms import largest_sine, white
from eigenpairs.lab.experiment import Experiment, Progress
from eigenpairs.lab.figure import Panel
from eigenpairs.lab.result import Check, Result
from eigenpairs.objective import VICReg
from eigenpairs.relation import Relation
from eigenpairs.spectrum.solve import spectrum


@dataclass
class VicregIsLpp(Experiment):
    """VICReg with a linear encoder and neighbours as positives finds the locality preserving projections.

    Claim: the minimum of least-squares VICReg over linear maps is locality preserving projections (He & Niyogi 2003) of
    the graph of pairs, each with variance 1 - g (1 - rho)/a, without those with rho below 1 - a/g.

    Source: Balestriero & LeCun 2022 (arXiv 2205.11508), VICReg with a linear encoder; the variances and what the
    practised form does are ours (docs/theory.md, sections 2 and 3). Data in the spirit of the paper.

    Setting: images of digits on their leading principal components (He & Niyogi take these first), nearest neighbours
    as pairs; weights trained by L-BFGS on the loss. Projections by scipy's QZ algorithm on X^T L X a = l X^T D X a,
    and with X^T X on the right for the paper's equal weights; a column of ones in X, whose solution 0 is left out.

    Expected: span and variances of the trained Z are those of the projections, within 1e-3. Without the column of ones,
    as He & Niyogi wrote it, the projections of rows that are not centred are others: VICReg centres, they do not. As
    practised (hinge, 25, 25, 1) the functions are the leading ones, mixed in columns of equal variance.
    """

    paper: ClassVar[str] = "A"
    fast: ClassVar[dict] = {"n_samples": 300, "n_inputs": 12}
    needs: ClassVar[tuple[str, ...]] = ("torch",)

    n_samples: int = 1797
    n_inputs: int = 30
    k: int = 10
    width: int = 8
    kept: int = 5
    seed: int = 0

    def validate(self) -> None:
        whole_number(self.k, "k", 1)
        if not 1 <= self.kept < self.width < self.n_inputs <= 60 < self.n_samples <= 1797:
            raise ValueError(
                f"kept = {self.kept}, width = {self.width}, n_inputs = {self.n_inputs}, n_samples = {self.n_samples}: "
                "must rise, with at most 60 inputs and between 61 and 1797 samples"
            )

    def measure(self, progress: Progress) -> Result:
        X = self.rows()
        relation = Relation.from_neighbors(X, self.k)
        pairs, uniform = relation.degrees / relation.total, np.full(len(X), 1 / len(X))
        checks: list[Check] = []
        panels: list[Panel] = []
        for weighting, marginal, kind in (("pairs", pairs, VICReg), ("samples", uniform, UniformVICReg)):
            projections = self.projections(np.column_stack([X, np.ones(len(X))]), relation, weighting)
            g = weight_that_keeps(self.kept, projections.rho)
            setting = Setting(white(X, marginal), relation, marginal, self.width, seed=self.seed)
            spec = spectrum(X, relation, n_components=self.width, weighting=weighting)
            found, panel = least_squares(setting, kind(g, 1.0, form="least-squares"), projections, spec)
            checks, panels = checks + found, [*panels, panel]
            progress(0.3 if weighting == "pairs" else 0.6)
        centred = self.projections(np.column_stack([X, np.ones(len(X))]), relation, "pairs")
        as_written = self.projections(X, relation, "pairs", skip=0)
        sine = largest_sine(as_written.functions[:, : self.kept], centred.functions[:, : self.kept], pairs)
        checks.append(Check("sine of the angle that the column of ones makes", sine, 0.1, kind="at least"))
        setting = Setting(white(X, pairs), relation, pairs, self.width, starts=2, seed=self.seed)
        found, panel = practised(setting, VICReg(), centred)
        return Result(checks + found, [*panels, panel])

    def rows(self) -> np.ndarray:
        """Digits on their leading principal directions, not centred."""
        from sklearn.datasets import load_digits

        X = load_digits().data[: self.n_samples] / 16
        directions = np.linalg.svd(X - X.mean(axis=0), full_matrices=False)[2][: self.n_inputs]
        return X @ directions.T

    def projections(self, X: np.ndarray, relation: Relation, weighting: str, skip: int = 1) -> Classical:
        """By the QZ algorithm, which uses no symmetry; the first `skip` are constant."""
        from scipy.linalg import eig
        from scipy.sparse.csgraph import laplacian

        graph = relation.to_sparse()
        right = graph.sum() / len(X) * X.T @ X if weighting == "samples" else X.T @ (relation.degrees[:, None] * X)
        values, vectors = eig(X.T @ (laplacian(graph) @ X), right)
        order = np.argsort(values.real)[skip : skip + self.width]
        name = "projections" if weighting == "pairs" else "projections under equal weights"
        return Classical(name, X @ vectors[:, order].real, 1 - values.real[order])
