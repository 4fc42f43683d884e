"""VICReg: conventions stated in numbers, the authors' formula, and the water-filling against independent solvers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from support import spectra

import eigenpairs as ep
from eigenpairs.objective.water_filling import FULL, STD_EPS, Filling

G = ep.Relation.from_views(50, 2)


def orthonormal(n, K, seed=0):
    raw = np.random.default_rng(seed).standard_normal((n, K))
    return np.linalg.qr(raw - raw.mean(axis=0))[0] * np.sqrt(n)


class TestTermValues:
    """On rows whose moments are known, every term has a value that can be written down."""

    def test_orthonormal_rows_with_identical_views_cost_nothing(self):
        terms = ep.VICReg().terms(np.tile(orthonormal(50, 4), (2, 1)), G)
        assert all(abs(float(value)) < 1e-12 for value in terms.values()), terms

    def test_constant_rows_pay_the_whole_hinge(self):
        terms = ep.VICReg(25, 25, 1).terms(np.full((100, 4), 7.0), G)
        assert float(terms["variance"]) == pytest.approx(25 * (1 - np.sqrt(STD_EPS)))
        assert float(terms["invariance"]) == float(terms["covariance"]) == 0

    def test_rank_one_rows_pay_for_every_off_diagonal(self):
        rows = np.tile(orthonormal(50, 1), (2, 4))
        # K (K - 1) entries of 1, weight 2 n / K
        assert float(ep.VICReg(25, 25, 1).terms(rows, G)["covariance"]) == pytest.approx(2 / 4 * 12)
        assert float(ep.VICReg(1, 3, 2, form="least-squares").terms(rows, G)["covariance"]) == pytest.approx(2 * 12)

    def test_opposite_views_pay_four_per_unit_variance(self):
        rows = orthonormal(50, 4)
        assert float(ep.VICReg(25, 25, 1).terms(np.concatenate([rows, -rows]), G)["invariance"]) == pytest.approx(100)

    def test_least_squares_with_equal_weights_is_distance_to_the_identity(self):
        Z = np.random.default_rng(0).standard_normal((100, 5))
        terms = ep.VICReg(0.0, 3.0, form="least-squares").terms(Z, G)
        assert float(sum(terms.values())) == pytest.approx(3 * np.sum((np.eye(5) - np.cov(Z.T, bias=True)) ** 2))


def authors_loss(x, y, invariance, variance, covariance):
    """The published loss in plain numpy: statistics per view with n - 1, hinge halved, covariances added."""
    K = x.shape[1]
    value = invariance * np.mean((x - y) ** 2)
    for view in (x, y):
        value += variance * np.mean(np.maximum(0, 1 - np.sqrt(view.var(axis=0, ddof=1) + 1e-4))) / 2
        C = np.cov(view.T)
        value += covariance * (np.sum(C**2) - np.sum(np.diag(C) ** 2)) / K
    return value


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.1, 3.0))
def test_per_view_equals_the_authors_formula(seed, scale):
    rng = np.random.default_rng(seed)
    x, y = scale * rng.standard_normal((2, 20, 6)) + rng.standard_normal(6)
    found = ep.VICReg(25, 20, 2).loss(np.concatenate([x, y]), ep.Relation.from_views(20, 2), per_view=True)
    assert float(found) == pytest.approx(authors_loss(x, y, 25, 20, 2), rel=1e-12)


def test_pooled_loss_bounds_the_per_view_loss():
    """With biased covariances; the n - 1 of the authors is a factor that vanishes with n."""
    rng = np.random.default_rng(0)
    n = 20_000
    relation = ep.Relation.from_views(n, 2)
    for _ in range(5):
        A, B = rng.standard_normal((2, 4, 4)) * 0.5
        source = rng.standard_normal((n, 4))
        Z = np.concatenate([source @ A, source @ B])
        assert ep.VICReg().loss(Z, relation) <= ep.VICReg().loss(Z, relation, per_view=True) * (1 + 1e-3) + 1e-3


def test_per_view_needs_views():
    with pytest.raises(ValueError, match="per_view=True needs Relation"):
        ep.VICReg().loss(np.zeros((4, 2)), ep.Relation.from_groups([0, 0, 1, 1]), per_view=True)
    with pytest.raises(ValueError, match="form='practice'"):
        ep.VICReg(form="least-squares").loss(np.zeros((4, 2)), ep.Relation.from_views(2, 2), per_view=True)


WEIGHTS = [(25.0, 25.0, 1.0), (1.0, 25.0, 1.0), (5.0, 16.0, 1.0), (0.2, 40.0, 2.0), (3.0, 10.0, 0.0)]


@pytest.mark.parametrize(("s", "m", "n"), WEIGHTS)
def test_practice_satisfies_its_optimality_conditions(s, m, n):
    """KKT of min cost.b + m K h(T/K) + 2 n (|b|^2 - T^2/K), T = sum b <= K FULL, on 200 random spectra."""
    for rho in spectra(seed=int(10 * m + n), count=200, modes=12):
        width = 8
        b = ep.VICReg(s, m, n).gains(rho, width)
        assert (b >= 0).all()
        T = b.sum()
        slope = 2 * s * (1 - rho[:width]) + 4 * n * (b - T / width) - m / (2 * np.sqrt(T / width + STD_EPS))
        scale = m / (2 * np.sqrt(T / width + STD_EPS)) + 4 * n * T / width + 2 * s
        multiplier = 0.0 if width * FULL * (1 - 1e-9) > T else max(-slope[b > 0].min(), 0.0)
        residual = np.where(b > 0, np.abs(slope + multiplier), np.maximum(-(slope + multiplier), 0.0))
        assert residual.max() < 1e-7 * scale, f"KKT residual {residual.max()} at rho = {rho}"


@pytest.mark.parametrize(("s", "m", "n"), WEIGHTS)
def test_practice_agrees_with_an_independent_solver(s, m, n):
    for rho in spectra(seed=77, count=20, modes=8):
        width, cost = 6, 2 * s * (1 - rho[:6])

        def value(b, cost=cost, width=width):
            T = b.sum()
            hinge = width * max(1 - np.sqrt(T / width + STD_EPS), 0.0)
            return (cost @ b + m * hinge + 2 * n * (b @ b - T**2 / width)) / width

        cap = {"type": "ineq", "fun": lambda b, width=width: width * FULL - b.sum()}
        options = {"ftol": 1e-15, "maxiter": 1000}
        starts = [np.full(6, x) for x in (0.05, 0.5, 0.9)] + [np.eye(6)[0] * 6 * FULL]
        solved = [
            minimize(value, x, bounds=[(0, None)] * 6, constraints=cap, method="SLSQP", options=options) for x in starts
        ]
        best = ep.VICReg(s, m, n).optimum(rho, width).loss
        assert best == pytest.approx(min(run.fun for run in solved), rel=1e-6, abs=1e-8), f"rho = {rho}"


@pytest.mark.parametrize("c", [0.1, 0.5, 1.0, 4.0])
def test_least_squares_agrees_with_an_independent_solver(c):
    """c < a: flat diagonal; c >= a: diagonal modes. Both are convex in b."""
    a, g = 1.0, 0.7
    for rho in spectra(seed=78, count=20, modes=8):
        width, cost = 6, 2 * g * (1 - rho[:6])

        def value(b, cost=cost, width=width):
            diagonal = np.full(width, b.sum() / width) if c < a else b
            return cost @ b + a * np.sum((1 - diagonal) ** 2) + c * (b @ b - diagonal @ diagonal)

        runs = [minimize(value, np.full(6, x), bounds=[(0, None)] * 6, method="L-BFGS-B",
                         options={"ftol": 1e-16, "gtol": 1e-12}) for x in (0.1, 0.9)]  # fmt: skip
        best = ep.VICReg(g, a, c, form="least-squares").optimum(rho, width).loss
        assert best == pytest.approx(min(run.fun for run in runs), rel=1e-6, abs=1e-9)


def test_collapse_is_predicted():
    """T = 0 is optimal iff s mu_1 >= 50 m, mu_1 = 2 (1 - rho_1): the slope of the hinge at zero is -50."""
    for rho, s, collapsed in ((0.5, 24.9, False), (0.5, 25.1, True), (-0.5, 8.4, True), (-0.5, 8.2, False)):
        best = ep.VICReg(s, 0.5, 0.0).optimum([rho], 1)
        assert (best.rank == 0) == collapsed, f"rho {rho}, s {s}: {best}"
        assert best.loss == pytest.approx(0.5 * 0.99) or not collapsed


def test_least_squares_threshold():
    """Modes with rho < 1 - a/g are dropped."""
    rho = np.linspace(0.99, -0.5, 40)
    gains = ep.VICReg(invariance=2.0, variance=1.0, form="least-squares").gains(rho)
    np.testing.assert_array_equal(gains > 0, rho > 0.5)


def test_theory_example_of_unequal_columns():
    """K = 2, one mode rho = 1, m = 1, n = 10, s = 1: the flat value .826 is far from optimal, .495 is attained."""
    best = ep.VICReg(1.0, 1.0, 10.0).optimum([1.0], 2)
    assert best.loss == pytest.approx(0.495, abs=1e-3)
    assert best.lower_bound <= best.loss


@pytest.mark.parametrize("weights", [(1.0, 1.0, 10.0), (1.0, 4.0, 1.0), (3.0, 10.0, 1.0)])
def test_bound_below_sixteen_holds_for_random_maps(weights):
    rng = np.random.default_rng(0)
    objective = ep.VICReg(*weights)
    for rho in spectra(seed=3, count=12, modes=6):
        bound = objective.optimum(rho, 4).lower_bound
        for _ in range(50):
            A = rng.standard_normal((6, 4)) * rng.uniform(0, 1.2, 4)
            assert objective.population_loss(A, rho) >= bound - 1e-12


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 5), min_size=1, max_size=12), st.floats(0.01, 5), st.floats(0, 30))
def test_filling_spends_the_total_and_levels_the_price(cost, n, total):
    cost = np.sort(np.array(cost))
    filling = Filling(cost, n)
    b = filling.gains(total)
    assert b.sum() == pytest.approx(total, abs=1e-9)
    assert filling.minimum(total) == pytest.approx(cost @ b + 2 * n * b @ b, rel=1e-9, abs=1e-9)
    for modes in range(len(cost) + 1):
        assert filling.held(total, modes) == pytest.approx(b[:modes].sum(), abs=1e-9)


class TestHardNumbers:
    """Weights at which a formula that is right on paper loses its digits."""

    @pytest.mark.parametrize("covariance", [1e-3, 1e-6, 1e-9, 1e-12, 1e-18, 1e-300, 0.0])
    def test_a_vanishing_covariance_is_a_limit(self, covariance):
        """The loss is continuous at covariance 0."""
        for rho in ([0.9, 0.9, 0.5], [1e-6] * 6, [0.95, 0.9, 0.2, -0.3]):
            for make, width in (
                (lambda c: ep.VICReg(25, 25, c), 5),
                (lambda c: ep.VICReg(1.0, 1e4, c, form="least-squares"), 7),
            ):
                limit, found = make(0.0).optimum(rho, width), make(covariance).optimum(rho, width)
                assert limit.loss * (1 - 1e-12) <= found.loss <= limit.loss * (1 + 1e-12) + 100 * covariance
                loss = make(covariance).population_loss(found.map(), np.array(rho))
                assert loss == pytest.approx(found.loss, rel=1e-9)

    def test_exactness_does_not_depend_on_units(self):
        rho = np.linspace(0.9, 0.1, 8)
        for scale in (1e-8, 1.0, 1e8):
            best = ep.VICReg(scale, scale, 10 * scale).optimum(rho)
            assert not best.exact and best.lower_bound < best.loss
            assert best.loss == pytest.approx(scale * ep.VICReg(1.0, 1.0, 10.0).optimum(rho).loss, rel=1e-3)

    def test_collapse_is_exact_for_any_covariance(self):
        best = ep.VICReg(1e6, 1.0, 40.0).optimum(np.full(21, 0.7))
        assert best.exact and best.rank == 0 and best.loss == pytest.approx(0.99)

    def test_a_single_column_has_no_covariance(self):
        assert ep.VICReg(1.0, 1.0, 50.0).optimum([0.9], 1).exact
        assert ep.VICReg(1.0, 1.0, 50.0).optimum([0.9], 1).loss == ep.VICReg(1.0, 1.0, 0.0).optimum([0.9], 1).loss

    def test_overflow_is_infinite_not_nan(self):
        Z = np.random.default_rng(0).standard_normal((100, 3)).astype(np.float32) * 1e20
        with np.errstate(over="ignore"):
            assert ep.VICReg().loss(Z, G) == np.inf


def test_unknown_form_is_refused():
    with pytest.raises(ValueError, match="form = 'squares' is unknown; choose from 'practice', 'least-squares'"):
        ep.VICReg(form="squares")
