"""Few-shot curves: where they end, what they average over, and what their error means."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.linear_model import Ridge

from eigenpairs.diagnose.few_shot import few_shot
from eigenpairs.diagnose.probes import fit_ridge, one_hot, ridge_probe_accuracy, ridge_probe_r2, standardised


@pytest.fixture(scope="module")
def digits():
    pixels, digit = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(digit))
    pixels, digit = pixels[order], digit[order]
    return pixels[:1000], digit[:1000], pixels[1000:], digit[1000:]


def classes(seed, n, n_classes, d):
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(2 * n) % n_classes)
    Z = rng.standard_normal((2 * n, d)) + 2 * rng.standard_normal((n_classes, d))[y]
    return Z[:n], y[:n], Z[n:], y[n:]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(20, 60), st.integers(2, 4), st.integers(1, 80))
def test_all_labels_are_the_ridge_probe(seed, n, n_classes, d):
    task = classes(seed, n, n_classes, d)
    curve = few_shot(*task, labels=[1, np.bincount(task[1]).max()], n_draws=3)
    assert curve.mean[-1] == pytest.approx(ridge_probe_accuracy(*task))
    assert curve.standard_error[-1] == pytest.approx(0), "there is one way to draw everything"
    assert curve.n_labels.tolist() == [n_classes, n]


def test_all_labels_are_the_ridge_probe_of_real_values_too():
    Z = np.random.default_rng(0).standard_normal((200, 6))
    y = Z[:, 0] + 0.3 * np.random.default_rng(1).standard_normal(200)
    sides = Z[:120], y[:120], Z[120:], y[120:]
    curve = few_shot(*sides, labels=[10, 120], n_draws=5)
    assert curve.score == "R2" and curve.mean[-1] == pytest.approx(ridge_probe_r2(*sides))
    assert curve.mean[0] < curve.mean[-1] < 1
    assert few_shot(Z[:8], y[:8], Z[8:], y[8:]).labels.tolist() == [8], "of very few labels all are taken"


def test_every_draw_is_a_ridge_regression_on_rows_of_every_class(digits):
    """One draw by hand: scikit-learn's solver with the same ridge says the same classes."""
    train, test = standardised(digits[0], digits[2])
    rows = np.concatenate([np.flatnonzero(digits[1] == c)[:3] for c in range(10)])
    Y = one_hot(digits[1][rows], np.arange(10))
    ours = fit_ridge(train[rows], Y)
    theirs = Ridge(alpha=ours.ridge).fit(train[rows], Y)
    np.testing.assert_allclose(ours.predict(test), theirs.predict(test), atol=1e-8)


def test_more_labels_help_and_the_error_says_by_how_much_draws_differ(digits):
    one, two = (few_shot(*digits, random_state=seed) for seed in (0, 1))
    assert one.labels.tolist() == [1, 2, 5, 10, 20, 50]
    assert np.all(np.diff(one.mean) > 0), f"accuracy falls with labels: {one}"
    assert one.mean[0] > 0.4 and one.mean[-1] > 0.8, one
    error = np.hypot(one.standard_error, two.standard_error)
    assert np.all(np.abs(one.mean - two.mean) < 4 * error), "two sets of draws differ by more than their errors allow"
    assert np.all(one.standard_error < 0.02) and one.standard_error[0] > one.standard_error[-1]


def test_labels_without_meaning_give_chance(digits):
    train, y_train, test, y = digits
    shuffled = np.random.default_rng(0).permutation(y_train)
    curve = few_shot(train, shuffled, test, y, labels=[5])
    assert abs(curve.mean[0] - 0.1) < 0.02


def test_repeats_for_a_seed_and_not_for_another(digits):
    a, b, c = (few_shot(*digits, labels=[2], n_draws=4, random_state=seed).mean[0] for seed in (0, 0, 1))
    assert a == b != c


def test_a_rare_class_gives_all_it_has():
    train, y_train, test, y = classes(0, 60, 3, 4)
    keep = (y_train != 2) | (np.cumsum(y_train == 2) <= 2)
    curve = few_shot(train[keep], y_train[keep], test, y, labels=[1, 5, 1000], n_draws=3)
    assert curve.labels.tolist() == [1, 5] and curve.n_labels.tolist() == [3, 12]
    json.dumps(curve.to_dict())


def test_texts_are_classes():
    train, y_train, test, y = classes(0, 60, 3, 4)
    names = np.array(["ant", "bee", "cat"])
    by_name, by_number = (
        few_shot(train, a, test, b, n_draws=3).mean for a, b in ((names[y_train], names[y]), (y_train, y))
    )
    np.testing.assert_array_equal(by_name, by_number)


def test_errors_name_the_argument():
    train, y_train, test, y = classes(0, 30, 3, 4)
    for change, match in (
        ({"labels": [100]}, "largest class has"),
        ({"labels": [0]}, "labels = 0"),
        ({"n_draws": 1}, "n_draws = 1"),
        ({"y": y[1:]}, r"y has shape \(29,\)"),
        ({"y_train": np.where(y_train == 0, -1, y_train)}, "y_train lacks"),
        ({"Z": test[:, :2]}, "train has 4 columns and Z has 2"),
    ):
        with pytest.raises(ValueError, match=match):
            few_shot(**({"train": train, "y_train": y_train, "Z": test, "y": y} | change))
