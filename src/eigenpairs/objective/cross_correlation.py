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


@dataclass(frozen=True)
class Plan:
    """Energies of a map before rotation: b (p,) on the first p modes, with gamma = r b.

    `surplus` energy on mode `surplus_mode` shares its output direction with mode 0; `live` output columns are used,
    the others are dead.
    """

    b: np.ndarray
    gamma: np.ndarray
    live: int
    surplus: float = 0.0
    surplus_mode: int = 0

    def gains(self, width: int) -> np.ndarray:
        gains = padded(self.b, width)
        gains[self.surplus_mode] += self.surplus
        return gains

    def value(self, lam: float) -> float:
        """The loss of this plan with both diagonals flat; dead columns cost 1 each."""
        return _bound_value(self.gamma, self.live, lam)


def solve_cross_correlation(
    rho: np.ndarray, width: int, lam: float, population_loss: Callable[[np.ndarray, np.ndarray], float]
) -> Optimum:
    """Minimise sum (1 - C_kk)^2 + lam sum off^2 over maps to K = `width` columns."""
    top = rho[:width]
    r = top[top > 0]
    if len(r) == 0:
        dead = partial(np.zeros, (1, width))
        return Optimum(np.zeros(width), float(width), True, float(width), "exact: no pair agrees; dead", dead)
    if lam > 1:
        return _bracket(rho, r, width, lam, population_loss)
    plan, bound = _plan(rho, r, width, lam)
    build = partial(plan_map, plan, width)
    if bound == plan.value(lam) + (width - plan.live) and rotation_is_known(plan, lam):
        return Optimum(plan.gains(width), bound, True, bound, "exact: water-filling, both diagonals flat", build)
    note = "bound: water-filling; a map attains it if a rotation flattens two diagonals, which embedding tries"
    optimum = Optimum(plan.gains(width), bound, False, bound, note, build)
    if width > CONSTRUCT_UP_TO:
        return optimum
    return _constructed(optimum, rho, lam, population_loss)


def _constructed(
    optimum: Optimum, rho: np.ndarray, lam: float, population_loss: Callable[[np.ndarray, np.ndarray], float]
) -> Optimum:
    """The optimum with the value its map attains; where that misses the bound, the best that descent finds."""
    A = optimum.map()
    found = optimum.attained(population_loss(A, rho))
    if found.exact or A.shape[1] > POLISH_UP_TO:
        return found
    A, loss = polish(A, rho, cross_correlation_loss(lam))
    if loss >= found.loss:
        return found
    A = A / np.maximum(np.linalg.norm(A, axis=0), 1e-150)
    gains = padded(np.sum(A**2, axis=1)[: A.shape[1]], A.shape[1])
    note = "bound: no rotation flattens both diagonals; best value found by descent"
    return Optimum(gains, loss, False, optimum.lower_bound, note, partial(np.array, A)).attained(loss)


def _bound_value(gamma: np.ndarray, live: int, lam: float) -> float:
    G = gamma.sum()
    return float(live - 2 * G + (1 - lam) * G**2 / live + lam * np.sum(gamma**2))


def _plan(rho: np.ndarray, r: np.ndarray, width: int, lam: float) -> tuple[Plan, float]:
    """The plan of the lower bound, and the bound (0 <= lam <= 1)."""
    p = len(r)
    if lam == 0:  # redundancy is free: everything on the most invariant mode
        plan = Plan(np.array([float(width)]), width * r[:1], width)
        return plan, plan.value(lam)
    free = np.full(p, 1 / (lam + (1 - lam) * p / width))
    if p == width or np.sum(free / r) >= width:
        plan = _filled(r, width, lam)
        return plan, plan.value(lam)
    if len(rho) > p:  # a mode with rho <= 0 can hold the variance that gamma does not need
        surplus = width - np.sum(free / r)
        energy = surplus * r[0] / (r[0] + abs(rho[p]))
        b = free / r
        b[0] += energy * abs(rho[p]) / r[0]
        return Plan(b, free, width, energy, p), _bound_value(free, width, lam)
    return _with_dead_columns(r, width, lam)


def _filled(r: np.ndarray, width: int, lam: float, all_on: bool = False) -> Plan:
    """sum b = width exactly: gamma_k proportional to (1 - tau / r_k)_+; with `all_on`, tau may be negative."""
    a = 1 / r - 1 + lam
    tau_of = (np.cumsum(a) - lam * width) / np.cumsum(a / r)
    beyond = np.append(r[1:], -np.inf)
    q = len(r) - 1 if all_on else int(np.argmax(tau_of >= beyond))
    share = 1 - tau_of[q] / r[: q + 1]
    share = share if all_on else np.maximum(share, 0.0)
    gamma = width * share / np.sum(share / r[: q + 1])
    return Plan(gamma / r[: q + 1], gamma, width)


def _with_dead_columns(r: np.ndarray, width: int, lam: float) -> tuple[Plan, float]:
    """A class of fewer modes than columns, all positive: how many columns are better left dead?

    The value with K' >= p live columns plus the K - K' dead ones is convex in K', so a ternary search finds it.
    """

    p = len(r)

    def plan(live: int) -> Plan:
        slack = np.sum(1 / r) / (lam + (1 - lam) * p / live) < live
        return _filled(r, live, lam, all_on=bool(slack))

    def cost(live: int) -> float:
        return plan(live).value(lam) + width - live

    low, high = p, width
    while high - low > 2:
        left = low + (high - low) // 3
        right = high - (high - low) // 3
        if cost(left) <= cost(right):
            high = right
        else:
            low = left
    best = min(range(low, high + 1), key=cost)
    return plan(best), cost(best)


def _bracket(
    rho: np.ndarray,
    r: np.ndarray,
    width: int,
    lam: float,
    population_loss: Callable[[np.ndarray, np.ndarray], float],
) -> Optimum:
    """lam > 1: no exact value is known. Bound from lam = 1 (the loss grows with lam), best of three maps."""
    _, bound = _plan(rho, r, width, 1.0)
    own = np.eye(len(r), width)  # every mode on a column of its own, the other columns dead
    candidates = [(float(np.sum((1 - r) ** 2) + width - len(r)), r * 0 + 1.0, partial(np.array, own))]
    plan, _ = _plan(rho, r, width, 1.0)
    build = partial(plan_map, plan, width)
    A = build() if width <= CONSTRUCT_UP_TO else None
    loss = plan.value(lam) if A is None else population_loss(A, rho)
    candidates.append((loss, plan.gains(width), build))
    if len(r) == width:  # equal gamma: C is a multiple of the identity
        harmonic = width / np.sum(1 / r)
        b = harmonic / r
        build = partial(map_with_variances, b, np.ones(width))
        candidates.append((float(width * (1 - harmonic) ** 2), b, build))
    loss, gains, build = min(candidates, key=lambda candidate: candidate[0])
    note = "bracket: redundancy > 1 has no known exact value; bound from redundancy = 1, best of known maps"
    found = Optimum(padded(gains[:width], width), loss, False, min(bound, loss), note, build)
    return _constructed(found, rho, lam, population_loss) if width <= POLISH_UP_TO else found


def rotation_is_known(plan: Plan, lam: float) -> bool:
    """Whether a rotation that flattens what must be flat is known in closed form (docs/theory.md, section 4)."""
    one_diagonal = lam == 1 or len(_distinct(plan)) < 2
    return one_diagonal or is_hadamard_order(plan.live)


def _distinct(plan: Plan) -> np.ndarray:
    """The independent ones among the two centred vectors that must become flat."""
    rows = np.stack([padded(plan.b, plan.live), padded(plan.gamma, plan.live)])
    rows[0, 0] += plan.surplus
    rows -= rows.mean(axis=1, keepdims=True)
    size = np.linalg.norm(rows, axis=1)
    if np.linalg.matrix_rank(rows, tol=1e-13 * max(size.max(), 1e-300)) < 2:
        return rows[[int(np.argmax(size))]]
    return rows


def plan_map(plan: Plan, width: int) -> np.ndarray:
    """(n_modes, K) map of a plan: rotate so that all live columns agree in variance and in correlation."""
    p, live = len(plan.b), plan.live
    energy = plan.b.copy()
    energy[0] += plan.surplus
    if is_hadamard_order(live):
        directions = hadamard_rows(p, live)
    elif len(_distinct(plan)) < 2:
        # One flat diagonal implies the other: rotate by the vector that is not flat already.
        ruler = energy if np.ptp(energy) >= np.ptp(plan.gamma) or p < live else plan.gamma
        directions = map_with_variances(ruler, np.full(live, ruler.sum() / live)) / np.sqrt(ruler)[:, None]
    else:
        V, residual = flatten_two(padded(energy, live), padded(plan.gamma, live))
        if residual > 1e-9:  # at least the variances can always be made equal
            directions = map_with_variances(energy, np.full(live, energy.sum() / live))
            directions = directions / np.sqrt(energy)[:, None]
        else:
            directions = V[:, :p].T
    A = np.zeros((max(p, plan.surplus_mode + 1), width))
    A[:p, :live] = np.sqrt(plan.b)[:, None] * directions
    if plan.surplus > 0:
        A[plan.surplus_mode, :live] = np.sqrt(plan.surplus) * directions[0]
    return A
