"""The families of metrics that `diagnose` puts together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.linalg

from eigenpairs.diagnose import findings as rules
from eigenpairs.diagnose.catalogue import CATALOGUE
from eigenpairs.diagnose.census import Census
from eigenpairs.diagnose.leverage import coherence, largest_share_of_first_direction
from eigenpairs.diagnose.metric import Reference
from eigenpairs.diagnose.on_pairs import (
    ALIGNED_PAIRS,
    PairMoments,
    alignment,
    chance_agreement,
    lidar_of,
    random_lidar,
    take_pair_moments,
)
from eigenpairs.diagnose.on_the_sphere import on_the_sphere
from eigenpairs.diagnose.random_rows import (
    DRAWS,
    gaussian_singular_values,
    largest_leverage,
    random_extreme_std,
)
from eigenpairs.diagnose.ranks import alpha_req, effective_rank, participation_ratio, rankme, stable_rank
from eigenpairs.diagnose.repeated import count_repeated
from eigenpairs.features.base import read_rows
from eigenpairs.objective import Objective, Whitening
from eigenpairs.relation import Relation

RANKS = {
    "rankme": rankme,
    "effective_rank": effective_rank,
    "participation_ratio": participation_ratio,
    "stable_rank": stable_rank,
    "alpha_req": alpha_req,
}
SAMPLE = 2048
"""Rows that metrics over all pairs of rows are computed on."""

SPHERES = 3
"""Random samples of as many rows, for their reference."""

Found = dict[str, tuple[float, Reference]]


@dataclass
class Measured:
    """The families of metrics, each computed from the census and what it needs beside it.

    `grouped` is the relation of the groups that LiDAR is taken over: `relation` itself if it is one of these groups.
    """

    Z: Any
    census: Census
    relation: Relation | None
    grouped: Relation | None
    objective: Objective
    center: bool
    seed: int

    @cached_property
    def singular_values(self) -> np.ndarray:
        """(min(n, d),) descending, of the (centred) valid rows."""
        census = self.census
        if census.n_valid < 1:
            return np.empty(0)
        if census.rows is not None:
            rows = census.rows + (-census.first / census.n_valid if self.center else census.shift)
            s = scipy.linalg.svdvals(rows)
        else:
            moment = census.covariance if self.center else census.covariance + np.outer(census.mean, census.mean)
            s = np.sqrt(np.maximum(census.n_valid * scipy.linalg.eigvalsh(moment)[::-1], 0.0))
        return np.where(s > census.smallest(s[0]), s, 0.0)

    @cached_property
    def draws(self) -> list[np.ndarray]:
        """Singular values of random rows."""
        rng = np.random.default_rng(self.seed)
        n = self.census.n_valid - (1 if self.center else 0)
        return [gaussian_singular_values(n, self.census.n_columns, rng) for _ in range(DRAWS)]

    @cached_property
    def optimum(self) -> tuple[np.ndarray, np.ndarray | None]:
        """Gains of the objective's optimum of d columns, and the rho of its modes if there are pairs."""
        d = self.census.n_columns
        if self.moments is None or not len(self.moments.rho):
            return np.ones(max(1, min(d, self.census.n_valid - 1))), None
        rho = self.moments.rho
        return self.objective.optimum(rho, d).gains[: len(rho)], rho

    @cached_property
    def best_ranks(self) -> dict[str, float]:
        """The ranks of the optimum; of whitening those of all columns, lest a narrow span be compared with itself."""
        gains = self.optimum[0]
        if isinstance(self.objective, Whitening):
            gains = np.ones(max(1, min(self.census.n_columns, self.census.n_valid - 1)))
        return {name: rank(np.sqrt(gains)) for name, rank in RANKS.items()}

    @cached_property
    def moments(self) -> PairMoments | None:
        """Moments over the pairs; None without pairs, or where NaN forbids."""
        if self.relation is None or len(self.census.invalid) or not self.relation.total > 0:
            return None
        return take_pair_moments(self.Z, self.relation)

    def lone_row(self) -> int | None:
        """Number of the row that has most of the first direction's variance, if there is one."""
        row, share = largest_share_of_first_direction(self.Z, self.valid, self.census)
        return row if share >= rules.LONE_ROW else None

    @cached_property
    def leverage(self) -> tuple[float, int]:
        """Coherence and numerical rank."""
        return coherence(self.Z, self.valid, self.census, self.seed)

    @cached_property
    def sample(self) -> np.ndarray:
        """(at most 2,048, d) valid rows in float64."""
        chosen = self.valid
        if len(chosen) > SAMPLE:
            chosen = np.sort(np.random.default_rng(self.seed).choice(chosen, SAMPLE, replace=False))
        return np.asarray(read_rows(self.Z, chosen), dtype=np.float64)

    @cached_property
    def valid(self) -> np.ndarray:
        """Numbers of the rows without NaN and inf."""
        return np.setdiff1d(np.arange(self.census.n_samples), self.census.invalid, assume_unique=True)

    # ------------------------------------------------------------------ families

    def ranks(self) -> Found:
        found: Found = {}
        for name, rank in RANKS.items():
            values = [rank(draw) for draw in self.draws]
            reference = Reference((min(values), max(values)), CATALOGUE[name].collapsed, self.best_ranks[name])
            found[name] = (rank(self.singular_values), reference)
        return found

    def rows(self) -> Found:
        census, sample = self.census, self.sample
        n, d = census.n_valid, census.n_columns
        mu, rank = self.leverage
        full = min(n, d)
        chance = (largest_leverage(n, full, 0.01), largest_leverage(n, full, 0.99))
        spread = on_the_sphere(sample)
        rng = np.random.default_rng(self.seed)
        draws = np.array([on_the_sphere(rng.standard_normal(sample.shape)) for _ in range(SPHERES)])
        random = [(float(low), float(high)) for low, high in zip(draws.min(axis=0), draws.max(axis=0))]
        length = float(np.sum(census.mean**2))
        total = length + float(census.variance.sum())
        return {
            "numerical_rank": (rank, Reference((full, full), 1.0, None)),
            "coherence": (mu, Reference(chance)),
            "uniformity": (spread[0], Reference(random[0], 0.0)),
            "normalized_std": (spread[1], Reference(random[1], 0.0)),
            "mean_share": (length / total if total > 0 else np.nan, Reference((0.0, 3 / n), 1.0, 0.0)),
        }

    def columns(self) -> Found:
        census = self.census
        std = np.sqrt(census.variance)
        size = float(np.sqrt(np.mean(std**2)))
        low, high = random_extreme_std(census.n_valid, census.n_columns)
        found = {
            "std_min": (std.min() / size if size else 0.0, Reference(low, 0.0)),
            "std_max": (std.max() / size if size else np.nan, Reference(high)),
            "dead_columns": (len(self.dead), Reference((0, 0), None, 0)),
            "duplicated_columns": (len(self.repeated), Reference((0, 0), None, 0)),
        }
        live = np.setdiff1d(np.arange(len(std)), self.dead)
        if len(live) > 1:
            correlation = census.covariance[np.ix_(live, live)] / np.outer(std[live], std[live])
            pairs = len(live) * (len(live) - 1)
            mean_square = (np.sum(correlation**2) - np.sum(np.diag(correlation) ** 2)) / pairs
            chance = np.clip(1 + 6 / np.sqrt(pairs) * np.array([-1, 1]), 0, None) / (census.n_valid - 1)
            reference = Reference((float(np.sqrt(chance[0])), float(min(np.sqrt(chance[1]), 1.0))), 1.0, None)
            found["off_diagonal_correlation"] = (float(np.sqrt(max(mean_square, 0.0))), reference)
        return found

    def pairs(self) -> Found:
        if self.moments is None or self.relation is None:
            return {}
        low, high = chance_agreement(self.relation, self.census.n_columns, self.seed)
        rank = len(self.moments.rho)
        gains, rho = self.optimum
        best: dict[str, float | None] = {"energy": None, "rho": None, "sum": None}
        if rho is not None and gains.sum() > 0:
            kept = rho[gains > 0]
            energy = float(gains @ (1 - rho) / gains.sum())
            best = {"energy": energy, "rho": float(kept.mean()), "sum": float(kept.sum())}
        drawn = 6 / np.sqrt(self.census.n_columns * ALIGNED_PAIRS)  # 3 standard deviations of the pairs drawn
        aligned = Reference((float(2 - 2 * high - drawn), float(2 - 2 * low + drawn)), 0.0)
        return {
            "alignment": (alignment(self.Z, self.relation, self.seed), aligned),
            "dirichlet_energy": (self.moments.dirichlet_energy, Reference((1 - high, 1 - low), None, best["energy"])),
            "mean_rho": (self.moments.mean_rho, Reference((low, high), None, best["rho"])),
            "sum_rho": (self.moments.sum_rho, Reference((rank * low, rank * high), None, best["sum"])),
        }

    def group_ranks(self) -> Found:
        grouped = self.grouped
        if grouped is None or len(self.census.invalid):
            return {}
        own = self.moments if grouped is self.relation else None
        moments = own or take_pair_moments(self.Z, grouped)
        n_groups = int(grouped.components.max()) + 1
        size = float(np.count_nonzero(grouped.degrees)) / n_groups
        rng = np.random.default_rng(self.seed)
        equal = len(np.unique(np.bincount(grouped.components[grouped.components >= 0]))) == 1
        values = [random_lidar(n_groups, size, self.census.n_columns, rng) for _ in range(DRAWS if equal else 0)]
        gains, rho = self.optimum
        best = None
        if own is not None and rho is not None and gains.sum() > 0:  # rho across other pairs tells nothing of groups
            best = lidar_of(np.diag(gains * (rho + (1 - rho) / size)), np.diag(gains * (1 - rho)))
        random = (min(values), max(values)) if values else None
        return {"lidar": (moments.lidar(size), Reference(random, 1.0, best))}

    # ------------------------------------------------------------------ verdict

    @cached_property
    def dead(self) -> np.ndarray:
        return rules.dead_columns(np.sqrt(self.census.variance))

    @cached_property
    def repeated(self) -> np.ndarray:
        return rules.repeated_columns(self.census, self.sample)

    def findings(self) -> tuple[rules.Finding, ...]:
        """Everything that looks wrong; what follows from a total collapse is not repeated."""
        census = self.census
        found = rules.invalid_rows(census)
        if census.n_valid < 2:
            return tuple(found)
        fatal = rules.collapse(census) or rules.one_line(self.singular_values, census, self.lone_row)
        if fatal:
            found += fatal
        else:
            std = np.sqrt(census.variance)
            found += rules.column_findings(std, self.dead, self.repeated, census.size)
            found += rules.low_rank(rankme(self.singular_values), self.best_ranks["rankme"], repr(self.objective))
        repeated = count_repeated(self.Z, self.valid, census.hashes)
        return (*found, *rules.repeated_rows(census, repeated), *rules.few_rows(census))
