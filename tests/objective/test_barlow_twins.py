"""Barlow Twins: conventions in numbers, the authors' formula, the water-filling and when it is attained."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from support import require, spectra

import eigenpairs as ep


def test_identical_views_correlate_perfectly():
    rng = np.random.default_rng(0)
    rows = np.tile(rng.standard_normal((30, 5)) * [1e-6, 1, 1, 10, 1e6] + 5, (2, 1))
    terms = ep.BarlowTwins().terms(rows, ep.Relation.from_views(30, 2))
    assert float(terms["invariance"]) < 1e-20, "C_kk is not 1 for identical views"


def test_a_dead_column_costs_one_and_has_a_finite_gradient():
    torch = require("torch", "deep")
    relation = ep.Relation.from_views(30, 2)
    Z = torch.tensor(np.tile(np.random.default_rng(0).standard_normal((30, 3)), (2, 1)).astype(np.float32))
    Z[:, 1] = 0.1
    Z.requires_grad_()
    terms = ep.BarlowTwins(0.0).terms(Z, relation)
    assert float(terms["invariance"].detach()) == pytest.approx(1.0, abs=1e-5)
    (gradient,) = torch.autograd.grad(terms["invariance"], Z)
    assert torch.isfinite(gradient).all()


def authors_loss(x, y, redundancy):
    """The published loss: BatchNorm without affine (biased variance + 1e-5), C = x^T y / n."""
    x, y = ((v - v.mean(axis=0)) / np.sqrt(v.var(axis=0) + 1e-5) for v in (x, y))
    C = x.T @ y / len(x)
    return np.sum((np.diag(C) - 1) ** 2) + redundancy * (np.sum(C**2) - np.sum(np.diag(C) ** 2))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.1, 3.0))
def test_per_view_equals_the_authors_formula(seed, scale):
    rng = np.random.default_rng(seed)
    x, y = scale * rng.standard_normal((2, 20, 6)) + rng.standard_normal(6)
    found = ep.BarlowTwins(0.01).loss(np.concatenate([x, y]), ep.Relation.from_views(20, 2), per_view=True)
    assert float(found) == pytest.approx(authors_loss(x, y, 0.01), rel=1e-12)


@pytest.mark.parametrize("lam", [5e-3, 0.1, 0.6, 1.0])
def test_water_filling_satisfies_its_optimality_conditions(lam):
    """KKT of min K - 2G + (1-lam) G^2/K + lam |gamma|^2 over gamma >= 0, sum gamma/r <= K, on 200 random spectra."""
    width = 8
    for rho in spectra(seed=int(100 * lam), count=200, modes=12):
        r = rho[:width][rho[:width] > 0]
        if len(r) < width:
            continue  # then the constraint may be slack; covered by the independent solver below
        b = ep.BarlowTwins(lam).gains(rho, width)
        gamma = r * b
        slope = -2 + 2 * (1 - lam) * gamma.sum() / width + 2 * lam * gamma
        price = np.max((-slope * r)[b > 0], initial=0.0)
        residual = np.where(b > 0, np.abs(slope + price / r), np.maximum(-(slope + price / r), 0))
        assert residual.max() < 1e-8, f"KKT residual {residual.max()} at rho = {rho}"
        assert b.sum() == pytest.approx(width), "the columns do not have unit variance"


@pytest.mark.parametrize("lam", [5e-3, 0.1, 0.6, 1.0])
def test_bound_agrees_with_an_independent_solver(lam):
    width = 6
    for rho in spectra(seed=41, count=20, modes=9):
        r = rho[:width][rho[:width] > 0]
        best = ep.BarlowTwins(lam).optimum(rho, width)
        if len(r) == 0:
            assert best.loss == width
            continue

        def value(gamma):
            G = gamma.sum()
            return width - 2 * G + (1 - lam) * G**2 / width + lam * gamma @ gamma

        cap = {"type": "ineq", "fun": lambda gamma, r=r: width - np.sum(gamma / r)}
        options = {"ftol": 1e-15, "maxiter": 2000}
        runs = [minimize(value, np.full(len(r), x), bounds=[(0, None)] * len(r), constraints=cap, method="SLSQP",
                         options=options) for x in (0.1, 0.5)]  # fmt: skip
        assert best.lower_bound == pytest.approx(min(run.fun for run in runs), rel=1e-6), f"rho = {rho}"


def test_top_k_blindly_would_be_wrong():
    """rho = (1, -.1), K = 2, lam = 1: whitening both modes gives 1.21, the optimum is 1.000 and attained."""
    rho = np.array([1.0, -0.1])
    best = ep.BarlowTwins(1.0).optimum(rho, 2)
    assert best.loss == pytest.approx(1.0) and best.exact
    assert ep.BarlowTwins(1.0).population_loss(best.map(), rho) == pytest.approx(1.0)
    assert ep.BarlowTwins(1.0).population_loss(np.eye(2), rho) > 1.19


def test_when_whitening_is_optimal():
    """b = 1 iff r_k (1 - (1-lam) mean(r) - lam r_k) is the same for all k: equal r, or any r_1 + r_2 = 1 at lam = 1."""
    for lam in (0.05, 0.5, 1.0):
        np.testing.assert_allclose(ep.BarlowTwins(lam).gains(np.full(4, 0.6)), 1.0)
        assert np.ptp(ep.BarlowTwins(lam).gains([0.9, 0.6, 0.5, 0.2])) > 0.01
    np.testing.assert_allclose(ep.BarlowTwins(1.0).gains([0.7, 0.3]), 1.0)


class TestHardNumbers:
    """Spectra and weights at which a formula that is right on paper loses its digits."""

    @pytest.mark.parametrize(
        ("lam", "rho", "width"),
        [
            (1e-9, [1e-12] * 4, 4),
            (1e-300, [0.9, 0.8], 4),
            (1e-300, [0.9] * 3, 3),
            (0.005, [1, 1e-12, 0, -0.5], 7),
            (0.1, [0.5, 1e-12, 1e-12, 0.0], 11),
            (0.0011268883426095737, [0.939308906219, 0.826599093531, 0.628168965561, 0.556658449123], 7),
            (1.0, [1e-310, -0.1], 2),
            (1e-9, [1.0, 1.0, 0.0, 0.0], 4),
        ],
    )
    def test_value_and_map_stay_finite_and_agree(self, lam, rho, width):
        objective, rho = ep.BarlowTwins(lam), np.array(rho, dtype=float)
        best = objective.optimum(rho, width)
        A = best.map()
        assert np.isfinite(A).all() and np.isfinite(best.loss)
        assert objective.population_loss(A, rho) == pytest.approx(best.loss, rel=1e-9, abs=1e-12)
        assert best.lower_bound <= best.loss * (1 + 1e-12) + 1e-12

    def test_a_tiny_weight_is_not_beaten(self):
        best = ep.BarlowTwins(0.005).optimum([1, 1e-12, 0, -0.5], 7)
        assert best.loss == pytest.approx(0.20388350, abs=2e-8)

    def test_maps_at_activation_thresholds(self):
        """lam chosen so that a mode is just about to come in: its gain is zero, not 0/0."""
        rng = np.random.default_rng(0)
        for _ in range(100):
            r = np.sort(rng.uniform(0.05, 1, 7))[::-1]
            j = rng.integers(1, 7)
            drop = 1 - r[j] / r[:j]
            lam = float(np.sum(drop * (1 / r[:j] - 1)) / (7 - np.sum(drop)))
            if 0 < lam <= 1:
                assert np.isfinite(ep.BarlowTwins(lam).optimum(r, 7).map()).all()

    def test_large_redundancy_beyond_the_class_counts_dead_columns(self):
        objective, rho = ep.BarlowTwins(2.0), np.full(3, 0.9)
        best = objective.optimum(rho, 40)
        assert objective.population_loss(best.map(), rho) == pytest.approx(best.loss)
        assert best.lower_bound == pytest.approx(ep.BarlowTwins(1.0).optimum(rho, 40).loss)

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_loss_does_not_depend_on_scale(self, dtype):
        rng = np.random.default_rng(0)
        Z, G = rng.standard_normal((40, 3)), ep.Relation.from_views(20, 2)
        for objective in (ep.BarlowTwins(0.1), ep.Whitening()):
            expected = float(objective.loss(Z, G))
            for scale in (1e-30, 1e-20, 1e15, 1e30):
                found = float(objective.loss((Z * scale).astype(dtype), G))
                assert found == pytest.approx(expected, rel=1e-4), f"{objective} at scale {scale}"


def test_predicted_rank_follows_the_formula():
    """Mode j is on iff lam > [sum_{k<j} (1 - r_j/r_k)(1/r_k - 1)] / [K - sum_{k<j} (1 - r_j/r_k)]."""
    rng = np.random.default_rng(0)
    for _ in range(50):
        r = np.sort(rng.uniform(0.05, 1, 8))[::-1]
        for lam in (1e-3, 0.02, 0.2, 0.9):
            drop = [1 - r[j] / r[:j] for j in range(8)]
            threshold = [np.sum(d * (1 / r[:j] - 1)) / (8 - np.sum(d)) for j, d in enumerate(drop)]
            expected = 1 + sum(lam > t for t in threshold[1:])
            assert ep.BarlowTwins(lam).optimum(r, 8).rank == expected


def test_small_redundancy_collapses_the_rank():
    rho = 0.95 * np.exp(-0.05 * np.arange(64))
    ranks = [ep.BarlowTwins(lam).optimum(rho, 64).rank for lam in (0.0, 1e-3, 5e-3, 0.1, 1.0)]
    assert ranks[0] == 1 and ranks == sorted(ranks) and ranks[-1] > 10


@pytest.mark.parametrize("width", [6, 9, 12, 20, 33, 60])
def test_a_rotation_is_found_where_none_is_known_in_closed_form(width):
    rng = np.random.default_rng(width)
    rho = np.sort(rng.uniform(0.2, 1, width))[::-1]
    X = ep.BarlowTwins(0.7).optimum(rho, width)
    loss = ep.BarlowTwins(0.7).population_loss(X.map(), rho)
    assert loss == pytest.approx(X.lower_bound, rel=1e-9), "the flattening missed the bound"


def test_three_columns_report_bound_and_attained_value():
    best = ep.BarlowTwins(0.5).optimum([0.9, 0.5, 0.2], 3)
    assert not best.exact and best.lower_bound < best.loss < best.lower_bound * 1.15
    assert "bound" in best.note


def test_bound_holds_for_random_maps_of_any_kind():
    """Any number of modes, negative rho, dead columns, more columns than modes."""
    rng = np.random.default_rng(0)
    for lam in (0.01, 0.5, 1.0, 3.0):
        objective = ep.BarlowTwins(lam)
        for k, rho in enumerate(spectra(seed=8, count=16, modes=6)):
            rho = rho[: 2 + k % 5]
            bound = objective.optimum(rho, 4).lower_bound
            for trial in range(60):
                A = rng.standard_normal((len(rho), 4)) * np.exp(-trial % 3 * np.arange(len(rho)))[:, None]
                A[:, rng.random(4) < 0.2] = 0
                assert objective.population_loss(A, rho) >= bound - 1e-9, f"lam {lam}, rho {rho}"


def test_more_columns_than_an_all_positive_class():
    """D = p < K: dead columns may be better than stretched ones; compared with descent."""
    rng = np.random.default_rng(0)
    for lam in (0.05, 0.5, 1.0):
        for rho in ([0.9], [0.95, 0.9], [0.8, 0.3]):
            rho, objective = np.array(rho), ep.BarlowTwins(lam)
            best = objective.optimum(rho, 4)
            for _ in range(200):
                A = rng.standard_normal((len(rho), 4))
                A[:, rng.random(4) < 0.3] = 0
                assert objective.population_loss(A, rho) >= best.lower_bound - 1e-9
