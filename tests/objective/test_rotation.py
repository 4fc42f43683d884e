"""Rotations give columns the variances asked for and leave the covariance spectrum alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eigenpairs.objective.rotation import flatten_two, hadamard_rows, map_with_variances, schur_horn


def check(gains, variances):
    A = map_with_variances(gains, variances)
    scale = max(gains.max(initial=0), 1e-300)
    np.testing.assert_allclose(A @ A.T, np.diag(gains), atol=1e-12 * scale, err_msg="rows are not orthogonal")
    np.testing.assert_allclose(
        (A**2).sum(axis=0), variances, atol=1e-12 * scale, err_msg="columns miss their variances"
    )


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(0, 10), min_size=1, max_size=20), st.integers(0, 20))
def test_equal_variances_for_any_gains(gains, extra):
    gains = np.sort(np.array(gains))[::-1]
    width = len(gains) + extra
    check(gains, np.full(width, gains.sum() / width))


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 12), st.integers(0, 1000))
def test_any_majorised_variances(width, seed):
    """Averages of permutations of the gains are majorised by them (Birkhoff)."""
    rng = np.random.default_rng(seed)
    gains = np.sort(rng.exponential(size=width))[::-1]
    mixing = np.mean([np.eye(width)[rng.permutation(width)] for _ in range(3)], axis=0)
    A = schur_horn(gains, mixing @ gains)
    np.testing.assert_allclose((A**2).sum(axis=0), mixing @ gains, atol=1e-12)
    np.testing.assert_allclose(A @ A.T, np.diag(gains), atol=1e-12)


@pytest.mark.parametrize("width", [1, 2, 4, 64, 1024])
def test_hadamard_rows_are_orthonormal_with_equal_entries(width):
    H = hadamard_rows(min(width, 64), width)
    np.testing.assert_allclose(H @ H.T, np.eye(len(H)), atol=1e-13)
    np.testing.assert_allclose(np.abs(H), 1 / np.sqrt(width))


@pytest.mark.parametrize("width", [6, 7, 12, 31, 100])
def test_two_diagonals_become_flat_at_once(width):
    rng = np.random.default_rng(width)
    first, second = rng.exponential(size=(2, width))
    V, residual = flatten_two(first, second)
    assert residual < 1e-10, f"residual {residual}"
    np.testing.assert_allclose(V @ V.T, np.eye(width), atol=1e-12)
    for vector in (first, second):
        np.testing.assert_allclose(np.diag((V * vector) @ V.T), vector.mean(), atol=1e-9 * np.ptp(vector))


def test_impossible_flattening_is_reported():
    """K = 3 with two active modes has no such rotation."""
    assert flatten_two(np.array([2.0, 1.0, 0.0]), np.array([1.0, 0.9, 0.0]))[1] > 1e-3
