"""Soft-impute against its optimality conditions, and on what no completion can know."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eigenpairs.advise.completion import EXACT_UP_TO, completion_curve, soft_impute


def same_class(n, classes):
    y = np.arange(n) % classes
    return np.equal.outer(y, y).astype(float)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.integers(8, 25), st.integers(8, 25), st.floats(0.3, 1.0))
def test_the_solution_fulfils_the_optimality_conditions(seed, n, m, share):
    """The gradient at observed entries has spectral norm `shrinkage` at most, and equals it on Z's own space."""
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((n, m))
    observed = rng.random((n, m)) < share
    if not observed.any():
        return
    found = soft_impute(np.where(observed, values, np.nan), observed, ratio=0.3, tol=1e-10, max_iter=20_000)
    residual = np.where(observed, values - found.matrix(), 0.0) / found.shrinkages[-1]
    assert np.linalg.norm(residual, 2) <= 1 + 1e-5, "a direction was left out that would lower the objective"
    inner = found.left.T @ residual @ found.right
    np.testing.assert_allclose(inner, np.eye(found.rank), atol=1e-4, err_msg="not stationary on its own space")


def test_everything_observed_is_shrunk_singular_values():
    values = np.random.default_rng(0).standard_normal((30, 20))
    found = soft_impute(values, np.ones(values.shape, bool), ratio=0.25, n_steps=3)
    left, s, right = np.linalg.svd(values, full_matrices=False)
    expected = (left * np.maximum(s - 0.25 * s[0], 0.0)) @ right
    np.testing.assert_allclose(found.matrix(), expected, atol=1e-8)


def test_relative_errors_of_four_balanced_classes():
    """N = 80, r = 4: measured once as .71 .24 .012 .002 .001 at 10, 20, 30, 40 and 60 % of the entries."""
    errors = completion_curve(same_class(80, 4), n_repeats=2).errors
    assert (np.diff(errors) < 0).all(), "more entries have to tell more"
    assert 0.4 < errors[0] < 0.85 and 0.03 < errors[1] < 0.35, errors
    assert errors[2] < 0.04 and errors[3] < 0.006 and errors[4] < 0.003, errors


def test_a_block_diagonal_observation_completes_nothing_across_blocks():
    """All views of one source are seen together, no two sources ever are."""
    ideal, block = same_class(80, 4), np.arange(80) // 5
    observed = np.equal.outer(block, block)
    found = soft_impute(ideal, observed).matrix()
    np.testing.assert_allclose(found[~observed], 0.0, atol=1e-12, err_msg="something came from nothing")
    np.testing.assert_allclose(found[observed], ideal[observed], atol=0.02)
    linked = observed | (np.random.default_rng(0).random((80, 80)) < 0.4)  # cross-links do it
    assert np.abs(soft_impute(ideal, linked).matrix() - ideal).max() < 0.1


def test_orthogonal_iteration_finds_what_full_decompositions_find():
    n = EXACT_UP_TO + 30
    rng = np.random.default_rng(1)
    left, right = rng.standard_normal((2, n, 3))
    observed = rng.random((n, n)) < 0.3
    fast = soft_impute(left @ right.T, observed, rank=20, ratio=0.05, n_steps=6, tol=1e-6)
    exact = soft_impute(left @ right.T, observed, rank=n, ratio=0.05, n_steps=6, tol=1e-6)
    np.testing.assert_allclose(fast.matrix(), exact.matrix(), atol=1e-3)
    assert fast.rank == exact.rank == 3


def test_what_was_cut_short_is_said():
    values, observed = same_class(60, 6), np.random.default_rng(0).random((60, 60)) < 0.3
    with pytest.warns(UserWarning, match="raise max_iter"):
        soft_impute(values, observed, max_iter=1)
    with pytest.warns(UserWarning, match="more than 2 singular values"):
        soft_impute(values, np.ones_like(observed), rank=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        soft_impute(values, np.ones_like(observed))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"observed": np.ones((3, 3), bool)}, "observed has shape"),
        ({"observed": np.ones((4, 4))}, "one bool per entry"),
        ({"observed": np.zeros((4, 4), bool)}, "nothing to complete"),
        ({"values": np.full((4, 4), np.nan)}, "NaN"),
        ({"ratio": 2.0}, "between 0 and 1"),
        ({"rank": 0}, "rank = 0"),
    ],
)
def test_bad_input_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        soft_impute(**({"values": np.ones((4, 4)), "observed": np.ones((4, 4), bool)} | change))


def test_shares_have_to_be_shares():
    with pytest.raises(ValueError, match="shares of the entries"):
        completion_curve(np.eye(4), shares=(0.5, 2.0))
    curve = completion_curve(np.ones((20, 20)), shares=(0.8, 0.5), n_repeats=1)
    assert curve.shares.tolist() == [0.5, 0.8] and curve.enough() == 0.5
    assert np.isnan(completion_curve(np.eye(20), shares=(0.3,), n_repeats=1).enough())
