"""Where a task lies on a spectrum: label energies of its modes, from few labels and all rows there are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg

from eigenpairs.diagnose.label_energy import LabelEnergy, Labels, label_energy, labels_of
from eigenpairs.spectrum.spectrum import Spectrum

ROWS_PER_MODE = 2
"""Rows needed per mode before their own covariance says more than the pairs' does."""


@dataclass(frozen=True)
class Task:
    """A labelled task on the modes of a spectrum.

    Modes are orthonormal under the pairs' marginal. The rows of a task are often others (clean images, where pairs were
    shifted copies), so their covariance S is taken into account: with enough rows, labelled or not, the modes are
    whitened by S, and a map of gains b gives rows of covariance b^1/2 S b^1/2, of which the diagonal counts.

    Attributes
    ----------
    phi : (n, m) the modes at all rows, centred
    whitened : (n, m) the same with covariance I
    scale : (m,) variance of each mode among these rows, by which gains are multiplied
    labels : Labels
    energy : LabelEnergy, on the whitened modes
    note : str
    """

    phi: np.ndarray
    whitened: np.ndarray
    scale: np.ndarray
    labels: Labels
    energy: LabelEnergy
    note: str

    @property
    def rows(self) -> np.ndarray:
        """Numbers of the labelled rows."""
        return self.labels.rows

    @property
    def alpha(self) -> np.ndarray:
        """(m,) energies alpha_k^2 in units of the label."""
        return self.energy.energy * self.energy.total

    @property
    def rest(self) -> float:
        """Label variance that no mode explains, noise included; at least a hundredth of all."""
        return max(self.energy.outside, 0.01) * self.energy.total


def task_on(spec: Spectrum, X: Any, y: Any) -> Task:
    """The label energies of y (n,) on the modes of `spec` at rows X (n, n_columns); None for the fitted rows of `Free`.

    Raises
    ------
    ValueError
        If lengths differ or fewer than 4 rows are labelled.
    """
    phi = np.asarray(spec.transform(X), dtype=np.float64)
    if spec.values is not None:
        phi = phi.copy()
    labels = labels_of(y, len(phi))
    phi -= phi.mean(axis=0)
    n, m = phi.shape
    if n >= ROWS_PER_MODE * m:
        S = phi.T @ phi / (n - 1)
        values, axes = scipy.linalg.eigh(S)
        kept = values > max(m, 10) * np.finfo(np.float64).eps * values[-1]
        inverse_root = (axes[:, kept] / np.sqrt(values[kept])) @ axes[:, kept].T
        whitened, scale = phi @ inverse_root, np.diag(S).copy()
        note = f"modes whitened by {n:,} rows"
    else:
        whitened, scale = phi, np.ones(m)
        note = f"{n:,} rows for {m} modes: taken as white, as they are under the pairs; more rows without labels help"
    return Task(phi, whitened, scale, labels, label_energy(whitened, y), note)
