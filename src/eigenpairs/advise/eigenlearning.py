"""The predicted squared error of a ridge probe on n labels, from gains and label energies alone.

Kernel ridge regression on n random samples learns mode k to the share L_k = b_k / (b_k + kappa), one kappa for all
(Simon et al. 2023, arXiv 2110.03922; Theory, section 8). Nothing is drawn or fitted, so whole paths of
hyper-parameters are predicted at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

STEPS, EXACT = 60, 1e-12
"""Newton steps for kappa, at most (about ten are needed), and the share of n - 1 that its equation may be off by."""

LEAST_REST = 0.01
"""Share of the label's variance that nothing explains, at least: estimates may fall below zero."""

CROWDED = 0.7
"""Share of the labels' degrees of freedom used up, beyond which the formula is known to fail."""


@dataclass(frozen=True)
class Learned:
    """What a ridge probe makes of each mode.

    Attributes
    ----------
    kappa : (...) the gain that is learned by half, in units of the gains
    share : (..., m) L_k, between 0 (ignored) and 1 (learned)
    factor : (...) n / (n - 1 - sum L^2), by which all error is multiplied
    crowding : (...) sum L^2 / (n - 1)
    """

    kappa: np.ndarray
    share: np.ndarray
    factor: np.ndarray
    crowding: np.ndarray


def learned(gains: np.ndarray, ridge: np.ndarray, n_labels: float) -> Learned:
    """How much of each mode a ridge probe with intercept learns from `n_labels` labels.

    Parameters
    ----------
    gains : (..., m)
        b_k >= 0, not all zero.
    ridge : (...)
        delta > 0, in units of the gains: the probe minimises sum of squares + delta |w|^2.
    n_labels : float
        At least 2.

    Notes
    -----
    kappa > 0 solves sum b / (b + kappa) + delta / kappa = n - 1, whose left side falls in kappa.
    """
    gains, ridge = np.asarray(gains, dtype=np.float64), np.asarray(ridge, dtype=np.float64)
    freedom = n_labels - 1.0
    # In 1 / kappa the left side is concave and rises, from at most n - 1 at this start: no step of Newton's overshoots.
    inverse = freedom / (gains.sum(axis=-1) + ridge)
    for _ in range(STEPS):
        share = gains * inverse[..., None]
        share /= 1 + share
        total, used = share.sum(axis=-1), np.einsum("...k,...k->...", share, share)
        missing = freedom - total - ridge * inverse
        if (missing <= EXACT * freedom).all():
            break
        inverse = inverse * (1 + missing / (total - used + ridge * inverse))
    return Learned(1 / inverse, share, n_labels / (freedom - used), used / freedom)


def predicted_error(found: Learned, energy: np.ndarray, rest: float) -> np.ndarray:
    """(...) expected squared error on new rows: factor ( sum (1 - L_k)^2 energy_k + rest ).

    Parameters
    ----------
    found : Learned
    energy : (m,)
        Label energies alpha_k^2 of the modes; estimates may be slightly negative, their weighted sum counts from 0.
    rest : float
        What no mode explains: energy outside, and noise.
    """
    return found.factor * (np.maximum((1 - found.share) ** 2 @ energy, 0.0) + rest)


RIDGES = np.geomspace(1e-2, 1e5, 36)
"""Ridges of the probe that are tried, in units of the mean gain of the modes kept."""


@dataclass(frozen=True)
class Prediction:
    """What `predict` gives, one entry per gain curve.

    Attributes
    ----------
    error : (p,) squared error at the best ridge
    ridge : (p,) that ridge, in units of the gains
    crowding : (p,) share of the labels' degrees of freedom used up
    weight : (p, m) d error / d energy_k, if all that no mode explains stays the same in sum with it (negative)
    """

    error: np.ndarray
    ridge: np.ndarray
    crowding: np.ndarray
    weight: np.ndarray


def predict(gains: np.ndarray, energy: np.ndarray, rest: float, n_labels: float) -> Prediction:
    """Squared error of a ridge probe with a well-chosen ridge, for many gain curves at once.

    Parameters
    ----------
    gains : (p, m)
        Each with a positive entry.
    energy : (m,)
        Label energies alpha_k^2; estimates may be slightly negative.
    rest : float
        Energy outside the modes, and noise.
    n_labels : float
    """
    unit = gains.sum(axis=1) / np.count_nonzero(gains > 0, axis=1)
    ridges = unit[:, None] * RIDGES
    found = learned(gains[:, None, :], ridges, n_labels)
    error = predicted_error(found, energy, rest)
    best = np.argmin(error, axis=1)
    at = (np.arange(len(gains)), best)
    weight = found.factor[at][:, None] * ((1 - found.share[at]) ** 2 - 1)
    return Prediction(error[at], ridges[at], found.crowding[at], weight)
