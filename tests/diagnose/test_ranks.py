"""Smooth ranks are exact on known ranks, and see neither rotations nor units."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import eigenpairs as ep
from eigenpairs.diagnose import alpha_req, effective_rank, participation_ratio, rankme, stable_rank

RANKS = (rankme, effective_rank, participation_ratio, stable_rank)


def orthonormal(n, d, r, seed=0):
    """(n, d) of rank r, whose r singular values are all 1."""
    rng = np.random.default_rng(seed)
    return np.linalg.qr(rng.standard_normal((n, r)))[0] @ np.linalg.qr(rng.standard_normal((d, r)))[0].T


@pytest.mark.parametrize("d", [64, 512, 2048])
@pytest.mark.parametrize("r", [1, 2, 10, None])
def test_equal_directions_count_one_each(d, r):
    r = d if r is None else r
    found = ep.diagnose(orthonormal(d + 100, d, r), center=False)
    for rank in ("rankme", "effective_rank", "participation_ratio", "stable_rank", "numerical_rank"):
        assert abs(getattr(found, rank) - r) <= 1e-6, f"{rank} of {r} equal directions in {d} columns"


def test_ten_directions_of_8192():
    found = ep.diagnose(orthonormal(300, 8192, 10), center=False)
    assert abs(found.rankme - 10) <= 1e-6, "tiny singular values leak into RankMe at large widths"


@pytest.mark.parametrize("rank", RANKS)
@given(st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=40), st.floats(1e-6, 1e6))
def test_ranks_lie_between_one_and_the_number_of_directions(rank, values, unit):
    s = np.array(values)
    assert 1 - 1e-9 <= rank(s) <= len(s) + 1e-9
    assert np.isclose(rank(unit * s), rank(s), rtol=1e-9), "a change of units changes the rank"
    assert np.isclose(rank(np.append(s, 0.0)), rank(s), rtol=1e-12), "an empty direction changes the rank"


@given(st.floats(0.0, 4.0), st.integers(3, 300))
def test_alpha_of_a_power_law(alpha, d):
    s = np.arange(1, d + 1) ** (-alpha / 2)
    assert np.isclose(alpha_req(s), alpha, atol=1e-9)


def test_ranks_do_not_see_rotations_and_centred_ones_do_not_see_shifts():
    rng = np.random.default_rng(0)
    Z = rng.standard_normal((700, 30)) * np.geomspace(1, 0.01, 30)
    Q = np.linalg.qr(rng.standard_normal((30, 30)))[0]
    plain, moved = ep.diagnose(Z), ep.diagnose(7 * Z @ Q + rng.standard_normal(30) * 50)
    for name in ("rankme", "effective_rank", "participation_ratio", "stable_rank", "alpha_req"):
        assert np.isclose(getattr(plain, name), getattr(moved, name), rtol=1e-8), f"{name} sees rotation, shift or unit"
    offset = ep.diagnose(Z + 100.0, center=False)
    assert offset.rankme < plain.rankme / 2, "uncentred, a constant offset is a direction of its own"


def test_against_a_singular_value_decomposition():
    rng = np.random.default_rng(1)
    for n, d in ((400, 50), (50, 400), (60, 60)):
        Z = rng.standard_normal((n, d)) @ (rng.standard_normal((d, d)) * np.geomspace(1, 1e-3, d))
        s = np.linalg.svd(Z - Z.mean(axis=0), compute_uv=False)
        s = s[s > 1e-12 * s[0]]
        assert np.isclose(ep.diagnose(Z).rankme, rankme(s), rtol=1e-9), f"{n} x {d}"


def test_float32_rows_give_the_same_ranks_to_their_own_precision():
    rng = np.random.default_rng(2)
    Z = rng.standard_normal((20000, 64)) * np.geomspace(1, 1e-2, 64)
    exact, rounded = ep.diagnose(Z), ep.diagnose((Z + 3).astype(np.float32))
    for name in ("rankme", "effective_rank", "alpha_req"):
        assert np.isclose(getattr(exact, name), getattr(rounded, name), rtol=1e-5), name
