"""Few-shot curve: how good a linear probe is with 1, 2, 5, ... labels.

Representations that agree once labels abound may differ greatly before. Each point averages over many draws of the
labelled rows, because one draw of a few says little.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from eigenpairs._validate import finite_rows, table, whole_number
from eigenpairs.diagnose.label_energy import Labels, labels_of
from eigenpairs.diagnose.probes import fit_ridge, one_hot, r2, standardised

PER_CLASS = (1, 2, 5, 10, 20, 50)
"""Labels of each class, for a classification."""

IN_ALL = (10, 20, 50, 100, 200, 500)
"""Labelled rows, for a regression."""

FEWEST_DRAWS = 2
"""A standard error needs two draws; to tell curves apart take 50."""


@dataclass(frozen=True)
class FewShot:
    """Scores of a ridge probe against the number of labels, on fixed test rows.

    Attributes
    ----------
    labels : (s,) int64
        Labels of each class (classification), or labelled rows (regression).
    n_labels : (s,) int64
        Labelled rows in all: fewer than labels times classes where a class has fewer.
    mean, standard_error : (s,) float64
        Of the accuracy (classification) or R^2 (regression) over the draws. The error is that of the draw of labels
        alone: the test rows stay the same.
    score : "accuracy" or "R2"
    n_draws : int
    rule : str
        How it was measured, in words.
    """

    labels: np.ndarray
    n_labels: np.ndarray
    mean: np.ndarray
    standard_error: np.ndarray
    score: str
    n_draws: int
    rule: str

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and lists, for JSON."""
        return {
            "labels": self.labels.tolist(),
            "n_labels": self.n_labels.tolist(),
            "mean": self.mean.tolist(),
            "standard_error": self.standard_error.tolist(),
            "score": self.score,
            "n_draws": self.n_draws,
            "rule": self.rule,
        }

    def __repr__(self) -> str:
        points = ", ".join(
            f"{count}: {mean:.3f} ± {error:.3f}"
            for count, mean, error in zip(self.labels, self.mean, self.standard_error, strict=True)
        )
        unit = "labels per class" if self.score == "accuracy" else "labels"
        return f"FewShot({self.score} by {unit}: {points})"


def few_shot(
    train: Any,
    y_train: Any,
    Z: Any,
    y: Any,
    labels: Sequence[int] | None = None,
    n_draws: int = 50,
    task: str = "auto",
    random_state: int = 0,
) -> FewShot:
    """Score of a ridge probe on rows Z against the number of labelled training rows.

    Parameters
    ----------
    train, Z : (m, d), (n, d)
        Rows that labels are drawn from, and test rows; `split_by_source` keeps their sources apart.
    y_train, y : (m,), (n,)
        Classes or real values, all known.
    labels : sequence of int, optional
        Labels of each class, by default 1, 2, 5, 10, 20, 50; for a regression labelled rows, by default 10, 20, 50,
        100, 200, 500. Numbers that no class can fill are left out; a class with fewer rows gives all it has.
    n_draws : int, default 50
    task : "auto", "classification" or "regression"
        "auto" takes real numbers that are not all whole for a regression, anything else for classes.
    random_state : int, default 0

    Raises
    ------
    ValueError
        If shapes disagree, a label is missing, or no number of labels can be filled.

    Notes
    -----
    Columns are standardised by all training rows, which needs no label. Each probe is the closed form of `fit_ridge`,
    its ridge chosen by generalised cross-validation on the labelled rows alone. Within a draw, more labels contain
    fewer.

    Examples
    --------
    >>> import numpy as np
    >>> from eigenpairs.diagnose.few_shot import few_shot
    >>> rng = np.random.default_rng(0)
    >>> y = np.arange(400) % 2
    >>> Z = rng.standard_normal((400, 10)) + 1.5 * y[:, None]
    >>> curve = few_shot(Z[:200], y[:200], Z[200:], y[200:])
    >>> bool(curve.mean[-1] > curve.mean[0]), curve.labels
    (True, array([ 1,  2,  5, 10, 20, 50]))
    """
    train, Z = table(train, "train"), table(Z, "Z")
    known = labels_of(y_train, len(train), task)
    if len(known.rows) < len(train):
        raise ValueError(f"y_train lacks {len(train) - len(known.rows)} labels; pass labelled rows only")
    y = np.asarray(y)
    if y.shape != (len(Z),):
        raise ValueError(f"y has shape {y.shape}; give one label per row of Z, shape ({len(Z)},)")
    if train.shape[1] != Z.shape[1]:
        raise ValueError(f"train has {train.shape[1]} columns and Z has {Z.shape[1]}; embed both alike")
    whole_number(n_draws, "n_draws", FEWEST_DRAWS)
    from threadpoolctl import threadpool_limits

    rng = np.random.default_rng(whole_number(random_state, "random_state", 0))
    wanted = _numbers_of_labels(labels, known)
    A, B = standardised(train, Z)
    finite_rows(A, np.arange(len(A)), "train")
    finite_rows(B, np.arange(len(B)), "Z")
    names, codes = np.unique(np.asarray(y_train), return_inverse=True)
    Y = one_hot(codes, np.arange(len(names))) if known.n_classes else known.columns(known.rows)
    scores, sizes = np.empty((n_draws, len(wanted))), np.empty(len(wanted), dtype=np.int64)
    with threadpool_limits(1):  # hundreds of small factorisations: threads would spend their time waiting
        for draw in range(n_draws):
            order = _order_within_class(known, rng)
            for at, count in enumerate(wanted):
                rows = np.flatnonzero(order < count)
                predicted = fit_ridge(A[rows], Y[rows]).predict(B)
                scores[draw, at] = (
                    np.mean(names[np.argmax(predicted, axis=1)] == y) if known.n_classes else r2(predicted[:, 0], y)
                )
                sizes[at] = len(rows)
    return FewShot(
        wanted,
        sizes,
        scores.mean(axis=0),
        scores.std(axis=0, ddof=1) / np.sqrt(n_draws),
        "accuracy" if known.n_classes else "R2",
        n_draws,
        f"ridge probe (generalised cross-validation on the labelled rows), columns standardised by {len(train)} "
        f"training rows, {n_draws} draws of the labelled rows, {len(Z)} test rows",
    )


def _numbers_of_labels(labels: Sequence[int] | None, known: Labels) -> np.ndarray:
    """(s,) distinct numbers of labels, ascending, that the largest class (or all rows) can fill."""
    most = int(np.bincount(known.values).max()) if known.n_classes else len(known.values)
    if labels is None:
        usual = PER_CLASS if known.n_classes else IN_ALL
        labels = [count for count in usual if count <= most] or [most]
    numbers = np.unique([whole_number(count, "labels", 1 if known.n_classes else 2) for count in labels])
    if not len(numbers) or numbers[0] > most:
        what = "the largest class has" if known.n_classes else "there are"
        raise ValueError(f"labels = {list(labels)} cannot be drawn: {what} {most} training rows; ask for fewer")
    return numbers[numbers <= most]


def _order_within_class(known: Labels, rng: np.random.Generator) -> np.ndarray:
    """(m,) place of every row in a random order of the rows of its class (of all rows, without classes)."""
    shuffled = rng.permutation(len(known.values))
    if not known.n_classes:
        return np.argsort(shuffled)
    by_class = shuffled[np.argsort(known.values[shuffled], kind="stable")]
    counts = np.bincount(known.values)
    place = np.empty(len(shuffled), dtype=np.int64)
    place[by_class] = np.arange(len(shuffled)) - np.repeat(np.cumsum(counts) - counts, counts)
    return place
