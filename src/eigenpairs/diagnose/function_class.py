"""The class of functions that a certificate speaks of: its name, and the spectrum of all it holds."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from eigenpairs._validate import an_instance, table
from eigenpairs.diagnose.certificate import called
from eigenpairs.features import Features, Free, Linear, Towers
from eigenpairs.relation import Relation
from eigenpairs.spectrum.accumulate import Progress
from eigenpairs.spectrum.cross_sums import CrossSums, cross_sums
from eigenpairs.spectrum.lapack import singular
from eigenpairs.spectrum.modes import ColumnModes
from eigenpairs.spectrum.solve import spectrum
from eigenpairs.spectrum.spectrum import Spectrum
from eigenpairs.spectrum.two_towers import FeaturePair, features_of_towers
from eigenpairs.spectrum.whitener import HARDLY, Whitener

ALL_MODES = 2048
"""Most modes of columns that are computed to explain an embedding (more if it has more columns)."""

ALL_FREE_MODES = 1024
"""The same without columns, where every mode has a value per row."""


@dataclass(frozen=True)
class FunctionClass:
    """A class in words, and its modes.

    Attributes
    ----------
    name : str
    spectrum : Spectrum
        Without ridge, weighting "pairs". Of two towers: all functions, not only those on which the towers agree.
    rho : (m,) descending
        Of two towers one more than the spectrum's, -1 at the end: the function that is 1 on the first tower and -1 on
        the second. (Each tower has an intercept of its own.)
    complete : bool
        Whether these are all modes of the class.
    note : str
    """

    name: str
    spectrum: Spectrum
    rho: np.ndarray
    complete: bool
    note: str

    @property
    def all_contrasts(self) -> bool:
        """Whether the modes are some of the contrasts between the components of a graph, all of rho = 1."""
        return self.spectrum.values is not None and not self.complete and bool((self.rho == 1).all())

    def leading(self, count: int) -> Spectrum:
        """The spectrum of the first `count` modes."""
        held = self.spectrum
        modes = tuple(replace(part, weights=part.weights[:, :count]) for part in held.modes)
        values = None if held.values is None else held.values[:, :count]
        return replace(held, rho=held.rho[:count], modes=modes, values=values)


def solve_class(
    X: Any, relation: Relation, features: Any, width: int, device: str | None, progress: Progress | None, seed: int
) -> FunctionClass:
    """The modes of a class for embeddings of `width` columns; X=None is any function of the samples by default."""
    if isinstance(X, Towers):
        pair = features_of_towers(features)
        plain = (_without_ridge(pair[0]), _without_ridge(pair[1]))
        names = [_name(entry, f"X_{side}", part) for entry, side, part in zip(plain, "ab", X.sides, strict=True)]
        found = whole_class_of_towers(X, relation, plain, device, progress)
        rho = np.append(found.rho, -1.0)
        return FunctionClass(" and ".join(names), found, rho, True, _ridge_note(*pair))
    given = an_instance(features or (Free() if X is None else Linear()), Features, "features", "ep.Linear()")
    chosen = _without_ridge(given)
    if isinstance(chosen, Free):
        connected = int(np.count_nonzero(relation.degrees))
        count = connected if connected <= ALL_FREE_MODES else width + 1
    else:
        count = max(width + 1, ALL_MODES)
    with warnings.catch_warnings():  # that there are more components than modes is dealt with here
        warnings.filterwarnings("ignore", message="the graph has .* components")
        found = spectrum(X, relation, chosen, count, device=device, random_state=seed, progress=progress)
    note = _ridge_note(given)
    if found.n_modes < found.rank:
        held = f"{found.n_modes} of {found.rank} modes were computed, what Z has of the others counts as outside"
        note = f"{note}; {held}" if note else held
    return FunctionClass(_name(chosen, "X", X), found, found.rho, found.n_modes == found.rank, note)


def _without_ridge(features: Features) -> Features:
    return features.with_params(ridge=0.0) if features.ridge != 0 else features


def _ridge_note(*given: Features) -> str:
    """A ridge would make gaps at the optimum of the loss itself negative."""
    ridges = sorted({str(entry.ridge) for entry in given if entry.ridge != 0})
    return f"solved without the ridge given ({', '.join(ridges)})" if ridges else ""


def _name(features: Features, name: str, X: Any) -> str:
    """The class in words, functions in the plural."""
    if isinstance(features, Free):
        return "any function of the samples"
    columns = f"{name} ({np.shape(X)[1]} columns)"
    if isinstance(features, Linear):
        return f"linear functions of {columns}"
    return f"{called(features)} functions of {columns}"


# ---------------------------------------------------------------------- two towers


def whole_class_of_towers(
    towers: Towers, relation: Relation, features: FeaturePair, device: str | None, progress: Progress | None
) -> Spectrum:
    """All modes of the functions that are f_a on the first tower and f_b on the second, each centred in its own.

    A canonical pair (u, v) of correlation rho gives two of them: (u, v) with rho and (u, -v) with -rho. What the larger
    tower has beyond the other correlates with nothing: rho = 0. `ep.spectrum` keeps the first kind, which is all that
    an optimum of no more columns needs; an embedding may hold all three.
    """
    sides = [table(X, f"X_{at}", sparse=entry.takes_sparse) for X, at, entry in zip(towers.sides, "ab", features)]
    maps = [entry.fitted(X, f"X_{at}") for entry, X, at in zip(features, sides, "ab")]
    sums_over = partial(cross_sums, towers, relation=relation, device=device)
    (sums,) = sums_over(maps, progress=progress)
    whiteners, columns = _whiteners(sums), maps
    if any(part.delicate() for part in whiteners):  # as in `solve_towers`
        columns = [
            ColumnModes(each, mean, part.basis()) if part.delicate() else each
            for each, mean, part in zip(maps, sums.mean, whiteners)
        ]
        (sums,) = sums_over(columns)
        whiteners = _whiteners(sums, [HARDLY * part.delicate() for part in whiteners])
    bases = [part.basis() for part in whiteners]
    left, rho, right = singular(bases[0].T @ sums.cross_covariance @ bases[1])
    rho = np.minimum(rho, 1.0)
    pairs = (bases[0] @ left, bases[1] @ right.T)
    alone = [np.sqrt(2) * basis @ _complement(part) for basis, part in zip(bases, (left, right.T))]
    none = [np.zeros((len(basis), part.shape[1])) for basis, part in zip(bases, alone[::-1], strict=True)]
    weights = (
        np.hstack([pairs[0], alone[0], none[0], pairs[0][:, ::-1]]),
        np.hstack([pairs[1], none[1], alone[1], -pairs[1][:, ::-1]]),
    )
    everything = np.concatenate([rho, np.zeros(weights[0].shape[1] - 2 * len(rho)), -rho[::-1]])
    modes = tuple(ColumnModes.over(*parts) for parts in zip(columns, sums.mean, weights))
    return Spectrum(
        everything, len(everything), features, "pairs", relation.n_samples, modes, ridge=(0.0, 0.0), fitted=towers
    )


def _whiteners(sums: CrossSums, least: Sequence[float] = (0.0, 0.0)) -> list[Whitener]:
    return [Whitener(*part) for part in zip(sums.covariance, sums.mean, ("X_a", "X_b"), least)]


def _complement(Q: np.ndarray) -> np.ndarray:
    """(r, r - k) orthonormal basis of what the columns of Q (r, k), orthonormal themselves, leave."""
    return np.linalg.qr(Q, mode="complete")[0][:, Q.shape[1] :]
