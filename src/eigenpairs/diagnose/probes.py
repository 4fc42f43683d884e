"""Probes: how much of a label a frozen embedding gives away.

Rules, stated because published numbers differ in them: the bank and the test rows share no source, features are
frozen, nothing is tuned on the test rows.
"""

from __future__ import annotations

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


def split_by_source(
    labelled: np.ndarray, source: np.ndarray, share: float = 0.2, at_most: int = 4000, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Bank and test rows out of `labelled`, no source on both sides.

    Parameters
    ----------
    labelled : (m,) row numbers
    source : (n_samples,) source (connected component) of every row, -1 for rows that are a source of their own
    share, at_most : size of the test part

    Returns
    -------
    bank, test : row numbers, ascending
    """
    own = np.where(source[labelled] >= 0, source[labelled], source.max(initial=0) + 1 + labelled)
    if len(np.unique(own)) < 10:  # one big component, say a neighbour graph: sources cannot be kept apart
        own = labelled
    rng = np.random.default_rng(seed)
    sources = rng.permutation(np.unique(own))
    size = np.bincount(np.unique(own, return_inverse=True)[1])[np.searchsorted(np.unique(own), sources)]
    wanted = max(1, min(at_most, int(share * len(labelled))))
    chosen = sources[: int(np.searchsorted(np.cumsum(size), wanted)) + 1]
    test = np.isin(own, chosen)
    return labelled[~test], labelled[test]
