"""Least-squares VICReg over all functions of the samples is Laplacian eigenmaps of the graph of pairs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from eigenpairs._validate import whole_number
from eigenpairs.features import Free
from eigenpairs.lab.classical import Classical, Setting, UniformVICReg, least_squares, practised, weight_that_keeps
from eigenpairs.lab.closed_forms import largest_sine
from eigenpairs.lab.experiment import Experiment, Progress
from eigenpairs.lab.result import Result
from eigenpairs.objective import VICReg
from eigenpairs.relation import Relation
from eigenpairs.spectrum.solve import spectrum


@dataclass
class VicregIsLaplacianEigenmaps(Experiment):
    """VICReg with a free embedding per sample finds the Laplacian eigenmaps of its pairs.

    Claim: the minimum of least-squares VICReg over all embeddings of the samples is the Laplacian eigenmaps of the
    graph of pairs, each coordinate with variance 1 - g (1 - rho)/a, without those with rho below 1 - a/g.

    Source: Balestriero & LeCun 2022 (arXiv 2205.11508), VICReg and Laplacian eigenmaps; the variances and what the
    practised form does are ours (docs/theory.md, sections 2 and 3). Data in the spirit of the paper.

    Setting: nearest neighbours on a Swiss roll; every row of Z is a parameter, trained by L-BFGS on the loss. Eigenmaps
    by scikit-learn (normalised Laplacian, rows weighted by degree as drawing pairs does) and by scipy (unnormalised,
    all rows weighted equally, which is the paper's form).

    Expected: the span and the variances of the trained Z are those of either eigenmaps in the weighting that belongs to
    it, within 1e-3. As practised (hinge, 25, 25, 1) the span is that of the leading eigenmaps, the gains are a
    water-filling, and columns are mixtures of equal variance: coordinates no longer correspond.
    """

    paper: ClassVar[str] = "A"
    fast: ClassVar[dict] = {"n_samples": 120, "width": 5, "kept": 3}
    needs: ClassVar[tuple[str, ...]] = ("torch",)

    n_samples: int = 400
    k: int = 10
    width: int = 6
    kept: int = 4
    seed: int = 0

    def validate(self) -> None:
        whole_number(self.k, "k", 1)
        if not 1 <= self.kept < self.width < self.n_samples:
            raise ValueError(f"kept = {self.kept}, width = {self.width}, n_samples = {self.n_samples} must rise")

    def measure(self, progress: Progress) -> Result:
        from sklearn.datasets import make_swiss_roll

        X = make_swiss_roll(self.n_samples, noise=0.3, random_state=self.seed)[0]
        relation = Relation.from_neighbors(X, self.k)
        if relation.components.max() > 0:
            return Result((), notes=("the neighbours of these rows form several components; raise k",))
        pairs, uniform = relation.degrees / relation.total, np.full(self.n_samples, 1 / self.n_samples)
        normalised, unnormalised = self.eigenmaps(relation), self.unnormalised_eigenmaps(relation)
        setting = Setting(np.diag(pairs**-0.5), relation, pairs, self.width, seed=self.seed)
        objective = VICReg(weight_that_keeps(self.kept, normalised.rho), 1.0, form="least-squares")
        spec = spectrum(None, relation, Free(), self.width)
        checks, panel = least_squares(setting, objective, normalised, spec)
        progress(0.4)
        paper = UniformVICReg(weight_that_keeps(self.kept, unnormalised.rho), 1.0, form="least-squares")
        spec = spectrum(None, relation, Free(), self.width, weighting="samples")
        setting_a = Setting(np.eye(self.n_samples), relation, uniform, self.width, seed=self.seed)
        checks_a, panel_a = least_squares(setting_a, paper, unnormalised, spec)
        progress(0.7)
        checks_p, panel_p = practised(setting, VICReg(), normalised)
        sine = largest_sine(normalised.functions[:, : self.kept], unnormalised.functions[:, : self.kept], uniform)
        note = (
            f"The two Laplacians' eigenmaps are not the same: the sine of the largest angle between them is {sine:.3f}."
        )
        return Result(checks + checks_a + checks_p, [panel, panel_a, panel_p], [note])

    def eigenmaps(self, relation: Relation) -> Classical:
        """Of the normalised Laplacian: functions by scikit-learn, eigenvalues by scipy."""
        from scipy.sparse.csgraph import laplacian
        from sklearn.manifold import spectral_embedding

        graph = relation.to_sparse()
        functions = spectral_embedding(graph, n_components=self.width, random_state=0, drop_first=True)
        values = np.linalg.eigvalsh(laplacian(graph, normed=True).toarray())
        return Classical("Laplacian eigenmaps", functions, 1 - values[1 : self.width + 1])

    def unnormalised_eigenmaps(self, relation: Relation) -> Classical:
        """Of D - G; its eigenvalues times n / sum(G) are 1 - rho."""
        from scipy.sparse.csgraph import laplacian

        graph = relation.to_sparse()
        values, vectors = np.linalg.eigh(laplacian(graph).toarray())
        here = slice(1, self.width + 1)
        rho = 1 - values[here] * self.n_samples / graph.sum()
        return Classical("unnormalised Laplacian eigenmaps", vectors[:, here], rho)
