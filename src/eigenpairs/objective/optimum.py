"""`Optimum`: what solving an objective on a spectrum gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from eigenpairs._plot import GAIN, over_modes, over_rho
from eigenpairs._validate import correlations

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LARGEST_RHO = 1 - 1e-6
"""Where a gain diverges as rho nears 1, the gain at this value is the largest given."""


@dataclass(frozen=True)
class Optimum:
    """The best embedding of K columns for one objective on one spectrum.

    Attributes
    ----------
    gains : (K,) float64
        Energy b_k on mode k, aligned with rho and padded with zeros.
    loss : float
        The loss at the optimum if `exact`, otherwise the best known value.
    exact : bool
        True if `loss` is proved to be the global minimum over all maps of the class (docs/theory.md).
    lower_bound : float
        A proved lower bound of the loss over all maps of the class; equals `loss` if `exact`.
    note : str
        In words, why the value is exact or what is missing.
    constant : float
        Gain of the constant mode, for objectives that do not centre; otherwise 0.
    """

    gains: np.ndarray
    loss: float
    exact: bool
    lower_bound: float
    note: str
    build: Callable[[], np.ndarray] | None = field(repr=False, compare=False, default=None)
    constant: float = 0.0

    @property
    def rank(self) -> int:
        """Number of non-zero gains, the constant's included."""
        return int(np.count_nonzero(self.gains > 0)) + (self.constant > 0)

    def map(self) -> np.ndarray:
        """(n_modes, K) map A of an embedding z = A^T phi that attains `loss`; its row energies are the gains.

        The rotation inside it is built here, on demand: a spectrum's worth of optima costs no K x K matrix.
        """
        if self.build is None:
            raise ValueError("an optimum that was loaded from disk has no map of its own; its Embedding has")
        return self.build()

    def attained(self, loss: float, floor: float = 0.0) -> Optimum:
        """This optimum with the value that a constructed map was found to have.

        It is exact if that value is the bound, to 1e-9 of the bound plus `floor` for rounding.
        """
        exact = bool(np.isfinite(self.lower_bound)) and loss - self.lower_bound <= 1e-9 * abs(self.lower_bound) + floor
        note = "exact: the bound is attained by the map constructed" if exact else self.note
        return replace(self, loss=loss, exact=exact, note=note)

    def plot(self, rho: Any = None, ax: Axes | None = None) -> Axes:
        """Draw the gains, with matplotlib: over the number of the mode, or over `rho` if it is given.

        Parameters
        ----------
        rho : (m,) array, optional
            The correlations this optimum was solved on, `Spectrum.rho`. Columns beyond m have no mode and are left out.
        ax : matplotlib Axes, optional
            None opens a new pyplot figure.

        Raises
        ------
        ModuleNotFoundError
            If matplotlib is not installed.
        """
        if rho is None:
            return over_modes({"gains": self.gains}, GAIN, ax)
        rho = correlations(rho)
        count = min(len(rho), len(self.gains))
        return over_rho(rho[:count], self.gains[:count], ax)

    def __repr__(self) -> str:
        bound = f", lower bound {self.lower_bound:.6g}" if np.isfinite(self.lower_bound) else ""
        kind = "exact" if self.exact else f"not proved exact{bound}"
        return f"Optimum(loss {self.loss:.6g}, {kind}; rank {self.rank} of {len(self.gains)})"


def padded(gains: np.ndarray, width: int) -> np.ndarray:
    """`gains` with zeros appended up to `width`."""
    return np.concatenate([gains, np.zeros(width - len(gains))])


def diagonal_map(gains: np.ndarray, width: int) -> np.ndarray:
    """(m, K) map diag(sqrt b): mode k alone in column k."""
    return np.eye(len(gains), width) * np.sqrt(gains)[:, None]
