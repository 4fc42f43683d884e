"""Probes: how much of a label a frozen embedding gives away.

Rules, stated because published numbers differ in them: the bank and the test rows share no source where that is
possible, features are frozen, nothing is tuned on the test rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


def knn_accuracy(bank: Any, y_bank: np.ndarray, Z: Any, y: np.ndarray, k: int = 5) -> float:
    """Share of rows Z (n, d) whose label is the majority among their k nearest bank rows (Euclidean, unscaled).

    Parameters
    ----------
    bank, Z : (m, d), (n, d)
    y_bank, y : (m,), (n,)
    k : int, default 5
    """
    from sklearn.neighbors import KNeighborsClassifier

    return float(KNeighborsClassifier(min(k, len(bank))).fit(bank, y_bank).score(Z, y))


def linear_probe_accuracy(train: Any, y_train: np.ndarray, Z: Any, y: np.ndarray) -> float:
    """Accuracy of logistic regression (C = 1) on features standardised by the training rows."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    return float(probe.fit(train, y_train).score(Z, y))


@dataclass(frozen=True)
class Split:
    """Row numbers of the bank and of the test part, ascending, and how they were kept apart."""

    bank: np.ndarray
    test: np.ndarray
    by_source: bool

    @property
    def rule(self) -> str:
        """The rule in words, to print beside an accuracy."""
        return "held-out sources" if self.by_source else "held-out rows; partners may be on both sides"


def split_by_source(
    labelled: np.ndarray, y: np.ndarray, source: np.ndarray, share: float = 0.2, at_most: int = 4000, seed: int = 0
) -> Split:
    """Bank and test rows out of `labelled`, no source on both sides where that is possible.

    It is not when one source holds most rows (a connected graph), when there are fewer than ten, or when sources are
    the classes themselves, so that the bank would lack the classes asked for; then rows are split at random.

    Parameters
    ----------
    labelled : (m,) row numbers
    y : (n_samples,) labels
    source : (n_samples,) source (connected component) of every row, -1 for rows that are a source of their own
    share, at_most : size of the test part
    """
    wanted = max(1, min(at_most, int(share * len(labelled))))
    own = np.where(source[labelled] >= 0, source[labelled], source.max(initial=0) + 1 + labelled)
    sizes = np.unique(own, return_counts=True)[1]
    if len(sizes) >= 10 and sizes.max() <= wanted:
        split = _split(labelled, own, wanted, seed, by_source=True)
        if np.isin(y[split.test], y[split.bank]).all():
            return split
    return _split(labelled, labelled, wanted, seed, by_source=False)


def _split(labelled: np.ndarray, unit: np.ndarray, wanted: int, seed: int, by_source: bool) -> Split:
    """Whole units (sources or rows) drawn at random until `wanted` rows are in the test part."""
    units, which, sizes = np.unique(unit, return_inverse=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(units))
    taken = order[: int(np.searchsorted(np.cumsum(sizes[order]), wanted)) + 1]
    test = np.isin(which, taken)
    return Split(labelled[~test], labelled[test], by_source)
