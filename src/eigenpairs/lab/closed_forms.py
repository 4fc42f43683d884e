"""What experiments on closed forms share: the lowest loss found without them, and spans compared."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from eigenpairs.lab.descent import Trained, train
from eigenpairs.objective import Objective, VICReg
from eigenpairs.objective.moments import moments_of
from eigenpairs.objective.water_filling import STD_EPS
from eigenpairs.relation import Relation


def lowest(
    objective: Objective,
    columns: np.ndarray,
    relation: Relation,
    width: int,
    starts: int = 2,
    seed: int = 0,
    steps: int = 3000,
) -> Trained:
    """The smallest loss of columns @ W over W (D, K) that descent finds, and its rows.

    The hinge of VICReg as practised has a kink where a column's standard deviation is one; L-BFGS gets stuck on it. So
    descents that stay on the kink are run beside those that do not: what they find is a value of the loss all the same.
    """
    if not (isinstance(objective, VICReg) and objective.form == "practice"):
        return train(objective, columns, relation, width, starts, seed, max_iter=steps)
    free = train(objective, columns, relation, width, starts, seed, max_iter=min(steps, 150))
    held = train(
        objective, columns, relation, width, starts, seed, of_rows=partial(_on_the_kink, relation), max_iter=steps
    )
    return min(free, held, key=lambda trained: trained.loss)


def _on_the_kink(relation: Relation, Z: Any) -> Any:
    return Z * ((1 - STD_EPS) / moments_of(Z, relation).variance) ** 0.5


def white(columns: np.ndarray, marginal: np.ndarray) -> np.ndarray:
    """Columns (n, r) with the span of those given, centred and orthonormal under the marginal (n,): the same class of
    functions, in which descent is quick."""
    centred = (columns - marginal @ columns) * np.sqrt(marginal)[:, None]
    U, size, _ = np.linalg.svd(centred, full_matrices=False)
    return U[:, size > 1e-10 * size[0]] / np.sqrt(marginal)[:, None]


def covariance(Z: np.ndarray, marginal: np.ndarray) -> np.ndarray:
    """(K, K) of rows under a marginal."""
    centred = Z - marginal @ Z
    return centred.T @ (marginal[:, None] * centred)


def largest_sine(A: np.ndarray, B: np.ndarray, marginal: np.ndarray) -> float:
    """Sine of the largest principal angle between the spans of two sets of functions, constants aside."""
    from scipy.linalg import subspace_angles

    root = np.sqrt(marginal)[:, None]
    return float(np.sin(subspace_angles(root * (A - marginal @ A), root * (B - marginal @ B)).max()))


def leading(Z: np.ndarray, marginal: np.ndarray, count: int) -> np.ndarray:
    """(n, count) the principal components of Z under a marginal: those directions that it has not dropped."""
    values, vectors = np.linalg.eigh(covariance(Z, marginal))
    return (Z - marginal @ Z) @ vectors[:, np.argsort(-values)[:count]]


def variances(Z: np.ndarray, marginal: np.ndarray) -> np.ndarray:
    """(K,) eigenvalues of the covariance, descending: the gains, whatever the rotation."""
    return np.linalg.eigvalsh(covariance(Z, marginal))[::-1]
