"""Where a task lies on a spectrum: label energies of its modes, from few labels and all rows there are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg

from eigenpairs._validate import group_ids
from eigenpairs.advise.eigenlearning import LEAST_REST
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
        """(m,) energies alpha_k^2 in units of the label, scaled down where few labels show more than all of it."""
        share = self.energy.energy
        return share * self.energy.total * min(1.0, (1 - LEAST_REST) / max(share.sum(), 1e-300))

    @property
    def rest(self) -> float:
        """Label variance that no mode explains, noise included; at least a hundredth of all."""
        return max(self.energy.outside, LEAST_REST) * self.energy.total


def task_on(spec: Spectrum, X: Any, y: Any, groups: Any = None, tower: int | None = None) -> Task:
    """The label energies of y (n,) on the modes of `spec` at rows X (n, n_columns); None for the fitted rows.

    Of rows with the same id in `groups` (views of one source) only the first labelled one keeps its label: they say the
    same twice.

    Raises
    ------
    ValueError
        If lengths differ or fewer than 4 rows are labelled.
    """
    phi = np.asarray(spec.transform(X, tower), dtype=np.float64)
    if spec.values is not None:
        phi = phi.copy()
    labels = labels_of(y, len(phi))
    if groups is not None:
        labels = _one_per_source(labels, group_ids(groups, "groups"))
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
    return Task(phi, whitened, scale, labels, label_energy(whitened, labels.values, labels.task), note)


def _one_per_source(labels: Labels, ids: np.ndarray) -> Labels:
    """The labels without those of further rows of a source; ids of -1 are sources of their own."""
    if len(ids) != len(labels.values):
        raise ValueError(f"groups has {len(ids)} ids and there are {len(labels.values)} rows; give one id per row")
    rows = labels.rows
    own = np.where(ids[rows] >= 0, ids[rows], ids.max() + 1 + rows)
    kept = rows[np.unique(own, return_index=True)[1]]
    missing = -1 if labels.n_classes else np.nan
    values = np.full(len(ids), missing, dtype=labels.values.dtype)
    values[kept] = labels.values[kept]
    return labels_of(values, task=labels.task)
