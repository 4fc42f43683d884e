"""`Advice`: which objective, which value, which width, why, and what it costs to be wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from eigenpairs._html import card
from eigenpairs.diagnose.label_energy import LabelEnergy
from eigenpairs.objective import Objective

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Candidate:
    """The best point on an objective's path.

    Attributes
    ----------
    objective : Objective
    parameter, value : the hyper-parameter that was moved, and its value
    n_components : int
        Columns to ask for: as many as are kept.
    effective_modes : float
        Modes of equal gain that its gains amount to, (sum b)^2 / sum b^2.
    predicted : float
        Squared error of a ridge probe on n labels, one-hot for classes, as a share of the label's variance.
    interval : (float, float)
        Of the prediction, from the sampling error of the label energies (two standard errors).
    measured : float
        The same from random subsets of the labels, nan where that was not done.
    measured_error : float
        Standard error of `measured`.
    ridge : float
        Of the probe, in units of the squared columns.
    crowding : float
        Share of the labels' degrees of freedom used up; the formula fails near 1.
    flatness : (float, float)
        Error with a value four times lower and four times higher, over the best.
    """

    objective: Objective
    parameter: str
    value: float
    n_components: int
    effective_modes: float
    predicted: float
    interval: tuple[float, float]
    measured: float
    measured_error: float
    ridge: float
    crowding: float
    flatness: tuple[float, float]

    @property
    def headline(self) -> float:
        """The prediction, unless it was measured and differs by more than a tenth: then the measurement."""
        if np.isfinite(self.measured) and abs(self.predicted - self.measured) > 0.1 * self.measured:
            return self.measured
        return self.predicted

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "objective": type(self.objective).__name__,
            "parameters": self.objective.get_params(),
            "moved": self.parameter,
            "value": self.value,
            "n_components": self.n_components,
            "effective_modes": self.effective_modes,
            "headline": self.headline,
            "predicted": self.predicted,
            "interval": list(self.interval),
            "measured": self.measured,
            "measured_error": self.measured_error,
            "ridge": self.ridge,
            "crowding": self.crowding,
            "flatness": list(self.flatness),
        }


@dataclass(frozen=True)
class Path:
    """Predicted errors along one objective's hyper-parameter."""

    name: str
    parameter: str
    values: np.ndarray
    errors: np.ndarray
    ranks: np.ndarray

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "name": self.name,
            "parameter": self.parameter,
            "values": self.values.tolist(),
            "errors": self.errors.tolist(),
            "ranks": self.ranks.tolist(),
        }


@dataclass(frozen=True)
class Advice:
    """What `advise` found.

    Attributes
    ----------
    table : tuple of Candidate
        The best value of every objective, best first by `Candidate.headline`; empty without labels.
    paths : tuple of Path
        Predictions for every value that was asked about.
    n_labels : int
    raw : float
        Error of the same probe on the raw columns, as a share of the label's variance: measured where the candidates
        are, otherwise predicted; nan where there are no columns.
    alignment : float
        Share of the label's explained variance that survives a change of partner, sum rho alpha^2 / sum alpha^2.
    energy : LabelEnergy or None
    rho : (m,)
    rank : int
        Modes of the class.
    reason : str
        In words, with the guideline that applies.
    notes : tuple of str
        What limits the advice.
    """

    table: tuple[Candidate, ...]
    paths: tuple[Path, ...]
    n_labels: int
    raw: float
    alignment: float
    energy: LabelEnergy | None
    rho: np.ndarray
    rank: int
    reason: str
    notes: tuple[str, ...]

    @property
    def best(self) -> dict[str, Any]:
        """Parameters for `SpectralSSL.set_params`: objective and n_components.

        Raises
        ------
        ValueError
            If there were no labels, so that nothing can be recommended.
        """
        if not self.table:
            raise ValueError("without labels no objective can be recommended; give y with a few labels")
        return {"objective": self.table[0].objective, "n_components": self.table[0].n_components}

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values, ready for JSON (nan stays nan)."""
        return {
            "n_labels": self.n_labels,
            "reason": self.reason,
            "notes": list(self.notes),
            "best": self.table[0].to_dict() if self.table else None,
            "table": [candidate.to_dict() for candidate in self.table],
            "paths": [path.to_dict() for path in self.paths],
            "raw": self.raw,
            "alignment": self.alignment,
            "label_energy": None if self.energy is None else self.energy.to_dict(),
            "rho": self.rho.tolist(),
            "rank": self.rank,
        }

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the predicted error of every objective over the number of modes that its values keep, with matplotlib.

        Raises
        ------
        ModuleNotFoundError
            If matplotlib is not installed.
        """
        from eigenpairs._plot import new_axes

        ax = new_axes(ax)
        for path in self.paths:
            order = np.argsort(path.ranks, kind="stable")
            ax.plot(path.ranks[order], path.errors[order], label=path.name, marker=".", markersize=3)
        if np.isfinite(self.raw):
            ax.axhline(self.raw, color="0.5", linestyle="--", label="raw columns")
        ax.set(xscale="log", xlabel="modes kept", ylabel=f"predicted error of a probe on {self.n_labels} labels")
        ax.legend()
        return ax

    def __repr__(self) -> str:
        return f"Advice({self.reason})"

    def _repr_html_(self) -> str:
        curves = {"rho": self.rho}
        if self.energy is not None:
            curves["label energy"] = self.energy.energy
        return card(repr(self), curves)
