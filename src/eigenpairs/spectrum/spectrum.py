"""`Spectrum`: the pair correlations rho and the modes phi, from which every objective's optimum follows."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from eigenpairs._arrays import namespace
from eigenpairs._html import card
from eigenpairs._plot import RHO, over_modes
from eigenpairs._validate import a_relation, an_instance, one_of, table, whole_number
from eigenpairs.features import Features, Towers
from eigenpairs.features.base import read_rows
from eigenpairs.objective import Objective
from eigenpairs.relation import Relation
from eigenpairs.spectrum.embedding import Embedding
from eigenpairs.spectrum.modes import ColumnModes, ModeMoments

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ALL_MODES = 2**31
"""More than any class has: widths chosen by the gains have to see them all."""


@dataclass
class Spectrum:
    """Modes of a hypothesis class in descending order of invariance; made by `spectrum`.

    Attributes
    ----------
    rho : (n_modes,) float64
        Correlation of each mode across a positive pair, descending: 1 is perfectly invariant, 0 means that
        partners are unrelated. The global constant is removed.
    rank : int
        Dimension of the class (constants removed), however many modes were asked for.
    features : Features, or one per tower
    weighting : "pairs" or "samples"
    n_samples : int
        Rows the relation was defined on, both towers' together.
    modes : tuple of ColumnModes
        One per tower, none for `Free`: ``phi(x) = (Phi(x) - mean) @ weights``, with E[phi phi^T] = I.
    values : (n_samples, n_modes)
        For `Free`: phi at the fitted rows, 0 at rows without a partner.
    ridge : float, or one per tower
        The ridge used, relative to the mean eigenvalue; chosen on held-out pairs with ``Linear(ridge="auto")``.
    faithful : bool
        Whether the modes are orthonormal under the pair distribution (no ridge; weighting "pairs" or equal degrees),
        so that an optimum on this spectrum is the optimum of the loss on the pairs.
    moments : tuple of ModeMoments
        One per tower where the modes are not orthonormal under the pair distribution; see `moments_of`.
    """

    rho: np.ndarray
    rank: int
    features: Features | tuple[Features, Features]
    weighting: str
    n_samples: int
    modes: tuple[ColumnModes, ...] = ()
    values: np.ndarray | None = None
    ridge: float | tuple[float, float] = 0.0
    faithful: bool = True
    moments: tuple[ModeMoments, ...] = ()
    fitted: Any = field(default=None, repr=False, compare=False)

    @property
    def n_modes(self) -> int:
        """How many modes are held."""
        return len(self.rho)

    @property
    def n_towers(self) -> int:
        """2 for a spectrum of `Towers`, otherwise 1."""
        return max(1, len(self.modes))

    @property
    def mean(self) -> np.ndarray:
        """(D,) mean of the feature columns."""
        return self.modes_of(None).mean

    @property
    def weights(self) -> np.ndarray:
        """(D, n_modes) weights of the feature columns in each mode."""
        return self.modes_of(None).weights

    def modes_of(self, tower: int | None) -> ColumnModes:
        """The modes of one tower; None is the only one there is.

        Raises
        ------
        ValueError
            If the class is `Free`, which has no columns, or `tower` is missing or unknown.
        """
        if not self.modes:
            raise ValueError("Free has no feature columns, so its modes have no weights, and no values for new rows")
        if tower is None and self.n_towers == 2:
            raise ValueError("this model has two towers; say which: tower=0 or tower=1")
        tower = 0 if tower is None else whole_number(tower, "tower", 0)
        if tower >= self.n_towers:
            raise ValueError(f"tower = {tower} is out of range; this model has {self.n_towers} tower(s), from 0")
        return self.modes[tower]

    def moments_of(self, tower: int) -> ModeMoments:
        """Mean and covariance of the modes at the rows of one tower, under the pair distribution: mostly 0 and I."""
        return self.moments[tower] if self.moments else ModeMoments(np.zeros(self.n_modes), np.eye(self.n_modes))

    def transform(self, X: Any = None, tower: int | None = None) -> Any:
        """The modes at rows X, (n, n_modes), in X's kind and float dtype; None gives the fitted rows.

        A model of two towers needs to know whose rows they are, 0 or 1; given `Towers` (or None) and no `tower`, it
        returns the second tower's rows below the first's, the order of `Relation.between`.
        """
        return self.apply_map(X, None, tower)

    def apply_map(self, X: Any, A: np.ndarray | None, tower: int | None = None) -> Any:
        """phi(X) @ A for a map A (n_modes, K) of the modes (None is the identity), a chunk at a time."""
        if self.values is not None:
            if X is not None:
                raise ValueError("Free knows the fitted rows only: transform(None). For new rows use ep.Linear()")
            return self.values if A is None else self.values[:, : len(A)] @ A
        X = self._rows(X)
        if not isinstance(X, Towers):
            return self.modes_of(tower).apply(X, A)
        if self.n_towers == 1:
            raise TypeError("X is a pair of towers, but this model has one; transform them one by one")
        if tower is not None:
            return self.modes_of(tower).apply(X.sides[tower], A)
        sides = [self.modes[at].apply(side, A, f"X_{'ab'[at]}") for at, side in enumerate(X.sides)]
        return namespace(sides[0]).concat(sides)

    def modes_at(self, X: Any, rows: np.ndarray) -> np.ndarray:
        """(m, n_modes) float64, the modes at m rows of X (the second tower's count on); no others are read."""
        if self.values is not None:
            return self.transform(X)[rows]
        sides = X.sides if isinstance(X, Towers) else (table(X, "X", sparse=True),)
        found, start = np.empty((len(rows), self.n_modes)), 0
        for modes, side in zip(self.modes, sides, strict=True):
            mine = np.flatnonzero((rows >= start) & (rows < start + side.shape[0]))
            found[mine] = np.concatenate(list(modes.chunks(read_rows(side, rows[mine] - start))))
            start += side.shape[0]
        return found

    def with_pairs(self, X: Any, relation: Relation | None) -> tuple[Any, Relation]:
        """X (None: the fitted rows) and the relation over its rows, which `Towers` have by default."""
        X = X if self.values is not None else self._rows(X)
        if isinstance(X, Towers) != (self.n_towers == 2):
            wanted = "ep.Towers(X_a, X_b)" if self.n_towers == 2 else "one table of rows"
            raise TypeError(f"X is a {type(X).__name__}, but this model has {self.n_towers} tower(s); give {wanted}")
        if isinstance(X, Towers):
            return X, X.pairs(relation)
        given: Relation = a_relation(relation)
        n = self.n_samples if X is None else np.shape(X)[0]
        if n != given.n_samples:
            raise ValueError(f"relation has {given.n_samples} rows and X has {n}; give one row per sample")
        return X, given

    def _rows(self, X: Any) -> Any:
        X = self.fitted if X is None else X
        if X is None:
            raise ValueError("transform(None) needs the fitted rows, which a saved model does not hold; pass X")
        return X

    def embed(self, objective: Objective, n_components: int | float | str | None = None) -> Embedding:
        """The optimal embedding of `objective`, ready to transform data.

        Parameters
        ----------
        objective : Objective
        n_components : int, float, "auto" or None
            Number K of output columns; reduced with a warning to the rank of the class. None is all modes; "auto" as
            many as get a gain when all are allowed; a share between 0 and 1 the fewest whose gains add up to that
            share of the total.

        Raises
        ------
        ValueError
            If fewer modes than K were computed although the class has more.
        """
        an_instance(objective, Objective, "objective", "ep.VICReg()")
        K = self._width(objective, n_components)
        optimum = objective.optimum(self.rho, K)
        A = optimum.map()
        if not optimum.exact:
            optimum = optimum.attained(objective.population_loss(A, self.rho, optimum.constant))
        if not self.faithful:
            why = "a ridge" if np.max(self.ridge) > 0 else "equal weights on samples of unequal degree"
            note = f"relative to a spectrum with {why}; the loss on the pairs themselves differs"
            note = note if optimum.exact else f"{optimum.note}; {note}"
            optimum = replace(optimum, exact=False, lower_bound=np.nan, note=note)
        return Embedding(self, objective, optimum, A)

    def _width(self, objective: Objective, n_components: int | float | str | None) -> int:
        """Number of output columns that `n_components` asks for."""
        constants = 0 if objective.centred else 1  # a loss that does not centre spends a column on the constant
        width = self.n_modes + constants
        if n_components is None:
            return width
        if isinstance(n_components, (str, float)):
            return self._width_by_gains(objective, n_components, width)
        K = whole_number(n_components, "n_components", 1)
        if self.rank + constants < K:
            warnings.warn(
                f"n_components = {K} exceeds the rank {self.rank} of the class "
                f"({self._class} features of these rows); using {self.rank + constants}",
                stacklevel=3,
            )
            K = self.rank + constants
        if width < K:
            raise ValueError(
                f"n_components = {K} needs {K - constants} modes, this spectrum holds {self.n_modes} of {self.rank}; "
                f"compute it with ep.spectrum(..., n_components={K - constants})"
            )
        return K

    def _width_by_gains(self, objective: Objective, rule: str | float, width: int) -> int:
        full = objective.optimum(self.rho, width)
        if isinstance(rule, str):
            one_of(rule, "n_components", ("auto",))
            K = full.rank
        elif not 0 < rule < 1:
            raise ValueError(f"n_components = {rule} is no share; give one between 0 and 1, a whole number, or 'auto'")
        else:
            total = np.cumsum(full.gains)
            K = int(np.searchsorted(total, rule * total[-1])) + 1 + (full.constant > 0)
        if full.rank == width and self.n_modes < self.rank:
            warnings.warn(
                f"all {self.n_modes} modes computed get a gain, and the class has {self.rank}: "
                "more n_components in ep.spectrum may change the answer",
                stacklevel=4,
            )
        return min(max(K, 1), width)

    def heldout(self, X: Any, relation: Relation | None = None) -> np.ndarray:
        """(n_modes,) correlation of each mode across the pairs of other rows: what rho is worth out of sample.

        A held-out value far below rho means that the class fitted the pairs' noise; use more pairs or a ridge.
        For `Towers` row i pairs with row i unless a relation `between` them says otherwise.
        """
        X, relation = self.with_pairs(X, relation)
        return pair_correlations(np.asarray(self.transform(X), dtype=np.float64), relation)

    def plot(self, ax: Axes | None = None, heldout: Any = None) -> Axes:
        """Draw rho over the number of the mode, with matplotlib.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            None opens a new pyplot figure.
        heldout : (n_modes,) array, optional
            What `heldout` returned, drawn beside rho: modes whose curves part were fitted to noise.

        Raises
        ------
        ModuleNotFoundError
            If matplotlib is not installed.
        """
        curves = {"pairs of the fit": self.rho}
        if heldout is not None:
            heldout = np.asarray(heldout, dtype=np.float64)
            if heldout.shape != self.rho.shape:
                raise ValueError(
                    f"heldout has shape {heldout.shape}; give one correlation per mode, shape {self.rho.shape}: "
                    "spectrum.heldout(X, relation)"
                )
            curves["held-out pairs"] = heldout
        return over_modes(curves, RHO, ax)

    @property
    def _class(self) -> str:
        """The class of functions, by name."""
        if not isinstance(self.features, tuple):
            return type(self.features).__name__
        return " x ".join(type(features).__name__ for features in self.features)

    def __repr__(self) -> str:
        lead = ", ".join(f"{value:.3f}" for value in self.rho[:4])
        more = ", ..." if self.n_modes > 4 else ""
        return f"Spectrum({self._class}: {self.n_modes} of {self.rank} modes, rho = {lead}{more})"

    def _repr_html_(self) -> str:
        return card(repr(self), {"rho": self.rho})


def pair_correlations(Z: np.ndarray, relation: Relation) -> np.ndarray:
    """(K,) correlation of each column of Z (n, K) across positive pairs; 0 for a column that is constant."""
    if len(Z) != relation.n_samples:
        raise ValueError(f"relation has {relation.n_samples} rows and X has {len(Z)}; give one row per sample")
    if not relation.total > 0:
        raise ValueError("relation has no pair among these rows; split by groups so that partners stay together")
    marginal = (relation.degrees / relation.total)[:, None]
    Z = Z - np.sum(marginal * Z, axis=0)
    variance = np.sum(marginal * Z**2, axis=0)
    agreement = np.sum(Z * (relation @ Z), axis=0) / relation.total
    return np.divide(agreement, variance, out=np.zeros_like(variance), where=variance > 0)
