"""`Embedding`: the optimum of one objective on one spectrum, as a map that can be applied to data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from eigenpairs._arrays import namespace
from eigenpairs._html import card
from eigenpairs._validate import one_of, whole_number
from eigenpairs.features import Towers
from eigenpairs.objective import Objective, Optimum
from eigenpairs.objective.optimum import padded
from eigenpairs.relation import Relation
from eigenpairs.spectrum.refine import minimise_on_rows
from eigenpairs.spectrum.retrieval import Matches, best_matches, of_length_one, scores
from eigenpairs.spectrum.to_torch import linear_layer

if TYPE_CHECKING:
    import torch
    from matplotlib.axes import Axes

    from eigenpairs.spectrum.spectrum import Spectrum


@dataclass
class Embedding:
    """z = map^T phi(x), made by `Spectrum.embed`.

    Attributes
    ----------
    spectrum : Spectrum
    objective : Objective
    optimum : Optimum
        Gains, loss and what is proved about it.
    map : (n_modes, K) float64
        Row energies are the gains; the columns carry the rotation the objective asks for.
    """

    spectrum: Spectrum
    objective: Objective
    optimum: Optimum
    map: np.ndarray

    @property
    def n_components(self) -> int:
        """Number K of output columns."""
        return self.map.shape[1]

    def transform(self, X: Any = None, tower: int | None = None) -> Any:
        """(n, K) embedding of rows X, in X's kind and float dtype; None gives the fitted rows.

        A model of two towers needs to know whose rows they are, 0 or 1; given `Towers` (or None) and no `tower`, it
        returns the second tower's rows below the first's, the order of `Relation.between`.
        """
        Z = self.spectrum.apply_map(X, self.map, tower)
        if self.optimum.constant == 0:
            return Z
        column = namespace(Z).zeros_like(Z[:1, :])
        column[:, 0] = np.sqrt(self.optimum.constant)
        return Z + column

    def refined(
        self,
        relation: Relation | None = None,
        X: Any = None,
        over: str = "gains",
        n_pairs: int = 1024,
        max_iter: int = 100,
        tol: float = 1e-5,
        random_state: int = 0,
    ) -> Embedding:
        """The numeric optimum of the loss on pairs drawn from a relation, found from this embedding on.

        For objectives whose closed form is a reference (`SimCLR`): Riemannian conjugate gradients on the actual loss.
        Needs torch.

        Parameters
        ----------
        relation : Relation
            Pairs to draw from; for `Towers` row i with row i by default.
        X : rows, `Towers`, or None for the fitted rows
        over : "gains" or "map", default "gains"
            Change the gains of the modes alone (K numbers, which few pairs can decide; a gain of zero stays zero), or
            the whole map.
        n_pairs : int, default 1024
            Pairs drawn at random, with repetition; InfoNCE depends on how many there are.
        max_iter, tol : int, float
            Largest number of steps; relative size of the gradient at which to stop.
        random_state : int, default 0

        Returns
        -------
        Embedding
            Its `optimum.loss` is the loss on those pairs, its `optimum.note` says how far the descent came.
        """
        one_of(over, "over", ("gains", "map"))
        whole_number(n_pairs, "n_pairs", 2)
        whole_number(max_iter, "max_iter", 1)
        if not self.objective.centred:
            raise ValueError(f"{self.objective!r} does not centre; its closed form is exact and needs no refining")
        if not self.objective.has_loss:
            raise ValueError(
                f"{self.objective!r} has no scalar loss to minimise: where its dynamics ends is what `optimum` gives; "
                "refine another objective, such as ep.SimCLR()"
            )
        X, relation = self.spectrum.with_pairs(X, relation)
        pairs = relation.sample(random_state, n_pairs)
        drawn = Relation.from_views(n_pairs, 2)
        if isinstance(X, Towers):
            pairs = np.sort(pairs, axis=1)  # the first tower's row first
            drawn = Relation.between(np.arange(n_pairs), np.arange(n_pairs))
        phi = self.spectrum.modes_at(X, pairs.T.ravel())
        start = self.map
        if over == "map":  # modes that the closed form leaves out may come in
            start = np.concatenate([start, np.zeros((phi.shape[1] - len(start), start.shape[1]))])
        found, first = minimise_on_rows(self.objective, phi[:, : len(start)], drawn, start, over, max_iter, tol)
        outcome = "converged" if found.converged else "stopped where rounding hides any further decrease"
        if found.steps == max_iter:
            outcome = "not converged: give it more max_iter"
        note = (
            f"numeric: {found.steps} steps on {n_pairs} pairs, {outcome}; loss there {found.value:.6g}, "
            f"{first:.6g} before"
        )
        energies = np.sum(found.point**2, axis=1)[: self.n_components]
        gains = padded(energies, self.n_components)
        best = Optimum(gains, found.value, False, np.nan, note, constant=self.optimum.constant)
        return Embedding(self.spectrum, self.objective, best, found.point)

    def similarity(self, X_a: Any, X_b: Any, towers: tuple[int, int] | None = None) -> np.ndarray:
        """(n_a, n_b) how well each row of X_a goes with each row of X_b, by the objective's own critic.

        For ``SimCLR(critic="density-ratio")`` that is z_a . z_b plus the bias of the row of X_b: the log density ratio
        (times the temperature, up to a term of the row of X_a). For the other objectives it is the cosine.

        Parameters
        ----------
        X_a, X_b : rows
        towers : (int, int), optional
            Which tower each side belongs to: (0, 1) by default where there are two.
        """
        sides = self._sides(X_a, X_b, towers)
        return scores(*sides)

    def search(self, X_query: Any, X_bank: Any, k: int = 10, towers: tuple[int, int] | None = None) -> Matches:
        """The k best rows of a bank for each query, by the scores of `similarity`, best first.

        Exact, in chunks; uses faiss where that is installed.

        Parameters
        ----------
        X_query, X_bank : (n, D), (m, D') rows
        k : int, default 10
            At most m.
        towers : (int, int), optional
            Which tower queries and bank belong to: (0, 1) by default where there are two; (1, 0) searches the first
            tower with rows of the second.

        Returns
        -------
        Matches
            `rows` (n, k) int64, numbers of rows of the bank, and their `scores` (n, k).
        """
        k = whole_number(k, "k", 1)
        queries, bank, bias = self._sides(X_query, X_bank, towers)
        if k > len(bank):
            raise ValueError(f"k = {k} is more than the {len(bank)} rows of X_bank; lower k")
        return best_matches(queries, bank, bias, k)

    def _sides(
        self, X_a: Any, X_b: Any, towers: tuple[int, int] | None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Rows ready for the critic, float64: of both sides, and the bias of the second's (None: cosine)."""
        if towers is None:
            towers = (0, self.spectrum.n_towers - 1)
        if not isinstance(towers, (tuple, list)) or len(towers) != 2:
            raise ValueError(f"towers = {towers!r} is not a pair; give the tower of each side, for instance (0, 1)")
        Z_a, Z_b = (self._float64(X, tower) for X, tower in zip((X_a, X_b), towers, strict=True))
        for name, Z in (("first", Z_a), ("second", Z_b)):
            bad = np.flatnonzero(~np.isfinite(Z.sum(axis=1)))
            if len(bad):
                raise ValueError(f"row {bad[0]} of the {name} rows given holds NaN or inf; drop or impute such rows")
        moments = self.spectrum.moments_of(towers[1]).mapped(self.map)
        bias = self.objective.retrieval_bias(Z_b, moments.mean, moments.covariance)
        return (Z_a, Z_b, bias) if bias is not None else (of_length_one(Z_a), of_length_one(Z_b), None)

    def _float64(self, X: Any, tower: int) -> np.ndarray:
        """Rows z without the constant column: it is the same for all and tells nothing apart."""
        if X is None or not self.spectrum.modes:
            return np.asarray(self.spectrum.apply_map(X, self.map, tower if self.spectrum.modes else None), np.float64)
        return np.concatenate(list(self.spectrum.modes_of(tower).chunks(X, self.map)))

    @property
    def components(self) -> np.ndarray:
        """(K, D) z = (Phi(x) - mean) @ components.T + offset: which columns drive an output."""
        return self.components_of(None)

    def components_of(self, tower: int | None) -> np.ndarray:
        """(K, D) `components` of one of two towers."""
        return (self.spectrum.modes_of(tower).weights[:, : len(self.map)] @ self.map).T

    def to_torch(self, tower: int | None = None, dtype: Any = None, device: Any = None) -> torch.nn.Linear:
        """A ``torch.nn.Linear`` that computes what `transform` does, for linear features.

        Parameters
        ----------
        tower : int, optional
            Which of two towers, 0 or 1.
        dtype : torch.dtype, default torch.float32
            Columns whose mean is large beside their spread need torch.float64: the layer does not centre first.
        device : str or torch.device, default "cpu"

        Raises
        ------
        TypeError
            If the features are not linear.
        ModuleNotFoundError
            If torch is not installed.
        """
        return linear_layer(self, tower, dtype, device)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the gain of each mode over its rho; see `Optimum.plot`."""
        return self.optimum.plot(self.spectrum.rho, ax)

    def __repr__(self) -> str:
        return f"Embedding({self.objective!r}, {self.n_components} columns: {self.optimum!r})"

    def _repr_html_(self) -> str:
        return card(repr(self), {"rho": self.spectrum.rho[: self.n_components], "gains": self.optimum.gains})
