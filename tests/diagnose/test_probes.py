"""Probes: no source on both sides, and accuracies that can be worked out by hand."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from eigenpairs.diagnose import knn_accuracy, linear_probe_accuracy, split_by_source


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 1000), st.integers(10, 60), st.integers(1, 4))
def test_split_keeps_sources_apart(seed, sources, size):
    rng = np.random.default_rng(seed)
    source = rng.permutation(np.repeat(np.arange(sources), size))
    source[rng.random(len(source)) < 0.1] = -1
    labelled = np.flatnonzero(rng.random(len(source)) < 0.8)
    if len(labelled) < 20:
        return
    bank, test = split_by_source(labelled, source, seed=seed)
    assert sorted([*bank, *test]) == labelled.tolist()
    shared = set(source[bank]) & set(source[test])
    assert shared <= {-1}, "a source is on both sides"


def test_one_component_is_split_by_rows():
    bank, test = split_by_source(np.arange(50), np.zeros(50, dtype=int))
    assert len(test) == 10 and len(bank) == 40


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
