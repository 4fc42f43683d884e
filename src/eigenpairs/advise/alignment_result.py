"""`Alignment`: whether relations help a task, in numbers, words and a picture."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from eigenpairs._html import card
from eigenpairs._plot import STYLES, new_axes
from eigenpairs.advise.influence import Units
from eigenpairs.advise.mixture import Mixture
from eigenpairs.advise.shuffled import Chance

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SURE = 0.05
"""p-values up to which something is called more than chance."""

WORST = 10
"""Units listed."""


@dataclass(frozen=True)
class Hurting:
    """A group of partners (or a row) whose pairs lower the alignment.

    Attributes
    ----------
    rows : (k,) int64, its row numbers
    own : float, alignment of its own pairs: below 0 its rows differ more than unrelated ones
    gain : float, by how much the alignment would rise without it
    """

    rows: np.ndarray
    own: float
    gain: float


@dataclass(frozen=True)
class RelationAlignment:
    """One relation against the task.

    Attributes
    ----------
    name : str
    alignment : float
        Correlation of the label's best predictor across pairs: sum rho_k alpha_k^2 / sum alpha_k^2 over the modes of
        the class. 1: no change of partner changes it; 0: pairs say nothing about it; negative: pairs contradict it. nan
        where the labels show no predictor in the class.
    standard_error : float
        Over the draw of the labels.
    shuffled : Chance
        The alignment of the fitted predictor (a ridge regression, so its `observed` differs a little), against pairs
        with shuffled partners.
    random : Chance or None
        The alignment against that of functions drawn at random from the class; None for `Free`.
    error : float
        Predicted squared error of a probe on n labels, as a share of the label's variance; nan for `Free`.
    strength : float
        The invariance of least-squares VICReg (over its variance weight) that predicts it, of a few tried.
    units : Units
        What is left out for an influence: groups of partners, or rows.
    own : (n_units,)
        Alignment of each unit's own pairs, for a predictor fitted to modes averaged over partners (rho phi).
    influence : (n_units,)
        Change of that predictor's alignment if the unit were left out, exactly: units with positive ones hurt.
    error_influence : (n_units,) or None
        Change of `error`, to first order: units with negative ones hurt. None for `Free`.
    """

    name: str
    alignment: float
    standard_error: float
    shuffled: Chance
    random: Chance | None
    error: float
    strength: float
    units: Units = field(repr=False)
    own: np.ndarray = field(repr=False)
    influence: np.ndarray = field(repr=False)
    error_influence: np.ndarray | None = field(repr=False)

    @property
    def p_value(self) -> float:
        """Of the test against shuffled pairs."""
        return self.shuffled.p_value

    @property
    def verdict(self) -> str:
        """ "helps", "sound" (but no better than a random function), "says nothing", "contradicts" or "unknown"."""
        if not np.isfinite(self.alignment):
            return "unknown"
        if self.alignment < -2 * self.standard_error and self.shuffled.observed < self.shuffled.mean:
            return "contradicts"
        if self.p_value > SURE:
            return "says nothing"
        if self.random is not None and self.random.p_value > SURE:
            return "sound"
        return "helps"

    def worst(self, count: int = WORST) -> tuple[Hurting, ...]:
        """The units that lower the alignment most, worst first; those that do not lower it are left out."""
        gain = np.where(np.isfinite(self.influence), self.influence, -np.inf)
        order = np.argsort(-gain, kind="stable")[:count]
        return tuple(
            Hurting(self.units.rows(int(unit)), float(self.own[unit]), float(gain[unit]))
            for unit in order
            if gain[unit] > 0
        )

    @property
    def sentence(self) -> str:
        """The result in words."""
        if self.verdict == "unknown":
            return f"{self.name}: the labels show no predictor in this class, so that nothing can be said of its pairs."
        value = f"{self.name}: alignment {self.alignment:.2f} ± {self.standard_error:.2g}"
        chance = f"shuffled pairs {self.shuffled.mean:.2f}, p = {self.p_value:.3g}"
        if self.random is not None:
            chance += f"; random functions {self.random.mean:.2f} ± {self.random.spread:.2g}"
        words = {
            "helps": "pairs keep this label"
            + ("" if self.random is None else " better than most functions of the class: strong invariance helps"),
            "sound": "pairs keep this label no better than a random function of the class: invariance gains little",
            "says nothing": "pairs say nothing about this label",
            "contradicts": "pairs contradict this label: partners differ more than unrelated rows",
        }[self.verdict]
        return f"{value} ({chance}): {words}."

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON (nan stays nan)."""
        return {
            "name": self.name,
            "alignment": self.alignment,
            "standard_error": self.standard_error,
            "verdict": self.verdict,
            "sentence": self.sentence,
            "shuffled": vars(self.shuffled),
            "random": None if self.random is None else vars(self.random),
            "error": self.error,
            "strength": self.strength,
            "unit": self.units.name,
            "n_units": self.units.n_units,
            "contradicting": int(np.count_nonzero(self.own < 0)),
            "worst": [{"rows": unit.rows.tolist(), "own": unit.own, "gain": unit.gain} for unit in self.worst()],
        }


@dataclass(frozen=True)
class Alignment:
    """What `alignment` found.

    Attributes
    ----------
    relations : dict of RelationAlignment by name
    mixture : Mixture or None
        Which shares of several relations predict the smallest error.
    explained, explained_error : float
        Share of the label's variance that its best predictor in the class explains, and its standard error.
    n_labels : int
        Of the probe whose error is predicted.
    labelled, sources : int
        Labelled rows, and independent groups of partners among them.
    rule : str
        How label energies were estimated.
    """

    relations: dict[str, RelationAlignment]
    mixture: Mixture | None
    explained: float
    explained_error: float
    n_labels: int
    labelled: int
    sources: int
    rule: str

    @property
    def first(self) -> RelationAlignment:
        """The relation, where there is one; otherwise the first."""
        return next(iter(self.relations.values()))

    @property
    def alignment(self) -> float:
        """Of the (first) relation."""
        return self.first.alignment

    @property
    def standard_error(self) -> float:
        """Of the (first) relation's alignment."""
        return self.first.standard_error

    @property
    def p_value(self) -> float:
        """Of the (first) relation against shuffled pairs."""
        return self.first.p_value

    def worst(self, count: int = WORST) -> tuple[Hurting, ...]:
        """Of the (first) relation, the units that lower the alignment most."""
        return self.first.worst(count)

    @property
    def sentences(self) -> tuple[str, ...]:
        """The result in words."""
        found = [relation.sentence for relation in self.relations.values()]
        if self.mixture is not None:
            shares = ", ".join(f"{100 * share:.0f} % {name}" for name, share in self.mixture.best.items() if share > 0)
            alone = {name: relation.error for name, relation in self.relations.items()}
            best = min(alone, key=lambda name: alone[name])
            found.append(
                f"Best mixture for {self.n_labels} labels: {shares} of the pairs, predicted error "
                f"{self.mixture.error:.3f} of the label's variance; {best} alone {alone[best]:.3f}."
            )
        if self.explained - 3 * self.explained_error > 1:
            found.append(
                f"The class seems to explain {100 * self.explained:.0f} % of the label: labelled rows vary unlike the "
                "rows given, so take numbers with care; label rows drawn from all of them."
            )
        return tuple(found)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values, ready for JSON (nan stays nan)."""
        return {
            "sentences": list(self.sentences),
            "relations": [relation.to_dict() for relation in self.relations.values()],
            "mixture": None if self.mixture is None else self.mixture.to_dict(),
            "explained": self.explained,
            "explained_error": self.explained_error,
            "n_labels": self.n_labels,
            "labelled": self.labelled,
            "sources": self.sources,
            "rule": self.rule,
        }

    def __repr__(self) -> str:
        return f"Alignment({' '.join(self.sentences)})"

    def _repr_html_(self) -> str:
        own = {f"own alignment, sorted: {name}": np.sort(part.own)[::-1][:500] for name, part in self.relations.items()}
        return card(repr(self), own)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw every relation's alignment beside shuffled pairs and random functions, with matplotlib.

        Raises
        ------
        ModuleNotFoundError
            If matplotlib is not installed.
        """
        ax = new_axes(ax)
        for at, part in enumerate(self.relations.values()):
            marks = {"shuffled pairs": (part.shuffled, "0.6"), "random functions": (part.random, "0.3")}
            for lower, (label, (chance, colour)) in enumerate(marks.items()):
                if chance is not None:
                    spread = 1.6449 * chance.spread
                    ax.errorbar(
                        chance.mean, at + 0.15 * (lower + 1), xerr=spread, color=colour, fmt="|", capsize=3,
                        label=label if at == 0 else None,
                    )  # fmt: skip
            ax.errorbar(
                part.alignment, at, xerr=2 * part.standard_error, color=STYLES[0]["color"], fmt="o", capsize=3,
                label="the label" if at == 0 else None,
            )  # fmt: skip
        ax.set(yticks=range(len(self.relations)), yticklabels=list(self.relations), xlabel="alignment")
        ax.invert_yaxis()
        ax.legend()
        return ax
