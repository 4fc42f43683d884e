"""Every objective with the values of its main hyper-parameter that are worth asking about."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from eigenpairs.objective import (
    BarlowTwins,
    DirectSet,
    LogDet,
    Objective,
    SimCLR,
    SpectralContrastive,
    VICReg,
    Whitening,
)

VALUES = 40
"""Values on each path."""


@dataclass(frozen=True)
class Point:
    """One objective with all its parameters, of one width.

    Attributes
    ----------
    objective : Objective
    parameter : str, the one that moves along the path ("n_components" for objectives without any)
    value : float
    n_components : int, the width asked for
    gains : (m,) of every mode of the spectrum, 0 beyond the width
    """

    objective: Objective
    parameter: str
    value: float
    n_components: int
    gains: np.ndarray

    @property
    def rank(self) -> int:
        """Modes that are kept."""
        return int(np.count_nonzero(self.gains > 0))


def default_objectives() -> list[Objective]:
    """One of each kind whose gain curves differ."""
    return [
        VICReg(),
        VICReg(form="least-squares"),
        BarlowTwins(),
        SpectralContrastive(),
        Whitening(),
        LogDet(),
        SimCLR(),
        DirectSet(),
    ]


def path(objective: Objective, rho: np.ndarray, width: int) -> list[Point]:
    """`objective` along its main hyper-parameter, on a spectrum; its own value is among them."""
    parameter, values = _axis(objective, rho, width)
    found = []
    for value in values:
        if parameter == "n_components":
            chosen, K = objective, int(value)
        else:
            chosen, K = objective.with_params(**{parameter: float(value)}), width
        point = _point(chosen, parameter, float(value), rho, K)
        if point is not None:
            found.append(point)
    return found


def paths(objectives: Iterable[Objective], rho: np.ndarray, width: int) -> list[Point]:
    """The paths of several objectives, one after the other."""
    return [point for objective in objectives for point in path(objective, rho, width)]


def _point(objective: Objective, parameter: str, value: float, rho: np.ndarray, width: int) -> Point | None:
    """The point on the path; None where nothing is kept or no optimum exists."""
    try:
        best = objective.optimum(rho, width + (0 if objective.centred else 1))
    except ValueError:
        return None
    gains = np.zeros(len(rho))
    count = min(len(rho), len(best.gains))
    gains[:count] = best.gains[:count]
    return Point(objective, parameter, value, width, gains) if gains.max() > 0 else None


def _axis(objective: Objective, rho: np.ndarray, width: int) -> tuple[str, np.ndarray]:
    """The parameter that moves, and its values: from all modes kept to few, on this spectrum."""
    if isinstance(objective, VICReg):
        # A mode is dropped when invariance (1 - rho) costs as much as variance pays.
        spread = objective.variance / np.array([2.0, max(1 - rho[0], 1e-3)])
        low, high = (0.01, 1.0) if objective.form == "least-squares" else (1e-3, 4.0)
        return "invariance", _with(np.geomspace(low * spread[0], high * spread[1], VALUES), objective.invariance)
    if isinstance(objective, BarlowTwins):
        return "redundancy", _with(np.geomspace(1e-4, 1.0, VALUES), objective.redundancy)
    if isinstance(objective, LogDet):
        return "eps", _with(np.geomspace(1e-3, 10.0, VALUES), objective.eps)
    if isinstance(objective, SimCLR) and objective.critic == "cosine":
        return "temperature", _with(np.geomspace(1 / (4 * width), 4.0, VALUES), objective.temperature)
    if isinstance(objective, DirectSet):
        if objective.norm == "none":
            return "weight_decay", _with(np.geomspace(1e-4, 0.25, VALUES), objective.weight_decay)
        return "eps", _with(np.geomspace(1e-2, 10.0, VALUES), objective.eps)
    return "n_components", np.unique(np.geomspace(1, width, VALUES).astype(int))


def _with(values: np.ndarray, own: float) -> np.ndarray:
    """The values in three digits, and the objective's own."""
    digits = np.array([float(f"{value:.3g}") for value in values])
    return np.unique(np.append(digits, own)) if own > 0 else digits
