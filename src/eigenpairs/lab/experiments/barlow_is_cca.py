"""Barlow Twins finds the canonical subspace, but whitens it only on special spectra."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from eigenpairs.lab.descent import Trained, train
from eigenpairs.lab.exact_pairs import exact_pairs
from eigenpairs.lab.experiment import Experiment, Progress
from eigenpairs.lab.figure import Panel, Series
from eigenpairs.lab.result import Check, Result
from eigenpairs.objective import BarlowTwins

FLAT = {"equal": ((0.7, 0.7, 0.7, 0.7, 0.2), 4, 0.1), "adding up to 1": ((0.7, 0.3, 0.1), 2, 1.0)}
"""Spectra on which whitening is optimal: rho, columns, redundancy."""

SLOPED = {"falling": ((0.9, 0.7, 0.5, 0.3, 0.1), 4, 0.1), "falling, redundancy 1": ((0.9, 0.7, 0.5, 0.3, 0.1), 4, 1.0)}
"""Spectra on which it is not."""

NEGATIVE = {"1, -.1": ((1.0, -0.1), 2, 1.0), ".9, .6, -.2, -.5": ((0.9, 0.6, -0.2, -0.5), 4, 0.5)}
"""Spectra whose top K modes are not all worth having."""

POSITIVE = {".9, .6, .2, .05": ((0.9, 0.6, 0.2, 0.05), 4, 0.5), "1, .1": ((1.0, 0.1), 2, 1.0)}
"""Spectra whose top K modes are."""


@dataclass
class BarlowIsCca(Experiment):
    """Barlow Twins spans the top canonical variates; its gains equal CCA's b = 1 on special spectra only.

    Claim: Barlow Twins finds the subspace of canonical correlation analysis, the K most correlated directions of two
    views, where these correlate positively and the redundancy weight lam is large enough to keep all of them; a
    smaller one keeps fewer, at predicted thresholds. It whitens them, as CCA does, only where
    r_k (1 - (1-lam) mean(r) - lam r_k) is the same for all k, such as equal correlations r; elsewhere other gains, a
    water-filling, have a lower loss. Where some of the top K correlate negatively, no gains on these K are optimal.

    Source: Balestriero & LeCun 2022 (arXiv 2205.11508), in the spirit of, where the solution is CCA's, whitened; the
    exact optimum is ours (docs/theory.md, section 4).

    Setting: two views with exactly known canonical correlations r, linear maps trained by descent on the loss of the
    rows. CCA is solved by QR and SVD; the best gains b >= 0, sum b = K, of the top K modes by scipy. Mode j is on iff
    lam > [sum_{k<j} (1 - r_j/r_k)(1/r_k - 1)] / [K - sum_{k<j} (1 - r_j/r_k)]; maps are trained on both sides of each
    threshold.

    Expected: the trained subspace is CCA's where all K modes are on; CCA's whitened solution, rotated as best it can
    be, is optimal exactly where the condition says, and elsewhere loses to the water-filling, which training attains;
    trained ranks grow with lam at the thresholds. With positive r the best gains of the top K are what training finds;
    with negative r among them they lose to it: for r = 1, -.1 by .198.
    """

    paper: ClassVar[str] = "A"
    fast: ClassVar[dict] = {"starts": 2, "margin": 0.2}
    needs: ClassVar[tuple[str, ...]] = ("torch",)

    correlations: tuple[float, ...] = (0.95, 0.85, 0.7, 0.55, 0.4, 0.2)
    """Of which the first four are a matter of four columns, where the optimum is proved to be attained."""
    margin: float = 0.1
    """How far from each threshold, relatively, maps are trained on both sides."""
    starts: int = 4
    seed: int = 0

    def validate(self) -> None:
        r = self.spectrum
        if len(r) < 4 or np.any(np.diff(r) >= 0) or r[3] <= 0 or r[0] >= 1:
            raise ValueError(f"correlations = {self.correlations!r}: need four or more, falling, below 1, four above 0")
        if r[0] - r[3] < 0.1:
            raise ValueError(
                f"correlations = {self.correlations!r}: the first four are nearly equal; spread them by .1"
            )
        if not 0 < self.margin < 0.5 or self.starts < 1:
            raise ValueError("need 0 < margin < .5 and one start")
        edges = self.thresholds(r[:4], 4)
        if np.any(edges[1:] * (1 - self.margin) <= edges[:-1] * (1 + self.margin)) or edges[-1] * (1 + self.margin) > 1:
            raise ValueError(
                f"margin = {self.margin:g}: thresholds at {edges.round(4).tolist()} must be further apart than that, "
                "and the last further below 1; give a smaller margin or other correlations"
            )

    @property
    def spectrum(self) -> np.ndarray:
        """The canonical correlations, descending."""
        return np.asarray(self.correlations, dtype=np.float64)

    def measure(self, progress: Progress) -> Result:
        r, width = self.spectrum, 4
        edges = self.thresholds(r[:width], width)
        weights = np.append(np.sort(np.concatenate([edges * (1 - self.margin), edges * (1 + self.margin)])), 1.0)
        predicted = 1 + np.count_nonzero(weights[:, None] > edges, axis=1)
        ends = []
        for at, weight in enumerate(weights):
            ends.append(self.descend(r, width, float(weight), self.starts))
            progress(0.7 * (at + 1) / len(weights))
        losses = np.array([end.loss for end in ends])
        best = [BarlowTwins(float(weight)).optimum(r, width) for weight in weights]
        gains = [self.energies(r, end.Z) for end in ends]
        wrong = max(float(np.abs(b - o.gains).max()) for b, o in zip(gains, best))
        off = float(np.abs(losses / [o.loss for o in best] - 1).max())
        ranks = np.array([end.rank for end in ends])
        whitened = np.array([self.whitened_loss(r[:width], float(weight)) for weight in weights])
        checks = [
            Check(f"trained ranks, of {len(weights)}, other than predicted", float(np.sum(ranks != predicted)), 0.0),
            Check("different ranks seen", float(len(np.unique(ranks))), float(width)),
            Check("trained loss against the water-filling, largest relative error", off, 0.0, 1e-6),
            Check("trained gains against the water-filling, largest error", wrong, 0.0, 5e-3),
            Check(
                "all modes on: largest sine of the angle to CCA's subspace",
                max(self.sine_to_cca(r, end.Z) for end, on in zip(ends, predicted) if on == width),
                0.0,
                1e-4,
            ),
            Check(
                f"redundancy {weights[0]:.3g}: CCA's loss over the trained",
                whitened[0] / losses[0],
                1.1,
                kind="at least",
            ),
        ]
        checks += self.when_whitening_is_optimal()
        progress(0.85)
        checks += self.when_top_modes_are_enough()
        progress(1.0)
        fine = np.geomspace(weights[0], 1.0, 200)
        panels = [
            Panel("Whitening (CCA) is not the optimum", "redundancy weight", "loss", [
                Series("water-filling", fine, [BarlowTwins(float(x)).optimum(r, width).loss for x in fine]),
                Series("whitened", fine, [self.whitened_loss(r[:width], float(x)) for x in fine]),
                Series("trained", weights, losses, "points"),
            ], log_x=True),
            Panel("A small redundancy weight collapses the rank", "redundancy weight", "rank", [
                Series("predicted", fine, 1.0 + np.count_nonzero(fine[:, None] > edges, axis=1)),
                Series("trained", weights, ranks, "points"),
            ], log_x=True),
            Panel("Gains at both ends", "rho", "gain", [
                Series(f"redundancy {weights[at]:.3g}{name}", r[:width], values, mark)
                for at in (0, -1)
                for name, values, mark in (("", best[at].gains, "line"), (", trained", gains[at][:width], "points"))
            ]),
        ]  # fmt: skip
        excess = [
            self.whitened_loss(r[:width], float(x)) / BarlowTwins(float(x)).optimum(r, width).loss - 1 for x in fine
        ]
        near = int(np.argmin(excess))
        note = (
            "CCA's b = 1 fails where correlations differ, bar coincidence; its subspace holds if all K modes are on. "
            f"Here it comes nearest at redundancy {fine[near]:.2g}, with a loss {100 * excess[near]:.2g} % too large."
        )
        return Result(checks, panels, (note,))

    # ------------------------------------------------------------------ formulas

    @staticmethod
    def thresholds(r: np.ndarray, width: int) -> np.ndarray:
        """(len(r) - 1,) redundancy weights above which modes 1, 2, ... are on."""
        drop = [1 - r[j] / r[:j] for j in range(1, len(r))]
        return np.array([np.sum(d * (1 / r[: len(d)] - 1)) / (width - np.sum(d)) for d in drop])

    @staticmethod
    def whitened_loss(r: np.ndarray, weight: float) -> float:
        """The loss of whitened variates, rotated so that all columns are equally correlated (best for lam <= 1)."""
        total = r.sum()
        return float(len(r) - 2 * total + (1 - weight) * total**2 / len(r) + weight * np.sum(r**2))

    @staticmethod
    def whitening_is_optimal(r: np.ndarray, weight: float) -> bool:
        """Whether r_k (1 - (1-lam) mean(r) - lam r_k) is the same for all k."""
        return bool(np.ptp(r * (1 - (1 - weight) * r.mean() - weight * r)) < 1e-9)

    @staticmethod
    def best_of_top_modes(r: np.ndarray, weight: float) -> float:
        """The loss of the best gains b >= 0, sum b = K, on K modes whatever their sign, columns equally correlated."""
        from scipy.optimize import minimize

        K = len(r)

        def loss(b: np.ndarray) -> float:
            total = r @ b
            return float(K - 2 * total + (1 - weight) * total**2 / K + weight * np.sum((r * b) ** 2))

        def slope(b: np.ndarray) -> np.ndarray:
            return 2 * r * (-1 + (1 - weight) * (r @ b) / K + weight * r * b)

        budget = {"type": "eq", "fun": lambda b: np.sum(b) - K, "jac": np.ones_like}
        options = {"ftol": 1e-14, "maxiter": 500}
        return float(
            minimize(loss, np.ones(K), jac=slope, bounds=[(0, K)] * K, constraints=budget, options=options).fun
        )

    # ------------------------------------------------------------------ what is measured

    def descend(self, rho: np.ndarray, width: int, weight: float, starts: int = 4) -> Trained:
        """A linear map trained on rows with these correlations; columns of the Z returned are standardised."""
        X, relation = exact_pairs(rho, self.seed)
        end = train(BarlowTwins(weight), X, relation, width, starts, self.seed)
        Z = end.Z - end.Z.mean(axis=0)
        scale = Z.std(axis=0)
        return Trained(Z / np.where(scale > 0, scale, 1), end.loss, end.losses)

    def variates(self, rho: np.ndarray) -> np.ndarray:
        """(rows, D) canonical variates of both views by QR and SVD, in descending order, view below view."""
        X, _ = exact_pairs(rho, self.seed)
        a, b = np.split(X, 2)
        (Qa, _), (Qb, _) = np.linalg.qr(a), np.linalg.qr(b)
        U, _, Vt = np.linalg.svd(Qa.T @ Qb)
        return np.concatenate([Qa @ U, Qb @ Vt.T]) * np.sqrt(len(a))

    def energies(self, rho: np.ndarray, Z: np.ndarray) -> np.ndarray:
        """(K,) energy of Z on each of the first canonical variates."""
        phi = self.variates(rho)
        return np.sum((phi.T @ Z / len(phi)) ** 2, axis=1)[: Z.shape[1]]

    def sine_to_cca(self, rho: np.ndarray, Z: np.ndarray) -> float:
        """Sine of the largest principal angle between Z and the first canonical variates."""
        from scipy.linalg import subspace_angles

        return float(np.sin(subspace_angles(Z, self.variates(rho)[:, : Z.shape[1]]).max()))

    def when_whitening_is_optimal(self) -> list[Check]:
        """CCA's loss above the trained one: zero where the condition holds, positive elsewhere."""
        checks = []
        for name, (rho, width, weight) in (FLAT | SLOPED).items():
            r = np.array(rho)
            excess = self.whitened_loss(r[:width], weight) - self.descend(r, width, weight).loss
            what = f"r {name}: CCA's loss above the trained"
            if self.whitening_is_optimal(r[:width], weight):
                checks.append(Check(what, excess, 0.0, 1e-6))
            else:
                checks.append(Check(what, excess, 1e-2, kind="at least"))
        return checks

    def when_top_modes_are_enough(self) -> list[Check]:
        """Trained loss against the optimum, and what the best gains of the top K cost above it."""
        checks = []
        for name, (rho, width, weight) in (POSITIVE | NEGATIVE).items():
            r = np.array(rho)
            loss = self.descend(r, width, weight).loss
            what = f"r = {name}: best gains of the top K cost more by"
            above = self.best_of_top_modes(r[:width], weight) - loss
            checks += [
                Check(f"r = {name}: trained loss", loss, BarlowTwins(weight).optimum(r, width).loss, 1e-6),
                Check(what, above, 0.0, 1e-6) if r[width - 1] > 0 else Check(what, above, 1e-2, kind="at least"),
            ]
        return checks
