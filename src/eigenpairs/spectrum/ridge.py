"""Choosing a ridge on held-out pairs, from the moments of each fold: the data are read once.

What is compared is the spectral contrastive loss of the fitted pair operator on the pairs of the fold left out. It
is a proper score: an overfitted rho claims agreement that held-out pairs do not show, and pays for it.
"""

from __future__ import annotations

from functools import reduce

import numpy as np

from eigenpairs.objective import SpectralContrastive
from eigenpairs.objective.moments import KnownMoments
from eigenpairs.relation import Relation
from eigenpairs.spectrum.pencil import Pencil
from eigenpairs.spectrum.sums import PairSums

N_FOLDS = 5

RIDGES = (0.0, *np.geomspace(1e-6, 1e3, 10).tolist())
"""Candidates, relative to the mean eigenvalue of S."""


def fold_of_rows(relation: Relation, seed: int = 0) -> np.ndarray:
    """(n_samples,) fold of every row; a connected component stays whole.

    Raises
    ------
    ValueError
        If there are fewer components than folds.
    """
    components = relation.components
    n = int(components.max()) + 1
    if n < N_FOLDS:
        raise ValueError(
            f"ridge = 'auto' holds out whole groups of partners, and this relation has {n} (connected components) for "
            f"{N_FOLDS} folds; give a number instead"
        )
    fold = np.random.default_rng(seed).permutation(np.arange(n) % N_FOLDS)
    return np.where(components >= 0, fold[components], 0)


def choose_ridge(folds: list[PairSums], n_components: int) -> float:
    """The candidate with the smallest held-out loss, summed over folds."""
    losses = np.zeros(len(RIDGES))
    for held in range(len(folds)):
        rest = reduce(PairSums.__add__, [sums for at, sums in enumerate(folds) if at != held])
        pencil = Pencil(rest.covariance, rest.disagreement, rest.mean)
        for at, ridge in enumerate(RIDGES):
            rho, weights = pencil.solve(n_components, ridge)
            A = weights * np.sqrt(np.maximum(rho, 0.0))
            S = A.T @ folds[held].covariance @ A
            losses[at] += heldout_loss(S, S - A.T @ folds[held].disagreement @ A)
    return RIDGES[int(np.argmin(losses))]


def heldout_loss(covariance: np.ndarray, cross: np.ndarray) -> float:
    """Spectral contrastive loss of a centred embedding with Cov(z) and Cov(z, z+) (K, K) on held-out pairs."""
    return float(sum(SpectralContrastive().moment_terms(KnownMoments(covariance, cross)).values()))
