"""What labels say about their best predictor in a class of functions: its energy as a quadratic form, without bias.

In coordinates z of the class that are white over all rows, the best predictor of a label Y (one-hot columns, centred,
or one real column) is f(x) = z(x) beta. Whatever pairs do to it is a quadratic form in beta: sum_c beta_c^T Q beta_c =
<B, Q>. A plain square of an estimate adds the noise of beta to B; here it is subtracted, by what each independent unit
(a row, or all views of a source) contributes with itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg
import scipy.sparse as sp

from eigenpairs.advise.class_rows import ClassRows
from eigenpairs.advise.mixture import Modes
from eigenpairs.diagnose.label_energy import LABELS_PER_MODE, Labels
from eigenpairs.diagnose.probes import fit_ridge
from eigenpairs.relation import Relation
from eigenpairs.spectrum.whitener import EPS

LARGEST_SOURCE = 0.1
"""Share of the labelled rows beyond which a group of partners is no unit of sampling, but a graph or a class."""


def units_of(relation: Relation, rows: np.ndarray) -> np.ndarray:
    """(len(rows),) number of the independent unit of each row: its group of partners, or itself.

    Where one group holds a tenth of the rows or more, as in a graph, rows count as independent.
    """
    group = relation.components[rows]
    own = np.where(group >= 0, group, relation.n_samples + np.arange(len(rows)))
    units, sizes = np.unique(own, return_inverse=True, return_counts=True)[1:]
    return units if sizes.max() <= max(LARGEST_SOURCE * len(rows), 1) else np.arange(len(rows))


@dataclass(frozen=True)
class Sample:
    """The labelled rows.

    Attributes
    ----------
    rows : (n,) row numbers
    z : (n, r) coordinates
    Y : (n, C) the label as columns, centred
    units : (n,) number of the independent unit of each
    """

    rows: np.ndarray
    z: np.ndarray
    Y: np.ndarray
    units: np.ndarray

    @property
    def n_units(self) -> int:
        """Independent units."""
        return int(self.units.max(initial=-1)) + 1

    @property
    def counted(self) -> str:
        """In words."""
        n, sources = len(self.rows), self.n_units
        return f"{n:,} labels" if n == sources else f"{n:,} labels of {sources:,} sources"


@dataclass(frozen=True)
class Predictor:
    """The label's best predictor in the class, as far as the labels at hand tell.

    Attributes
    ----------
    energy : (r, r)
        B: <B, Q> estimates sum_c beta_c^T Q beta_c without bias; <B, I> is the variance explained.
    total : float
        Variance of the label, of classes the sum of p (1 - p).
    sample : Sample
    rule : str
        How B was estimated, in words.
    beta : (r, C)
    scores, residuals : (n, r), (n, C)
        Each labelled row's part in beta per unit of its residual, and that residual.
    """

    energy: np.ndarray
    total: float
    sample: Sample
    rule: str
    beta: np.ndarray
    scores: np.ndarray
    residuals: np.ndarray

    @property
    def explained(self) -> float:
        """Share of the label's variance that its best predictor explains; may fall below 0 from few labels."""
        return float(np.trace(self.energy)) / self.total

    @property
    def explained_error(self) -> float:
        """Its standard error: of what is explained, and of the variance, which the same labels estimate."""
        lengths = np.bincount(self.sample.units, np.sum(self.sample.Y**2, axis=1))
        of_total = float(lengths.std()) / (float(lengths.mean()) * np.sqrt(len(lengths)))
        of_energy = self.standard_error(np.eye(len(self.energy))) / self.total
        return float(np.hypot(of_energy, self.explained * of_total))

    def fitted(self, rows: ClassRows) -> np.ndarray:
        """(n, C) a predictor that these labels can support, made without the pairs.

        Ridge regression, the ridge by generalised cross-validation; up to a constant, which no alignment sees.
        """
        return rows.values(fit_ridge(self.sample.z, self.sample.Y).weights)

    def smoothed(self, rows: ClassRows, modes: Modes) -> np.ndarray:
        """(n, C) a predictor fitted to modes averaged over partners, rho phi(x) = E[phi(x+) | x].

        From few labels `fitted` is mostly noise; this one leans on what most pairs agree on, against which single pairs
        show. Where no rho is positive it is `fitted` after all.
        """
        if not modes.rho[0] > 0:
            return self.fitted(rows)
        weights = modes.weights * np.maximum(modes.rho, 0.0)
        return rows.values(weights @ fit_ridge(self.sample.z @ weights, self.sample.Y).weights)

    def standard_error(self, Q: np.ndarray) -> float:
        """Of <B, Q>, over the draw of the labelled units.

        The first-order part by the delta method, and what is left where beta vanishes (as in `label_energy`).
        """
        first = np.sum((self.scores @ (Q @ self.beta)) * self.residuals, axis=1)
        of_unit = np.bincount(self.sample.units, first)
        of_unit -= of_unit.mean()
        n, n_units = len(first), self.sample.n_units
        spread = self.scores.T @ self.scores * (n / n_units)
        residual = self.residuals.T @ self.residuals / (n - 1)
        product = Q @ spread
        floor = 2 * float(np.sum(product * product.T)) * float(np.sum(residual**2))
        return float(np.sqrt(max(4 * float(np.sum(of_unit**2)) - floor, floor)))


def best_predictor(rows: ClassRows, labels: Labels, relation: Relation) -> Predictor:
    """Fit from the labelled rows; `relation` says which of them are views of one source.

    Raises
    ------
    ValueError
        If fewer than 4 independent units are labelled.

    Notes
    -----
    With 3 r + 2 units or more, beta is that of least squares, and the noise of every unit is e e~^T with e its residual
    and e~ the residual had it been left out: unbiased where noise is equal within and between units (HC2; leave-out
    estimation, Kline, Saggio & Solvsten 2020). With fewer, beta is a covariance with z and B a U-statistic: the mean
    over pairs of different units.
    """
    numbers = labels.rows
    Y = labels.columns(numbers)
    sample = Sample(numbers, rows.at(numbers), Y - Y.mean(axis=0), units_of(relation, numbers))
    n_units = sample.n_units
    if n_units < 4:
        raise ValueError(f"y labels {n_units} independent rows or groups of partners; give at least 4")
    if n_units >= LABELS_PER_MODE * rows.dimension + 2:
        z = sample.z - sample.z.mean(axis=0)
        S = z.T @ z
        if np.sum(1 / np.maximum(scipy.linalg.eigvalsh(S) / len(z), EPS)) <= n_units - 1:
            return _by_least_squares(sample, z, S)
    return _by_moments(sample)


def _by_least_squares(sample: Sample, z: np.ndarray, S: np.ndarray) -> Predictor:
    scores = scipy.linalg.cho_solve(scipy.linalg.cho_factor(S), z.T).T
    beta = scores.T @ sample.Y
    residuals = sample.Y - z @ beta
    left_out = _left_out(z, scores, residuals, sample.units)
    energy = beta @ beta.T - scores.T @ (_within_units(residuals, left_out, sample.units) @ scores)
    rule = f"least squares on {sample.counted} for {z.shape[1]} dimensions, noise of each unit subtracted"
    return Predictor(energy, _variance(sample), sample, rule, beta, scores, residuals)


def _by_moments(sample: Sample) -> Predictor:
    z, Y, n, n_units = sample.z, sample.Y, len(sample.rows), sample.n_units
    A = z.T @ Y
    own = z.T @ (_within_units(Y, Y, sample.units) @ z)
    pairs = n**2 - float(np.sum(np.bincount(sample.units).astype(np.float64) ** 2))
    centring = 1 - 2 / n_units + 2 / n_units**2  # Y was centred by its mean over the same labels
    energy = (A @ A.T - own) / (pairs * centring)
    too_few = f"too few for least squares in {z.shape[1]} dimensions"
    rule = f"products of different units among {sample.counted}, {too_few}"
    return Predictor(energy, _variance(sample), sample, rule, A / n, z / n, Y)


def _variance(sample: Sample) -> float:
    return float(np.sum(sample.Y**2)) / len(sample.Y) * sample.n_units / (sample.n_units - 1)


def _by_size(units: np.ndarray) -> list[np.ndarray]:
    """Rows of all units of each size, (number of units, size)."""
    order, sizes = np.argsort(units, kind="stable"), np.bincount(units)
    starts = np.cumsum(sizes) - sizes
    return [order[starts[sizes == size][:, None] + np.arange(size)] for size in np.unique(sizes)]


def _left_out(z: np.ndarray, scores: np.ndarray, residuals: np.ndarray, units: np.ndarray) -> np.ndarray:
    """(n, C) residuals of a fit that leaves out the row's own unit: (I - H_uu)^-1 e_u, the intercept included."""
    found = np.empty_like(residuals)
    for rows in _by_size(units):
        inside = np.eye(rows.shape[1]) - np.einsum("uir,ujr->uij", z[rows], scores[rows]) - 1 / len(z)
        found[rows] = np.linalg.solve(inside, residuals[rows])
    return found


def _within_units(left: np.ndarray, right: np.ndarray, units: np.ndarray) -> sp.csr_array:
    """(n, n) sum_c left_ic right_jc for i and j of one unit, made symmetric."""
    entries, ends = [], []
    for rows in _by_size(units):
        size = rows.shape[1]
        block = np.einsum("uic,ujc->uij", left[rows], right[rows])
        entries.append(0.5 * (block + block.transpose(0, 2, 1)).ravel())
        ends.append([np.repeat(rows, size, axis=1).ravel(), np.tile(rows, (1, size)).ravel()])
    i, j = np.concatenate(ends, axis=1)
    return sp.csr_array((np.concatenate(entries), (i, j)), (len(left), len(left)))
