"""Probes: no source on both sides, and accuracies that can be worked out by hand."""

import json

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.linear_model import Ridge as RidgeRegression
from sklearn.linear_model import RidgeClassifierCV
from sklearn.neighbors import KNeighborsClassifier

from eigenpairs.diagnose import knn_accuracy, linear_probe_accuracy, split_by_source
from eigenpairs.diagnose.probes import (
    RIDGES,
    fit_ridge,
    knn_r2,
    ridge_probe_accuracy,
    ridge_probe_r2,
    standardised,
)
from eigenpairs.diagnose.with_labels import probe


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 1000), st.integers(2, 60), st.integers(1, 6))
def test_split_keeps_sources_apart_or_says_that_it_does_not(seed, sources, size):
    rng = np.random.default_rng(seed)
    source = rng.permutation(np.repeat(np.arange(sources), size))
    source[rng.random(len(source)) < 0.1] = -1
    labelled = np.flatnonzero(rng.random(len(source)) < 0.8)
    if len(labelled) < 3:
        return
    split = split_by_source(labelled, np.zeros(len(source)), source, seed=seed)
    assert sorted([*split.bank, *split.test]) == labelled.tolist()
    assert len(split.bank) and len(split.test)
    shared = (set(source[split.bank]) & set(source[split.test])) - {-1}
    assert not (shared and split.by_source), "a source is on both sides and the rule denies it"
    if sources >= 30:
        assert split.by_source, "sources could have been kept apart"


@pytest.mark.parametrize(
    "source",
    [np.zeros(50, dtype=int), np.arange(50) % 3, np.where(np.arange(50) < 40, 0, np.arange(50))],
    ids=["one component", "few sources", "one giant source"],
)
def test_sources_that_cannot_be_kept_apart_are_split_by_rows(source):
    split = split_by_source(np.arange(50), np.zeros(50), source)
    assert len(split.test) == 10 and len(split.bank) == 40
    assert not split.by_source and "both sides" in split.rule


def test_pairs_that_are_the_labels_do_not_empty_the_bank():
    y = np.repeat(np.arange(20), 10)
    split = split_by_source(np.arange(200), y, y)
    assert np.isin(y[split.test], y[split.bank]).all() and not split.by_source


def test_accuracies_of_separated_and_hopeless_classes():
    rng = np.random.default_rng(0)
    y = np.arange(400) % 2
    Z = rng.standard_normal((400, 3))
    far = Z + 100 * y[:, None]
    for score in (knn_accuracy, linear_probe_accuracy, ridge_probe_accuracy):
        assert score(far[:200], y[:200], far[200:], y[200:]) == 1.0
        assert abs(score(Z[:200], y[:200], Z[200:], y[200:]) - 0.5) < 0.12


def test_linear_probe_does_not_depend_on_units():
    rng = np.random.default_rng(0)
    Z, y = rng.standard_normal((300, 3)), rng.integers(0, 3, 300)
    Z[:, 0] += y
    units = np.array([1e-6, 1.0, 1e6])
    a, b = (linear_probe_accuracy(A[:200], y[:200], A[200:], y[200:]) for A in (Z, Z * units))
    assert a == b


def rows_of(seed, n, d, rank):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, rank)) @ rng.standard_normal((rank, d)) + 10 * rng.standard_normal(d)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(6, 40), st.integers(1, 40), st.integers(1, 20), st.integers(1, 3))
@example(6082, 14, 34, 15, 1)
def test_ridge_has_the_least_generalised_cross_validation_error(seed, n, d, rank, C):
    """The error of the chosen ridge, from the hat matrix as it is defined, against those of all others."""
    rng = np.random.default_rng(seed)
    X = rows_of(seed, n, d, min(rank, d))
    Y = X[:, :1] * rng.standard_normal(C) + rng.standard_normal((n, C))
    found = fit_ridge(X, Y)
    theirs = RidgeRegression(alpha=found.ridge, solver="svd").fit(X, Y)
    np.testing.assert_allclose(found.predict(X), theirs.predict(X).reshape(n, C), atol=1e-6 * np.abs(Y).max())
    centred = X - X.mean(axis=0)
    U, s, _ = np.linalg.svd(centred, full_matrices=False)
    U, w = U[:, s > 1e-10 * s[0]], s[s > 1e-10 * s[0]] ** 2

    def error(ridge):
        H = 1 / n + (U * (w / (w + ridge))) @ U.T
        return n * np.sum((Y - H @ Y) ** 2) / (n - np.trace(H)) ** 2

    best = min(error(ridge) for ridge in w.mean() * RIDGES)
    assert error(found.ridge) <= best * (1 + 1e-4), "another ridge has a smaller GCV error"


def test_ridge_probe_agrees_with_exact_leave_one_out():
    """RidgeClassifierCV chooses by exact leave-one-out: another rule, nearly the same probe."""
    pixels, digit = load_digits(return_X_y=True)
    train, test = standardised(pixels[:1200], pixels[1200:])
    theirs = RidgeClassifierCV(alphas=np.logspace(-2, 4, 25)).fit(train, digit[:1200]).score(test, digit[1200:])
    ours = ridge_probe_accuracy(pixels[:1200], digit[:1200], pixels[1200:], digit[1200:])
    assert abs(ours - theirs) < 0.01, (ours, theirs)


@pytest.mark.parametrize("probe_accuracy", [knn_accuracy, linear_probe_accuracy, ridge_probe_accuracy])
def test_test_rows_have_no_say_in_the_fit(probe_accuracy):
    """Were anything tuned or standardised on test rows, two halves would not average to the whole."""
    pixels, digit = load_digits(return_X_y=True)
    bank = pixels[:300], digit[:300]
    parts = [probe_accuracy(*bank, pixels[a:b], digit[a:b]) for a, b in ((300, 700), (700, 1100), (300, 1100))]
    assert parts[2] == pytest.approx((parts[0] + parts[1]) / 2, abs=1e-12)


def test_dead_columns_and_more_columns_than_rows():
    pixels, digit = load_digits(return_X_y=True)
    wide = np.concatenate([pixels, np.full((len(pixels), 5), 3.0)], axis=1)
    for n in (40, 400):
        sides = (digit[:n], slice(1000, None), digit[1000:])
        for probe_accuracy in (ridge_probe_accuracy, linear_probe_accuracy, knn_accuracy):
            a, b = (probe_accuracy(Z[:n], sides[0], Z[sides[1]], sides[2]) for Z in (pixels, wide))
            assert a == b > 0.5, f"{probe_accuracy.__name__} sees dead columns"


def test_ridge_probe_does_not_depend_on_units():
    pixels, digit = load_digits(return_X_y=True)
    units = np.logspace(-6, 6, 64)
    a, b = (ridge_probe_accuracy(Z[:500], digit[:500], Z[500:], digit[500:]) for Z in (pixels, pixels * units + units))
    assert a == b


def test_cosine_neighbours_ignore_lengths():
    rng = np.random.default_rng(0)
    Z, y = rng.standard_normal((200, 5)), rng.integers(0, 3, 200)
    stretched = Z * rng.uniform(0.1, 10, (200, 1))
    a, b = (knn_accuracy(A[:100], y[:100], A[100:], y[100:], metric="cosine") for A in (Z, stretched))
    c, d = (knn_accuracy(A[:100], y[:100], A[100:], y[100:]) for A in (Z, stretched))
    assert a == b and c != d
    with pytest.raises(ValueError, match="metric = 'dot'"):
        knn_accuracy(Z, y, Z, y, metric="dot")


def test_r2_of_real_labels_by_hand():
    bank, y_bank = np.array([[0.0], [1.0], [10.0], [11.0]]), np.array([0.0, 1.0, 4.0, 6.0])
    Z, y = np.array([[0.4], [10.4]]), np.array([1.5, 4.0])  # means of two neighbours: 0.5 and 5
    assert knn_r2(bank, y_bank, Z, y, k=2) == pytest.approx(1 - (1.0**2 + 1.0**2) / (2 * 1.25**2))
    line = np.linspace(0, 1, 30)[:, None]
    assert ridge_probe_r2(line[::2], 3 * line[::2, 0], line[1::2], 3 * line[1::2, 0]) == pytest.approx(1, abs=1e-6)


def test_one_training_class_is_always_said():
    Z, y = np.eye(4), np.array([1, 1, 0, 1])
    for probe_accuracy in (knn_accuracy, linear_probe_accuracy, ridge_probe_accuracy):
        assert probe_accuracy(Z[:2], y[:2], Z, y) == 0.75


def test_probe_puts_all_of_it_together():
    pixels, digit = load_digits(return_X_y=True)
    found = probe(pixels, digit, n_draws=5)
    assert found.score == "accuracy" and found.n_train + found.n_test == found.n_labelled == len(digit)
    assert found.baseline < 0.15 < 0.9 < found.ridge < found.logistic < found.knn, found
    assert found.label_energy.outside == pytest.approx(0.34, abs=0.03)
    assert found.few_shot.mean[-1] < found.ridge
    assert "held-out rows" in found.rule and "nothing is tuned on test rows" in found.rule
    assert json.loads(json.dumps(found.to_dict()))["few_shot"]["labels"] == [1, 2, 5, 10, 20, 50]
    assert found.to_dict() == probe(pixels, digit, n_draws=5).to_dict(), "the same seed gave another answer"


def test_probe_keeps_views_of_a_source_on_one_side_and_counts_their_label_once():
    """Every row eight times, labels of the sources drawn at random: nothing can be known of a new source."""
    rng = np.random.default_rng(0)
    Z, y = rng.standard_normal((100, 5)), rng.integers(0, 2, 100)
    source = np.tile(np.arange(100), 8)
    blurred = Z[source] + 1e-3 * rng.standard_normal((800, 5))
    apart, mixed = probe(blurred, y[source], groups=source, n_draws=5), probe(blurred, y[source], n_draws=5)
    assert mixed.knn == 1 and mixed.ridge > apart.ridge, "partners on both sides should give the label away"
    assert apart.knn < 0.75, "a new source's label cannot be known"
    assert apart.label_energy.n_labels == 100 and "held-out sources" in apart.rule
    assert abs(1 - apart.label_energy.outside) < 4 * np.sqrt(np.sum(apart.label_energy.standard_error**2))
    assert 1 - mixed.label_energy.outside > 3 * abs(1 - apart.label_energy.outside) or mixed.label_energy.outside < 1


def test_probe_of_real_values_and_of_few_labels():
    pixels, digit = load_digits(return_X_y=True)
    ink = pixels.mean(axis=1)
    found = probe(pixels, ink, n_draws=5)
    assert found.score == "R2" and found.ridge > 0.999, "mean ink is a linear function of the pixels"
    assert found.label_energy.outside == pytest.approx(0, abs=1e-9)
    assert abs(found.baseline) < 0.05 and np.isnan(found.logistic)
    third = probe(pixels, np.where(np.arange(len(digit)) % 3 == 0, ink, np.nan), n_draws=5)
    assert third.n_labelled == 599 and third.label_energy.outside == pytest.approx(0, abs=0.1)
    few = probe(pixels, np.where(np.arange(len(digit)) < 60, digit, -1), n_draws=5)
    assert few.n_train + few.n_test == 60 and len(few.label_energy.energy) == 19


def test_probe_of_a_collapsed_embedding_is_the_baseline():
    y = np.arange(300) % 3
    found = probe(np.full((300, 4), 0.1), y, n_draws=3)
    assert found.ridge == found.logistic == found.baseline and found.label_energy.outside == 1
    np.testing.assert_array_equal(found.few_shot.mean, found.few_shot.mean[0])


def test_probe_takes_a_sample_of_many_rows():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 5000)
    found = probe(rng.standard_normal((5000, 3)) + y[:, None], y, max_rows=500, n_draws=3)
    assert found.n_train + found.n_test == 500 and found.n_labelled == 5000
    assert found.ridge > 0.7


def test_probe_errors_name_the_argument():
    Z, y = np.random.default_rng(0).standard_normal((40, 3)), np.arange(40) % 2
    for match, change in (
        ("y has shape", {"y": y[1:]}),
        ("1 class", {"y": 0 * y}),
        ("labels 6 rows", {"y": np.where(np.arange(40) < 6, y, -1)}),
        ("groups has 39 entries", {"groups": np.arange(39)}),
        ("task = 'guess'", {"task": "guess"}),
        (r"Z\[7, 1\] = nan", {"Z": np.where(np.arange(120).reshape(40, 3) == 22, np.nan, Z)}),
    ):
        with pytest.raises(ValueError, match=match):
            probe(**({"Z": Z, "y": y} | change))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("zero", [False, True], ids=["", "with a row of zeros"])
def test_cosine_neighbours_are_those_of_sklearns_own_cosine(dtype, zero):
    rng = np.random.default_rng(0)
    y = rng.integers(0, 4, 600)
    Z = (rng.standard_normal((600, 20)) * rng.lognormal(size=(600, 1)) + np.eye(20)[y]).astype(dtype)
    Z[[3, 500]] *= not zero
    sides = Z[:400], y[:400], Z[400:], y[400:]
    expected = KNeighborsClassifier(7, metric="cosine").fit(*sides[:2]).score(*sides[2:])
    assert knn_accuracy(*sides, 7, "cosine") == expected
