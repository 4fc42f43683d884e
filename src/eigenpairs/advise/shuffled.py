"""Is an alignment more than chance? Against shuffled pairs, and against random functions of the class.

Two questions, two tests. *Do these pairs know the predictor at all?* Its values are handed to other rows, so that every
row gets random partners while groups keep their sizes and edges their places: exact if pairs were drawn without regard
to the rows. Any smooth function passes on pairs of near copies, so this says that pairs are sound, not that they help.
*Do they prefer it?* A function drawn at random from the class has an alignment as well, and helping means to beat it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from eigenpairs.relation import Relation

BLOCK = 2**20
"""Numbers in one block of permuted predictors."""

RANDOM_FUNCTIONS = 500


@dataclass(frozen=True)
class Chance:
    """Alignments where there is nothing to find.

    Attributes
    ----------
    mean, spread : float
        Mean and standard deviation of the draws.
    p_value : float
        Share of draws, the observed one counted among them, that are as large as it: (1 + number) / (1 + draws).
    observed : float
        What they are compared with.
    n_draws : int
    """

    mean: float
    spread: float
    p_value: float
    observed: float
    n_draws: int

    @classmethod
    def of(cls, observed: float, draws: np.ndarray) -> Chance:
        """Of draws (n_draws,)."""
        # Rounding must not tell apart what permutations leave as it is.
        as_large = int(np.count_nonzero(draws >= observed - 1e-12 * max(abs(observed), 1e-3)))
        p_value = (1 + as_large) / (1 + len(draws))
        return cls(float(draws.mean()), float(draws.std()), p_value, observed, len(draws))


def shuffled_pairs(f: np.ndarray, relation: Relation, n_permutations: int, rng: np.random.Generator) -> Chance:
    """Permutation test of the alignment of a predictor f (n_samples, C) with pairs: rows against partners.

    Parameters
    ----------
    f : (n_samples, C)
        Made without looking at the pairs. Rows without partner take no part.
    relation : Relation
    n_permutations : int

    Returns
    -------
    Chance, whose p-value is uniform if the pairs were drawn without regard to the rows.
    """
    connected = np.flatnonzero(relation.degrees > 0)
    if len(connected) < relation.n_samples:
        relation, f = relation[connected], f[connected]
    f = f - f.mean(axis=0)
    n, C = f.shape
    observed = float(_alignments(f[:, None, :], relation)[0])
    step = max(1, BLOCK // (n * C))
    draws = np.empty(n_permutations)
    for start in range(0, n_permutations, step):
        count = min(step, n_permutations - start)
        order = rng.permuted(np.tile(np.arange(n)[:, None], (1, count)), axis=0)
        draws[start : start + count] = _alignments(f[order], relation)
    return Chance.of(observed, draws)


def _alignments(f: np.ndarray, relation: Relation) -> np.ndarray:
    """(b,) correlation across pairs of each of b predictors (n, b, C), columns pooled."""
    n, b, C = f.shape
    agreement = np.einsum("nbc,nbc->b", f, (relation @ f.reshape(n, b * C)).reshape(f.shape))
    if relation.uniform:  # mean and variance are those of any order of the rows
        energy = np.full(b, float(np.sum(f[:, 0] ** 2)) * relation.total / n)
        square = np.full(b, float(np.sum(f[:, 0].sum(axis=0) ** 2)) * (relation.total / n) ** 2)
    else:
        energy = np.einsum("n,nbc,nbc->b", relation.degrees, f, f)
        square = np.sum(np.einsum("n,nbc->bc", relation.degrees, f) ** 2, axis=1)
    variance = energy - square / relation.total
    return np.divide(agreement - square / relation.total, variance, out=np.zeros(b), where=variance > 0)


def random_functions(
    alignment: float, energy: np.ndarray, S: np.ndarray, C: np.ndarray, rng: np.random.Generator
) -> Chance:
    """How aligned functions of the class are whose directions are drawn at random, energies as the label's.

    Parameters
    ----------
    alignment : float
        The label's.
    energy : (r, r)
        B of the label, in coordinates that are white over rows.
    S, C : (r, r)
        Covariance over the pairs' marginal, and across pairs.
    """
    values = np.linalg.eigvalsh(energy)[::-1]
    weights = values[values > 0.01 * max(values[0], 0.0)]
    if not len(weights) or values[0] <= 0:
        weights = np.ones(1)
    r, k = len(S), len(weights)
    frames = np.linalg.qr(rng.standard_normal((RANDOM_FUNCTIONS, r, k)))[0] * np.sqrt(weights)
    flat = frames.transpose(1, 0, 2).reshape(r, -1)
    kept, varies = (np.sum(flat * (Q @ flat), axis=0).reshape(-1, k).sum(axis=1) for Q in (C, S))
    return Chance.of(alignment, kept / varies)
