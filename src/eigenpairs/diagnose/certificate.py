"""`Certificate`: how far an embedding is from the optimum of a class of functions, in numbers, words and pictures."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from eigenpairs._html import card
from eigenpairs._parameters import Parameters
from eigenpairs._plot import GAIN, over_modes
from eigenpairs.objective import Objective, Optimum

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MISSING = 0.1
"""A mode is missing if the embedding has less than this share of its gain."""

NOTABLE = 0.01
"""Gains below this share of the largest are too small to be missed."""

NEGLIGIBLE = 1e-10
"""Gains below this share of the largest are rounding, of which no embedding could have the right direction."""

OVERWEIGHTED = (2.0, 0.1)
"""A mode is overweighted above 2 times its gain plus 0.1 times the largest gain."""


@dataclass(frozen=True)
class Certificate:
    """What `certify` found. Everything is relative to one class of functions on these rows and pairs.

    Attributes
    ----------
    objective : Objective
    class_name : str
        The class: "linear functions of X (64 columns)", "any function of the samples", ...
    loss : float
        Of the embedding; nan where the objective has no scalar loss.
    optimum : float
        The smallest loss in the class if `exact`, otherwise the smallest known.
    lower_bound : float
        A proved lower bound over the class; nan if there is none, equal to `optimum` if `exact`.
    exact : bool
    gap : float
        loss - optimum. Negative for an embedding that is better than anything in the class (or, unless `exact`, than
        what is known of it).
    sentence : str
        The result in words.
    note : str
        What is proved about the optimum, how energies were made comparable, and by which rules modes are named.
    rho : (m,) float64
        Pair correlations of the modes, descending.
    gains : (m,) float64
        Energy of every mode in the optimum.
    energies : (m,) float64
        Energy of every mode in the embedding, after the changes that the objective does not see. Among equal rho,
        along the axes that suit the embedding best.
    angles : (k,) float64
        Principal angles in radians, ascending, between the centred span of the embedding and the optimum's modes;
        pi/2 for a direction that the embedding lacks.
    outside : float
        Share of the embedding's variance in no mode computed: outside the class, if all of its modes were.
    missing, overweighted : (j,) int64
        Numbers of modes, from 0: less than a tenth of a gain that is at least a hundredth of the largest; more than
        twice the gain plus a tenth of the largest.
    rounding : float
        Differences of the loss up to this size are rounding.
    """

    objective: Objective
    class_name: str
    loss: float
    optimum: float
    lower_bound: float
    exact: bool
    gap: float
    sentence: str = field(repr=False)
    note: str
    rho: np.ndarray
    gains: np.ndarray
    energies: np.ndarray
    angles: np.ndarray
    outside: float
    missing: np.ndarray
    overweighted: np.ndarray
    rounding: float = 0.0

    @property
    def bracket(self) -> tuple[float, float]:
        """Between which values the distance to the true optimum of the class lies: (gap, loss - lower_bound)."""
        return self.gap, self.loss - self.lower_bound

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values, ready for JSON (nan stays nan)."""
        params = self.objective.get_params()
        return {
            "objective": {"class": type(self.objective).__name__, "params": params},
            "class": self.class_name,
            "loss": self.loss,
            "optimum": self.optimum,
            "lower_bound": self.lower_bound,
            "exact": self.exact,
            "gap": self.gap,
            "sentence": self.sentence,
            "note": self.note,
            "rho": self.rho.tolist(),
            "gains": self.gains.tolist(),
            "energies": self.energies.tolist(),
            "angles": self.angles.tolist(),
            "outside": self.outside,
            "missing": self.missing.tolist(),
            "overweighted": self.overweighted.tolist(),
            "rounding": self.rounding,
        }

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw energies beside gains over the number of the mode, with matplotlib; modes without either are left out.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            None opens a new pyplot figure.

        Raises
        ------
        ModuleNotFoundError
            If matplotlib is not installed.
        """
        high = max(self.gains.max(initial=0.0), self.energies.max(initial=0.0))
        told = np.flatnonzero((self.gains > 0) | (self.energies > NOTABLE * high))
        count = max(1, int(told.max(initial=0)) + 1)
        return over_modes({"optimum": self.gains[:count], "this embedding": self.energies[:count]}, GAIN, ax)

    def __repr__(self) -> str:
        return f"Certificate({self.sentence})"

    def _repr_html_(self) -> str:
        return card(self.sentence, {"rho": self.rho, "gains": self.gains, "energies": self.energies})


def kept_modes(gains: np.ndarray) -> np.ndarray:
    """(m,) bool, the modes that the optimum has."""
    return (gains > 0) & (gains >= NEGLIGIBLE * gains.max(initial=0.0))


def missing_modes(gains: np.ndarray, energies: np.ndarray) -> np.ndarray:
    """Numbers of the modes that the optimum keeps and the embedding lacks."""
    largest = gains.max(initial=0.0)
    return np.flatnonzero((gains > 0) & (gains >= NOTABLE * largest) & (energies < MISSING * gains))


def overweighted_modes(gains: np.ndarray, energies: np.ndarray) -> np.ndarray:
    """Numbers of the modes that the embedding has far more of than the optimum."""
    times, share = OVERWEIGHTED
    largest = gains.max(initial=0.0) or energies.max(initial=0.0)  # an optimum that is collapsed keeps nothing
    return np.flatnonzero(energies > times * gains + share * largest)


def in_words(objective: Objective, class_name: str, loss: float, best: Optimum, rounding: float, of_rows: bool) -> str:
    """The loss against the optimum, relative to what, as one sentence.

    `of_rows` says that the optimum is the best of the maps tried on these very rows, without a bound.
    """
    name, gap = called(objective), loss - best.loss
    if not objective.has_loss:
        return f"{name} has no scalar loss; energies are against its stable fixed point over {class_name}."
    lead = f"{name} loses {_number(loss)}; "
    if of_rows:
        found = (
            f"the best map tried among {class_name} loses {_number(best.loss)} on these rows (a reference, no bound)"
        )
        return f"{lead}{found}: {_compared(gap, best.loss, rounding, 'this reference')}."
    if best.exact:
        found = f"the optimum over {class_name} is {_number(best.loss)} (exact)"
        return f"{lead}{found}: {_compared(gap, best.loss, rounding, 'anything in this class')}."
    if best.lower_bound == -np.inf:
        found = f"over {class_name} the loss has no minimum, {_number(best.loss)} is where its gains are capped"
        return f"{lead}{found}: {_compared(gap, best.loss, rounding, 'the capped map')}."
    if np.isnan(best.lower_bound):
        found = f"the best known over {class_name} is {_number(best.loss)} (no bound)"
        return f"{lead}{found}: {_compared(gap, best.loss, rounding, 'the best known')}."
    found = f"the best known over {class_name} is {_number(best.loss)}, and none is below {_number(best.lower_bound)}"
    if loss < best.lower_bound - rounding:
        return f"{lead}{found}: {_number(best.lower_bound - loss)} less, better than anything in this class."
    rest = f"at most {_number(loss - best.lower_bound)} above the optimum"
    return f"{lead}{found}: {_compared(gap, best.loss, rounding, 'the best known')}, {rest}."


def modes_in_words(missing: int, kept: int, overweighted: int, constant: bool, outside: float, where: str) -> str:
    """What the embedding lacks and has too much of, as sentences; nothing if that is nothing."""
    words = " The constant, which is a mode of the optimum, is missing." if constant else ""
    if missing:
        words += f" {missing} of {kept} optimal modes {'is' if missing == 1 else 'are'} missing."
    if overweighted:
        words += (
            f" {overweighted} {'mode has' if overweighted == 1 else 'modes have'} far more energy than in the optimum."
        )
    if outside > 0.005:
        words += f" {100 * outside:.0f} % of the variance lies {where}."
    return words


def called(thing: Parameters) -> str:
    """Its name with the parameters that differ from their defaults."""
    default = {name: getattr(type(thing), name, None) for name in thing.get_params()}
    changed = [f"{name}={value!r}" for name, value in thing.get_params().items() if value != default[name]]
    return f"{type(thing).__name__}({', '.join(changed)})"


def _compared(gap: float, optimum: float, rounding: float, against: str) -> str:
    if abs(gap) <= rounding:
        return "no gap, up to rounding"
    if gap < 0:
        return f"{_number(-gap)} less, better than {against}"
    share = 100 * gap / abs(optimum) if abs(optimum) > max(rounding, 1e-3 * gap) else np.nan
    words = "" if np.isnan(share) else f" ({share:.0f} %)" if share >= 100 else f" ({_number(share, 2)} %)"
    return f"a gap of {_number(gap, 3)}{words}"


def _number(value: float, digits: int = 4) -> str:
    return f"{value:.{digits}g}"
