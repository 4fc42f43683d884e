"""What labels say about an embedding: every probe at once, on one split, by one stated rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from eigenpairs._arrays import at_least_float32, to_numpy
from eigenpairs._validate import finite_rows, group_ids, table, whole_number
from eigenpairs.diagnose.few_shot import FewShot, few_shot
from eigenpairs.diagnose.label_energy import LABELS_PER_MODE, LabelEnergy, PrincipalDirections, label_energy, labels_of
from eigenpairs.diagnose.probes import (
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
        return f"Probes({self.score}: {scores}; {self.n_train} training rows, {self.n_test} test rows)"


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
    rows, most = labels.rows, whole_number(max_rows, "max_rows", FEWEST)
    if len(rows) < FEWEST:
        raise ValueError(f"y labels {len(rows)} rows; probes hold some of them out and need at least {FEWEST}")
    if len(rows) > most:
        rows = np.sort(rng.choice(rows, most, replace=False))
    used, values, sources = _read(Z, rows), labels.values[rows], _sources(groups, Z.shape[0])[rows]
    split = split_by_source(np.arange(len(rows)), values if labels.n_classes else 0 * rows, sources, seed=random_state)
    sides = used[split.bank], values[split.bank], used[split.test], values[split.test]
    if len(np.unique(sides[1])) == 1:
        raise ValueError(f"y is {sides[1][0]} on all {len(sides[1])} training rows; label more rows of other values")
    single = _one_row_per_source(sources, rng) if split.by_source else np.arange(len(rows))
    few = np.intersect1d(split.bank, single)
    everything = used if len(rows) in (most, Z.shape[0]) else _read(Z, _sample(Z.shape[0], most, rng))
    return Probes(
        score="accuracy" if labels.n_classes else "R2",
        **(_accuracies(*sides, k) if labels.n_classes else _r2s(*sides, k)),
        few_shot=few_shot(
            used[few], values[few], *sides[2:], n_draws=n_draws, task=labels.task, random_state=random_state
        ),
        label_energy=_on_directions(PrincipalDirections.of(everything), used[single], values[single], labels.task),
        n_labelled=len(labels.rows),
        n_train=len(split.bank),
        n_test=len(split.test),
        rule=_rule("held-out rows" if groups is None else split.rule, k, labels.task),
    )


def _read(Z: Any, rows: np.ndarray) -> np.ndarray:
    found = to_numpy(at_least_float32(read_rows(Z, rows)))
    finite_rows(found, rows, "Z")
    return found


def _sample(n: int, most: int, rng: np.random.Generator) -> np.ndarray:
    return np.arange(n) if n <= most else np.sort(rng.choice(n, most, replace=False))


def _sources(groups: Any, n_samples: int) -> np.ndarray:
    """(n,) number of each row's source, -1 for rows of their own."""
    if groups is None:
        return np.full(n_samples, -1)
    sources = group_ids(groups, "groups")
    if len(sources) != n_samples:
        raise ValueError(f"groups has {len(sources)} entries and Z has {n_samples} rows; give one source per row")
    return sources


def _one_row_per_source(sources: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Row numbers, ascending: one of each source at random, and all rows of their own."""
    order = rng.permutation(len(sources))
    own = np.where(sources >= 0, sources, sources.max(initial=0) + 1 + np.arange(len(sources)))
    return np.sort(order[np.unique(own[order], return_index=True)[1]])


def _accuracies(train: np.ndarray, y_train: np.ndarray, Z: np.ndarray, y: np.ndarray, k: int) -> dict[str, float]:
    return {
        "baseline": majority_accuracy(y_train, y),
        "knn": knn_accuracy(train, y_train, Z, y, k),
        "knn_cosine": knn_accuracy(train, y_train, Z, y, k, "cosine"),
        "ridge": ridge_probe_accuracy(train, y_train, Z, y),
        "logistic": linear_probe_accuracy(train, y_train, Z, y, LOGISTIC_TOL),
    }


def _r2s(train: np.ndarray, y_train: np.ndarray, Z: np.ndarray, y: np.ndarray, k: int) -> dict[str, float]:
    return {
        "baseline": r2(np.full(len(y), y_train.mean()), y),
        "knn": knn_r2(train, y_train, Z, y, k),
        "knn_cosine": knn_r2(train, y_train, Z, y, k, "cosine"),
        "ridge": ridge_probe_r2(train, y_train, Z, y),
        "logistic": float("nan"),
    }


def _on_directions(directions: PrincipalDirections, Z: np.ndarray, y: np.ndarray, task: str) -> LabelEnergy:
    """Label energy on as many of the first directions as the labels can tell apart."""
    most = max((len(Z) - 2) // LABELS_PER_MODE, 1)
    return label_energy(directions.transform(Z, most), y, task)


def _rule(held_out: str, k: int, task: str) -> str:
    logistic = "; logistic regression with C = 1" if task == "classification" else ""
    return (
        f"{held_out}; k = {k} nearest neighbours on columns as they are; linear probes on columns standardised by the "
        f"training rows, the ridge by generalised cross-validation on these{logistic}; nothing is tuned on test rows"
    )
