"""`Audit`: what each transformation keeps and destroys, in numbers, words and pictures."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from eigenpairs._html import card
from eigenpairs.diagnose.ranks import effective_rank

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from eigenpairs.objective import Objective

SURVIVES = 0.5
"""A mode or direction survives if more than half of its variance does."""

HELPS, SAME, HURTS = "helps", "no difference", "hurts"


@dataclass(frozen=True)
class Audited:
    """One transformation at one strength.

    Attributes
    ----------
    name : str
    strength : float or None
    rho, heldout : (m,)
        Pair correlations of the modes, on the pairs of the fit and on pairs of other rows.
    kept : (d,)
        Share of every principal direction of the clean rows that linear functions of one view still tell.
    destroyed_variance : float
        Share of the rows' own variance that they do not tell.
    destroyed : float
        Share of what linear functions of a clean row tell about the label that those of a view do not; nan without
        labels.
    predicted : float
        Squared error of a ridge probe on n labels after self-supervised learning with these views, as a share of the
        label's variance; nan without labels.
    standard_error : float
        Of `predicted`, from the sampling error of the label energies. Strengths share the labels, so differences
        between them are known better than this.
    verdict : str
        "helps", "no difference" (within two per cent) or "hurts": `predicted` against no transformation at all; empty
        without labels.
    picture : array or None
        First view of the images in `Audit.pictures`.
    """

    name: str
    strength: float | None
    rho: np.ndarray
    heldout: np.ndarray
    kept: np.ndarray
    destroyed_variance: float
    destroyed: float
    predicted: float
    standard_error: float
    verdict: str = ""
    picture: np.ndarray | None = field(default=None, repr=False, compare=False)

    @property
    def title(self) -> str:
        """ "shift 2", or the name alone."""
        return self.name if self.strength is None else f"{self.name} {self.strength:g}"

    @property
    def n_modes(self) -> int:
        """Modes whose held-out rho is above a half."""
        return int(np.count_nonzero(self.heldout > SURVIVES))

    @property
    def n_directions(self) -> int:
        """Principal directions of the clean rows of which more than half is kept."""
        return int(np.count_nonzero(self.kept > SURVIVES))

    @property
    def effective_rank(self) -> float:
        """exp of the entropy of the shares of held-out rho, 0 where none is positive."""
        held = np.sort(np.maximum(self.heldout, 0.0))[::-1]
        return effective_rank(np.sqrt(held)) if held.any() else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Plain values, without the picture."""
        return {
            "name": self.name,
            "strength": self.strength,
            "n_modes": self.n_modes,
            "n_directions": self.n_directions,
            "effective_rank": self.effective_rank,
            "destroyed_variance": self.destroyed_variance,
            "destroyed": self.destroyed,
            "predicted": self.predicted,
            "standard_error": self.standard_error,
            "verdict": self.verdict,
            "rho": self.rho.tolist(),
            "heldout": self.heldout.tolist(),
            "kept": self.kept.tolist(),
        }


@dataclass(frozen=True)
class Audit:
    """What `audit` found.

    Attributes
    ----------
    rows : tuple of Audited
        Every transformation at every strength, in the order given.
    unchanged : Audited
        The same without any transformation: each row its own positive. What a transformation has to beat.
    recommended : dict of name to Audited or None
        The strength with the smallest predicted error of every transformation; None where even that one hurts.
        Empty without labels.
    reason : str
        The result in words.
    raw : float
        Predicted error of the probe on the columns as they are, without self-supervised learning; nan without labels.
    told : float
        Share of the label's variance that linear functions of the clean rows explain; nan without labels.
    objective : Objective
        The one whose optimum is probed.
    n_labels, n_rows, n_heldout, n_labelled, n_views : int
        Of the probe; rows used, those of them on which rho is held out, and with labels; views of each.
    variances : (d,)
        Of the clean rows along their principal directions.
    share : float
        Share of all variance that those directions have.
    pictures : array or None
        Some clean images.
    """

    rows: tuple[Audited, ...]
    unchanged: Audited
    recommended: dict[str, Audited | None]
    reason: str
    raw: float
    told: float
    objective: Objective
    n_labels: int
    n_rows: int
    n_heldout: int
    n_labelled: int
    n_views: int
    variances: np.ndarray
    share: float
    pictures: np.ndarray | None = field(default=None, repr=False, compare=False)

    @property
    def best(self) -> Audited:
        """The transformation and strength with the smallest predicted error.

        Raises
        ------
        ValueError
            If there were no labels, so that nothing can be recommended.
        """
        if not self.recommended:
            raise ValueError("without labels no strength can be recommended; give y with a few labels")
        return min(self.rows, key=lambda row: row.predicted)

    def __getitem__(self, title: str) -> Audited:
        """The row called "shift 2", or by its name alone where it has no strength."""
        for row in self.rows:
            if row.title == title:
                return row
        raise KeyError(f"{title!r} is not among {', '.join(repr(row.title) for row in self.rows)}")

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values, ready for JSON (nan stays nan); without pictures."""
        return {
            "reason": self.reason,
            "best": self.best.title if self.recommended else None,
            "recommended": {name: None if row is None else row.strength for name, row in self.recommended.items()},
            "against": [name for name, row in self.recommended.items() if row is None],
            "rows": [row.to_dict() for row in self.rows],
            "unchanged": self.unchanged.to_dict(),
            "raw": self.raw,
            "told": self.told,
            "objective": {"class": type(self.objective).__name__, "params": self.objective.get_params()},
            "n_labels": self.n_labels,
            "n_rows": self.n_rows,
            "n_heldout": self.n_heldout,
            "n_labelled": self.n_labelled,
            "n_views": self.n_views,
            "variances": self.variances.tolist(),
            "share": self.share,
        }

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the held-out rho of every transformation and strength over the number of the mode, with matplotlib.

        Raises
        ------
        ModuleNotFoundError
            If matplotlib is not installed.
        """
        from eigenpairs._plot import MODE, RHO, new_axes

        ax = new_axes(ax)
        names = list(dict.fromkeys(row.name for row in self.rows))
        for name in names:
            family = [row for row in self.rows if row.name == name]
            for at, row in enumerate(family):
                colour = f"C{names.index(name) % 10}"
                shade = 1.0 - 0.75 * at / max(len(family) - 1, 1)
                ax.plot(np.arange(1, len(row.heldout) + 1), row.heldout, color=colour, alpha=shade, label=row.title)
        ax.set(xlabel=MODE, ylabel=f"held-out {RHO}")
        ax.legend()
        return ax

    def __repr__(self) -> str:
        lines = [f"Audit({self.reason})"]
        width = max(len(row.title) for row in (*self.rows, self.unchanged))
        for row in (self.unchanged, *self.rows):
            line = f"{row.title:{width}s}  {row.n_modes:4d} modes survive, destroyed: {_share(row.destroyed_variance)}"
            if self.recommended:
                line += f", of the label {_share(row.destroyed)}; predicted error {row.predicted:.3f} {row.verdict}"
            lines.append(line.rstrip())
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return card(self.reason, {row.title: row.heldout for row in self.rows})


def _share(value: float) -> str:
    """Two digits; estimates just below zero are zero."""
    return f"{max(value, 0.0):.2f}"
