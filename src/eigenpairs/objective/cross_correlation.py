"""The exact optimum of Barlow Twins as practised: a water-filling with two flat diagonals (docs/theory.md, section 4).

With r the positive rho among the top K, gamma_k = r_k b_k and G = sum gamma,

    loss >= min  K - 2 G + (1 - lam) G^2 / K + lam sum gamma_k^2   over b >= 0, sum b <= K,

for every map of the class, with equality when V makes the diagonals of V diag(b) V^T and V diag(gamma) V^T both
flat. The minimiser has gamma_k proportional to (1 - tau / r_k)_+, with one increasing equation for tau.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from eigenpairs.objective.optimum import Optimum, padded
from eigenpairs.objective.polish import POLISH_UP_TO, cross_correlation_loss, polish
from eigenpairs.objective.rotation import flatten_two, hadamard_rows, is_hadamard_order, map_with_variances

CONSTRUCT_UP_TO = 32
"""Up to this width the rotation is built at once, to know whether the bound is attained (milliseconds)."""

NO_CORRELATION = 1e-100
"""Correlations below this are taken for zero: their inverses would leave the range of float64."""

PopulationLoss = Callable[[np.ndarray, np.ndarray], float]


@dataclass(frozen=True)
class Plan:
    """Energies of a map before rotation: b (p,) on the first p modes, with gamma = r b.

    `surplus` energy on mode `surplus_mode` shares its output direction with mode 0; `live` output columns are used,
    the other `dead` ones are zero.
    """

    b: np.ndarray
    gamma: np.ndarray
    live: int
    dead: int = 0
    surplus: float = 0.0
    surplus_mode: int = 0

    @property
    def width(self) -> int:
        return self.live + self.dead

    @property
    def energy(self) -> np.ndarray:
        """(p,) energy along each output direction."""
        energy = self.b.copy()
        energy[0] += self.surplus
        return energy

    def gains(self) -> np.ndarray:
        """(K,) energy on each mode."""
        gains = padded(self.b, self.width)
        gains[self.surplus_mode] += self.surplus
        return gains

    def value(self, lam: float) -> float:
        """The loss with both diagonals flat, as a sum of non-negative parts; a dead column costs 1."""
        G = self.gamma.sum()
        spread = np.sum(self.gamma**2) - G**2 / self.live
        return float((self.live - G) ** 2 / self.live + lam * spread + self.dead)


def solve_cross_correlation(rho: np.ndarray, width: int, lam: float, population_loss: PopulationLoss) -> Optimum:
    """Minimise sum (1 - C_kk)^2 + lam sum off^2 over maps to K = `width` columns."""
    top = rho[:width]
    r = top[top > NO_CORRELATION]
    if len(r) == 0:
        dead = partial(np.zeros, (1, width))
        return Optimum(np.zeros(width), float(width), True, float(width), "exact: no pair agrees; dead", dead)
    if lam > 1:
        return _bracket(rho, r, width, lam, population_loss)
    plan = best_plan(rho, r, width, lam)
    bound, gains, build = plan.value(lam), plan.gains(), partial(plan_map, plan, lam)
    if rotation_is_known(plan, lam):
        return Optimum(gains, bound, True, bound, "exact: water-filling, both diagonals flat", build)
    note = "bound: water-filling; a map attains it if a rotation flattens two diagonals, which embedding tries"
    optimum = Optimum(gains, bound, False, bound, note, build)
    return optimum if width > CONSTRUCT_UP_TO else _constructed(optimum, rho, lam, population_loss)


def _constructed(optimum: Optimum, rho: np.ndarray, lam: float, population_loss: PopulationLoss) -> Optimum:
    """The optimum with the value its map attains; where that misses the bound, the best that descent finds."""
    A = optimum.map()
    width = A.shape[1]
    floor = 1e-13 * width
    found = optimum.attained(population_loss(A, rho), floor)
    if found.exact or width > POLISH_UP_TO:
        return found
    A, loss = polish(A, rho, cross_correlation_loss(lam))
    if loss >= found.loss:
        return found
    A = A / np.maximum(np.linalg.norm(A, axis=0), 1e-150)
    note = "bound: no rotation flattens both diagonals; best value found by descent"
    gains = padded(np.sum(A**2, axis=1), width)
    return Optimum(gains, loss, False, optimum.lower_bound, note, partial(np.array, A)).attained(loss, floor)


def best_plan(rho: np.ndarray, r: np.ndarray, width: int, lam: float) -> Plan:
    """The plan whose value is the lower bound (0 <= lam <= 1)."""
    p = len(r)
    if lam == 0:  # redundancy is free: everything on the most invariant mode
        return Plan(np.array([float(width)]), width * r[:1], width)
    free = np.full(p, 1 / (lam + (1 - lam) * p / width))
    if p == width or np.sum(free / r) >= width:
        return filled(r, width, lam)
    if len(rho) > p:  # a mode with rho <= 0 can hold the variance that gamma does not need
        surplus = width - np.sum(free / r)
        energy = surplus * r[0] / (r[0] + abs(rho[p]))
        b = free / r
        b[0] += energy * abs(rho[p]) / r[0]
        return Plan(b, free, width, surplus=energy, surplus_mode=p)
    return _with_dead_columns(r, width, lam)


def filled(r: np.ndarray, live: int, lam: float, dead: int = 0) -> Plan:
    """sum b = live exactly: gamma_k proportional to 1 - tau / r_k on the active modes.

    tau itself would cancel against r_k when lam or r_k is tiny. With a_k = 1/r_k - 1 + lam, A_q = a_1 + ... + a_q and
    P_q = sum_{k<q} a_k (1/r_q - 1/r_k), all of non-negative terms, mode q is on iff P_q < lam live / r_q, and
    gamma_k is proportional to lam live / r_k + sum_j a_j (1/r_j - 1/r_k).
    """
    inverse = 1 / r
    A = np.cumsum(inverse - 1 + lam)
    P = np.concatenate([[0.0], np.cumsum(A[:-1] * np.diff(inverse))])
    on = lam * live * inverse > P
    q = len(r) if on.all() else int(np.argmin(on))
    inverse, surplus = inverse[:q], A[q - 1] - lam * live
    if surplus >= 0:  # from the last active mode, the smallest: both parts are non-negative
        share = (lam * live * inverse[-1] - P[q - 1]) + surplus * (inverse[-1] - inverse)
    else:  # more columns than the modes fill: all are on, and from the first mode both parts are non-negative
        first = lam * live * inverse[0] + np.sum((inverse - 1 + lam) * (inverse - inverse[0]))
        share = first - surplus * (inverse - inverse[0])
    gamma = live * share / np.sum(share * inverse)
    kept = gamma > 0
    return Plan((gamma * inverse)[kept], gamma[kept], live, dead)


def _with_dead_columns(r: np.ndarray, width: int, lam: float) -> Plan:
    """A class of fewer modes than columns, all positive: how many columns are better left dead?

    The value with K' >= p live columns plus the K - K' dead ones is convex in K', so a ternary search finds it.
    """

    def cost(live: int) -> float:
        return filled(r, live, lam, width - live).value(lam)

    low, high = len(r), width
    while high - low > 2:
        left = low + (high - low) // 3
        right = high - (high - low) // 3
        if cost(left) <= cost(right):
            high = right
        else:
            low = left
    live = min(range(low, high + 1), key=cost)
    return filled(r, live, lam, width - live)


def _bracket(rho: np.ndarray, r: np.ndarray, width: int, lam: float, population_loss: PopulationLoss) -> Optimum:
    """lam > 1: no exact value is known. Bound from lam = 1 (the loss grows with lam), best of three maps."""
    plan = best_plan(rho, r, width, 1.0)
    # Every mode on a column of its own, the other columns dead.
    own = (float(np.sum((1 - r) ** 2) + width - len(r)), np.ones(len(r)), partial(np.eye, len(r), width))
    candidates: list[tuple[float, np.ndarray, Callable[[], np.ndarray]]] = [own]
    build: Callable[[], np.ndarray] = partial(plan_map, plan, lam)
    if is_hadamard_order(plan.live):
        candidates.append((plan.value(lam), plan.gains(), build))
    elif width <= CONSTRUCT_UP_TO:
        candidates.append((population_loss(build(), rho), plan.gains(), build))
    if len(r) == width:  # equal gamma: C is a multiple of the identity
        harmonic = width / np.sum(1 / r)
        b = harmonic / r
        candidates.append((float(width * (1 - harmonic) ** 2), b, partial(map_with_variances, b, np.ones(width))))
    loss, gains, build = min(candidates, key=lambda candidate: candidate[0])
    note = "bracket: redundancy > 1 has no known exact value; bound from redundancy = 1, best of known maps"
    found = Optimum(padded(gains[:width], width), loss, False, min(plan.value(1.0), loss), note, build)
    return _constructed(found, rho, lam, population_loss) if width <= POLISH_UP_TO else found


def rotation_is_known(plan: Plan, lam: float) -> bool:
    """Whether a rotation that flattens what must be flat is known in closed form (docs/theory.md, section 4)."""
    return lam == 1 or is_hadamard_order(plan.live) or _ruler(plan) is not None


def _ruler(plan: Plan) -> np.ndarray | None:
    """The vector whose flat diagonal makes the other one flat too, if there is one (both centred vectors parallel)."""
    energy = plan.energy
    rows = np.stack([padded(energy, plan.live), padded(plan.gamma, plan.live)])
    rows -= rows.mean(axis=1, keepdims=True)
    size = np.linalg.norm(rows, axis=1)
    if np.linalg.matrix_rank(rows, tol=1e-13 * max(size.max(), 1e-300)) >= 2:
        return None
    return energy if size[0] >= size[1] else plan.gamma


def plan_map(plan: Plan, lam: float) -> np.ndarray:
    """(n_modes, K) map of a plan: rotate so that all live columns agree in variance and in correlation."""
    p, live = len(plan.b), plan.live
    directions = _directions(plan, lam)
    A = np.zeros((max(p, plan.surplus_mode + 1), plan.width))
    A[:p, :live] = np.sqrt(plan.b)[:, None] * directions
    if plan.surplus > 0:
        A[plan.surplus_mode, :live] = np.sqrt(plan.surplus) * directions[0]
    return A


def _directions(plan: Plan, lam: float) -> np.ndarray:
    """(p, live) orthonormal output directions, the transpose of the rotation's first p columns."""
    p, live = len(plan.b), plan.live
    if is_hadamard_order(live):
        return hadamard_rows(p, live)
    ruler = plan.energy if lam == 1 else _ruler(plan)  # at lam = 1 only the variances need to be flat
    if ruler is None:
        V, residual = flatten_two(padded(plan.energy, live), padded(plan.gamma, live))
        if residual <= 1e-9:
            return V[:, :p].T
        ruler = plan.energy  # the variances can always be made equal
    return map_with_variances(ruler, np.full(live, ruler.sum() / live)) / np.sqrt(ruler)[:, None]
