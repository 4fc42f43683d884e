"""Evaluation of a trained encoder: probes of its frozen features, for several sets of labels at once.

The rule: features in eval mode without augmentation; nothing is tuned on the test rows, no epoch is chosen by them;
nearest neighbours by cosine of the features as they are; linear probes on features standardised by the training rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import nn

from eigenpairs._validate import whole_number
from eigenpairs.deep.frozen import View, features
from eigenpairs.diagnose.probes import (
    knn_accuracy,
    linear_probe_accuracy,
    majority_accuracy,
    ridge_probe_accuracy,
    split_by_source,
)
from eigenpairs.relation import Relation

__all__ = ["evaluate", "features", "probes", "split_of"]

FEWEST = 10
"""Labelled rows below which no part can be held out."""

LOGISTIC_TOL = 1e-3
"""Largest gradient entry at which the logistic probe stops, as in `eigenpairs.diagnose.probe`."""


def evaluate(
    encoder: nn.Module,
    train: Any,
    test: Any = None,
    labels: Sequence[str] | None = None,
    k: int = 20,
    *,
    device: Any = None,
    batch_size: int = 512,
    view: View | None = None,
    relation: Relation | None = None,
    seed: int = 0,
) -> dict[str, dict[str, Any]]:
    """Nearest neighbours and linear probes on frozen features, one entry per set of labels.

    Parameters
    ----------
    encoder : torch.nn.Module
        From a batch (b, *shape) to (b, d), or a `Network`.
    train : Samples
        Rows labelled -1 are left out.
    test : Samples, optional
        Classes are matched by name. Without it a fifth of the labelled rows, at most 10,000, is held out, no source
        on both sides where that is possible.
    labels : sequence of names, optional
        Which sets of labels; all of `train` by default.
    k : int, default 20
        Nearest neighbours, by cosine.
    device, batch_size, view : as for `features`
    relation : Relation, optional
        Pairs over `train`: its connected components are the sources that a split keeps apart.
    seed : int, default 0
        Of the split.

    Returns
    -------
    dict of name -> dict
        knn, ridge, logistic : accuracies on the test rows; baseline : of the most frequent class;
        n_train, n_test, n_classes; rule : how it was measured, in words. Plain numbers, ready for JSON.

    Raises
    ------
    ValueError
        If a set of labels is unknown or missing from `test`, too few rows are labelled, or features hold NaN or inf.

    Examples
    --------
    >>> import torch
    >>> from sklearn.datasets import load_digits
    >>> from eigenpairs.deep.data.samples import Samples
    >>> pixels, digit = load_digits(return_X_y=True)
    >>> found = evaluate(torch.nn.Identity(), Samples(pixels, "rows", {"digit": digit}))["digit"]
    >>> found["knn"] > 0.95, found["n_test"]
    (True, 359)
    """
    whole_number(k, "k", 1)
    names = _known(labels, train, test)
    H, at = _labelled_features(encoder, train, names, device, batch_size, view)
    if test is not None:
        H_test, at_test = _labelled_features(encoder, test, names, device, batch_size, view)
    source = np.full(len(train), -1) if relation is None else relation.components
    found = {}
    for name in names:
        y = np.asarray(train.labels[name])
        rows = np.flatnonzero(y >= 0)
        if test is None:
            bank, held, rule = split_of(rows, y, source, name, share=0.2, at_most=10_000, seed=seed)
            sides = H[at[bank]], y[bank], H[at[held]], y[held]
        else:
            y_test, rule = _in_codes_of(train, test, name), "test set"
            held = np.flatnonzero(y_test >= 0)
            sides = H[at[rows]], y[rows], H_test[at_test[held]], y_test[held]
        found[name] = probes(*sides, k, name) | {"rule": _rule(rule, k)}
    return found


def probes(bank: np.ndarray, y_bank: np.ndarray, H: np.ndarray, y: np.ndarray, k: int, name: str) -> dict[str, Any]:
    """Accuracies of every probe fitted on the bank, on rows H."""
    for side, labels in (("train", y_bank), ("test", y)):
        if not len(labels):
            raise ValueError(f"labels[{name!r}] label no row of {side}; give labels of 0 or more to some rows")
    return {
        "knn": knn_accuracy(bank, y_bank, H, y, k, "cosine"),
        "ridge": ridge_probe_accuracy(bank, y_bank, H, y),
        "logistic": linear_probe_accuracy(bank, y_bank, H, y, LOGISTIC_TOL),
        "baseline": majority_accuracy(y_bank, y),
        "n_train": len(y_bank),
        "n_test": len(y),
        "n_classes": len(np.unique(y_bank)),
    }


def split_of(
    rows: np.ndarray, y: np.ndarray, source: np.ndarray, name: str, share: float, at_most: int, seed: int
) -> tuple[np.ndarray, np.ndarray, str]:
    """Labelled rows as bank and held-out rows, and the rule in words."""
    if len(rows) < FEWEST:
        raise ValueError(f"labels[{name!r}] label {len(rows)} rows; to hold some out, label at least {FEWEST}")
    split = split_by_source(rows, y, source, share, at_most, seed)
    return split.bank, split.test, split.rule if (source >= 0).any() else "held-out rows"


def _known(labels: Sequence[str] | None, train: Any, test: Any) -> list[str]:
    names = list(train.labels) if labels is None else [labels] if isinstance(labels, str) else list(labels)
    if not all(isinstance(name, str) for name in names):
        raise TypeError("labels are names of label sets; give the classes with the data: ep.deep.samples(X, labels=y)")
    if not names:
        raise ValueError(
            "there is no set of labels to evaluate with; give one with the data: ep.deep.samples(X, labels=y)"
        )
    for side, data in (("train", train), ("test", test)):
        for name in names if data is not None else ():
            if name not in data.labels:
                held = ", ".join(map(repr, data.labels)) or "none"
                raise ValueError(f"labels = {name!r} is no set of labels of {side}; it has {held}")
    return names


def _in_codes_of(train: Any, test: Any, name: str) -> np.ndarray:
    """Labels of `test` in the codes of `train`: each set was coded by its own sorted values, which may not be the same.

    A class that `train` lacks has a code that none of its rows has.
    """
    y = np.asarray(test.labels[name])
    names, own = train.label_names.get(name), test.label_names.get(name)
    if not names or not own:  # codes of the user's
        return y
    code = {value: at for at, value in enumerate(names)}
    table = np.array([code.get(value, len(names) + at) for at, value in enumerate(own)])
    return np.where(y >= 0, table[y], -1)


def _labelled_features(
    encoder: nn.Module, samples: Any, names: list[str], device: Any, batch_size: int, view: View | None
) -> tuple[np.ndarray, np.ndarray]:
    """Features of all rows that any of the sets labels, and for every row of the data where they stand (-1: not)."""
    used = np.flatnonzero(np.any([np.asarray(samples.labels[name]) >= 0 for name in names], axis=0))
    at = np.full(len(samples), -1)
    at[used] = np.arange(len(used))
    if not len(used):
        return np.empty((0, 1), np.float32), at
    H = features(encoder, samples, device, batch_size, view, rows=used)
    bad = int(np.count_nonzero(~np.isfinite(H).all(axis=1)))
    if bad:
        raise ValueError(f"features of {bad} of {len(H)} rows hold NaN or inf; there is nothing to probe")
    return H, at


def _rule(held_out: str, k: int) -> str:
    return (
        f"{held_out}; frozen features in eval mode, no augmentation; k = {k} nearest neighbours by cosine, features as "
        "they are; linear probes on features standardised by the training rows: ridge by generalised cross-validation "
        "on these, logistic regression with C = 1; nothing is tuned on test rows"
    )
