"""Similarity of embeddings: CKA, principal angles and mutual neighbours against their definitions and invariances."""

import importlib
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import subspace_angles
from sklearn.datasets import load_digits

from eigenpairs.diagnose.similarity import linear_cka, mutual_neighbors, principal_cosines, similarity


def rows(seed, n, d, rank=None):
    rng = np.random.default_rng(seed)
    Z = rng.standard_normal((n, d))
    return Z if rank is None else Z[:, :rank] @ rng.standard_normal((rank, d))


def rotation(seed, d):
    return np.linalg.qr(rows(seed, d, d))[0]


def hsic(K, L):
    """Unbiased HSIC of two Gram matrices, formula (5) of Song et al. 2012."""
    n, one = len(K), np.ones(len(K))
    K, L = K - np.diag(np.diag(K)), L - np.diag(np.diag(L))
    middle = (one @ K @ one) * (one @ L @ one) / ((n - 1) * (n - 2)) - 2 / (n - 2) * (one @ K @ L @ one)
    return (np.trace(K @ L) + middle) / (n * (n - 3))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(4, 40), st.integers(1, 12), st.integers(1, 12), st.floats(-1e3, 1e3))
def test_cka_is_the_formula_on_gram_matrices(seed, n, d_a, d_b, offset):
    A, B = rows(seed, n, d_a) + offset, rows(seed + 1, n, d_b)
    K, L = A @ A.T, B @ B.T
    H = np.eye(n) - 1 / n
    plain = np.sum((H @ K @ H) * L) / np.linalg.norm(H @ K @ H) / np.linalg.norm(H @ L @ H)
    assert linear_cka(A, B, debiased=False) == pytest.approx(plain, abs=1e-8), "plain CKA differs from n x n"
    K = (A - offset) @ (A - offset).T  # the n x n formula loses digits to an offset, ours does not
    norms = hsic(K, K), hsic(L, L)
    if min(norms) > 1e-6:
        expected = hsic(K, L) / np.sqrt(norms[0] * norms[1])
        assert linear_cka(A, B) == pytest.approx(expected, rel=1e-6, abs=1e-6), "debiased CKA differs from n x n"


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(12, 60), st.integers(1, 8), st.floats(1e-6, 1e6))
def test_a_rotation_a_scale_and_a_shift_change_nothing(seed, n, d, scale):
    Z = rows(seed, n, d)
    same = similarity(Z, scale * (Z @ rotation(seed, d) + 3), metric="euclidean")
    assert same.cka == pytest.approx(1, abs=1e-9) and same.cka_biased == pytest.approx(1, abs=1e-9)
    assert same.mean_squared_cosine == pytest.approx(1, abs=1e-9)
    assert same.mutual_neighbors == 1, "a rotation changed who is near whom"
    assert same.ranks == (d, d)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 8), st.floats(0, 4))
def test_any_invertible_map_leaves_all_angles_zero(seed, d, digits):
    Z = rows(seed, 50, d)
    stretch = np.logspace(0, digits, d)  # condition number up to 1e4
    mapped = Z @ rotation(seed, d) * stretch @ rotation(seed + 1, d) - 7
    np.testing.assert_allclose(principal_cosines(Z, mapped), 1, atol=1e-10)
    if digits > 1 and d > 2:
        assert linear_cka(Z, mapped) < 0.99, "CKA should see the variances that angles do not"


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(1, 6))
def test_angles_agree_with_scipy(seed, d_a, d_b):
    A, B = rows(seed, 40, d_a), rows(seed + 1, 40, d_b)
    angles = np.sort(subspace_angles(A - A.mean(axis=0), B - B.mean(axis=0)))
    np.testing.assert_allclose(principal_cosines(A, B), np.cos(angles), atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_rank_deficient_columns_count_once(dtype):
    A = rows(0, 300, 20, rank=5).astype(dtype) + dtype(10)
    A[:, 3] = 4  # constant
    B = np.concatenate([A, A, np.zeros((300, 2), dtype)], axis=1)
    found = similarity(A, B)
    assert found.ranks == (5, 5), f"ranks {found.ranks} of a span of 5 dimensions"
    np.testing.assert_allclose(found.cosines, 1, atol=1e-5)
    assert found.cka == pytest.approx(1, abs=1e-5), "every column twice is a scale of the Gram matrix"


def test_half_precision_rounding_is_no_dimension():
    A = rows(0, 500, 12, rank=3)
    assert similarity(A.astype(np.float16), A).ranks == (3, 3)


def test_more_columns_than_rows():
    A, B = rows(0, 20, 50), rows(1, 20, 30)
    found = similarity(A, B)
    assert found.ranks == (19, 19) and found.mean_squared_cosine == pytest.approx(1)
    assert found.mean_squared_cosine_by_chance == 1, "all of the 19 dimensions are shared by necessity"


def test_unrelated_embeddings_read_what_is_said_to_be_chance():
    draws = [similarity(rows(2 * s, 120, 30), rows(2 * s + 1, 120, 10), n_neighbors=5) for s in range(60)]

    def off(name, expected):
        values = np.array([getattr(draw, name) for draw in draws])
        return abs(values.mean() - expected) / (values.std(ddof=1) / np.sqrt(len(values)))

    assert off("cka", 0) < 4, "debiased CKA is not 0 on average"
    assert np.mean([draw.cka_biased for draw in draws]) > 0.1, "the plain form should show its bias here"
    assert off("mean_squared_cosine", draws[0].mean_squared_cosine_by_chance) < 4
    assert off("mutual_neighbors", draws[0].mutual_neighbors_by_chance) < 4


def test_debiased_cka_of_many_unrelated_rows_is_nothing():
    assert abs(linear_cka(rows(0, 20_000, 16), rows(1, 20_000, 16))) < 1e-3


def test_chunks_do_not_show(monkeypatch):
    A, B = rows(0, 157, 6, rank=4), rows(1, 157, 3)
    whole = similarity(A, B)
    monkeypatch.setattr(importlib.import_module("eigenpairs.diagnose.similarity"), "CHUNK", 1)
    parts = similarity(A, B)
    assert parts.cka == pytest.approx(whole.cka, abs=1e-12) and parts.ranks == whole.ranks
    np.testing.assert_allclose(parts.cosines, whole.cosines, atol=1e-12)


def test_mutual_neighbours_by_definition():
    A, B = rows(0, 30, 4), rows(1, 30, 4)
    near = []
    for Z in (A, B):
        distance = np.linalg.norm(Z[:, None] - Z, axis=2)
        np.fill_diagonal(distance, np.inf)
        near.append([set(row[:3]) for row in np.argsort(distance, axis=1)])
    expected = np.mean([len(a & b) / 3 for a, b in zip(*near, strict=True)])
    share, by_chance, rule = mutual_neighbors(A, B, 3, "euclidean")
    assert share == pytest.approx(expected) and by_chance == pytest.approx(3 / 29) and "all 30 rows" in rule


def test_a_sample_of_rows_is_stated_and_repeats():
    A, B = rows(0, 400, 4), rows(0, 400, 4) + 0.1 * rows(1, 400, 4)
    first, second = (mutual_neighbors(A, B, 5, max_rows=100, random_state=3) for _ in range(2))
    assert first == second and "100 of 400 rows" in first[2]
    assert first[1] == pytest.approx(5 / 99)


def test_a_constant_embedding_has_no_similarity():
    found = similarity(rows(0, 30, 3), np.full((30, 4), 0.1))
    assert found.ranks == (3, 0) and len(found.cosines) == 0
    assert all(np.isnan([found.cka, found.cka_biased, found.mean_squared_cosine, found.mutual_neighbors]))


def test_pixels_and_their_principal_components():
    """Ten components keep most of the digits' shape and neighbours, and ten of the pixels' 61 dimensions."""
    pixels = load_digits().data
    centred = pixels - pixels.mean(axis=0)
    scores = centred @ np.linalg.svd(centred, full_matrices=False)[2][:10].T
    found = similarity(pixels, scores)
    assert found.ranks == (61, 10) and found.mean_squared_cosine == pytest.approx(1)
    assert found.cka > 0.9, "variance that is dropped counts little in CKA"
    assert 0.3 < found.mutual_neighbors < 1 and found.mutual_neighbors_by_chance < 0.01


def test_tensors_and_files_are_read_alike(tmp_path):
    A, B = rows(0, 60, 4), rows(1, 60, 5)
    np.save(tmp_path / "A.npy", A)
    expected = similarity(A, B).to_dict()
    assert similarity(np.load(tmp_path / "A.npy", mmap_mode="r"), B).to_dict() == expected
    torch = pytest.importorskip("torch", reason="torch comes with the extra 'deep'")
    assert similarity(torch.tensor(A), torch.tensor(B)).to_dict() == expected
    json.dumps(expected)


def test_errors_name_the_argument():
    A = rows(0, 10, 2)
    with pytest.raises(ValueError, match="Z_a has 10 rows and Z_b has 9"):
        similarity(A, A[:9])
    with pytest.raises(ValueError, match="need"):
        similarity(A[:3], A[:3])
    with pytest.raises(ValueError, match="metric = 'dot'"):
        mutual_neighbors(A, A, metric="dot")
    A[4, 1] = np.nan
    with pytest.raises(ValueError, match=r"Z_b\[4, 1\]"):
        linear_cka(rows(0, 10, 2), A)
