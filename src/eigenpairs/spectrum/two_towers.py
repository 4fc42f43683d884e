"""The spectrum of two towers: two whitenings and one singular value decomposition (canonical correlations)."""

from __future__ import annotations

import logging
from functools import reduce
from typing import Any

import numpy as np

from eigenpairs._validate import an_instance, table
from eigenpairs.features import FeatureMap, Features, Free, Linear, Towers
from eigenpairs.relation import Relation
from eigenpairs.spectrum.accumulate import Progress
from eigenpairs.spectrum.cross_sums import CrossSums, cross_sums
from eigenpairs.spectrum.lapack import singular
from eigenpairs.spectrum.modes import ColumnModes, ModeMoments
from eigenpairs.spectrum.ridge import RIDGES, fold_of_rows, heldout_loss
from eigenpairs.spectrum.spectrum import Spectrum
from eigenpairs.spectrum.whitener import HARDLY, Whitener, fixed_signs

log = logging.getLogger("eigenpairs")

FeaturePair = tuple[Features, Features]


def features_of_towers(features: Any) -> FeaturePair:
    """The class of functions of each tower; one class serves both."""
    pair = features if isinstance(features, (tuple, list)) else (features or Linear(),) * 2
    if len(pair) != 2:
        raise ValueError(f"features has {len(pair)} entries; give one class of functions, or one per tower")
    for at, entry in enumerate(pair):
        an_instance(entry, Features, f"features[{at}]", "ep.Linear()")
        if isinstance(entry, Free):
            raise ValueError(f"features[{at}] = Free() has no columns to whiten; towers take ep.Linear() and the like")
    first, second = pair
    return first, second


def solve_towers(
    towers: Towers,
    relation: Relation,
    features: FeaturePair,
    n_components: int,
    device: str | None,
    seed: int,
    progress: Progress | None,
) -> Spectrum:
    """max E[phi_a(x) phi_b(y)] over pairs, phi_a and phi_b white: rho = canonical correlations.

    With S_a, S_b the towers' covariances (plus a ridge each) and C_ab that across pairs, whitening bases B^T S B = I
    turn the pencil [[0, C_ab], [C_ba, 0]] v = rho diag(S_a, S_b) v into the singular value decomposition of
    B_a^T C_ab B_b (docs/theory.md, section 1). Nothing is padded: columns and rows may differ between towers.
    """
    maps = [
        entry.fitted(table(X, name, sparse=entry.takes_sparse), name)
        for entry, X, name in zip(features, towers.sides, ("X_a", "X_b"), strict=True)
    ]
    asked = [entry.ridge for entry in features]
    log.info("summing moments of towers of %d x %d and %d x %d columns", *towers.X_a.shape, *towers.X_b.shape)
    rows_of_fold = fold_of_rows(relation, seed) if "auto" in asked else None
    folds = cross_sums(towers, maps, relation, device, progress, rows_of_fold)
    ridges = _choose_ridges(folds, asked, n_components)
    sums, columns = reduce(CrossSums.__add__, folds), maps
    problem = _Canonical(sums)
    if problem.delicate(ridges):  # docs/theory.md, section 1
        columns = problem.columns(maps, sums.mean, ridges)
        (sums,) = cross_sums(towers, columns, relation, device)
        white = [part.delicate(ridge) for part, ridge in zip(problem.whiteners, ridges, strict=True)]
        problem = _Canonical(sums, (HARDLY * white[0], HARDLY * white[1]))
    rho, weights = problem.solve(n_components, ridges)
    log.info("solved %d modes of rank %d, ridges %g and %g", len(rho), problem.rank(ridges), *ridges)
    modes = tuple(ColumnModes.over(*parts) for parts in zip(columns, sums.mean, weights, strict=True))
    inner = [W.T @ S @ W for W, S in zip(weights, sums.covariance, strict=True)] if max(ridges) > 0 else []
    return Spectrum(
        rho, problem.rank(ridges), features, "pairs", relation.n_samples, modes, ridge=ridges,
        faithful=max(ridges) == 0, moments=tuple(ModeMoments(np.zeros(len(rho)), S) for S in inner), fitted=towers,
    )  # fmt: skip


class _Canonical:
    """Canonical correlations of two covariances and the one across pairs, for any ridges."""

    def __init__(self, sums: CrossSums, least: tuple[float, float] = (0.0, 0.0)):
        parts = zip(sums.covariance, sums.mean, ("X_a", "X_b"), least, strict=True)
        self.whiteners = [Whitener(*part) for part in parts]
        self.C = sums.cross_covariance

    def delicate(self, ridges: tuple[float, float]) -> bool:
        """Whether the sums say too little of some direction of a tower."""
        return any(part.delicate(ridge) for part, ridge in zip(self.whiteners, ridges, strict=True))

    def columns(self, maps: list[FeatureMap], means: list[np.ndarray], ridges: tuple[float, float]) -> list[FeatureMap]:
        """Columns of the same spans, white where a tower without ridge has delicate ones."""
        parts = zip(maps, means, self.whiteners, ridges, strict=True)
        return [
            ColumnModes(feature_map, mean, part.basis()) if part.delicate(ridge) else feature_map
            for feature_map, mean, part, ridge in parts
        ]

    def rank(self, ridges: tuple[float, float]) -> int:
        """Number of canonical correlations."""
        return min(part.rank(ridge) for part, ridge in zip(self.whiteners, ridges, strict=True))

    def solve(self, n_components: int, ridges: tuple[float, float]) -> tuple[np.ndarray, list[np.ndarray]]:
        """rho (m,) descending and the weights (D_a, m), (D_b, m) of the modes, signs fixed by the first tower."""
        basis_a, basis_b = (part.basis(ridge) for part, ridge in zip(self.whiteners, ridges, strict=True))
        left, rho, right = singular(basis_a.T @ self.C @ basis_b)
        m = min(n_components, len(rho))
        weights_a, weights_b = basis_a @ left[:, :m], basis_b @ right[:m].T
        signs = fixed_signs(weights_a, by=self.whiteners[0].scale[:, None])
        return np.minimum(rho[:m], 1.0), [weights_a * signs, weights_b * signs]


def _choose_ridges(folds: list[CrossSums], asked: list[float | str], n_components: int) -> tuple[float, float]:
    """Numbers for the ridges; those that are "auto" share the candidate with the smallest held-out loss."""

    def with_candidate(ridge: float) -> tuple[float, float]:
        first, second = (ridge if entry == "auto" else float(entry) for entry in asked)
        return first, second

    if "auto" not in asked:
        return with_candidate(0.0)
    losses = np.zeros(len(RIDGES))
    for held in range(len(folds)):
        problem = _Canonical(reduce(CrossSums.__add__, [sums for at, sums in enumerate(folds) if at != held]))
        for at, ridge in enumerate(RIDGES):
            rho, weights = problem.solve(n_components, with_candidate(ridge))
            A, B = (part * np.sqrt(rho) for part in weights)
            S_a, S_b = folds[held].covariance
            cross = A.T @ folds[held].cross_covariance @ B
            losses[at] += heldout_loss((A.T @ S_a @ A + B.T @ S_b @ B) / 2, (cross + cross.T) / 2)
    return with_candidate(RIDGES[int(np.argmin(losses))])
