"""Probes: how much of a label a frozen embedding gives away.

Rules, stated because published numbers differ in them: the bank and the test rows share no source where that is
possible, features are frozen, nothing is tuned on the test rows. Nearest neighbours see the columns as they are, which
is the geometry that search uses; linear probes see them standardised by the training rows, so that units do not count.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg

from eigenpairs._arrays import to_numpy
from eigenpairs._validate import one_of

METRICS = ("euclidean", "cosine")

RIDGES = 10.0 ** np.linspace(6, -6, 49)
"""Ridges tried, relative to the mean non-zero eigenvalue of X^T X; of equally good ones the largest is taken."""


def knn_accuracy(bank: Any, y_bank: np.ndarray, Z: Any, y: np.ndarray, k: int = 5, metric: str = "euclidean") -> float:
    """Share of rows Z (n, d) whose label is the majority among their k nearest bank rows, unscaled.

    Of labels that are equally frequent the smallest is taken.

    Parameters
    ----------
    bank, Z : (m, d), (n, d)
    y_bank, y : (m,), (n,)
    k : int, default 5
    metric : "euclidean" or "cosine"

    Raises
    ------
    ValueError
        If the metric is unknown.

    Examples
    --------
    >>> from eigenpairs.diagnose import knn_accuracy
    >>> knn_accuracy([[0.0], [0.1], [5.0], [5.1]], [0, 0, 1, 1], [[0.2], [4.0], [2.0]], [0, 1, 1], k=1)
    0.6666666666666666
    """
    from sklearn.neighbors import KNeighborsClassifier

    bank, Z, metric = _searched(bank, Z, metric)
    return float(KNeighborsClassifier(min(k, len(bank)), metric=metric).fit(bank, y_bank).score(Z, y))


def knn_r2(bank: Any, y_bank: np.ndarray, Z: Any, y: np.ndarray, k: int = 5, metric: str = "euclidean") -> float:
    """R^2 on rows Z of predicting a real label by its mean over the k nearest bank rows, unscaled.

    Parameters
    ----------
    bank, y_bank, Z, y, k, metric : as for `knn_accuracy`
    """
    from sklearn.neighbors import KNeighborsRegressor

    bank, Z, metric = _searched(bank, Z, metric)
    return float(KNeighborsRegressor(min(k, len(bank)), metric=metric).fit(bank, y_bank).score(Z, y))


def _searched(bank: Any, Z: Any, metric: str) -> tuple[Any, Any, str]:
    """Rows and metric with the same neighbours, for the faster search.

    Among rows of length one the nearest by cosine are the nearest, and scikit-learn's search for these fuses the
    distances with the choice and runs on all cores. A row of zeros has no direction: with one, all stays as it is.
    """
    if one_of(metric, "metric", METRICS) == "euclidean":
        return bank, Z, metric
    unit = []
    for rows in (np.asarray(bank), np.asarray(Z)):
        rows = rows.astype(np.result_type(rows.dtype, np.float32), copy=False)
        length = np.linalg.norm(rows, axis=1, keepdims=True)
        if not (length > 0).all():
            return bank, Z, metric
        unit.append(rows / length)
    return unit[0], unit[1], "euclidean"


def linear_probe_accuracy(train: Any, y_train: np.ndarray, Z: Any, y: np.ndarray, tol: float = 1e-4) -> float:
    """Accuracy of logistic regression (C = 1) on features standardised by the training rows.

    Parameters
    ----------
    train, Z : (m, d), (n, d)
    y_train, y : (m,), (n,)
    tol : float, default 1e-4
        Largest entry of the gradient at which the fit stops.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if len(np.unique(y_train)) == 1:  # a single class leaves nothing to fit
        return majority_accuracy(y_train, y)
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000, tol=tol))
    return float(probe.fit(train, y_train).score(Z, y))


def majority_accuracy(y_train: np.ndarray, y: np.ndarray) -> float:
    """Accuracy of always saying the most frequent training label: what a probe has to beat."""
    labels, counts = np.unique(y_train, return_counts=True)
    return float(np.mean(np.asarray(y) == labels[np.argmax(counts)]))


def ridge_probe_accuracy(train: Any, y_train: np.ndarray, Z: Any, y: np.ndarray) -> float:
    """Accuracy of ridge regression onto one-hot labels, on features standardised by the training rows.

    The ridge has the least generalised cross-validation error on the training rows, of 49 from 1e-6 to 1e6 times the
    mean non-zero eigenvalue of X^T X. Closed form, so far faster than `linear_probe_accuracy`, and defined for one row
    a class.

    Parameters
    ----------
    train, Z : (m, d), (n, d)
    y_train, y : (m,), (n,)

    Examples
    --------
    >>> import numpy as np
    >>> from eigenpairs.diagnose.probes import ridge_probe_accuracy
    >>> y = np.arange(300) % 3
    >>> Z = np.eye(3)[y] + 0.1 * np.random.default_rng(0).standard_normal((300, 3))
    >>> ridge_probe_accuracy(Z[:200], y[:200], Z[200:], y[200:])
    1.0
    """
    train, Z = standardised(train, Z)
    classes = np.unique(y_train)
    scores = fit_ridge(train, one_hot(y_train, classes)).predict(Z)
    return float(np.mean(classes[np.argmax(scores, axis=1)] == y))


def ridge_probe_r2(train: Any, y_train: np.ndarray, Z: Any, y: np.ndarray) -> float:
    """R^2 on rows Z of ridge regression of a real label, otherwise as `ridge_probe_accuracy`."""
    train, Z = standardised(train, Z)
    predicted = fit_ridge(train, np.asarray(y_train, dtype=np.float64)[:, None]).predict(Z)
    return r2(predicted[:, 0], y)


def r2(predicted: np.ndarray, y: np.ndarray) -> float:
    """1 - squared error / squared deviation from the mean; nan where y does not vary."""
    y = np.asarray(y, dtype=np.float64)
    spread = np.sum((y - y.mean()) ** 2)
    return float(1 - np.sum((predicted - y) ** 2) / spread) if spread > 0 else float("nan")


def standardised(train: Any, Z: Any) -> tuple[np.ndarray, np.ndarray]:
    """Both in units of the training rows' mean and standard deviation, float64; a constant column is only centred."""
    from sklearn.preprocessing import StandardScaler

    train, Z = to_numpy(train, np.float64), to_numpy(Z, np.float64)
    scaler = StandardScaler().fit(train)
    return scaler.transform(train), scaler.transform(Z)


def one_hot(y: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """(n, n_classes) of zeros and ones."""
    return (np.asarray(y)[:, None] == classes).astype(np.float64)


@dataclass(frozen=True)
class Ridge:
    """A fitted ridge regression with an unpenalised intercept: ``predict(Z) = intercept + (Z - mean) @ weights``.

    Attributes
    ----------
    mean : (d,), of the training rows
    weights : (d, C)
    intercept : (C,)
    ridge : float, what was added to the eigenvalues of the centred Gram matrix
    """

    mean: np.ndarray
    weights: np.ndarray
    intercept: np.ndarray
    ridge: float

    def predict(self, Z: np.ndarray) -> np.ndarray:
        """(n, C)."""
        return self.intercept + (Z - self.mean) @ self.weights


def fit_ridge(X: np.ndarray, Y: np.ndarray) -> Ridge:
    """Ridge regression of Y (n, C) on X (n, d), the ridge chosen by generalised cross-validation.

    One eigendecomposition, of the smaller Gram matrix, serves the whole path: with eigenvalues w, coordinates P of Y on
    the eigenvectors and residual e outside them,

        GCV(r) = n [ |e|^2 + sum (r / (w + r))^2 |P|^2 ] / [ n - 1 - sum w / (w + r) ]^2

    (Golub, Heath & Wahba 1979), summed over the columns of Y. Constant X gives the mean of Y.
    """
    n, d = X.shape
    mean, intercept = X.mean(axis=0), Y.mean(axis=0)
    X, Y = X - mean, Y - intercept
    few = n <= d
    w, U = scipy.linalg.eigh(X @ X.T if few else X.T @ X)
    kept = w > max(n, d) * np.finfo(np.float64).eps * max(w[-1], 0.0)
    w, U = w[kept], U[:, kept]
    P = U.T @ Y if few else (U.T @ (X.T @ Y)) / np.sqrt(w)[:, None]
    if not len(w):
        return Ridge(mean, np.zeros((d, Y.shape[1])), intercept, 0.0)
    ridges = w.mean() * RIDGES
    energy = np.sum(P**2, axis=1)
    # n - 1 directions hold all of Y, and what rounding leaves would count beside the squares of a tiny ridge.
    outside = max(float(np.sum(Y**2) - energy.sum()), 0.0) if len(w) < n - 1 else 0.0
    left = ridges[:, None] / (w + ridges[:, None])
    errors = (outside + left**2 @ energy) / (n - 1 - len(w) + left.sum(axis=1)) ** 2
    ridge = float(ridges[np.argmin(errors)])
    inner = U @ (P / (w + ridge)[:, None] * (1.0 if few else np.sqrt(w)[:, None]))
    return Ridge(mean, X.T @ inner if few else inner, intercept, ridge)


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
