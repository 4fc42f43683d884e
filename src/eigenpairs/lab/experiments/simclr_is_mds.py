"""SimCLR as multidimensional scaling of -tau log G: where that holds, and where it cannot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from eigenpairs.lab.descent import train, visible_rank
from eigenpairs.lab.experiment import Experiment, Progress
from eigenpairs.lab.figure import Panel, Series
from eigenpairs.lab.result import Check, Result
from eigenpairs.objective import SimCLR
from eigenpairs.relation import Relation

ATTAINED = 1e-7
"""A loss that is no further above its lower bound has attained it."""


@dataclass
class SimclrIsMds(Experiment):
    """SimCLR's optimum has squared distances -2 tau log G + constant, if unit vectors with such distances exist.

    Claim: SimCLR embeds the samples by multidimensional scaling of the dissimilarities -tau log G, up to a constant,
    if unit vectors with such distances exist: for Gaussian similarities of points x and -x on a sphere, as long as tau
    is below the squared bandwidth; beyond, a dot product still does, the cosine no longer. The rank of the optimum is
    not that of G: a full-rank G has an optimum of rank dim(x) + 1 or less, and C classes one of rank C - 1.

    Source: Balestriero & LeCun 2022 (arXiv 2205.11508), SimCLR as a global spectral method, whose optimum would have
    the rank of G; setting in the spirit of the paper. The condition is ours. The loss is the cross-entropy of the rows
    of G against softmax(cos/tau), hence at least the entropy of the rows, attained iff
    cos(z_i, z_j) = tau (log G_ij + c) for all i != j: iff for some c the matrix with these entries and ones on its
    diagonal is positive semi-definite.

    Setting: (1) points x and -x on a sphere, G_ij = exp(-|x_i - x_j|^2/(2 h^2)); each row of Z is free, NT-Xent is
    minimised by descent for temperatures on both sides of h^2, which the condition gives as the limit. (2) Classes,
    and views of sources: G is 0 between them, and -tau log G infinite.

    Expected: for tau < h^2 the loss is the entropy and the distances are those of classical scaling, up to a constant
    that the loss leaves open. Beyond, the loss stays above the entropy, unless the critic is a dot product, whose
    norms are free. A full-rank G has an optimum of rank dim(x) + 1 or less; C classes end as a simplex of rank C - 1,
    whether G, with self-pairs or without, has rank C or is full-rank.
    """

    paper: ClassVar[str] = "A"
    fast: ClassVar[dict] = {"pairs_of_points": 7, "sources": 8, "ratios": (0.5, 0.85, 1.2, 1.6)}
    needs: ClassVar[tuple[str, ...]] = ("torch",)

    pairs_of_points: int = 12
    dimension: int = 3
    bandwidth: float = 0.7
    """h; distances on the unit sphere are up to 2."""
    ratios: tuple[float, ...] = (0.3, 0.5, 0.7, 0.85, 0.95, 1.05, 1.2, 1.4, 1.6, 2.0)
    """Temperatures in units of h^2; the largest below 0.9 is looked at more closely."""
    classes: int = 4
    members: int = 4
    sources: int = 12
    temperature: float = 0.5
    """Of (2)."""
    seed: int = 0

    def validate(self) -> None:
        if self.pairs_of_points <= self.dimension or self.dimension < 2:
            raise ValueError(f"dimension = {self.dimension}: need at least 2, and more pairs_of_points than that")
        if min(self.classes, self.members, self.sources) < 2:
            raise ValueError("need at least two classes, members and sources")
        grid = self.grid
        if not (0 < grid[0] < 0.9 and grid[-1] > 1.1):
            raise ValueError(f"ratios = {self.ratios!r}: need some above 0 and below .9 and some above 1.1")
        if np.any(np.abs(grid - 1) < 0.049):
            raise ValueError(f"ratios = {self.ratios!r}: leave .05 on both sides of 1, where the condition ends")
        if not (0.4 <= self.bandwidth <= 1 and self.temperature >= 0.1):
            raise ValueError("need .4 <= bandwidth <= 1 and temperature >= .1: similarities beyond vanish or are alike")

    @property
    def grid(self) -> np.ndarray:
        """Temperatures in units of h^2."""
        return np.sort(np.asarray(self.ratios, dtype=np.float64))

    def measure(self, progress: Progress) -> Result:
        log_G, relation = self.gaussian_similarity()
        entropy = entropy_of_rows(log_G)
        close = float(self.grid[self.grid < 0.9].max())
        checks, scatter = self.below(log_G, relation, entropy, close)
        progress(0.3)
        gaps, possible = [], []
        for at, ratio in enumerate(self.grid):
            tau = ratio * self.bandwidth**2
            gaps.append(self.descend(relation, tau, self.dimension + 1, bound=entropy)[1] - entropy)
            possible.append(self.is_possible(log_G, tau))
            progress(0.3 + 0.5 * (at + 1) / len(self.grid))
        attained = np.array(gaps) < ATTAINED
        checks += [
            Check("temperatures at which the condition misjudges training", float(np.sum(attained != possible)), 0.0),
            Check("largest tau/h^2 that the condition allows", float(max(self.grid[possible], default=0.0)),
                  float(max(self.grid[self.grid < 1]))),
            Check(f"loss above the entropy at tau = {self.grid[-1]:g} h^2", gaps[-1], 1e-2, kind="at least"),
        ]  # fmt: skip
        dot = self.descend(relation, float(self.grid[-1]) * self.bandwidth**2, relation.n_samples, "dot")
        checks.append(Check("the same with a dot product for the cosine", dot[1] - entropy, 0.0, ATTAINED))
        found, collapsed = self.where_G_is_zero()
        progress(1.0)
        title = "Where the condition ends, the loss leaves the entropy of G"
        panels = [
            scatter,
            Panel(title, "temperature / h^2", "loss - entropy", [
                Series("trained", self.grid, gaps, "points"),
                Series("MDS reading", self.grid[possible], np.zeros(int(np.sum(possible)))),
            ]),
            collapsed,
        ]  # fmt: skip
        note = f"Fails beyond tau = h^2 = {self.bandwidth**2:.3g}, and at zeros of G, where -tau log G is infinite."
        return Result(checks + found, panels, (note,))

    # ------------------------------------------------------------------ formulas

    @staticmethod
    def dissimilarity(log_G: np.ndarray, tau: float) -> np.ndarray:
        """Squared distances that the reading predicts, up to a constant: |z_i - z_j|^2 = 2 - 2 cos."""
        return -2 * tau * log_G

    def is_possible(self, log_G: np.ndarray, tau: float) -> bool:
        """Whether some c makes cosines of tau (log G + c), ones on the diagonal, positive semi-definite."""
        from scipy.optimize import minimize_scalar

        other = ~np.eye(len(log_G), dtype=bool)
        cosines = np.where(other, -self.dissimilarity(log_G, tau) / 2, 1.0)

        def lack(shift: float) -> float:  # convex in the shift
            return -float(np.linalg.eigvalsh(cosines + shift * other)[0])

        reach = np.ptp(cosines) + 1
        return minimize_scalar(lack, bounds=(-reach, reach), method="bounded", options={"xatol": 1e-12}).fun < 1e-9

    def simplex_loss(self, classes: int, members: int) -> float:
        """NT-Xent of classes at the corners of a simplex: cosines 1 inside, -1/(C - 1) across."""
        across = -1 / (classes - 1) / self.temperature
        inside = 1 / self.temperature
        return float(np.log((members - 1) * np.exp(inside) + (classes - 1) * members * np.exp(across)) - inside)

    # ------------------------------------------------------------------ what is measured

    def gaussian_similarity(self) -> tuple[np.ndarray, Relation]:
        """log G (0 on the diagonal, which the loss leaves out), and G as a relation."""
        rng = np.random.default_rng(self.seed)
        x = rng.standard_normal((self.pairs_of_points, self.dimension))
        x /= np.linalg.norm(x, axis=1, keepdims=True)
        log_G = -squared_distances(np.concatenate([x, -x])) / (2 * self.bandwidth**2)
        i, j = np.triu_indices(len(log_G), 1)
        return log_G, Relation.from_edges(i, j, np.exp(log_G[i, j]), len(log_G))

    def descend(
        self, relation: Relation, tau: float, width: int, critic: str = "cosine", bound: float = np.inf
    ) -> tuple[np.ndarray, float]:
        """Rows Z, of length one for cosines, and their loss; more starts if two do not reach a bound on it."""
        objective, rows = SimCLR(tau, critic), np.eye(relation.n_samples)
        found = train(objective, rows, relation, width, starts=2, seed=self.seed)
        if found.loss > bound + ATTAINED:
            more = train(objective, rows, relation, width, starts=4, seed=self.seed + 1)
            found = min(found, more, key=lambda end: end.loss)
        return (unit(found.Z) if critic == "cosine" else found.Z), found.loss

    def below(self, log_G: np.ndarray, relation: Relation, entropy: float, ratio: float) -> tuple[list[Check], Panel]:
        """At a temperature where the reading holds: distances, loss, rank."""
        tau, n, narrow = ratio * self.bandwidth**2, len(log_G), self.dimension + 1
        wanted = self.dissimilarity(log_G, tau)
        Z, loss = self.descend(relation, tau, narrow, bound=entropy)
        wide, loss_wide = self.descend(relation, tau, n, bound=entropy)
        scaled = squared_distances(classical_scaling(wanted, narrow))
        other = np.triu_indices(n, 1)
        excess = (squared_distances(wide) - wanted)[other]
        error = float(np.abs(squared_distances(Z) - scaled).max() / scaled.max())
        full = float(np.linalg.matrix_rank(relation.to_sparse().toarray()))
        rank = float(visible_rank(Z))
        checks = [
            Check(f"squared distances in {narrow} columns against classical scaling, error", error, 0.0, 1e-4),
            Check("loss above the entropy of the rows of G", max(loss, loss_wide) - entropy, 0.0, 1e-8),
            Check(f"spread of the constant in {n} columns", float(np.std(excess)), 0.0, 1e-3),
            Check("rank of G", full, float(n)),
            Check("rank of a global optimum", rank, float(narrow), kind="at most"),
        ]
        at = np.sort(np.random.default_rng(0).permutation(len(excess))[:150])
        values = wanted[other][at]
        series = [
            Series("MDS reading", np.sort(values), np.sort(values)),
            Series(f"trained, {narrow} columns", values, squared_distances(Z)[other][at], "points"),
            Series(f"trained, {n} columns", values, squared_distances(wide)[other][at], "points"),
        ]
        return checks, Panel(f"tau = {ratio:g} h^2", "-2 tau log G", "|z - z'|^2", series)

    def where_G_is_zero(self) -> tuple[list[Check], Panel]:
        """Classes and views: the trained embedding is a simplex."""
        cases = {"classes": (self.classes, self.members), "sources of two views": (self.sources, 2)}
        checks, series = [], []
        for name, (classes, members) in cases.items():
            ids = np.repeat(np.arange(classes), members)
            relation = Relation.from_groups(ids)
            Z, loss = self.descend(relation, self.temperature, classes + 1)
            ranks = {
                "self-pairs left out": np.linalg.matrix_rank(relation.to_sparse().toarray()),
                "with self-pairs": np.linalg.matrix_rank(Relation.from_labels(ids).to_sparse().toarray()),
            }
            rank = float(visible_rank(Z))
            checks.append(
                Check(
                    f"{classes} {name}: loss, against that of a simplex",
                    loss,
                    self.simplex_loss(classes, members),
                    1e-6,
                )
            )
            checks.append(Check(f"{classes} {name}: rank", rank, classes - 1.0))
            checks += [
                Check(f"{classes} {name}: rank(G), {how}, above it by", float(full) - rank, 1.0, kind="at least")
                for how, full in ranks.items()
            ]
            values = np.linalg.svd(Z, compute_uv=False)
            flat = np.where(np.arange(classes + 1) < classes - 1, np.sqrt(len(ids) / (classes - 1)), 0.0)
            number = np.arange(1, classes + 2)
            series += [Series(f"{name}: simplex", number, flat), Series(f"{name}: trained", number, values, "points")]
        return checks, Panel(
            "Zeros in G: one singular value fewer than classes", "number", "singular value of Z", series
        )


def entropy_of_rows(log_G: np.ndarray) -> float:
    """Mean entropy of the rows of G without its diagonal, each weighing its sum."""
    G = np.exp(log_G) * ~np.eye(len(log_G), dtype=bool)
    degrees = G.sum(axis=1)
    return float((degrees @ np.log(degrees) - np.sum(G * log_G)) / degrees.sum())


def classical_scaling(squared: np.ndarray, width: int) -> np.ndarray:
    """(n, width) Torgerson's coordinates for squared distances."""
    centred = squared - squared.mean(axis=0) - squared.mean(axis=1)[:, None] + squared.mean()
    values, vectors = np.linalg.eigh(-centred / 2)
    return vectors[:, -width:] * np.sqrt(np.maximum(values[-width:], 0.0))


def squared_distances(Z: np.ndarray) -> np.ndarray:
    """(n, n) |z_i - z_j|^2."""
    gram = Z @ Z.T
    return np.maximum(np.diag(gram)[:, None] + np.diag(gram) - 2 * gram, 0.0)


def unit(Z: np.ndarray) -> np.ndarray:
    """Rows of length one."""
    return Z / np.linalg.norm(Z, axis=1, keepdims=True)
