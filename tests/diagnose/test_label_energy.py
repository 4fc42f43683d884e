"""Label energy against regression, against its definition, on average over draws, and on real labels."""

import json
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.linear_model import LinearRegression

import eigenpairs as ep
from eigenpairs.diagnose.label_energy import PrincipalDirections, label_energy, labels_of


def orthonormal(seed, n, m):
    """Functions with covariance I on these very rows."""
    Z = np.random.default_rng(seed).standard_normal((n, m))
    return np.linalg.qr(Z - Z.mean(axis=0))[0] * np.sqrt(n - 1)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 10), st.integers(32, 80))
def test_shares_add_up_to_the_adjusted_r2(seed, m, n):
    phi, rng = orthonormal(seed, n, m), np.random.default_rng(seed)
    y = phi @ rng.standard_normal(m) + rng.standard_normal(n)
    r2 = LinearRegression().fit(phi, y).score(phi, y)
    found = label_energy(phi, y)
    assert found.energy.sum() == pytest.approx(1 - (1 - r2) * (n - 1) / (n - m - 1), abs=1e-10)
    assert found.outside == pytest.approx(1 - found.cumulative[-1])
    assert found.total == pytest.approx(y.var(ddof=1))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(4, 7))
def test_few_labels_give_the_u_statistic_of_the_squared_covariance(seed, n):
    """cov^2 is the mean of (f1 - f2)(f3 - f4)(Y1 - Y2).(Y3 - Y4) / 4 over four different rows, taken literally."""
    rng = np.random.default_rng(seed)
    phi, y = rng.standard_normal((n, 10)), rng.permutation(np.arange(n) % 3)
    one, two, three, four = np.array(list(permutations(range(n), 4))).T
    Y = np.eye(3)[y]
    found = label_energy(phi, y)
    products = np.sum((Y[one] - Y[two]) * (Y[three] - Y[four]), axis=1)
    expected = np.mean(((phi[one] - phi[two]) * (phi[three] - phi[four])).T * products / 4, axis=1)
    np.testing.assert_allclose(found.energy * found.total, expected, atol=1e-12)
    assert "too few" in found.rule


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([20, 200]), st.floats(-100, 100), st.floats(0.01, 100))
def test_neither_names_nor_units_nor_the_order_of_rows_count(seed, n, shift, unit):
    rng = np.random.default_rng(seed)
    phi, y = rng.standard_normal((n, 15)), rng.permutation(np.arange(n) % 2)
    found, order = label_energy(phi, y), rng.permutation(n)
    for other in (
        label_energy(phi[order], y[order]),
        label_energy(phi, np.array(["yes", "no"])[y]),
        label_energy(phi, y == 1),
        label_energy(phi, shift + unit * y, task="regression"),  # two one-hot columns say what one real column says
    ):
        np.testing.assert_allclose(other.energy, found.energy, atol=1e-9)
        np.testing.assert_allclose(other.standard_error, found.standard_error, rtol=1e-6)


@pytest.mark.parametrize("kind", ["classes", "real"])
@pytest.mark.parametrize(("n", "m"), [(60, 40), (200, 40)], ids=["moments", "least squares"])
def test_right_on_average_with_an_honest_error(kind, n, m):
    """The label is a function of the first mode and of noise; plainly squared, each other mode would show 1/n."""
    rng, draws, errors = np.random.default_rng(0), [], []
    for _ in range(300):
        phi = rng.standard_normal((n, m))
        y = 0.8 * phi[:, 0] + 0.6 * rng.standard_normal(n)
        found = label_energy(phi, np.digitize(y, [-0.5, 0.5]) if kind == "classes" else y)
        draws.append(found.energy)
        errors.append(found.standard_error)
    draws, errors = np.array(draws), np.array(errors)
    density = np.exp(-0.125) / np.sqrt(2 * np.pi)  # of y at its two thresholds
    p = np.array([0.30854, 0.38292, 0.30854])
    truth = 0.64 if kind == "real" else 0.64 * 2 * density**2 / (1 - np.sum(p**2))
    spread = draws.std(axis=0, ddof=1)
    assert abs(draws[:, 0].mean() - truth) < 4 * spread[0] / np.sqrt(300) + 0.01, (draws[:, 0].mean(), truth)
    unrelated = draws[:, 1:].mean(axis=1)
    assert abs(unrelated.mean()) < 4 * unrelated.std() / np.sqrt(300), "chance was not subtracted"
    ratio = errors.mean(axis=0) / spread
    assert 0.6 < ratio[0] < 1.7 and 0.7 < ratio[1:].mean() < 1.5, f"standard errors are off by {ratio[:2]}"


def test_noise_is_what_an_unrelated_mode_shows():
    rng = np.random.default_rng(0)
    found = label_energy(rng.standard_normal((101, 200)), rng.permutation(np.arange(101) % 4))
    assert found.noise == pytest.approx(1 / 101, rel=0.1)
    assert found.total == pytest.approx(1 - np.sum((np.bincount(np.arange(101) % 4) / 101) ** 2), rel=0.02)


def test_rows_without_a_label_have_no_say():
    rng = np.random.default_rng(0)
    phi, y = rng.standard_normal((80, 5)), rng.integers(0, 3, 80)
    known = rng.random(80) < 0.7
    expected = label_energy(phi[known], y[known])
    blurred = np.where(known[:, None], phi, np.nan)
    text = np.where(known, np.array(["a", "b", "c"])[y], "")
    for labels in (np.where(known, y, -1), np.where(known, y, np.nan), text):
        np.testing.assert_array_equal(label_energy(blurred, labels).energy, expected.energy)
    assert expected.n_labels == known.sum()


def test_what_counts_as_a_class_and_what_as_a_number():
    assert labels_of([0.0, 1.0, np.nan, 2.0]).n_classes == 3, "whole numbers are classes, whatever their dtype"
    assert labels_of([True, False]).n_classes == 2
    assert labels_of([5, 7, -1, 7]).values.tolist() == [0, 1, -1, 1]
    real = labels_of([-1.0, 0.5, np.nan])
    assert real.n_classes == 0 and real.rows.tolist() == [0, 1], "among real values -1 is a value"
    assert labels_of([1, 2, 3], task="regression").n_classes == 0
    for bad, match in (([3, 3, -1], "1 class"), ([[0, 1]], "shape"), ([0.5, np.inf], r"y\[1\] = inf")):
        with pytest.raises(ValueError, match=match):
            labels_of(bad)


def test_columns_that_are_no_modes_are_not_taken_in_silence():
    pixels, digit = load_digits(return_X_y=True)
    with pytest.warns(UserWarning, match="orthonormal modes have about 1"):
        label_energy(100 * pixels, digit)


def test_constant_and_missing_modes():
    rng = np.random.default_rng(0)
    phi, y = rng.standard_normal((100, 3)), np.arange(100) % 2
    phi[:, 1] = 0
    found = label_energy(phi, y)
    assert found.energy[1] == 0 and "hardly vary" in found.rule
    nothing = label_energy(phi[:, :0], y)
    assert nothing.outside == 1 and len(nothing.energy) == 0
    with pytest.raises(ValueError, match="labels 3 rows"):
        label_energy(phi[:3], [0, 1, 0])
    json.dumps(found.to_dict())


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(3, 40), st.integers(1, 20), st.integers(1, 20))
def test_principal_directions_are_white_and_span_the_rows(seed, n, d, rank):
    rng = np.random.default_rng(seed)
    Z = rng.standard_normal((n, min(rank, d))) @ rng.standard_normal((min(rank, d), d)) + 10 * rng.standard_normal(d)
    directions = PrincipalDirections.of(Z)
    phi = directions.transform(Z)
    assert phi.shape[1] == min(rank, d, n - 1), "rank"
    np.testing.assert_allclose(np.cov(phi.T).reshape(phi.shape[1], -1), np.eye(phi.shape[1]), atol=1e-6)
    centred = Z - Z.mean(axis=0)
    np.testing.assert_allclose(phi @ np.linalg.lstsq(phi, centred, rcond=None)[0], centred, atol=1e-6)
    assert np.all(np.diff(directions.variances) <= 0)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize("n", [9, 300])
def test_constant_rows_have_no_direction(n, dtype):
    assert PrincipalDirections.of(np.full((n, 4), 0.1, dtype)).weights.shape == (4, 0)


def test_pairs_of_one_class_put_all_label_energy_first():
    """Pairs from labels make discriminant analysis: nine modes hold what 61 dimensions of pixels say of ten digits."""
    pixels, digit = load_digits(return_X_y=True)
    spec = ep.spectrum(pixels, ep.Relation.from_labels(digit))
    found = label_energy(spec.transform(pixels), digit)
    np.testing.assert_allclose(found.energy[9:], -found.noise, atol=1e-9, err_msg="only chance was there to subtract")
    principal = label_energy(PrincipalDirections.of(pixels).transform(pixels), digit)
    assert principal.outside == pytest.approx(found.outside, abs=1e-3), "both span the same functions"
    assert principal.cumulative[8] < found.cumulative[8], "the most variable directions are not the most telling"


def test_what_lies_outside_is_the_error_of_a_probe_with_many_labels():
    """Held-out squared error of least squares on the first directions, against 1 - cumulative energy."""
    pixels, digit = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(digit))
    train, test = order[:1200], order[1200:]
    directions, Y = PrincipalDirections.of(pixels[train]), np.eye(10)[digit]
    left = 1 - label_energy(directions.transform(pixels[train]), digit[train]).cumulative
    for m in (5, 10, 20, 40):
        phi = directions.transform(pixels, m)
        fit = LinearRegression().fit(phi[train], Y[train])
        error = np.sum((Y[test] - fit.predict(phi[test])) ** 2) / np.sum((Y[test] - Y[train].mean(axis=0)) ** 2)
        # A fit to n rows adds m / (n - m - 1) of the error to what the best function of the class leaves.
        assert error == pytest.approx(left[m - 1] * (1 + m / (1200 - m - 1)), rel=0.05), m
