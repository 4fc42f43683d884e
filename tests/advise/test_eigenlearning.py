"""The formula against its limits and against probes that were really fitted."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eigenpairs.advise.eigenlearning import learned, predict, predicted_error


@given(
    st.lists(st.floats(0, 10), min_size=1, max_size=30).filter(lambda b: max(b) > 1e-3),
    st.floats(1e-3, 1e3),
    st.integers(3, 5000),
)
def test_kappa_solves_its_equation(gains, ridge, n):
    b = np.array(gains)
    found = learned(b, np.array(ridge), n)
    np.testing.assert_allclose(found.share, b / (b + found.kappa), rtol=1e-12, err_msg="shares of another kappa")
    left = np.sum(b / (b + found.kappa)) + ridge / found.kappa
    assert np.isclose(left, n - 1, rtol=1e-10), f"kappa misses its equation: {left} of {n - 1} labels"


def test_a_huge_ridge_learns_nothing_and_many_labels_learn_all():
    b, energy = np.array([2.0, 1.0, 0.5]), np.array([0.3, 0.2, 0.1])
    nothing = learned(b, np.array(1e12), 100)
    assert np.isclose(predicted_error(nothing, energy, 0.4), 100 / 99 * 1.0)
    everything = learned(b, np.array(1e-6), 10**7)
    assert np.isclose(predicted_error(everything, energy, 0.4), 0.4, rtol=1e-5)


@given(st.integers(0, 1000))
@settings(max_examples=30)
def test_units_of_the_gains_do_not_matter(seed):
    rng = np.random.default_rng(seed)
    b, energy = rng.uniform(0.01, 1, (4, 20)), rng.uniform(0, 0.04, 20)
    once, twice = predict(b, energy, 0.3, 50), predict(7 * b, energy, 0.3, 50)
    np.testing.assert_allclose(once.error, twice.error, rtol=1e-9)
    np.testing.assert_allclose(7 * once.ridge, twice.ridge, rtol=1e-9)


@pytest.mark.parametrize("n", [15, 60, 400])
def test_within_five_percent_of_probes_on_gaussian_modes(n):
    rng = np.random.default_rng(0)
    m = 40
    gains, alpha = np.geomspace(1, 0.01, m), rng.standard_normal(m) * np.geomspace(1, 0.1, m)
    found = predict(gains[None], alpha**2, 0.5, n)
    errors = []
    for _ in range(300):
        phi = rng.standard_normal((n, m))
        y = phi @ alpha + np.sqrt(0.5) * rng.standard_normal(n)
        Z = (phi - phi.mean(axis=0)) * np.sqrt(gains)
        w = np.linalg.solve(Z.T @ Z + found.ridge[0] * np.eye(m), Z.T @ (y - y.mean())) * np.sqrt(gains)
        offset = y.mean() - phi.mean(axis=0) @ w
        errors.append(np.sum((w - alpha) ** 2) + offset**2 + 0.5)  # exact over new rows
    assert np.isclose(found.error[0], np.mean(errors), rtol=0.05), "eigenlearning misses Gaussian ridge regression"


def test_the_weight_is_the_slope_in_each_energy():
    rng = np.random.default_rng(0)
    gains, energy = rng.uniform(0, 1, (3, 8)), rng.uniform(0, 0.1, 8)
    found = predict(gains, energy, 1 - energy.sum(), 30)
    for k in range(8):
        moved = energy.copy()
        moved[k] += 1e-6
        slope = (predict(gains, moved, 1 - moved.sum(), 30).error - found.error) / 1e-6
        np.testing.assert_allclose(slope, found.weight[:, k], rtol=1e-3, atol=1e-6)
