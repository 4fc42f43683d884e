"""What completion knows of the ideal class matrix: what chains of observed pairs link, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import scipy.sparse as sp
from scipy.optimize import brentq
from scipy.sparse.csgraph import connected_components

from eigenpairs._validate import real_number, whole_number
from eigenpairs.advise.completion import soft_impute
from eigenpairs.advise.observation import recht_bound
from eigenpairs.features import Linear
from eigenpairs.lab.experiment import Experiment, Progress
from eigenpairs.lab.figure import Grid, Panel, Series
from eigenpairs.lab.result import Check, Result
from eigenpairs.relation import Relation
from eigenpairs.spectrum.solve import spectrum

LEVEL = 0.3
"""Relative error at which a matrix counts as completed: 91 % of its energy is there."""


@dataclass
class Completion(Experiment):
    """Soft-impute completes the ideal class matrix from random entries, and nothing across blocks of views.

    Claim: positive pairs are an incomplete observation of an ideal matrix of low rank r. How much of it must be
    observed grows with r and with its coherence mu = N / (r n_min). An observation in blocks, the views of one source
    each, completes nothing across them; pairs that link blocks do, and so does a class of functions.

    Source: in the spirit of Munkhoeva & Oseledets 2023 (arXiv 2305.19818); soft-impute is Mazumder, Hastie & Tibshirani
    2010. The formulas are ours. Take the bipartite graph of rows and columns with an edge for every observed entry that
    is not 0. Flipping the signs of all rows and columns of one component changes no observed entry, so every iterate is
    0 between components. A row or column with no observed entry in its own class is such a component: a class of n
    members loses the share q = 2 (1-p)^n - (1-p)^(2n-1) of its entries where a share p is observed, and the squared
    relative error is at least the mean of q over classes. In a linear class whose views share nothing but the label it
    is 2 sum (1 - rho_k) / r.

    Setting: G_ij = 1/n_c inside class c of N samples, entries observed at random: r balanced classes, and 4 classes of
    which three have n_min members. Then blocks of equal size, the same with random
    cross-links, and two views per source of Gaussian clusters in 10 dimensions, solved in the linear class.

    Expected: the entry of largest size between blocks is 0 up to rounding; no draw's error is below that of its
    unlinked entries; the share at which the error falls to 0.3 is that of the formula, within one cell of the grid, for
    every rank and every coherence.
    """

    paper: ClassVar[str] = "B"
    fast: ClassVar[dict] = {"n": 48, "coherence": 2.0, "draws": 4, "tol": 1e-3}

    n: int = 80
    coherence: float = 4.0
    block: int = 4
    links: float = 0.4
    separation: float = 10.0
    draws: int = 10
    tol: float = 3e-4
    seed: int = 0

    def validate(self) -> None:
        for name, least in (("n", 32), ("block", 2), ("draws", 1)):
            whole_number(getattr(self, name), name, least)
        for name in ("links", "separation", "tol"):
            real_number(getattr(self, name), name, 0.0, above=True)
        if self.n % 16 or self.n > 240:
            raise ValueError(f"n = {self.n}: give a multiple of 16 from 32 to 240")
        if self.n % (4 * self.block):
            raise ValueError(f"block = {self.block}: n / 4 = {self.n // 4} has to be a multiple of it")
        if not 1 < self.coherence <= self.n / 12:
            raise ValueError(f"coherence = {self.coherence}: give more than 1, and at most n / 12 = {self.n / 12:.3g}")
        if self.links > 1:
            raise ValueError(f"links = {self.links} is too large; give a share of the entries above 0, at most 1")
        if self.tol >= 0.1:
            raise ValueError(f"tol = {self.tol} is too large; give a relative tolerance above 0 and below 0.1")

    def measure(self, progress: Progress) -> Result:
        shares = np.round(np.arange(0.1, 0.95, 0.1), 2)
        cases = self.cases()
        errors, least = np.empty((len(cases), len(shares))), np.inf
        for row, sizes in enumerate(cases):
            for column, share in enumerate(shares):
                errors[row, column], spare = self.random_entries(sizes, float(share))
                least = min(least, spare)
            progress(0.9 * (row + 1) / len(cases))
        found = np.array([crossing(shares, each) for each in errors])
        wanted = np.array([needed(sizes) for sizes in cases])
        worst = int(np.argmax(np.abs(found - wanted)))
        across, linked = self.blocks()
        in_class, predicted = self.linear_class()
        checks = [
            Check("largest entry between blocks, observed in blocks", across, 0.0, 1e-12),
            Check("error less that of the unlinked entries, smallest of all draws", least, 0.0, 1e-9, "at least"),
            Check(
                f"share needed, furthest from the formula of all cases ({len(cases[worst])} classes, the smallest of "
                f"{cases[worst].min()})", float(found[worst]), float(wanted[worst]), float(shares[1] - shares[0]),
            ),
            Check(f"error between blocks with {self.links:.0%} of the entries observed", linked, 0.1, 0.0, "at most"),
            Check("error between blocks in the linear class, against 1 - rho", in_class, predicted, 0.1 * predicted),
            Check("error between blocks in the linear class", in_class, 0.3, 0.0, "at most"),
        ]  # fmt: skip
        recht = recht_bound(self.n, 4, 1.0) / self.n**2
        vacuous = (
            f"Recht's bound is vacuous at this size: for 4 classes it asks for {recht:.3g} times the entries there are."
        )
        note = (
            f"Observed in blocks, all that lies between them is lost, a relative error of 1; with cross-links it is "
            f"{linked:.2g}, in the linear class {in_class:.2g}. Above the formula's error, linked entries that are not "
            f"completed add at most {self.excess(cases, shares, errors):.2g}, where few entries are observed."
        )
        return Result(checks, self.figures(cases, shares, errors, found), (note, vacuous))

    # ------------------------------------------------------------------ random entries

    def cases(self) -> list[np.ndarray]:
        """Sizes of the classes: balanced of several ranks, then four classes of rising coherence."""
        balanced = [np.full(r, self.n // r) for r in (4, 8, self.n // 4)]
        smallest = np.round(self.n / (4 * np.geomspace(1, self.coherence, 4)[1:])).astype(int)
        skew = [np.array([self.n - 3 * size, size, size, size]) for size in smallest]
        return balanced + skew

    def completed(self, ideal: np.ndarray, observed: np.ndarray) -> np.ndarray:
        """What soft-impute makes of the observed entries."""
        return soft_impute(ideal, observed, tol=self.tol, max_iter=2000).matrix()

    def random_entries(self, sizes: np.ndarray, share: float) -> tuple[float, float]:
        """Root mean square relative error over draws, and the smallest excess over that of the unlinked entries."""
        ideal = class_matrix(sizes)
        squares, spare = [], np.inf
        for draw in range(self.draws):
            rng = np.random.default_rng((self.seed, draw, round(1000 * share), *sizes))
            observed = rng.random(ideal.shape) < share
            error = float(np.sum((self.completed(ideal, observed) - ideal) ** 2) / len(sizes))
            squares.append(error)
            spare = min(spare, error - unlinked(ideal, observed))
        return float(np.sqrt(np.mean(squares))), spare

    def excess(self, cases: list[np.ndarray], shares: np.ndarray, errors: np.ndarray) -> float:
        """Largest difference between measured errors and the formula's."""
        formula = [[np.sqrt(lost(sizes, share)) for share in shares] for sizes in cases]
        return float(np.max(errors - formula))

    # ------------------------------------------------------------------ blocks

    def blocks(self) -> tuple[float, float]:
        """Observed in blocks: the largest completed entry between them; with cross-links: relative error there."""
        ideal = class_matrix(np.full(4, self.n // 4))
        which = np.arange(self.n) // self.block
        inside = np.equal.outer(which, which)
        alone = self.completed(ideal, inside)
        rng = np.random.default_rng((self.seed, 1))
        linked = self.completed(ideal, inside | (rng.random(ideal.shape) < self.links))
        error = np.linalg.norm((linked - ideal)[~inside]) / np.linalg.norm(ideal[~inside])
        return float(np.abs(alone[~inside]).max()), float(error)

    def linear_class(self) -> tuple[float, float]:
        """Relative error between sources of the linear class's matrix, measured with the labels and predicted without.

        The pair matrix of the r - 1 leading modes and the constant is (1 1^T + phi phi^T) / n.
        """
        n, classes, width = 20 * self.n, 4, 10
        y = np.arange(n) % classes
        rng = np.random.default_rng((self.seed, 2))
        centres = self.separation * np.eye(classes, width)
        X = np.concatenate([centres[y] + rng.standard_normal((n, width)) for _ in range(2)])
        spec = spectrum(X, Relation.from_views(n, 2), Linear(), n_components=classes - 1)
        few = rng.choice(n, min(n, 1000), replace=False)  # sources, of which every pair is compared
        phi = spec.transform(X)[few]
        ideal = classes * np.equal.outer(y[few], y[few]).astype(np.float64)
        between = ~np.eye(len(few), dtype=bool)
        difference = (1 + phi @ phi.T - ideal)[between]
        measured = np.linalg.norm(difference) / np.linalg.norm(ideal[between])
        return float(measured), float(np.sqrt(2 * np.sum(1 - spec.rho) / classes))

    # ------------------------------------------------------------------ figures

    def figures(
        self, cases: list[np.ndarray], shares: np.ndarray, errors: np.ndarray, found: np.ndarray
    ) -> list[Panel]:
        smallest = np.array([sizes.min() for sizes in cases])
        mu = np.array([self.n / (len(sizes) * sizes.min()) for sizes in cases])
        even = np.flatnonzero(mu == 1)
        skew = np.append(even[smallest[even] == self.n // 4], np.flatnonzero(mu > 1))
        rank = np.array([float(len(cases[at])) for at in even])
        panels = []
        for title, axis, at, x in (
            ("More classes need more entries (line: the formula)", "rank r, classes of equal size", even, rank),
            ("A smaller class needs more entries (line: the formula)", "coherence of 4 classes", skew, mu[skew]),
        ):  # fmt: skip
            grid = Grid(x, shares, errors[at].T, "relative error")
            line = Series(f"error {LEVEL}, formula", x, np.array([needed(cases[k]) for k in at]))
            points = Series(f"error {LEVEL}, measured", x, found[at], "points")
            panels.append(Panel(title, axis, "share of the entries observed", (line, points), grid))
        series: list[Series] = []
        for k, name in ((skew[0], "4 equal classes"), (skew[-1], f"three of {smallest[skew[-1]]}")):
            series.append(Series(f"{name}, formula", shares, np.sqrt([lost(cases[k], share) for share in shares])))
            series.append(Series(f"{name}, measured", shares, errors[k], "points"))
        return [*panels, Panel("What is lost is what nothing links", "share observed", "relative error", series)]


# ---------------------------------------------------------------------- the matrix, and what theory says of it


def class_matrix(sizes: np.ndarray) -> np.ndarray:
    """(N, N) the projection onto functions of the class: 1/n_c inside class c, all eigenvalues 1 or 0."""
    y = np.repeat(np.arange(len(sizes)), sizes)
    return np.equal.outer(y, y) / sizes[y][:, None]


def unlinked(ideal: np.ndarray, observed: np.ndarray) -> float:
    """Share of the energy in entries that no chain of observed non-zero entries links."""
    seen = sp.csr_array(observed & (ideal > 0))
    part = connected_components(sp.block_array([[None, seen], [seen.T, None]]), directed=False)[1]
    rows, columns = part[: len(ideal)], part[len(ideal) :]
    return float(np.sum(ideal[np.not_equal.outer(rows, columns)] ** 2) / np.sum(ideal**2))


def lost(sizes: np.ndarray, share: float) -> float:
    """Expected share of the energy in rows and columns without an observed entry of their own class."""
    return float(np.mean(2 * (1 - share) ** sizes - (1 - share) ** (2 * sizes - 1.0)))


def needed(sizes: np.ndarray) -> float:
    """The share of the entries at which the formula's error falls to the level."""
    return float(brentq(lambda share: lost(sizes, share) - LEVEL**2, 1e-6, 1 - 1e-6))


def crossing(shares: np.ndarray, errors: np.ndarray) -> float:
    """The share at which measured errors fall to the level for good, between grid points; nan if they never do."""
    above = np.flatnonzero(errors > LEVEL)
    last = int(above[-1]) if len(above) else -1
    if last == len(shares) - 1:
        return float("nan")
    left, top = (0.0, 1.0) if last < 0 else (shares[last], errors[last])
    right, low = shares[last + 1], errors[last + 1]
    return float(left + (right - left) * (top - LEVEL) / (top - low))
