"""The safeguard beside the formula: probes on random subsets of the labels there are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from eigenpairs.spectrum.accumulate import Progress

DRAWS = 200
TEST_ROWS = 1000
FEWEST_TEST = 20
"""Rows that have to be left for the test."""


@dataclass(frozen=True)
class Measured:
    """Mean squared error of the probe, and its standard error, over draws of the labelled rows."""

    error: float
    standard_error: float
    draws: int


def can_measure(n_labelled: int, n_labels: int) -> bool:
    """Whether enough labels are left to test on after n were drawn."""
    return n_labelled - n_labels >= FEWEST_TEST


def measure(
    Z: np.ndarray,
    Y: np.ndarray,
    ridge: float,
    n_labels: int,
    draws: int = DRAWS,
    seed: int = 0,
    progress: Progress | None = None,
) -> Measured:
    """Squared error of ridge regression of Y (n, C) on Z (n, K) from random n_labels rows, tested on the others.

    The error of each draw depends on its few rows of training far more than on the test rows, of which at most 1,000
    are used.
    """
    rng = np.random.default_rng(seed)
    errors = np.empty(draws)
    for draw in range(draws):
        order = rng.permutation(len(Z))
        train, test = order[:n_labels], order[n_labels : n_labels + TEST_ROWS]
        errors[draw] = heldout_error(Z[train], Y[train], Z[test], Y[test], ridge)
        if progress is not None:
            progress((draw + 1) / draws)
    return Measured(float(errors.mean()), float(errors.std(ddof=1) / np.sqrt(draws)), draws)


def heldout_error(Z: np.ndarray, Y: np.ndarray, Z_test: np.ndarray, Y_test: np.ndarray, ridge: float) -> float:
    """Squared error on the test rows of ridge regression of Y (n, C) on Z (n, K), with intercept."""
    mean, intercept = Z.mean(axis=0), Y.mean(axis=0)
    A, target = Z - mean, Y - intercept
    if len(A) <= A.shape[1]:
        weights = A.T @ np.linalg.solve(A @ A.T + ridge * np.eye(len(A)), target)
    else:
        weights = np.linalg.solve(A.T @ A + ridge * np.eye(A.shape[1]), A.T @ target)
    return float(np.mean(np.sum(((Z_test - mean) @ weights + intercept - Y_test) ** 2, axis=1)))
