"""Label energy: how much of a label's variance lies on each mode, and how much on none.

With modes phi_k that are orthonormal under the rows' distribution, a label Y (one-hot columns, centred, or one real
column) has the coefficients alpha_k = E[phi_k Y], and mode k carries the share |alpha_k|^2 / E|Y|^2 of its variance. A
linear probe that sees the first modes only, with many labels, errs by exactly the share that lies elsewhere.

From n labels even a mode that has nothing to do with the label shows a share of about 1/n; hundreds of modes add up to
a large one. Here this is subtracted, so that an estimate is right on average and may fall below zero: it is never
clipped.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg

from eigenpairs._arrays import to_numpy
from eigenpairs._validate import finite_rows, group_ids, one_of, table
from eigenpairs.diagnose.census import stored_eps

EPS = float(np.finfo(np.float64).eps)

TASKS = ("auto", "classification", "regression")
"""What labels may be; auto: real numbers that are not all whole make a regression, anything else names classes."""

LABELS_PER_MODE = 3
"""From so many labels per mode on, least squares is the more exact of the two estimates."""


@dataclass(frozen=True)
class Labels:
    """Labels as columns.

    Attributes
    ----------
    values : (n,) int64 or float64
        Number of the class, -1 for none; or the real value, NaN for none.
    n_classes : int
        0 for real values.
    """

    values: np.ndarray
    n_classes: int

    @property
    def task(self) -> str:
        """ "classification" or "regression"."""
        return "classification" if self.n_classes else "regression"

    @property
    def rows(self) -> np.ndarray:
        """(n_labelled,) numbers of the labelled rows, ascending."""
        return np.flatnonzero(self.values >= 0 if self.n_classes else ~np.isnan(self.values))

    def columns(self, rows: np.ndarray) -> np.ndarray:
        """(len(rows), n_classes) one-hot, or (len(rows), 1) values; these rows have to be labelled."""
        if not self.n_classes:
            return self.values[rows][:, None]
        return (self.values[rows][:, None] == np.arange(self.n_classes)).astype(np.float64)


def labels_of(y: Any, n_samples: int | None = None, task: str = "auto") -> Labels:
    """Labels (n,) of any kind: integers, texts, booleans or real numbers; -1, NaN and empty texts mean unlabelled.

    Among real values only NaN does, as -1 is a value like others. With task "auto", real numbers that are not all whole
    make a regression, anything else names classes.

    Raises
    ------
    ValueError
        If y has another shape or length, holds inf, or has fewer than two classes or values.
    """
    one_of(task, "task", TASKS)
    y = to_numpy(y)
    if y.ndim != 1 or (n_samples is not None and len(y) != n_samples):
        wanted = "(n_samples,)" if n_samples is None else f"({n_samples},)"
        raise ValueError(f"y has shape {y.shape}; give one label per row, shape {wanted}")
    if y.dtype.kind == "b":
        y = y.astype(np.int64)
    if task == "regression" or (task == "auto" and y.dtype.kind == "f" and _has_fractions(y)):
        return _real_labels(y)
    if y.dtype.kind == "f":
        y = np.where(np.isnan(y), -1, y)
    codes = group_ids(y, "y")
    n_classes = int(codes.max()) + 1
    if n_classes < 2:
        raise ValueError(
            f"y has {n_classes} class(es) among its {np.count_nonzero(codes >= 0)} labelled rows; give at least two "
            "(-1 means unlabelled: number the classes from 0)"
        )
    return Labels(codes, n_classes)


def _has_fractions(y: np.ndarray) -> bool:
    known = y[np.isfinite(y)]
    return bool((known != np.round(known)).any())


def _real_labels(y: np.ndarray) -> Labels:
    try:
        values = y.astype(np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"y has dtype {y.dtype}; a regression needs real numbers, NaN for unlabelled rows") from None
    if np.isinf(values).any():
        at = int(np.argmax(np.isinf(values)))
        raise ValueError(f"y[{at}] = {values[at]}; give finite values, or NaN for an unlabelled row")
    known = values[~np.isnan(values)]
    if len(known) == 0 or known.min() == known.max():
        raise ValueError(f"y has {min(len(known), 1)} distinct value(s) among its labelled rows; give at least two")
    return Labels(values, 0)


@dataclass(frozen=True)
class LabelEnergy:
    """How a label's variance is spread over modes.

    Attributes
    ----------
    energy : (m,)
        Share of the label's variance on each mode, chance subtracted: right on average, negative now and then.
    standard_error : (m,)
        Of each share, over the draw of the labelled rows.
    total : float
        Variance of the label, of classes the sum of p(1 - p), as the modes' distribution has it: `energy` times
        `total` is alpha_k^2 in the label's own units.
    noise : float
        The share that was subtracted, on average over modes: what n labels let an unrelated mode show by chance.
    n_labels : int
    rule : str
        How the shares were estimated, in words.
    """

    energy: np.ndarray
    standard_error: np.ndarray
    total: float
    noise: float
    n_labels: int
    rule: str

    @property
    def cumulative(self) -> np.ndarray:
        """(m,) share of the label's variance on the first 1, 2, ... m modes."""
        return np.cumsum(self.energy)

    @property
    def outside(self) -> float:
        """The share that no mode explains."""
        return 1.0 - float(self.energy.sum())

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and lists, for JSON."""
        return {
            "energy": self.energy.tolist(),
            "standard_error": self.standard_error.tolist(),
            "outside": self.outside,
            "total": self.total,
            "noise": self.noise,
            "n_labels": self.n_labels,
            "rule": self.rule,
        }

    def __repr__(self) -> str:
        lead = ", ".join(f"{value:.3f}" for value in self.energy[:4])
        more = ", ..." if len(self.energy) > 4 else ""
        return f"LabelEnergy({lead}{more}; outside {self.outside:.3f}; {self.n_labels} labels)"


def label_energy(phi: Any, y: Any, task: str = "auto") -> LabelEnergy:
    """Share of the label's variance on each mode, without what finite labels add by chance.

    Parameters
    ----------
    phi : (n, m)
        Modes at the rows, orthonormal under the rows' distribution: ``spectrum.transform(X)``, or
        ``PrincipalDirections.of(Z).transform(Z)``. They may come from other rows than the labelled ones.
    y : (n,)
        Classes (integers, texts; -1, NaN, empty: unlabelled) or real values (NaN: unlabelled).
    task : "auto", "classification" or "regression"
        "auto" takes real numbers that are not all whole for a regression, anything else for classes.

    Returns
    -------
    LabelEnergy

    Raises
    ------
    ValueError
        If lengths differ, fewer than 4 rows are labelled, or y has a single class or value.

    Notes
    -----
    With 3 m + 2 labels or more, coefficients are those of least squares, and the noise of coefficient k is
    s^2 (S^-1)_kk / (n - 1), with S the covariance of the modes on the labelled rows and s^2 the residual variance on
    n - m - 1 degrees of freedom; s^2 is also what lies outside. If the modes were made orthonormal on these very rows
    (S = I), the shares add up to the adjusted R^2 of the linear regression exactly.

    With fewer labels, or where tr(S^-1) > n - 1 because the labelled rows hardly vary in some direction, each
    coefficient is a covariance of its own, and its square is estimated without bias by leaving out what a row
    contributes with itself: the unbiased HSIC of Song et al. (2012, JMLR 13) with linear kernels, which is also the
    numerator of debiased CKA.

    Rows count as independent: of several views of one source, pass one. Modes that were fitted to these very labels
    show too much.

    Examples
    --------
    >>> import numpy as np
    >>> from eigenpairs.diagnose.label_energy import label_energy
    >>> phi = np.random.default_rng(0).standard_normal((2000, 3))
    >>> found = label_energy(phi, phi[:, 0] > 0)  # the sign of a normal variable: 2/pi lie on the variable itself
    >>> found.energy.round(2), round(found.outside, 2)
    (array([ 0.63, -0.  , -0.  ]), 0.37)
    """
    phi = to_numpy(phi)
    if phi.ndim != 2:
        raise ValueError(f"phi has shape {phi.shape}; give one row per sample and one column per mode")
    labels = labels_of(y, len(phi), task)
    rows = labels.rows
    n, m = len(rows), phi.shape[1]
    if n < 4:
        raise ValueError(f"y labels {n} rows; an estimate that is right on average needs at least 4")
    phi = phi[rows].astype(np.float64)
    finite_rows(phi, rows, "phi")
    Y = labels.columns(rows)
    phi -= phi.mean(axis=0)
    Y -= Y.mean(axis=0)
    S = phi.T @ phi / (n - 1)
    _warn_unless_white(np.diag(S), n)
    if n < LABELS_PER_MODE * m + 2:
        return _by_moments(phi, Y, f"{n} labels for {m} modes are too few for least squares")
    # Otherwise the noise of all coefficients together would exceed the residual variance.
    if m and np.sum(1 / np.maximum(scipy.linalg.eigvalsh(S), EPS)) > n - 1:
        return _by_moments(phi, Y, "the labelled rows hardly vary in some direction")
    return _by_least_squares(phi, Y, scipy.linalg.inv(S))


def _warn_unless_white(variances: np.ndarray, n: int) -> None:
    """Say so where columns cannot be orthonormal under any distribution like that of the labelled rows."""
    usual = np.median(variances) if len(variances) else 1.0
    if n >= 20 and not 0.1 < usual < 10:
        warnings.warn(
            f"phi has variance {usual:.3g} in its median column, where orthonormal modes have about 1: shares mean "
            "nothing then; whiten it with PrincipalDirections.of(Z).transform(Z), or pass spectrum.transform(X)",
            stacklevel=3,
        )


def _by_least_squares(phi: np.ndarray, Y: np.ndarray, inverse: np.ndarray) -> LabelEnergy:
    n, m = phi.shape
    covariance, A = Y.T @ Y / (n - 1), phi.T @ Y / (n - 1)
    beta = inverse @ A
    residual = (covariance - A.T @ beta) * (n - 1) / (n - m - 1)
    scale = np.diag(inverse) / (n - 1)
    noise = scale * np.trace(residual)
    # The plain square beta^T R beta exceeds alpha^T R alpha by scale tr R^2 on average.
    floor = 2 * scale**2 * np.sum(residual**2)
    variance = np.maximum(4 * scale * np.einsum("kc,cd,kd->k", beta, residual, beta) - floor, floor)
    energy, outside = np.sum(beta**2, axis=1) - noise, float(np.trace(residual))
    total = float(energy.sum()) + outside
    share, rest = energy / total, variance.sum() + 2 * np.sum(residual**2) / (n - m - 1)
    variance = (1 - 2 * share) * variance + share**2 * rest  # of share = energy / total, by the delta method
    rule = f"least squares on {n} labels and {m} modes; residual noise subtracted"
    return _result(energy, variance, noise, total, n, rule)


def _by_moments(phi: np.ndarray, Y: np.ndarray, why: str) -> LabelEnergy:
    """|E phi_k Y|^2 for each mode on its own, from pairs of different rows only."""
    n = len(phi)
    A, length = phi.T @ Y, np.sum(Y**2, axis=1)
    squares = phi**2
    own = n / (n - 2) * (squares.T @ length) - squares.sum(axis=0) * length.sum() / ((n - 1) * (n - 2))
    energy = (np.sum(A**2, axis=1) - own) / (n * (n - 3))
    noise = np.sum(A**2, axis=1) / n**2 - energy
    # Delta method for the mean of g_i = phi_ik Y_i, and what is left of the variance where that mean vanishes.
    a = A / n
    slope = np.mean((phi * (Y @ a.T)) ** 2, axis=0) - np.sum(a**2, axis=1) ** 2
    covariance = Y.T @ Y / (n - 1)
    floor = 2 * np.mean(squares, axis=0) ** 2 * np.sum(covariance**2) / n**2
    rule = f"each mode on its own, from products of different rows: {why}"
    return _result(energy, np.maximum(4 * slope / n - floor, floor), noise, float(np.trace(covariance)), n, rule)


def _result(
    energy: np.ndarray, variance: np.ndarray, noise: np.ndarray, total: float, n: int, rule: str
) -> LabelEnergy:
    mean_noise = float(noise.mean()) / total if len(noise) else 0.0
    return LabelEnergy(energy / total, np.sqrt(np.maximum(variance, 0.0)) / total, total, mean_noise, n, rule)


@dataclass(frozen=True)
class PrincipalDirections:
    """Whitened principal directions of an embedding: orthonormal functions of its rows, by descending variance.

    Attributes
    ----------
    mean : (d,)
    weights : (d, r)
    variances : (r,) descending
    """

    mean: np.ndarray
    weights: np.ndarray
    variances: np.ndarray

    @classmethod
    def of(cls, Z: Any) -> PrincipalDirections:
        """The directions of rows Z (n, d), whose values on these very rows have covariance I (divisor n - 1).

        Directions are dropped whose spread is no more than what rounding the entries to their own precision leaves.

        Raises
        ------
        ValueError
            If Z holds NaN or inf, or a single row.
        """
        Z = table(Z, "Z")
        eps, Z = stored_eps(Z), to_numpy(Z)
        n, d = Z.shape
        if n < 2:
            raise ValueError(f"Z has {n} row(s); directions need at least 2")
        finite_rows(Z, np.arange(n), "Z")
        # A constant column becomes exactly 0, not the rounding error of its mean.
        mean = np.where((Z[0] == Z).all(axis=0), Z[0], Z.mean(axis=0, dtype=np.float64))
        # The triangular factor has the singular values and right vectors of Z, without a product that squares them.
        _, s, axes = np.linalg.svd(np.linalg.qr(Z - mean, mode="r"), full_matrices=False)
        entries = np.sqrt(np.sum(s**2) / (n * d) + np.mean(mean**2))
        kept = s > eps * (np.sqrt(n) + np.sqrt(d)) * entries + max(n, d) * EPS * s.max(initial=0.0)
        s = s[kept]
        return cls(mean, axes[kept].T * (np.sqrt(n - 1) / s), s**2 / (n - 1))

    def transform(self, Z: Any, n_directions: int | None = None) -> np.ndarray:
        """(n, n_directions) values of the first directions at rows Z, float64; None is all of them."""
        return (to_numpy(Z) - self.mean) @ self.weights[:, :n_directions]
