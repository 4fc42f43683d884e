"""The label as an audit sees it: what linear functions of the clean rows make of it, and what views leave of that.

The ridge regression that says so is a function of the rows, known at all of them: few labels decide which direction is
looked at, and all rows say what becomes of it.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from eigenpairs.advise.kept import share_kept
from eigenpairs.diagnose.label_energy import label_energy, labels_of
from eigenpairs.diagnose.probes import fit_ridge


@dataclass(frozen=True)
class AuditedLabel:
    """Labels of the rows, and what linear functions make of them.

    Attributes
    ----------
    y : (n,) as given
    linear : (n, C)
        What a ridge regression on the clean rows says about the label, at all rows, labelled or not.
    """

    y: np.ndarray
    linear: np.ndarray

    @classmethod
    def of(cls, clean: np.ndarray, y: np.ndarray) -> AuditedLabel:
        """Labels y (n,) of rows whose columns are `clean` (n, m)."""
        labels = labels_of(y)
        fitted = fit_ridge(clean[labels.rows], labels.columns(labels.rows))
        return cls(y, fitted.predict(clean))

    @property
    def n_labelled(self) -> int:
        """Rows that have a label."""
        return len(labels_of(self.y).rows)

    def destroyed(self, views: list[np.ndarray]) -> float:
        """Share of what linear functions of a clean row say about the label that those of one view do not."""
        shares = []
        for view in views:
            kept, variance = share_kept(view, self.linear)
            shares.append(float(variance @ kept / variance.sum()) if variance.any() else float("nan"))
        return 1 - float(np.mean(shares))

    def told(self, white: np.ndarray) -> float:
        """Share of the label's variance that linear functions of the clean rows explain."""
        found = label_energy(white, self.y)
        told = 1 - found.outside
        if told > 1 + 2 * float(np.sqrt(np.sum(found.standard_error**2))):
            warnings.warn(
                f"linear functions seem to explain {100 * told:.0f} % of the label's variance: the labelled rows are "
                "no fair sample of the rows, and errors are predicted too low; label rows at random, or audit those "
                "alone",
                stacklevel=3,
            )
        return told
