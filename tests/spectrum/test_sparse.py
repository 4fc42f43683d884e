"""A sparse X gives what its dense copy gives, and is never filled."""

import numpy as np
import pytest
import scipy.sparse as sp

import eigenpairs as ep
from eigenpairs.features import Kernel
from eigenpairs.features.linear import LinearMap
from eigenpairs.spectrum import sparse_reader
from eigenpairs.spectrum.accumulate import pair_sums
from eigenpairs.spectrum.cross_sums import cross_sums
from eigenpairs.spectrum.sparse_sums import sparse_pair_sums

N, D = 120, 12


def sparse_rows(n=N, columns=D, seed=0, density=0.3):
    """Counts with empty rows, an all-zero column, and columns of very different frequency."""
    rng = np.random.default_rng(seed)
    X = rng.poisson(5, (n, columns)) * (rng.random((n, columns)) < density * np.linspace(0.3, 1.7, columns))
    X[:: n // 7] = 0
    X[:, 4] = 0
    return X.astype(np.float64)


def _ids(n):
    return np.random.default_rng(1).integers(-1, n // 4, n)


RELATIONS = {
    "views": lambda n: ep.Relation.from_views(n // 2, 2),
    "three views": lambda n: ep.Relation.from_views(n // 3, 3),
    "groups of unequal sizes": lambda n: ep.Relation.from_groups(_ids(n)),
    "labels with self-pairs": lambda n: ep.Relation.from_labels(np.random.default_rng(1).integers(-1, 4, n)),
    "labels seen once": lambda n: ep.Relation.from_labels(np.maximum(np.arange(n) - n // 2, 0)),
    "edges": lambda n: ep.Relation.from_edges(*np.random.default_rng(1).permuted(np.arange(2 * n) % n).reshape(2, n)),
    "weighted groups": lambda n: ep.Relation.from_groups(_ids(n)).weighted(np.arange(n) % 5),
    "weighted labels": lambda n: ep.Relation.from_labels(np.arange(n) % 5, weight=1.0 + np.arange(n) % 3),
    "mixture": lambda n: ep.Relation.from_views(n // 2, 2) + 0.3 * ep.Relation.from_labels(np.arange(n) % 5),
}


@pytest.fixture(params=["one block", "many blocks", "dense products"])
def blocks(request, monkeypatch):
    """Every path of the sums: everything at once, a few rows at a time, and rows taken for mostly full."""
    if request.param == "many blocks":
        monkeypatch.setattr(sparse_reader, "BLOCK_PRODUCTS", 700)
    if request.param != "dense products":
        monkeypatch.setattr(sparse_reader, "MOSTLY_FULL", 1.0)


@pytest.mark.parametrize("weighting", ["pairs", "samples"])
@pytest.mark.parametrize("kind", RELATIONS)
def test_equals_the_dense_result(kind, weighting, blocks):
    X, G = sparse_rows(), RELATIONS[kind](N)
    dense, sparse = (ep.spectrum(rows, G, weighting=weighting) for rows in (X, sp.csr_array(X)))
    assert sparse.rank == dense.rank
    np.testing.assert_allclose(sparse.rho, dense.rho, atol=1e-10)
    np.testing.assert_allclose(sparse.mean, dense.mean, atol=1e-10)
    again = ep.spectrum(sp.csr_array(X), G, ep.Linear(ridge=0.1), weighting=weighting)
    np.testing.assert_allclose(again.rho, ep.spectrum(X, G, ep.Linear(ridge=0.1), weighting=weighting).rho, atol=1e-10)


@pytest.mark.parametrize("weighting", ["pairs", "samples"])
@pytest.mark.parametrize("kind", RELATIONS)
def test_moments_equal_the_dense_ones_fold_by_fold(kind, weighting, blocks):
    X, G = sparse_rows(), RELATIONS[kind](N)
    folds = np.where(G.components >= 0, G.components % 3, 0)
    dense = pair_sums(X, LinearMap(D), G, weighting, folds=folds)
    sparse = sparse_pair_sums(sp.csr_array(X), G, weighting, folds=folds)
    for ours, theirs in zip(sparse, dense, strict=True):
        if theirs.degree == 0:
            assert ours.degree == ours.weight == 0
            continue
        np.testing.assert_allclose(ours.mean, theirs.mean, atol=1e-12)
        np.testing.assert_allclose(ours.covariance, theirs.covariance, atol=1e-12)
        np.testing.assert_allclose(ours.disagreement, theirs.disagreement, atol=1e-12)
        assert ours.degree == pytest.approx(theirs.degree)


@pytest.mark.parametrize("sides", ["sparse and sparse", "sparse and dense", "dense and sparse"])
@pytest.mark.parametrize("kind", ["one to one", "edges", "weighted"])
def test_towers_equal_the_dense_result(kind, sides, blocks):
    X_a, X_b = sparse_rows(60, 9, seed=1), sparse_rows(60 if kind == "one to one" else 75, 7, seed=2)
    X_b[:60, 1:4] = X_a[:, 1:4]
    relation = None
    if kind != "one to one":
        rng = np.random.default_rng(0)
        i = np.concatenate([np.arange(60), rng.integers(0, 60, 40)])
        j = np.concatenate([np.arange(60), rng.integers(0, 75, 40)])
        weight = rng.random(100) if kind == "weighted" else None
        relation = ep.Relation.between(i, j, weight, shape=(60, 75))
    left, right = sides.split(" and ")
    towers = ep.Towers(sp.csr_array(X_a) if left == "sparse" else X_a, sp.csc_array(X_b) if right == "sparse" else X_b)
    plain = ep.Towers(X_a, X_b)
    ours, theirs = ep.spectrum(towers, relation), ep.spectrum(plain, relation)
    np.testing.assert_allclose(ours.rho, theirs.rho, atol=1e-10)
    (ours,), (theirs,) = (cross_sums(T, [LinearMap(9), LinearMap(7)], T.pairs(relation)) for T in (towers, plain))
    np.testing.assert_allclose(ours.cross_covariance, theirs.cross_covariance, atol=1e-12)
    for at in (0, 1):
        np.testing.assert_allclose(ours.covariance[at], theirs.covariance[at], atol=1e-12)


def test_a_relation_between_towers_keeps_its_weights_when_weighted():
    """Rows of weight 2 count as two rows in towers, too."""
    rng = np.random.default_rng(0)
    X_a, X_b, w = rng.standard_normal((30, 3)), rng.standard_normal((30, 2)), 1 + np.arange(30) % 2
    G = ep.Relation.between(np.arange(30), np.arange(30)).weighted(np.concatenate([w, np.ones(30)]))
    rows = np.repeat(np.arange(30), w)
    twice = ep.spectrum(ep.Towers(X_a[rows], X_b[rows]))
    np.testing.assert_allclose(ep.spectrum(ep.Towers(X_a, X_b), G).rho, twice.rho, atol=1e-12)


@pytest.mark.parametrize("features", [ep.Linear(ridge="auto"), (ep.Linear(ridge="auto"), ep.Linear())])
def test_a_ridge_is_chosen_as_for_dense_rows(features):
    X = sparse_rows(seed=3)
    if isinstance(features, tuple):
        dense, sparse = (ep.Towers(make(X), make(X + (X > 3))) for make in (np.asarray, sp.csr_array))
        relation = None
    else:
        dense, sparse, relation = X, sp.csr_array(X), ep.Relation.from_groups(_ids(N))
    ours, theirs = (ep.spectrum(rows, relation, features) for rows in (sparse, dense))
    assert ours.ridge == theirs.ridge
    np.testing.assert_allclose(ours.rho, theirs.rho, atol=1e-10)


def test_pairs_that_nearly_agree_keep_their_digits():
    """1 - rho of 1e-12 would drown in a difference of moments; large groups are told from their first member."""
    rng = np.random.default_rng(0)
    base = sp.random_array((100, 5), density=0.5, rng=rng).toarray()
    for n_views in (2, 40):
        X = np.tile(base, (n_views, 1))
        X[X != 0] *= 1 + 1e-6 * rng.standard_normal(np.count_nonzero(X))
        G = ep.Relation.from_views(100, n_views)
        dense, sparse = (1 - ep.spectrum(rows, G).rho for rows in (X, sp.csr_array(X)))
        assert dense.max() < 1e-11, "the case is too easy"
        np.testing.assert_allclose(sparse, dense, rtol=1e-4)


@pytest.mark.parametrize("make", [sp.csr_array, sp.csc_matrix, sp.coo_array, sp.lil_matrix, sp.dok_array, sp.bsr_array])
def test_formats_and_dtypes_agree(make):
    X, G = sparse_rows(), RELATIONS["views"](N)
    expected = ep.spectrum(X, G)
    emb = expected.embed(ep.VICReg(), 3)
    for dtype in (np.float64, np.float32, np.int64, np.uint8):
        rows = make(X.astype(dtype))
        spec = ep.spectrum(rows, G)
        np.testing.assert_allclose(spec.rho, expected.rho, atol=1e-10)
        Z = emb.transform(rows)
        assert isinstance(Z, np.ndarray)
        assert Z.dtype == (np.float32 if dtype == np.float32 else np.float64)
        np.testing.assert_allclose(Z, emb.transform(X), atol=1e-5 if dtype == np.float32 else 1e-10)
    flags = ep.spectrum(make(X > 0), G)
    np.testing.assert_allclose(flags.rho, ep.spectrum(X > 0, G).rho, atol=1e-10, err_msg="booleans")


def test_entries_listed_twice_add_up():
    X, G = sparse_rows(), RELATIONS["views"](N)
    half = sp.csr_array(X)
    indptr = 2 * half.indptr
    indices, data = np.repeat(half.indices, 2), np.repeat(half.data / 2, 2)
    np.testing.assert_allclose(
        ep.spectrum(sp.csr_array((data, indices, indptr), X.shape), G).rho, ep.spectrum(X, G).rho
    )


def test_everything_after_the_fit_takes_sparse_rows():
    X, G = sparse_rows(), RELATIONS["views"](N)
    S = sp.csc_array(X)
    spec = ep.spectrum(S, G)
    emb = spec.embed(ep.SpectralContrastive(), 4)
    np.testing.assert_allclose(emb.transform(S), emb.transform(X), atol=1e-10)
    np.testing.assert_allclose(emb.transform(), emb.transform(X), atol=1e-10)
    np.testing.assert_allclose(spec.heldout(S, G), spec.rho, atol=1e-10)
    np.testing.assert_allclose(emb.similarity(S[:5], S[5:9]), emb.similarity(X[:5], X[5:9]), atol=1e-10)
    np.testing.assert_array_equal(emb.search(S[1:4], S, k=1).scores.round(6), 1.0)
    assert spec.transform(S[:0]).shape == (0, spec.n_modes)
    towers = ep.Towers(S, X[:, :3])
    pair = ep.spectrum(towers)
    np.testing.assert_allclose(pair.heldout(towers), pair.rho, atol=1e-9)


def test_progress_rises_to_one():
    for kind in RELATIONS:
        seen = []
        ep.spectrum(sp.csr_array(sparse_rows()), RELATIONS[kind](N), progress=seen.append)
        assert seen == sorted(seen) and seen[-1] == pytest.approx(1.0), kind


def test_large_sparse_data_are_never_filled(monkeypatch):
    """200,000 x 5,000 with ten nonzeros a row: 8 GB if filled."""
    n, columns, each = 200_000, 5_000, 10
    rng = np.random.default_rng(0)
    X = sp.csr_array((rng.random(n * each), rng.integers(0, columns, n * each), np.arange(n + 1) * each), (n, columns))

    def refuse(self, *args, **kwargs):
        raise AssertionError(f"a {type(self).__name__} of shape {self.shape} was filled")

    for kind in (sp.csr_array, sp.csc_array, sp.coo_array):
        monkeypatch.setattr(kind, "toarray", refuse)
        monkeypatch.setattr(kind, "todense", refuse)
    G = ep.Relation.from_views(n // 2, 2)
    (sums,) = sparse_pair_sums(X, G)
    assert np.isfinite(sums.disagreement).all()
    column = X[:, [0]].data
    assert sums.second[0, 0] == pytest.approx(np.sum(X.multiply(X).sum(axis=0)[0]))
    assert sums.first[0] == pytest.approx(column.sum())
    modes = ep.spectrum(X[:, :300], G).transform(X[:, :300])
    assert modes.shape == (n, 256)


class TestErrors:
    def test_nan_is_named_by_row_and_column(self):
        for bad in (np.nan, np.inf):
            for kind in RELATIONS:
                X, G = sparse_rows(), RELATIONS[kind](N)
                row = int(np.flatnonzero(G.degrees)[-1])
                X[row, 1] = bad
                with pytest.raises(ValueError, match=rf"X\[{row}, 1\] = {bad}: NaN and inf"):
                    ep.spectrum(sp.csr_array(X), G)
        with pytest.raises(ValueError, match=r"X_b\[119, 1\] = inf"):
            ep.spectrum(ep.Towers(sparse_rows(), sp.csr_array(X)))

    def test_rows_without_a_partner_may_hold_anything(self):
        X = sparse_rows()
        X[-1, 0] = np.nan
        G = ep.Relation.from_groups([*np.tile(np.arange(59), 2), -1, -1])
        np.testing.assert_allclose(ep.spectrum(sp.csr_array(X), G).rho, ep.spectrum(X, G).rho, atol=1e-10)

    def test_overflow_is_named(self):
        with pytest.raises(ValueError, match="squares overflow"):
            ep.spectrum(sp.csr_array(sparse_rows() * 1e200), RELATIONS["views"](N))

    def test_too_many_columns_say_what_to_do(self):
        X = sp.csr_array((4, 20_001))
        for make in (
            lambda: ep.spectrum(X, ep.Relation.from_views(2, 2)),
            lambda: ep.spectrum(ep.Towers(X, np.eye(4))),
        ):
            with pytest.raises(ValueError, match=r"sparse with 20,001 columns.*at most 20,000.*TruncatedSVD"):
                make()

    def test_other_classes_and_devices_are_refused(self):
        X, G = sp.csr_array(sparse_rows()), RELATIONS["views"](N)
        for call in (
            lambda: ep.spectrum(X, G, Kernel(n_landmarks=10)),
            lambda: ep.spectrum(sparse_rows(), G, Kernel(n_landmarks=10)).transform(X),
            lambda: ep.Relation.from_neighbors(X, method="faiss"),
        ):
            with pytest.raises(TypeError, match=r"sparse matrix, which ep.Linear takes .* pass X.toarray\(\)"):
                call()
        for at, name in enumerate(("X_a", "X_b")):
            towers = [sparse_rows(), sparse_rows()]
            towers[at] = X
            with pytest.raises(TypeError, match=rf"{name} is a sparse matrix.*pass {name}.toarray\(\)"):
                ep.spectrum(ep.Towers(*towers), features=Kernel(n_landmarks=10))
        with pytest.raises(TypeError, match=r"pass Z.toarray\(\)"):
            ep.VICReg().loss(X, G)
        with pytest.raises(ValueError, match="device = 'cpu' is for dense rows, and X is sparse"):
            ep.spectrum(X, G, device="cpu")

    def test_shapes(self):
        X, G = sp.csr_array(sparse_rows()), RELATIONS["views"](N)
        spec = ep.spectrum(X, G)
        with pytest.raises(ValueError, match="X has 3 columns, the model was fitted on 12"):
            spec.transform(X[:, :3])
        with pytest.raises(ValueError, match="X has 119 rows and relation 120"):
            ep.spectrum(X[1:], G)
        with pytest.raises(ValueError, match="no column that varies"):
            ep.spectrum(sp.csr_array((N, 3)), G)
        with pytest.raises(TypeError, match="complex128; give real numbers"):
            ep.spectrum(X.astype(complex), G)
