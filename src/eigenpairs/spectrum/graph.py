"""The spectrum of the free class: eigenvectors of the pair operator itself (Laplacian eigenmaps).

The connected components are split off first and exactly: c components give c - 1 values of exactly 1 beside the
constant, whose eigenvectors are contrasts between components. A solver would have to find that multiplicity by
luck; here it only sees what is left.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from eigenpairs.relation import Relation
from eigenpairs.spectrum.solvers import Solver, SymmetricOperator, choose_solver
from eigenpairs.spectrum.whitener import fixed_signs

NEGLIGIBLE = 1e-150
"""A row whose degree is below this share of the largest counts as isolated: its marginal would underflow."""


@dataclass(frozen=True)
class GraphModes:
    """rho (m,) descending; values (n_samples, m) of the modes, 0 at isolated rows; rank; n_components of the graph."""

    rho: np.ndarray
    values: np.ndarray
    rank: int
    n_parts: int


def solve_graph(
    relation: Relation, n_modes: int, weighting: str, tol: float, seed: int, solver: Solver | None
) -> GraphModes:
    """The leading modes of the pair operator, orthonormal under the row weights."""
    degrees = relation.degrees
    connected = np.flatnonzero(degrees > NEGLIGIBLE * degrees.max())
    parts = np.unique(relation.components[connected], return_inverse=True)[1]
    n, n_parts = len(connected), int(parts.max()) + 1
    weight = degrees[connected] / relation.total if weighting == "pairs" else np.full(n, 1 / n)
    m = min(n_modes, n - 1)
    contrasts = _component_contrasts(parts, n_parts, weight, min(m, n_parts - 1))
    rho, modes = np.ones(contrasts.shape[1]), contrasts
    wanted = m - contrasts.shape[1]
    if wanted:
        operator = _pair_operator(relation, connected, parts, n_parts, weight)
        found = (solver or choose_solver(operator, wanted))(operator, wanted, tol, seed)
        rho = np.concatenate([rho, np.minimum(found.values, 1.0)])
        modes = np.concatenate([modes, found.vectors / np.sqrt(weight)[:, None]], axis=1)
    values = np.zeros((relation.n_samples, m))
    values[connected] = modes * fixed_signs(modes)
    return GraphModes(rho, values, n - 1, n_parts)


def _component_contrasts(parts: np.ndarray, n_parts: int, weight: np.ndarray, count: int) -> np.ndarray:
    """(n, count) functions constant on components, orthonormal, each one component against all larger ones."""
    mass = np.bincount(parts, weights=weight, minlength=n_parts)
    order = np.argsort(-mass, kind="stable")
    above = np.cumsum(mass[order])
    contrasts = np.zeros((len(parts), count))
    place = np.empty(n_parts, dtype=np.int64)
    place[order] = np.arange(n_parts)
    position = place[parts]
    for k in range(count):
        old, new = above[k], mass[order[k + 1]]
        contrasts[position <= k, k] = np.sqrt(new / (old * (old + new)))
        contrasts[position == k + 1, k] = -np.sqrt(old / (new * (old + new)))
    return contrasts


def _pair_operator(
    relation: Relation, connected: np.ndarray, parts: np.ndarray, n_parts: int, weight: np.ndarray
) -> SymmetricOperator:
    """W^{-1/2} (W - L / sum(d)) W^{-1/2} on the connected rows, component constants projected out.

    With W = D / sum(d) this is D^{-1/2} G D^{-1/2}; with uniform W, rho = 1 - lambda N / sum(d), L f = lambda f.
    """
    degrees, total = relation.degrees[connected], relation.total
    root = np.sqrt(weight)[:, None]
    own = (1 - degrees / (total * weight))[:, None]
    everyone = len(connected) == relation.n_samples
    constant = np.sqrt(weight / np.bincount(parts, weights=weight)[parts])
    order = np.argsort(parts, kind="stable")
    starts = np.searchsorted(parts[order], np.arange(n_parts))

    def apply(B: np.ndarray) -> np.ndarray:
        if everyone:
            inner = relation @ (B / root)
        else:
            padded = np.zeros((relation.n_samples, B.shape[1]))
            padded[connected] = B / root
            inner = (relation @ padded)[connected]
        return own * B + inner / (total * root)

    floor = float(1 - 2 * (degrees / (total * weight)).max()) - 1.0

    def deflate(B: np.ndarray) -> np.ndarray:
        """Component constants have the eigenvalue 1; one number per component, spread over its rows."""
        weighted = constant[:, None] * B
        if n_parts == 1:
            return ((floor - 1) * constant)[:, None] * weighted.sum(axis=0)
        sums = np.add.reduceat(weighted[order], starts, axis=0)
        return ((floor - 1) * constant)[:, None] * sums[parts]

    return SymmetricOperator(len(connected), apply, deflate, floor, len(connected) - n_parts)
