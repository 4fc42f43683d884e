"""What labels say about an embedding: every probe at once, on one split, by one stated rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from eigenpairs._arrays import to_numpy
from eigenpairs._validate import finite_rows, group_ids, table, whole_number
from eigenpairs.diagnose.few_shot import FewShot, few_shot
from eigenpairs.diagnose.label_energy import LABELS_PER_MODE, LabelEnergy, Labels, PrincipalDirections
from eigenpairs.diagnose.label_energy import label_energy as energy_of
from eigenpairs.diagnose.label_energy import labels_of
from eigenpairs.diagnose.probes import (
    Split,
    knn_accuracy,
    knn_r2,
    linear_probe_accuracy,
    majority_accuracy,
    r2,
    ridge_probe_accuracy,
    ridge_probe_r2,
    split_by_source,
)
from eigenpairs.features.base import read_rows

FEWEST = 10
"""Labelled rows below which no part can be held out."""

LOGISTIC_TOL = 1e-3
"""Largest gradient entry of the logistic probe: accuracy as at 1e-4, in a third of the time."""


@dataclass(frozen=True)
class Probes:
    """Scores of frozen-feature probes on held-out rows, and where the label lies.

    Attributes
    ----------
    score : "accuracy" or "R2"
        What the scores are: R2, the share of variance explained, for real-valued labels.
    baseline : float
        Score of always giving the training rows' most frequent class, or their mean.
    knn, knn_cosine : float
        k nearest neighbours, columns as they are.
    ridge, logistic : float
        Linear probes on standardised columns; logistic is nan for real values.
    few_shot : FewShot
        The ridge probe against the number of labels.
    label_energy : LabelEnergy
        Share of the label's variance on each whitened principal direction, by descending variance.
    n_labelled, n_train, n_test : int
        Rows with a label, and how many of them were used on either side.
    rule : str
        How all of it was measured, in words.
    """

    score: str
    baseline: float
    knn: float
    knn_cosine: float
    ridge: float
    logistic: float
    few_shot: FewShot
    label_energy: LabelEnergy
    n_labelled: int
    n_train: int
    n_test: int
    rule: str

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, lists and dicts, for JSON."""
        return vars(self) | {"few_shot": self.few_shot.to_dict(), "label_energy": self.label_energy.to_dict()}

    def __repr__(self) -> str:
        names = ("baseline", "knn", "knn_cosine", "ridge", "logistic")
        scores = ", ".join(f"{name} {getattr(self, name):.3f}" for name in names if not np.isnan(getattr(self, name)))
        return f"Probes({self.score}: {scores}; {self.rule})"


def probe(
    Z: Any,
    y: Any,
    groups: Any = None,
    k: int = 5,
    n_draws: int = 50,
    max_rows: int = 10_000,
    task: str = "auto",
    random_state: int = 0,
) -> Probes:
    """Probe a frozen embedding with labels.

    Parameters
    ----------
    Z : (n, d)
    y : (n,)
        Classes (integers, texts; -1, NaN, empty: unlabelled) or real values (NaN: unlabelled).
    groups : (n,), optional
        Source of every row, -1 for rows of their own: views of one source are not split between training and test
        where that is possible, and count as one label.
    k : int, default 5
        Nearest neighbours.
    n_draws : int, default 50
        Draws of the few-shot curve.
    max_rows : int, default 10,000
        Of more labelled rows a sample is used.
    task : "auto", "classification" or "regression"
        "auto" takes real numbers that are not all whole for a regression, anything else for classes.
    random_state : int, default 0

    Raises
    ------
    ValueError
        If lengths differ, fewer than 10 rows are labelled, there is a single class, or a row used holds NaN or inf.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from eigenpairs.diagnose.with_labels import probe
    >>> pixels, digit = load_digits(return_X_y=True)
    >>> found = probe(pixels, digit, n_draws=5)
    >>> found.knn > 0.97, 0.9 < found.ridge < 0.97, found.n_test
    (True, True, 359)
    """
    Z = table(Z, "Z")
    labels = labels_of(y, Z.shape[0], task)
    whole_number(k, "k", 1)
    rng = np.random.default_rng(whole_number(random_state, "random_state", 0))
    n_labelled, rows = len(labels.rows), labels.rows
    if n_labelled < FEWEST:
        raise ValueError(f"y labels {n_labelled} rows; probes hold some of them out and need at least {FEWEST}")
    if n_labelled > whole_number(max_rows, "max_rows", FEWEST):
        rows = np.sort(rng.choice(rows, max_rows, replace=False))
    sources = _sources(groups, Z.shape[0])
    codes = labels.values if labels.n_classes else np.zeros(len(labels.values))
    split = split_by_source(rows, codes, sources, at_most=max_rows, seed=random_state)
    values = {int(row): at for at, row in enumerate(rows)}
    used = to_numpy(read_rows(Z, rows))
    finite_rows(used, rows, "Z")
    bank, test = (np.array([values[int(row)] for row in part]) for part in (split.bank, split.test))
    y_used = labels.values[rows]
    sides = used[bank], y_used[bank], used[test], y_used[test]
    single = _one_row_per_source(rows, sources, rng) if split.by_source else np.arange(len(rows))
    few = np.intersect1d(bank, single)
    scores = _class_scores(*sides, k) if labels.n_classes else _real_scores(*sides, k)
    curve = few_shot(used[few], y_used[few], *sides[2:], n_draws=n_draws, task=_task(labels), random_state=random_state)
    energy = _energy_on_directions(used, used[single], y_used[single], _task(labels))
    return Probes(
        score="accuracy" if labels.n_classes else "R2",
        **scores,
        few_shot=curve,
        label_energy=energy,
        n_labelled=n_labelled,
        n_train=len(bank),
        n_test=len(test),
        rule=_rule(split, n_labelled, k, groups is not None),
    )
