"""`Budget`: what the pairs at hand are enough for, and what more would bring, in numbers, words and a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from eigenpairs._html import card
from eigenpairs._plot import STYLES, new_axes
from eigenpairs.advise.completion import CompletionCurve
from eigenpairs.advise.eigenspace import Law
from eigenpairs.advise.observation import Coherence, Observation

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FURTHER = (1.0, 2.0, 4.0, 16.0)
"""Multiples of the pairs at hand in the table."""

FAR = 16.0
"""Multiples of the pairs at hand up to which the law is trusted."""

TARGET = 0.1


@dataclass(frozen=True)
class Point:
    """The error of the leading modes fitted on so many units.

    Attributes
    ----------
    count : float
        Groups of partners, or pairs.
    error : float
        Root mean squared sine of the principal angles to the true modes, 0 to 1.
    low, high : float
        The interval that holds the error of one fit nine times of ten; of subsamples that were fitted, where nine of
        ten of them lie.
    rho, heldout : float
        Mean correlation of the modes across the pairs they were fitted to, and across all others; nan where not fitted.
    """

    count: float
    error: float
    low: float
    high: float
    rho: float = float("nan")
    heldout: float = float("nan")

    @property
    def measured(self) -> bool:
        """Whether subsamples of this size were fitted, otherwise it is the law's."""
        return bool(np.isfinite(self.heldout))


@dataclass(frozen=True)
class Budget:
    """What `pair_budget` found.

    Attributes
    ----------
    unit : str
        What is counted: "groups of partners", "pairs", "groups", "rows" or, of mixtures, "parts".
    n_units : int
        How many there are.
    n_components : int
        K, the leading modes looked at.
    rho : (K + 1,)
        Pair correlations of all pairs, one more than looked at where the class has it.
    fitted, heldout : (s, K)
        Correlation of each mode across the pairs of its subsample, and across all others.
    laws : tuple of Law
        How the error of the first 1, 2, ... K modes falls; empty where nothing could be fitted.
    observation : Observation
        Which rows are linked.
    coherence : Coherence or None
    completion : CompletionCurve or None
        Soft-impute on the ideal pair matrix, for problems of up to 80 rows.
    free : bool
        Whether the class is `Free`.
    """

    unit: str
    n_units: int
    n_components: int
    rho: np.ndarray
    fitted: np.ndarray
    heldout: np.ndarray
    laws: tuple[Law, ...]
    observation: Observation
    coherence: Coherence | None
    completion: CompletionCurve | None
    free: bool

    @classmethod
    def without_curve(cls, observation: Observation, K: int) -> Budget:
        """For a graph whose parts are too small for K modes."""
        nothing = np.empty((0, K))
        return cls("pairs", 0, K, np.empty(0), nothing, nothing, (), observation, None, None, True)

    @property
    def law(self) -> Law:
        """Of the first K modes.

        Raises
        ------
        ValueError
            If nothing could be fitted.
        """
        if not self.laws:
            raise ValueError(f"no curve was fitted. {self.observation.sentence(self.free)}")
        return self.laws[-1]

    @property
    def gap(self) -> float:
        """rho of mode K minus that of the next: what has to be told apart; nan if there is no next."""
        K = self.n_components
        return float(self.rho[K - 1] - self.rho[K]) if len(self.rho) > K else float("nan")

    def error_at(self, count: float) -> Point:
        """Error of modes fitted on `count` units, by the law."""
        error, low, high = self.law.error(float(count))
        return Point(float(count), float(error), float(low), float(high))

    def size_for(self, error: float) -> tuple[float, float, float]:
        """How many units an error takes: expected, and the ends of the interval; inf where the law never gets there."""
        if not 0 < error < 1:
            raise ValueError(f"error = {error} is not allowed; give a number between 0 and 1")
        return self.law.size_for(error)

    @property
    def by_dimension(self) -> np.ndarray:
        """(K,) error of the first 1, 2, ... K modes with all there are: how many modes the pairs are enough for."""
        return np.array([float(law.error(float(self.n_units))[0]) for law in self.laws])

    @property
    def table(self) -> tuple[Point, ...]:
        """Subsamples that were fitted, then all there are, then multiples of that by the law."""
        if not self.laws:
            return ()
        law = self.law
        low, high = law.spread
        rows = zip(law.counts, law.measured, low, high, self.fitted.mean(axis=1), self.heldout.mean(axis=1))
        measured = [Point(*(float(value) for value in row)) for row in rows]
        return (*measured, *(self.error_at(times * self.n_units) for times in FURTHER))

    @property
    def sentences(self) -> tuple[str, ...]:
        """The result in words, the answer first."""
        found = [self._answer(), self._dimensions()] if self.laws else []
        found.append(self.observation.sentence(self.free))
        if self.coherence is not None:
            found.append(self.coherence.sentence)
        if self.completion is not None:
            found.append(self._completed(self.completion))
        return tuple(sentence for sentence in found if sentence)

    def _answer(self) -> str:
        law, n = self.law, self.n_units
        if not law.known:
            return (
                f"With {n:,} {self.unit} the first {self.n_components} modes are hardly told from chance (error "
                f"{self.error_at(n).error:.2f} of {np.sqrt(law.chance):.2f}); what more would bring cannot be said. "
                "A ridge, fewer columns or fewer n_components may help."
            )
        now, more = self.error_at(n), self.error_at(4 * n)
        return (
            f"With {n:,} {self.unit} the first {self.n_components} modes err by {_interval(now)}; with 4 times as many "
            f"by {_interval(more)}. {self._target()}"
        )

    def _target(self) -> str:
        n, (need, low, high) = self.n_units, self.size_for(TARGET)
        if need <= n:
            return f"An error of {TARGET} is reached already."
        if need > FAR * n:
            return f"An error of {TARGET} takes more than {FAR:.0f} times as many, further than the law can be trusted."
        top = _count(high) if high <= FAR * n else f"more than {_count(FAR * n)}"
        return f"An error of {TARGET} takes {_count(need)} ({_count(low)} to {top})."

    def _dimensions(self) -> str:
        errors = self.by_dimension
        clearest = int(np.argmin(errors[1:])) + 2 if len(errors) > 1 else 1
        if self.law.exponent < 0.5 and clearest < self.n_components:
            return (
                f"The error falls slowly (as a power {self.law.exponent / 2:.2f} of the number): modes "
                f"{self.n_components} and {self.n_components + 1} are hardly told apart (rho {self.gap:.2g} apart); "
                f"the first {clearest} err by {errors[clearest - 1]:.2f}."
            )
        return ""

    @staticmethod
    def _completed(curve: CompletionCurve) -> str:
        share = curve.enough()
        found = (
            f"from {100 * share:.0f} % of random entries on" if np.isfinite(share) else "from none of the shares tried"
        )
        return f"Soft-impute completes the ideal pair matrix to 5 % {found}."

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values, ready for JSON (nan stays nan)."""
        target = self.size_for(TARGET) if self.laws else (float("nan"),) * 3
        return {
            "unit": self.unit,
            "n_units": self.n_units,
            "n_components": self.n_components,
            "sentences": list(self.sentences),
            "table": [vars(point) | {"measured": point.measured} for point in self.table],
            "exponent": self.law.exponent if self.laws else None,
            "size_for": {"error": TARGET, "count": target[0], "low": target[1], "high": target[2]},
            "by_dimension": self.by_dimension.tolist(),
            "gap": self.gap,
            "rho": self.rho.tolist(),
            "observation": self.observation.to_dict(),
            "coherence": None if self.coherence is None else self.coherence.to_dict(),
            "completion": None if self.completion is None else self.completion.to_dict(),
        }

    def __repr__(self) -> str:
        return f"Budget({self.sentences[0]})"

    def _repr_html_(self) -> str:
        if not self.laws:
            return card(repr(self), {})
        return card(repr(self), {"error by number of modes": self.by_dimension, "rho": self.rho})

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the error over the number of units, with matplotlib: measured points, the law, its interval.

        Raises
        ------
        ModuleNotFoundError
            If matplotlib is not installed.
        ValueError
            If nothing could be fitted.
        """
        law, ax = self.law, new_axes(ax)
        counts = law.counts[0] * np.geomspace(1, FAR * self.n_units / law.counts[0], 100)
        error, low, high = law.error(counts)
        ax.fill_between(counts, low, high, alpha=0.2, color=STYLES[0]["color"], linewidth=0)
        ax.plot(counts, error, color=STYLES[0]["color"], label="law, and where one fit lies nine times of ten")
        style: dict[str, Any] = STYLES[1] | {"linestyle": "", "label": "measured on disjoint subsamples"}
        ax.plot(law.counts, law.measured, **style)
        ax.axvline(self.n_units, color="0.5", linestyle=":", label="all there are")
        ax.set(xscale="log", yscale="log", xlabel=self.unit, ylabel=f"error of the first {self.n_components} modes")
        ax.legend()
        return ax


def _interval(point: Point) -> str:
    return f"{point.error:.2f} ({point.low:.2f} to {point.high:.2f})"


def _count(value: float) -> str:
    return f"{float(f'{value:.2g}'):,.0f}"
