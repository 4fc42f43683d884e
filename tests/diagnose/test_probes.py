"""Probes: no source on both sides, and accuracies that can be worked out by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eigenpairs.diagnose import knn_accuracy, linear_probe_accuracy, split_by_source


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
    for probe in (knn_accuracy, linear_probe_accuracy):
        assert probe(far[:200], y[:200], far[200:], y[200:]) == 1.0
        assert abs(probe(Z[:200], y[:200], Z[200:], y[200:]) - 0.5) < 0.12


def test_linear_probe_does_not_depend_on_units():
    rng = np.random.default_rng(0)
    Z, y = rng.standard_normal((300, 3)), rng.integers(0, 3, 300)
    Z[:, 0] += y
    units = np.array([1e-6, 1.0, 1e6])
    a, b = (linear_probe_accuracy(A[:200], y[:200], A[200:], y[200:]) for A in (Z, Z * units))
    assert a == b
