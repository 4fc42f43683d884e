"""The main hyper-parameter of every objective, its range on the slider, and the objective in words.

The formulas that move with it are in gains.js, under the same names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from eigenpairs.objective import OBJECTIVES, BarlowTwins, DirectSet, LogDet, Objective, Optimum, SimCLR, VICReg
from eigenpairs.objective.polish import POLISH_UP_TO
from eigenpairs.objective.rotation import is_hadamard_order


@dataclass(frozen=True)
class Knob:
    """A hyper-parameter with its range, and what turning it up does."""

    parameter: str
    low: float
    high: float
    effect: str

    def around(self, value: float) -> Knob:
        """The range widened so that it holds `value`."""
        if not value > 0:  # the slider is logarithmic; its left end stands for what lies below
            return self
        return Knob(self.parameter, min(self.low, value), max(self.high, value), self.effect)


TITLES = {
    "BarlowTwins": "Barlow Twins",
    "SpectralContrastive": "Spectral contrastive",
    "LogDet": "Log-determinant",
}
"""Names of objectives where they differ from those of their classes."""

WORDS = {
    "VICReg practice": "A threshold with a slope: a mode that pairs hardly agree on costs invariance, and beyond a "
    "price it is dropped.",
    "VICReg least-squares": "A straight line in rho that ends at zero: the less pairs agree on a mode, the less of it "
    "is kept.",
    "BarlowTwins": "Water-filling: energy flows to the most invariant modes until their redundancy costs as much as "
    "the next mode's disagreement.",
    "SpectralContrastive": "The identity: every mode is kept to the extent that pairs agree on it.",
    "Whitening": "A cut: the K most invariant modes in equal parts, the others not at all.",
    "LogDet": "A reciprocal: the more invariant a mode, the larger it becomes, without limit as rho nears 1.",
    "SimCLR cosine": "A budget: gains are rho plus a constant, and they add up to 1/temperature.",
    "SimCLR dot": "The identity again: temperature times rho.",
    "SimCLR density-ratio": "Steeper than the identity: rho over 1 - rho squared, the best ranking for retrieval.",
    "DirectSet": "A threshold: learning without negatives ends with modes of small rho dead and the others kept "
    "according to their rho.",
}


def knob_of(objective: Objective) -> Knob | None:
    """The slider of an objective; None for those without a hyper-parameter."""
    found = _knob(objective)
    if found is None or isinstance(objective, BarlowTwins):  # its formula ends at a redundancy of 1
        return found
    return found.around(getattr(objective, found.parameter))


def _knob(objective: Objective) -> Knob | None:
    if isinstance(objective, VICReg):
        effect = "Stronger invariance drops the modes that pairs agree on least."
        high = 1e3 if objective.form == "practice" else 1e2
        return Knob("invariance", 0.01 * objective.variance, high * objective.variance, effect)
    if isinstance(objective, BarlowTwins):
        return Knob("redundancy", 1e-4, 1.0, "A higher price of redundancy spreads the energy over more modes.")
    if isinstance(objective, LogDet):
        return Knob("invariance", 0.01, 100.0, "Stronger invariance makes all modes smaller, and drops the last ones.")
    if isinstance(objective, SimCLR):
        effect = (
            "A higher temperature keeps fewer modes; a low one treats them alike."
            if objective.critic == "cosine"
            else "The temperature scales all gains and changes nothing else."
        )
        return Knob("temperature", 0.01, 10.0, effect)
    if isinstance(objective, DirectSet):
        if objective.norm == "none":
            return Knob("weight_decay", 1e-6, 0.25, "Weight decay is the threshold: a mode lives if rho > 2 sqrt(eta).")
        return Knob("eps", 1e-3, 10.0, "A larger eps lets more modes die.")
    return None


def variant(objective: Objective) -> str:
    """What tells objectives of one class apart."""
    if isinstance(objective, VICReg):
        return objective.form
    if isinstance(objective, SimCLR):
        return objective.critic
    if isinstance(objective, DirectSet):
        return {1.0: "DirectCopy", 0.5: "DirectPred"}.get(objective.alpha, "") if objective.norm == "spectral" else ""
    return ""


def in_words(objective: Objective) -> str:
    """The objective's gain curve in a sentence; empty for an objective of somebody else's."""
    name = type(objective).__name__
    return WORDS.get(f"{name} {variant(objective)}", WORDS.get(name, ""))


def parameters(objective: Objective) -> dict[str, Any]:
    """The parameters by name, with defaults filled in."""
    given = objective.get_params()
    return given | {"covariance": objective.covariance_weight} if isinstance(objective, VICReg) else given


def is_known(objective: Objective) -> bool:
    """Whether gains.js has the objective's formula: not that of an objective of somebody else's."""
    return type(objective) in OBJECTIVES.values()


def is_searched(objective: Objective) -> bool:
    """Whether the optimum takes a search, some tens of milliseconds, instead of a formula."""
    if not isinstance(objective, VICReg) or objective.form != "practice":
        return False
    return objective.variance < 16 * objective.covariance_weight


def needs_python(objective: Objective, optimum: Optimum, rho: np.ndarray) -> bool:
    """Whether `optimum` knows more than the closed form in the page: what was found by constructing or by descent."""
    width = len(optimum.gains)
    if not is_known(objective):
        return True
    if isinstance(objective, BarlowTwins) and (objective.redundancy > 1 or not is_hadamard_order(width)):
        return True
    if is_searched(objective) and width <= POLISH_UP_TO:
        return True
    return not np.allclose(optimum.gains, objective.gains(rho, width), rtol=1e-9, atol=1e-12)  # refined on rows
